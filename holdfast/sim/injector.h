// Carries out a fault plan on a simulated store, and heals it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "holdfast/sim/plan.h"
#include "holdfast/sim/store_cluster.h"

namespace holdfast::sim {

class Injector {
 public:
  explicit Injector(StoreCluster& cluster) : cluster_(cluster), world_(cluster.world()), net_(cluster.net()) {}

  // Schedules every fault of the plan, and its end.
  void schedule(const Plan& plan);
  // Ends everything at once: links, disks, clocks; whoever is down is started.
  void heal();
  const std::array<uint32_t, kFaultKinds>& struck() const { return struck_; }

 private:
  using Undo = std::function<void()>;
  using Targets = std::vector<StoreMember*>;

  Undo begin(const Fault& fault, Random random);
  Undo on_links(const Fault& fault, Random& random);
  Undo cut(const Fault& fault, Random& random);
  Undo partial(const Fault& fault, Random& random);
  Undo on_process(const Fault& fault, Random& random);
  Undo on_disk(const Fault& fault, Random& random);
  Undo on_clock(const Fault& fault, Random& random);
  void on_lie(const Fault& fault, Random& random);

  Undo links(Net::Covers covers, LinkEffect effect);
  Undo flap(Net::Covers covers, Duration period);
  void storm(StoreMember* member, Time until, Duration pause);
  void crash_at_syncs(Time until, Random random);
  void fell_leaders(Time until, Random random);
  void fell(StoreMember& leader, Random& random);
  void for_a_while(Duration duration, Undo undo);
  static void distrust(StoreMember& member);
  static void rot(StoreMember& member, Random& random);
  static void rot_log(StoreMember& member, Random& random);
  static void rot_snapshot(StoreMember& member, Random& random);
  void start_soon(StoreMember& member, Duration within);
  Targets targets(const Fault& fault, Random& random, size_t most);
  Targets live();

  StoreCluster& cluster_;
  World& world_;
  Net& net_;
  std::map<uint64_t, Undo> active_;
  uint64_t next_ = 1;
  bool healed_ = false;
  std::array<uint32_t, kFaultKinds> struck_{};
};

}  // namespace holdfast::sim
