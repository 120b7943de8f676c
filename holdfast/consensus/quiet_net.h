// For tests: members whose records are stable at once and whose messages arrive in order, at once, unless the test says
// otherwise.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/consensus/test_member.h"

namespace holdfast::consensus {

inline std::vector<NodeId> ids(std::initializer_list<uint64_t> numbers) {
  std::vector<NodeId> out;
  for (uint64_t n : numbers) out.push_back(NodeId(n));
  return out;
}

// A few members whose messages all arrive, in order, at once. M: an engine's TestMember.
template <class M>
class Quiet {
 public:
  using Message = typename M::Message;
  using Record = typename M::Record;
  struct Wire {
    NodeId from, to;
    Message message;
  };
  explicit Quiet(std::vector<NodeId> voters, std::function<void(Config&)> adjust = {}) : adjust_(std::move(adjust)) {
    for (NodeId id : voters) add(id, Membership{.voters = voters});
  }
  M& add(NodeId id, Membership bootstrap) {
    Config config{.self = id, .seed = id.value()};
    if (adjust_) adjust_(config);
    typename M::Hooks hooks{[this, id](NodeId to, const Message& m) {
                              wires.push_back({id, to, m});
                            },
                            [this, id](const Event& e) { events[id].push_back(e); }, [](StableSeq, const Record&) {}};
    auto& member = members[id] = std::make_unique<M>(config, std::move(bootstrap), std::move(hooks));
    member->start(now);
    return *member;
  }
  M& at(uint64_t id) { return *members.at(NodeId(id)); }
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, m] : members) {
        if (!m->up()) continue;
        if (m->dirty()) m->sync(now), busy = true;
        if (m->has_blob_work()) m->work_blobs(now), busy = true;
      }
      std::deque<Wire> some;
      std::swap(some, wires);
      for (const Wire& w : some) {
        const auto it = members.find(w.to);
        if (it == members.end() || !it->second->up() || cut.contains(w.to) || cut.contains(w.from)) continue;
        if (lost && lost(w.from, w.to)) continue;
        it->second->receive(now, w.from, w.message);
        busy = true;
      }
    }
  }
  void pass(Duration d) {
    const Time end = now + d;
    for (;;) {
      run();
      Time next = end;
      for (auto& [id, m] : members) {
        if (m->up()) next = std::min(next, m->core().deadline());
      }
      now = std::max(now, next);
      if (now >= end) return;
      for (auto& [id, m] : members) {
        if (m->up()) m->tick(now);
      }
    }
  }
  M* leader() {
    M* found = nullptr;
    for (auto& [id, m] : members) {
      if (m->up() && m->core().role() == Role::kLeader && (!found || m->core().term() > found->core().term()))
        found = m.get();
    }
    return found;
  }
  Index propose(std::string_view text) {
    StatusOr<Index> index = absl::UnavailableError("");
    M& m = *leader();
    m.step([&](typename M::Out& out) { index = m.core().propose(now, {Slice::copy_of(text)}, out); });
    ensure(index.ok(), "the leader of a quiet network takes proposals");
    return *index;
  }

  Time now;
  std::map<NodeId, std::unique_ptr<M>> members;
  std::deque<Wire> wires;
  std::map<NodeId, std::vector<Event>> events;
  std::set<NodeId> cut;
  std::function<bool(NodeId from, NodeId to)> lost = {};  // what is lost besides
  std::function<void(Config&)> adjust_;
};

}  // namespace holdfast::consensus
