// For tests: a group without faults, but for those that the test makes: messages arrive in order and at once when told
// to, disks are stable at once unless held, time passes when told to.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/member_testing.h"
#include "holdfast/consensus/pbft/notary.h"

namespace holdfast::pbft {

inline constexpr uint64_t kQuietCluster = 3;

class Quiet {
 public:
  struct Wire {
    NodeId from, to;
    Packet packet;
    Message message() const { return *codec::decode<Message>(packet.body); }
  };
  using Keys = std::function<std::unique_ptr<Authority>(NodeId)>;

  // n members n1.., and the clients n101 and n102.
  explicit Quiet(int n = 4, Keys keys = {}) : keys_(std::move(keys)) {
    if (!keys_) {
      keys_ = [this](NodeId id) { return std::make_unique<FastAuthority>(notary_, id); };
    }
    for (int i = 1; i <= n; ++i) configuration.members.push_back(peer(NodeId(static_cast<uint64_t>(i))));
    configuration.clients = {peer(NodeId(101)), peer(NodeId(102))};
    configuration.administrator = authority(NodeId(999)).key();
    base.configuration = configuration;
    base.cluster = kQuietCluster;
    base.checkpoint_interval = 4;
    base.window = 8;
    base.client_window = 16;
  }
  // Settings come first, then this.
  void start() {
    for (const Peer& p : configuration.members) add_member(p.id);
    for (const Peer& p : configuration.clients) {
      clients[p.id] = std::make_unique<Client>(
          ClientConfig{
              .self = p.id, .cluster = kQuietCluster, .configuration = configuration, .incarnation = 1, .window = 16},
          authority(p.id));
    }
  }
  void add_member(NodeId id) {
    Config config = base;
    config.self = id;
    TestMember::Hooks hooks;
    hooks.transmit = [this, id](NodeId to, const Packet& p) {
      wires.push_back({id, to, p});
      if (says) says(id, to, wires.back().message());
    };
    hooks.raise = [this, id](const Event& e) {
      events[id].push_back(e);
      if (raises) raises(id, e);
    };
    hooks.persisted = [this, id](StableSeq, const Record& r) {
      if (writes) writes(id, r);
    };
    hooks.applied = [this, id](const Execute& e, const Image&) {
      for (const Request& r : e.requests) {
        for (const Slice& o : r.operations) executed[id].push_back(o.str());
      }
    };
    hooks.wants_snapshot = [this] { return snapshots; };
    members[id] = std::make_unique<TestMember>(config, authority(id), hooks);
    members[id]->start(now);
    settle();
  }
  Peer peer(NodeId id) { return {id, authority(id).key()}; }
  Authority& authority(NodeId id) {
    auto& a = authorities_[id];
    if (a == nullptr) a = keys_(id);
    return *a;
  }

  // --- What the test does ---
  void submit(const std::string& operation, uint64_t client = 101) {
    const NodeId id(client);
    ASSERT_OK(clients.at(id)->submit(++tokens, Slice::copy_of(operation)));
    tick_client(id);
  }
  void read(uint64_t client = 101) {
    const NodeId id(client);
    Client::Out out;
    ASSERT_OK(clients.at(id)->read(now, ++tokens, Slice::copy_of("?"), out));
    take(id, out);
  }
  // Until nothing moves at this moment.
  void deliver() {
    for (int i = 0; i < 100'000; ++i) {
      settle();
      if (wires.empty() && !due()) return;
      tick();
      for (size_t n = wires.size(); n > 0; --n) {
        const Wire w = std::move(wires.front());
        wires.pop_front();
        arrive(w);
      }
    }
    FAIL() << "the group does not come to rest";
  }
  // Of what is under way now, oldest first, that of which `such` is true arrives, or with `lost` it does not.
  void hop(const std::function<bool(const Wire&)>& such, bool lost = false) {
    std::deque<Wire> now_under_way;
    std::swap(now_under_way, wires);
    std::deque<Wire> left;
    for (Wire& w : now_under_way) {
      if (!such(w)) {
        left.push_back(std::move(w));
      } else if (!lost) {
        arrive(w);
      }
    }
    left.insert(left.end(), wires.begin(), wires.end());
    wires = std::move(left);
    if (due()) tick();
  }
  // Time goes on; nothing arrives.
  void idle(int64_t ms) {
    for (const Time end = now + Duration::millis(ms); now < end;) {
      now = now + Duration::millis(1);
      if (due()) tick();
    }
  }
  void pass(int64_t ms) {
    for (int64_t end = now.millis() + ms; now.millis() < end;) {
      now = now + Duration::millis(std::min<int64_t>(10, end - now.millis()));
      deliver();
    }
  }
  void arrive(const Wire& w) {
    ++delivered[w.message().index()];
    if (drops && drops(w.from, w.to, w.message())) return;
    if (const auto c = clients.find(w.to); c != clients.end()) {
      Client::Out out;
      c->second->on_message(now, w.from, w.packet, out);
      take(w.to, out);
    } else if (const auto m = members.find(w.to); m != members.end() && m->second->up()) {
      m->second->receive(now, w.from, w.packet);
    }
    settle();
  }
  // A word in the name of a member or client, with its keys.
  void say(NodeId from, NodeId to, const Message& m) {
    arrive({from, to, Envelope(m).seal(kQuietCluster, from, to, authority(to).key(), authority(from))});
  }
  void crash(uint64_t id, size_t kept = 0) { member(id).crash(kept); }
  void restart(uint64_t id) {
    executed[NodeId(id)].clear();
    member(id).start(now);
    settle();
  }
  Signature sign(NodeId by, const std::string& text) { return authority(by).sign(text); }
  Vote vote(View view, Seq seq, const Digest& digest) const { return {0, view, seq, digest}; }
  // The checkpoint that all begin with and that needs no proof, as they know it.
  static Checkpoint genesis(const Configuration& founding) {
    Checkpoint c;
    c.configuration = digest_of(founding);
    c.core = crypto::Hasher().add(0).add(crypto::Hasher().add(0).finish()).add(0).finish();
    return c;
  }
  Prepare prepare(NodeId by, const Vote& v) { return {v, sign(by, text_of(kQuietCluster, v))}; }
  SignedRequest request(NodeId client, uint64_t sequence, const std::string& operation) {
    Request r{.id = {client, 1, sequence}, .floor = sequence > 8 ? sequence - 8 : 0};
    r.operations.push_back(Slice::copy_of(operation));
    return {r, sign(client, text_of(kQuietCluster, r))};
  }

  TestMember& member(uint64_t id) { return *members.at(NodeId(id)); }
  const Replica& replica(uint64_t id) { return member(id).replica(); }
  template <class E>
  size_t count(uint64_t id) const {
    const auto at = events.find(NodeId(id));
    if (at == events.end()) return 0;
    return static_cast<size_t>(std::count_if(at->second.begin(), at->second.end(),
                                             [](const Event& e) { return std::holds_alternative<E>(e); }));
  }

  Configuration configuration;
  Config base;
  Time now = Time::at_millis(100'000);
  std::map<NodeId, std::unique_ptr<TestMember>> members;
  std::map<NodeId, std::unique_ptr<Client>> clients;
  std::deque<Wire> wires;
  std::map<NodeId, std::vector<Event>> events;
  std::map<NodeId, std::vector<std::string>> executed;
  std::vector<std::string> answers;    // that clients accepted
  std::map<size_t, size_t> delivered;  // by the kind of message
  std::function<bool(NodeId from, NodeId to, const Message&)> drops;
  // Told of everything, as it happens.
  std::function<void(NodeId, NodeId to, const Message&)> says;
  std::function<void(NodeId, const Event&)> raises;
  std::function<void(NodeId, const Record&)> writes;
  std::set<NodeId> slow;  // disks that hold everything back
  bool snapshots = false;
  uint64_t tokens = 0;

 private:
  static void ASSERT_OK(const Status& status) { ensure(status.ok(), "a test asks for nothing impossible"); }
  void tick_client(NodeId id) {
    Client::Out out;
    clients.at(id)->on_time(now, out);
    take(id, out);
  }
  void take(NodeId id, Client::Out& out) {
    for (auto& s : out.sent) {
      wires.push_back({id, s.to, s.wire});
      if (says) says(id, s.to, wires.back().message());
    }
    for (auto& e : out.raised) answers.push_back(e.event.result.str());
    clients.at(id)->check_invariants();
  }
  bool due() {
    for (auto& [id, m] : members) {
      if (m->up() && m->replica().deadline() <= now) return true;
    }
    for (auto& [id, c] : clients) {
      if (c->deadline() <= now) return true;
    }
    return false;
  }
  void tick() {
    for (auto& [id, m] : members) {
      if (m->up() && m->replica().deadline() <= now) m->tick(now);
    }
    for (auto& [id, c] : clients) {
      if (c->deadline() <= now) tick_client(id);
    }
    settle();
  }
  void settle() {
    for (auto& [id, m] : members) {
      if (!m->up()) continue;
      while (!slow.contains(id) && m->dirty()) m->sync(now);
      while (m->has_blob_work()) m->work_blobs(now);
    }
  }

  Notary notary_{5};
  Keys keys_;
  std::map<NodeId, std::unique_ptr<Authority>> authorities_;
};

// Each is answered before the next is asked for.
// How often a mark was passed, in all tests of this process.
inline uint64_t hits_of(std::string_view name) {
  for (const Mark* m : all_marks()) {
    if (m->name == name) return m->hits;
  }
  return 0;
}

inline void run(Quiet& q, int operations, const std::string& prefix = "op") {
  for (int i = 0; i < operations; ++i) {
    const size_t answered = q.answers.size();
    q.submit(prefix + std::to_string(i));
    q.deliver();
    if (q.answers.size() == answered) q.pass(2);  // somebody's vote is waited for
  }
}

template <class M>
size_t kind_of() {
  return Message(M{}).index();
}

}  // namespace holdfast::pbft
