// A few services in one place with a plain network and memory for disks: no faults but those a test asks for. The
// simulator (sim/) is where faults are; this is for tests that say what a service does.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

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
  NodeId id() const { return config_.replica.raft.self; }
  Config& config() { return config_; }
  // Whatever is due: stable records, blob answers, deadlines.
  void work();
  Time deadline() const { return running() ? pump_->deadline() : Time::never(); }
  bool busy() const { return running() && (!unsynced_.empty() || !blob_answers_.empty()); }

  // Starts a call; its answer appears in `replies`.
  CallId call(store::Request request, bool has_leader = false);
  void stop() {
    pump_->step([&](Service::Out& out) { service_->stop(time_now(), out); });
  }
  void watch(store::StreamId stream, store::WatchRequest request);
  std::map<CallId, store::Response> replies;
  std::map<store::StreamId, std::vector<store::WatchResponse>> watched;
  std::vector<std::string> stopped;

  // The platform of host::Pump.
  void append(StableSeq seq, Chain record) { unsynced_.emplace_back(seq, record.flatten()); }
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
  std::vector<std::pair<StableSeq, Slice>> unsynced_;
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

}  // namespace holdfast::service
