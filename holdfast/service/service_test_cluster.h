// A few services in one place with a plain network and memory for disks: no faults but those a test asks for. The
// simulator (sim/) is where faults are; this is for tests that say what a service does.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/host/pump.h"
#include "holdfast/service/service.h"

namespace holdfast::service {

class TestCluster;

// One member's process and its stable storage, which outlives the process.
class TestMember {
 public:
  TestMember(TestCluster& cluster, const Config& config) : cluster_(cluster), config_(config) {}

  void start();
  void crash() { pump_.reset(), service_.reset(), unsynced_.clear(), blobs_in_work_.clear(), blob_answers_.clear(); }
  bool running() const { return pump_ != nullptr; }
  Service& service() { return *service_; }
  NodeId id() const { return config_.replica.consensus.self; }
  Config& config() { return config_; }
  // Whatever is due: stable records, blob answers, deadlines.
  void work();
  Time deadline() const {
    if (!running()) return Time::never();
    return unsynced_.empty() ? pump_->deadline() : std::min(pump_->deadline(), unsynced_.front().stable_at);
  }
  bool busy() const { return running() && !blob_answers_.empty(); }

  // Starts a call; its answer appears in `replies`.
  CallId call(store::Request request, bool has_leader = false);
  void stop() {
    pump_->step([&](Service::Out& out) { service_->stop(time_now(), out); });
  }
  void watch(store::StreamId stream, store::WatchRequest request);
  std::map<CallId, store::Response> replies;
  std::map<store::StreamId, std::vector<store::WatchResponse>> watched;
  std::vector<std::string> stopped;
  Duration sync_takes;  // from the writing of a record until it is stable

  // The platform of host::Pump.
  void append(StableSeq seq, Chain record) { unsynced_.push_back({time_now() + sync_takes, seq, record.flatten()}); }
  void release(StableSeq first) { records_.erase(records_.begin(), records_.lower_bound(first)); }
  void transmit(NodeId to, Chain message);
  void raise(Event event);
  void blob(BlobRequest request);

  void receive(NodeId from, Slice bytes);
  std::map<StableSeq, Slice> records_;
  std::map<BlobId, std::string> blobs_;

 private:
  Time time_now() const;
  TestCluster& cluster_;
  Config config_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<host::Pump<Service, TestMember>> pump_;
  struct Unsynced {
    Time stable_at;
    StableSeq seq;
    Slice bytes;
  };
  std::deque<Unsynced> unsynced_;
  std::map<BlobId, std::string> blobs_in_work_;
  std::deque<BlobAnswer> blob_answers_;
  uint64_t next_call_ = 1;
  uint64_t incarnations_ = 0;
};

class TestCluster {
 public:
  // Members 1..n, all of them founders.
  explicit TestCluster(int n);
  // A process that joins; the member must have been added.
  TestMember& join(NodeId id, const std::string& name);
  TestMember& operator[](uint64_t id) { return *members_.at(NodeId(id)); }

  // Lets time pass until `done`, at most `limit` of it; false when it never was.
  bool run_until(const std::function<bool()>& done, Duration limit = Duration::seconds(20));
  void run_for(Duration d);
  TestMember& leader();  // waits for one
  // Calls at `member` and waits for the answer.
  store::Response ask(TestMember& member, store::Request request);

  Time now() const { return now_; }
  void send(NodeId from, NodeId to, Slice bytes);
  std::set<std::pair<NodeId, NodeId>> cut;  // directed
  // Messages that never arrive.
  std::function<bool(NodeId to, const Slice& bytes)> lost = [](NodeId, const Slice&) { return false; };
  Config config_of(NodeId id, const std::string& name) const;
  std::function<void(Config&)> adjust = [](Config&) {};

 private:
  void step();
  struct InFlight {
    Time at;
    NodeId from, to;
    Slice bytes;
  };
  Time now_ = Time::at_millis(1'000'000);
  std::vector<store::Member> founders_;
  std::map<NodeId, std::unique_ptr<TestMember>> members_;
  std::deque<InFlight> wire_;
};

inline Time TestMember::time_now() const { return cluster_.now(); }

inline void TestMember::start() {
  config_.replica.incarnation_hint = ++incarnations_;
  service_ = std::make_unique<Service>(config_);
  pump_ = std::make_unique<host::Pump<Service, TestMember>>(*service_, *this);
  for (const auto& [id, bytes] : blobs_) pump_->recover_blob(id, bytes.size());
  for (const auto& [seq, bytes] : records_) {
    const Status status = pump_->replay(seq, bytes);
    ensure(status.ok(), "a stored record can be read");
  }
  pump_->start(cluster_.now());
}

inline void TestMember::work() {
  if (!running()) return;
  StableSeq stable;
  for (; !unsynced_.empty() && unsynced_.front().stable_at <= cluster_.now(); unsynced_.pop_front()) {
    stable = unsynced_.front().seq;
    records_[stable] = unsynced_.front().bytes;
  }
  if (stable != StableSeq{}) pump_->on_stable(cluster_.now(), stable);
  if (!blob_answers_.empty()) {
    const BlobAnswer answer = blob_answers_.front();
    blob_answers_.pop_front();
    pump_->on_blob(cluster_.now(), answer);
  }
  if (pump_->deadline() <= cluster_.now()) pump_->on_time(cluster_.now());
  service_->check_invariants();
}

inline CallId TestMember::call(store::Request request, bool has_leader) {
  const CallId id(next_call_++);
  pump_->step([&](Service::Out& out) { service_->call(cluster_.now(), id, std::move(request), has_leader, out); });
  return id;
}

inline void TestMember::watch(store::StreamId stream, store::WatchRequest request) {
  if (watched.count(stream) == 0) {
    service_->watch_open(stream);
    watched[stream];
  }
  pump_->step([&](Service::Out& out) { service_->watch_request(cluster_.now(), stream, request, out); });
}

inline void TestMember::transmit(NodeId to, Chain message) { cluster_.send(id(), to, message.flatten()); }

inline void TestMember::raise(Event event) {
  if (auto* reply = std::get_if<Reply>(&event)) {
    ensure(replies.emplace(reply->call, std::move(reply->response)).second, "a call is answered once");
  } else if (auto* ready = std::get_if<WatchReady>(&event)) {
    for (;;) {
      auto some = service_->take_watch(ready->stream, 16);
      const bool more = some.size() == 16;
      for (auto& r : some) watched[ready->stream].push_back(std::move(r));
      if (!more) break;
    }
  } else if (auto* stop = std::get_if<MustStop>(&event)) {
    stopped.push_back(stop->what);
  }
}

inline void TestMember::blob(BlobRequest request) {
  if (auto* c = std::get_if<BlobCreate>(&request)) {
    blobs_in_work_[c->id].clear();
  } else if (auto* a = std::get_if<BlobAppend>(&request)) {
    std::string& b = blobs_in_work_[a->id];
    b += a->bytes.view();
    blob_answers_.push_back(BlobAppended{a->id, b.size()});
  } else if (auto* s = std::get_if<BlobSeal>(&request)) {
    blobs_[s->id] = blobs_in_work_[s->id];
    blob_answers_.push_back(BlobSealed{s->id, blobs_[s->id].size()});
  } else if (auto* d = std::get_if<BlobDrop>(&request)) {
    blobs_.erase(d->id);
    blobs_in_work_.erase(d->id);
  } else if (auto* r = std::get_if<BlobRead>(&request)) {
    const auto it = blobs_.find(r->id);
    if (it == blobs_.end()) {
      blob_answers_.push_back(BlobFailed{r->id, "no such blob"});
    } else {
      blob_answers_.push_back(BlobData{r->id, r->offset, Slice::copy_of(it->second.substr(r->offset, r->length))});
    }
  }
}

inline void TestMember::receive(NodeId from, Slice bytes) {
  if (running()) pump_->on_message(cluster_.now(), from, std::move(bytes));
}

inline TestCluster::TestCluster(int n) {
  for (int i = 1; i <= n; ++i) {
    founders_.push_back({NodeId(static_cast<uint64_t>(i)),
                         "m" + std::to_string(i),
                         {"http://127.0.0.1:" + std::to_string(9000 + i)},
                         {},
                         false});
  }
  for (const auto& m : founders_) {
    members_[m.id] = std::make_unique<TestMember>(*this, config_of(m.id, m.name));
  }
}

inline Config TestCluster::config_of(NodeId id, const std::string& name) const {
  Config c;
  c.replica.consensus.self = id;
  c.replica.consensus.seed = id.value();
  c.name = name;
  c.client_urls = {"http://127.0.0.1:" + std::to_string(8000 + id.value() % 1000)};
  c.bootstrap = founders_;
  return c;
}

inline TestMember& TestCluster::join(NodeId id, const std::string& name) {
  Config c = config_of(id, name);
  c.bootstrap.clear();
  adjust(c);
  members_[id] = std::make_unique<TestMember>(*this, c);
  members_[id]->start();
  return *members_[id];
}

inline void TestCluster::send(NodeId from, NodeId to, Slice bytes) {
  if (cut.count({from, to}) == 0 && !lost(to, bytes))
    wire_.push_back({now_ + Duration::millis(1), from, to, std::move(bytes)});
}

inline void TestCluster::step() {
  bool busy = false;
  for (auto& [id, m] : members_) {
    m->work();
    busy |= m->busy() || m->deadline() <= now_;
  }
  while (!wire_.empty() && wire_.front().at <= now_) {
    InFlight f = std::move(wire_.front());
    wire_.pop_front();
    const auto to = members_.find(f.to);
    if (to != members_.end() && cut.count({f.from, f.to}) == 0) to->second->receive(f.from, std::move(f.bytes));
    busy = true;
  }
  if (busy) return;
  Time next = wire_.empty() ? now_ + Duration::millis(50) : wire_.front().at;
  for (auto& [id, m] : members_) next = std::min(next, m->deadline());
  now_ = std::max(now_, next);
}

inline bool TestCluster::run_until(const std::function<bool()>& done, Duration limit) {
  const Time end = now_ + limit;
  while (!done()) {
    if (now_ > end) return false;
    step();
  }
  return true;
}

inline void TestCluster::run_for(Duration d) {
  const Time end = now_ + d;
  run_until([&] { return now_ >= end; }, d + Duration::seconds(1));
}

inline TestMember& TestCluster::leader() {
  TestMember* found = nullptr;
  const bool ok = run_until([&] {
    for (auto& [id, m] : members_) {
      if (m->running() && m->service().replica().leads() && !m->service().store().members().empty()) found = m.get();
    }
    return found != nullptr;
  });
  ensure(ok, "a leader is elected");
  return *found;
}

inline store::Response TestCluster::ask(TestMember& member, store::Request request) {
  const CallId id = member.call(std::move(request));
  const bool ok = run_until([&] { return member.replies.count(id) > 0; });
  ensure(ok, "every call is answered");
  return member.replies.at(id);
}

// --- What the tests say ---

using store::Error;

inline store::PutRequest put(const std::string& key, const std::string& value) {
  store::PutRequest r;
  r.key = Slice::copy_of(key);
  r.value = Slice::copy_of(value);
  return r;
}
inline store::RangeRequest get(const std::string& key) {
  store::RangeRequest r;
  r.key = Slice::copy_of(key);
  return r;
}
inline std::string value_of(const store::Response& r) {
  const auto* range = std::get_if<store::RangeResponse>(&r);
  if (range == nullptr) return "refused";
  return range->kvs.empty() ? "none" : range->kvs[0].value.str();
}
inline Error error_of(const store::Response& r) {
  const auto* refused = std::get_if<store::Refused>(&r);
  return refused == nullptr ? Error::kNone : refused->error;
}

inline void start_all(TestCluster& c, int n) {
  for (int i = 1; i <= n; ++i) c[static_cast<uint64_t>(i)].start();
  c.leader();
}

}  // namespace holdfast::service
