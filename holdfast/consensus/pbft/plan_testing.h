// For tests: the faults and sizes of one random run (world_testing.h).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/consensus/liars/liar.h"

namespace holdfast::pbft {

// The faults and sizes of one run, chosen by its seed.
struct Plan {
  Plan() = default;
  explicit Plan(Random& r) {
    members = r.chance(1, 6) ? 7 : r.chance(1, 8) ? 5 : 4;
    clients = 1 + static_cast<int>(r.below(3));
    in_flight = 1 + r.below(4);
    client_in_flight = 1 + r.below(4);
    loss = r.chance(1, 2) ? r.below(20) : 0;
    repeat = r.chance(1, 2) ? r.below(20) : 0;
    late = r.chance(1, 2) ? r.below(10) : 0;
    disk_ms = static_cast<int64_t>(r.chance(1, 2) ? 1 + r.below(10) : 1);
    crashes = r.chance(1, 2);
    power_losses = r.chance(1, 4);
    cuts = r.chance(1, 2);
    primaries_fall = r.chance(1, 3);
    clients_fall = r.chance(1, 4);
    edge_crashes = r.chance(1, 4);
    synced_one_by_one = r.chance(1, 3);
    slow = r.chance(1, 4);
    snapshots = r.chance(1, 2);
    reads = r.chance(1, 2);
    Random aside(Random(r).next() + 1);  // what else a seed means does not hang on what is drawn here
    changes = aside.chance(1, 4);
    if (changes) snapshots = true;  // a newcomer needs one when what it missed is forgotten
    const bool false_evidence = aside.chance(1, 6);
    if (false_evidence) primaries_fall = crashes = true;
    brief = aside.chance(1, 2);
    liars_show_all = aside.chance(1, 2);
    uint64_t faults = budget();
    // What is within the budget, in one of its forms each.
    std::vector<int> places;
    for (int i = 0; i < members; ++i) places.push_back(i);
    while (faults > 0) {
      --faults;
      const size_t pick = r.below(places.size());
      const int place = places[pick];
      places.erase(places.begin() + static_cast<std::ptrdiff_t>(pick));
      switch (r.below(8)) {
        case 0:
          break;
        case 1:
          lone = place;
          break;
        case 2:
          if (!victim) {
            victim = place;
            victim_rots = r.chance(1, 2);
          }
          break;
        default:
          liars.emplace_back(place, static_cast<Lie>(r.below(static_cast<uint64_t>(last_value(Lie{})) + 1)));
          if (false_evidence) liars.back().second = Lie::kBadEvidence;
      }
    }
  }
  uint64_t budget() const { return static_cast<uint64_t>(members - 1) / 3; }
  bool within_budget() const { return liars.size() + (victim ? 1 : 0) + (lone ? 1 : 0) <= budget(); }
  bool twins() const {
    for (const auto& [place, lie] : liars) {
      if (lie == Lie::kTwins) return true;
    }
    return false;
  }
  int members = 4, clients = 2;
  uint64_t in_flight = 3, client_in_flight = 2;
  uint64_t loss = 0, repeat = 0, late = 0;  // percent
  int64_t disk_ms = 1;
  bool crashes = false, power_losses = false, cuts = false, primaries_fall = false, clients_fall = false;
  bool edge_crashes = false;       // members crash right after a sync, where what they said and what they kept part
  bool synced_one_by_one = false;  // each record is synced by itself
  bool slow = false;               // messages take up to a fifth of the timeout
  bool snapshots = false, reads = false;
  bool brief = false;                      // proposals name their requests, but
  bool liars_show_all = false;             // those of liars, who can make up other batches then
  bool changes = false;                    // newcomers join, and members leave for good; f stays what it is
  std::vector<std::pair<int, Lie>> liars;  // by place
  bool honest = false;                     // the liars say nothing but the truth
  std::optional<int> victim;               // loses its disk, or
  bool victim_rots = false;                // its state rots
  std::optional<int> lone;                 // hears nothing even after the others have healed
};

}  // namespace holdfast::pbft
