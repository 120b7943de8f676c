// A whole simulated store: members, clients, watchers, an operator who changes the membership, and the oracle that
// watches all of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/sim/clients.h"
#include "holdfast/sim/store_liars.h"
#include "holdfast/sim/store_member.h"
#include "holdfast/sim/store_oracle.h"

namespace holdfast::sim {

class StoreCluster {
 public:
  StoreCluster(World& world, const StoreConfig& config, const WorkloadConfig& workload);

  World& world() { return world_; }
  Net& net() { return net_; }
  const StoreConfig& config() const { return config_; }
  StoreOracle& oracle() { return oracle_; }
  const Recorder& recorder() const { return recorder_; }
  // Members' messages in the trace are told in the words of a picture, instead of with every field.
  void print_in_words();

  // In the order in which they came; those that were removed stay in the list.
  const std::vector<std::unique_ptr<StoreMember>>& members() const { return members_; }
  StoreMember* find(NodeId id);
  // The members of the cluster as it is now, as far as its most advanced live and honest member knows.
  std::vector<NodeId> current() const;
  // From now on this member lies (store_liars.h).
  void turn(StoreMember& member, pbft::Lie lie, uint64_t seed);
  const StoreLiars& liars() const { return liars_; }
  // Those of them that must serve once the faults are over: neither learners nor liars nor with a damaged disk.
  std::vector<StoreMember*> due();
  // The leader of the highest term that is up; none when nobody leads.
  StoreMember* leader();

  void start_members();
  void start_clients();
  void stop_clients();   // calls end; watchers go on
  void stop_watchers();  // their sessions must be complete now
  void start_operator();
  void stop_operator() { operator_running_ = false; }

  // Restarts a member after a while when it goes down by itself (false: only heal() and the injector do).
  void set_restarting(bool on) { restarting_ = on; }
  // Connections that break are not told to the clients (N15).
  void set_half_open(bool on) { half_open_ = on; }
  void reset_connections(NodeId member);
  // A caller outside of the workload, for probes; its calls are recorded, too.
  Caller& extra_caller();

 private:
  void set_printer(std::function<std::string(const replica::Wire&)> say);
  StoreMember& add_member(NodeId id, std::vector<store::Member> bootstrap);
  void on_down(StoreMember& member, bool by_itself);
  void operate();
  void reconcile();
  void change_members(const std::vector<store::Member>& now);
  void change_group(const StoreMember& primary);
  void operator_call(store::Request request);
  std::vector<NodeId> honest() const;

  World& world_;
  StoreConfig config_;
  WorkloadConfig workload_;
  Net net_;
  Random random_;
  Recorder recorder_;
  StoreOracle oracle_;
  std::vector<store::Member> founders_;
  StoreLiars liars_;
  std::vector<std::unique_ptr<StoreMember>> members_;
  std::vector<std::unique_ptr<LoopClient>> clients_;
  std::vector<std::unique_ptr<WatchClient>> watchers_;
  std::vector<std::unique_ptr<Caller>> extra_;
  Caller* operator_ = nullptr;
  uint64_t next_client_ = 1;
  bool operator_running_ = false;
  bool restarting_ = true;
  bool half_open_ = false;
};

}  // namespace holdfast::sim
