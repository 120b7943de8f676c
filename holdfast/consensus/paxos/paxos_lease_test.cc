// What leases promise, and what a leader that hands over takes back (docs/protocols/multi-paxos.md, "Reads").
#include <gtest/gtest.h>

#include "holdfast/consensus/paxos/lone_member.h"
#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {
namespace {

Config by_lease() { return Config{.read_mode = ReadMode::kLease}; }
Ballot ballot(uint64_t round, uint64_t node) { return {Term(round), NodeId(node)}; }

// Who hands over voids its own lease: whoever last heard it may promise at once.
TEST(HandOver, ReleasesWhoFollowsTheLeaderThatHandsOver) {
  Lone one(3, by_lease());
  one.hear(2, Success{ballot(1, 2), Index(0), 0});
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1)});
  EXPECT_EQ(one.paxos().ballot(), ballot(1, 2)) << "bound to the leader it hears";
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1), ballot(1, 2)});
  EXPECT_EQ(one.paxos().ballot(), ballot(2, 3));
}

// A leave that was given before another led is worth nothing against that one's lease.
TEST(HandOver, DoesNotReleaseFromALeaderThatCameAfter) {
  Lone one(3, by_lease());
  one.hear(2, Success{ballot(1, 2), Index(0), 0});
  one.hear(2, Success{ballot(2, 2), Index(0), 1});
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1), ballot(1, 2)});
  EXPECT_EQ(one.paxos().ballot(), ballot(2, 2));
  one.sync();
  one.restart();
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1), ballot(1, 2)});
  EXPECT_EQ(one.paxos().ballot(), ballot(2, 2)) << "a restarted voter may have heard the leader of its ballot";
  one.pass_the_lease();
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1), ballot(1, 2)});
  EXPECT_EQ(one.paxos().ballot(), ballot(2, 3));
}

TEST(HandOver, DoesNotReleaseALeaderFromItself) {
  Lone one(3, by_lease());
  one.lead();
  const Ballot mine = one.paxos().ballot();
  one.hear(3, Collect{ballot(9, 3), Index(1), Index(1), ballot(mine.round.value(), 2)});
  EXPECT_EQ(one.paxos().ballot(), mine);
  one.hear(3, Collect{ballot(9, 3), Index(1), Index(1), mine});
  EXPECT_EQ(one.paxos().ballot(), ballot(9, 3));
}

// A member that was alone may come back without knowing that it is no longer, bound to a leader that it does not
// remember.
TEST(Lease, IsWaitedOutByWhoBelievesToBeAlone) {
  Lone one(1, by_lease());
  ASSERT_EQ(one.paxos().role(), Role::kLeader);
  ASSERT_TRUE(one.change({ChangeKind::kAddVoter, NodeId(2)}).ok());
  one.sync();
  ASSERT_EQ(one.paxos().membership().voters.size(), 2u);
  one.sync();
  const Ballot before = one.paxos().ballot();
  one.restart();
  ASSERT_EQ(one.paxos().membership().voters.size(), 1u) << "that the change is chosen was not written down";
  EXPECT_EQ(one.paxos().ballot(), before) << "it would depose whoever leads by now";
  one.pass_the_lease();
  one.member->tick(one.now);
  EXPECT_GT(one.paxos().ballot(), before);
}

TEST(Lease, IsNoReasonToWaitWhereThereIsNone) {
  Lone one(1);
  one.restart();
  EXPECT_EQ(one.paxos().role(), Role::kLeader);
}

}  // namespace
}  // namespace holdfast::paxos
