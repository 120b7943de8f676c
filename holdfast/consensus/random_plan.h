// For tests: the faults and sizes of one random run (random_run.h).
#pragma once

#include <cstdint>

#include "holdfast/base/random.h"

namespace holdfast::consensus {

// The faults and sizes of one run, chosen by its seed.
struct Plan {
  explicit Plan(Random& r) {
    voters = static_cast<int>(r.below(10) == 0 ? 1 + r.below(2) : 3 + r.below(3));
    loss = r.chance(1, 2) ? r.below(25) : 0;
    repeat = r.chance(1, 2) ? r.below(20) : 0;
    late = r.chance(1, 2) ? r.below(15) : 0;
    disk_ms = static_cast<int64_t>(r.chance(1, 2) ? 1 + r.below(30) : 1);
    crashes = r.chance(2, 3);
    power_losses = r.chance(1, 2);
    cuts = r.chance(2, 3);
    changes = r.chance(1, 2);
    eager_changes = changes && r.chance(1, 2);
    snapshots = r.chance(1, 2);
    lease = r.chance(1, 3);
    one_by_one = r.chance(1, 3);
    transfers = r.chance(1, 3);
    leaders_fall = r.chance(1, 3);
    edge_crashes = r.chance(1, 4);
    slow = r.chance(1, 3);
    synced_one_by_one = r.chance(1, 3);
    focus(r.below(8), r);
  }
  // Every other run has one of the mixes in which a whole class of mistakes shows.
  void focus(uint64_t on, Random& r) {
    if (on == 0 || on == 1) {
      // Voters come and go one by one while the network parts in halves: where quorums can get disjoint.
      churn = changes = eager_changes = leaders_fall = true;
      cuts = crashes = power_losses = edge_crashes = transfers = on == 0;
      voters = 4;
      disk_ms = 1 + static_cast<int64_t>(r.below(20));
    } else if (on == 2) {
      // Terms end before their leaders have committed anything, and logs differ (paper, figure 8).
      voters = 3 + static_cast<int>(r.below(2)) * 2;
      leaders_fall = slow = one_by_one = true;
      crashes = power_losses = cuts = changes = eager_changes = lease = transfers = false;
      loss = 0;
      disk_ms = 1;
    } else if (on == 3) {
      // What a member said and what its disk kept part, while rivals ask for the same votes.
      voters = 3;
      edge_crashes = synced_one_by_one = slow = leaders_fall = true;
      changes = eager_changes = false;
    } else if (on == 4) {
      // Members that hear their leader and members that do not hear each other: who would depose it, whether it finds
      // out in time, and whether there is ever peace.
      voters = 4 + static_cast<int>(r.below(2));
      frays = lease = true;
      crashes = power_losses = cuts = changes = eager_changes = leaders_fall = edge_crashes = transfers = slow = false;
    } else if (on == 5) {
      // Leave to take over that is used late, when another than the leader that gave it has a lease.
      voters = 3;
      lost_heirs = lease = true;
      loss = 0;
      disk_ms = 1;
      crashes = power_losses = cuts = changes = eager_changes = leaders_fall = edge_crashes = transfers = slow = false;
    }
  }
  int voters;
  uint64_t loss, repeat, late;  // percent
  int64_t disk_ms;
  bool crashes, power_losses, cuts, changes, eager_changes, snapshots, lease, one_by_one, transfers, churn = false;
  bool frays = false;      // single links part, then a leader from all, while little is proposed;
                           // some links stay parted for good
  bool lost_heirs = false;  // who is to take over is cut off until another leads, whom it does not hear then
  bool slow;               // messages take up to half an election timeout: elections collide
  bool leaders_fall;       // leaders crash or are cut off soon after they were elected: terms are short
  bool edge_crashes;       // members crash right after a sync, where what they said and what they kept part
  bool synced_one_by_one;  // each record is synced by itself
};

}  // namespace holdfast::consensus
