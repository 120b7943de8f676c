// Members of the simulated store that lie, over PBFT: Y1 to Y12 of docs/failure-models.md. A liar is a whole member,
// whose words to other members are twisted on their way out; two strategies take more than words:
//
//   twins      a second process with the member's identity, and a disk of its own. The others are divided between the
//              two, anew every now and then
//   forgetful  it crashes again and again, and comes back without its records, as if it were new
//
// Those that lie in the same way conspire: they tell the same other story to the same half of the honest members.
//
// Who has turned stays so to the end of the run. Clients leave it, and nothing that it says of itself is believed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/sim/store_member.h"

namespace holdfast::sim {

class StoreLiars {
 public:
  using Members = std::function<std::vector<NodeId>()>;

  // `members`: who belongs to the cluster now; `founders`: what every member was told at first.
  StoreLiars(World& world, Net& net, const StoreConfig& config, std::vector<store::Member> founders, Members members)
      : world_(world), net_(net), config_(config), founders_(std::move(founders)), members_(std::move(members)) {}

  // From now on it lies. Only once for each member, and only over PBFT.
  void turn(StoreMember& member, pbft::Lie lie, uint64_t seed);
  bool lies(NodeId id) const { return liars_.contains(id); }
  bool empty() const { return liars_.empty(); }
  // How often somebody said what its replica would not have said, a second process of it included.
  uint64_t told() const;

 private:
  struct One {
    std::unique_ptr<pbft::FastAuthority> authority;
    std::unique_ptr<pbft::Liar> liar;
  };

  pbft::Group group_of(const StoreMember& member) const;
  void speak(StoreMember& member, NodeId to, const Slice& bytes);
  void plot(pbft::Plot& plot) const;
  void forget(StoreMember& member, Random random);
  void add_twin(StoreMember& member, uint64_t seed);

  World& world_;
  Net& net_;
  const StoreConfig& config_;
  const std::vector<store::Member> founders_;
  const Members members_;
  std::map<NodeId, One> liars_;
  std::map<pbft::Lie, std::shared_ptr<pbft::Plot>> plots_;
  std::vector<std::unique_ptr<StoreMember>> twins_;
  uint64_t twins_said_ = 0;
};

}  // namespace holdfast::sim
