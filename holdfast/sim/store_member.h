// One member of the simulated store: a service::Service in a simulated process, and the connections of its clients.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/service/service.h"
#include "holdfast/sim/disk_storage.h"
#include "holdfast/sim/node.h"
#include "holdfast/sim/store_wire.h"

namespace holdfast::sim {

// Who signs changes of the members over PBFT.
inline constexpr NodeId kAdministrator{9999};

struct StoreConfig {
  replica::EngineKind engine = replica::EngineKind::kRaft;
  size_t members = 3;
  Duration heartbeat = Duration::millis(50);
  Duration election_timeout = Duration::millis(300);
  consensus::ReadMode read_mode = consensus::ReadMode::kQuorum;
  uint64_t snapshot_count = 100;
  uint64_t catch_up_entries = 50;
  uint64_t checkpoint_interval = 8;  // over PBFT
  uint64_t whole_proposal_bytes = 1024;
  size_t snapshot_chunk_bytes = 1024;
  size_t max_append_bytes = 4096;
  uint64_t segment_bytes = 64 << 10;
  uint32_t power_failures = 500;  // of crashes, in thousandths
  int64_t min_lease_ttl_seconds = 1;
  Duration request_timeout = Duration::millis(1500);
  Duration min_delay = Duration::micros(100);
  Duration max_delay = Duration::micros(1000);
  DiskPace pace;
};

class StoreMember {
 public:
  using Node = SimNode<service::Service>;

  // `bootstrap`: every initial member; empty to join an existing cluster, but not over PBFT. `identity`: who it says it
  // is, where that is not its address.
  StoreMember(World& world, Net& net, const StoreConfig& config, NodeId id, std::vector<store::Member> bootstrap,
              NodeId identity = {});

  NodeId id() const { return node_.id(); }
  Node& node() { return node_; }
  const Node& node() const { return node_; }
  DiskStorage& storage() { return *storage_; }
  const service::Service* service() const { return node_.core(); }
  // It will not start, or stopped by itself before it had recovered, and has not come further since.
  bool refuses() const;
  // It has been removed from the cluster: whatever it does, nobody waits for it.
  bool removed = false;
  // It is Byzantine (store_liars.h): whatever it does, nobody believes it.
  bool lies = false;
  // It comes back without its records, and says that it is new.
  bool forgets = false;
  // A fault damaged its disk: it may refuse to start, and counts as crashed for good then.
  bool damaged = false;
  // The files that rotted. Where records are among them that its log must keep, and knows to have been acknowledged, it
  // has to refuse to start, and to name one of the files.
  std::set<std::string> rotten;
  std::set<std::string> destroyed;  // of them, those with such records

 private:
  struct Stream {
    NodeId client;
    uint64_t client_stream = 0;
    uint64_t sent = 0;
    bool taking = false;
  };

  std::unique_ptr<service::Service> make(const NodeStart& start);
  replica::ByzantineConfig byzantine() const;
  bool receive(NodeId from, const Slice& bytes);
  void on(NodeId client, const ClientCall& call);
  void on(NodeId client, const ClientAbandon& abandon);
  void on(NodeId client, const WatchOpen& open);
  void on(NodeId client, const WatchAsk& ask);
  void on(NodeId client, const WatchClose& close);
  void on(NodeId, const ClientAnswer&) {}
  void on(NodeId, const WatchAnswer&) {}
  void on_event(service::Event event);
  void show_role(const service::RoleChanged& role);
  void take(store::StreamId stream);
  void say(NodeId client, const ClientWire& wire);
  store::StreamId find(NodeId client, uint64_t stream) const;

  Net& net_;
  StoreConfig config_;
  const NodeId identity_;
  std::vector<store::Member> bootstrap_;
  DiskStorage* storage_;
  Node node_;
  // Of the present life of the process.
  uint64_t next_call_ = 1;
  uint64_t next_stream_ = 1;
  std::map<service::CallId, std::pair<NodeId, uint64_t>> calls_;
  std::map<store::StreamId, Stream> streams_;
  // Of the life before: the service found that it cannot go on, and had not recovered yet.
  bool gave_up_ = false;
};

}  // namespace holdfast::sim
