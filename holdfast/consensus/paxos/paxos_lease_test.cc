// What leases promise, and what a leader that hands over takes back (docs/protocols/multi-paxos.md, "Reads").
#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/consensus/paxos/lone_member.h"
#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {
namespace {

Config by_lease() { return Config{.read_mode = ReadMode::kLease}; }
Ballot ballot(uint64_t round, uint64_t node) { return {Term(round), NodeId(node)}; }

// Whether a read that is asked for now is answered at once.
bool answers_at_once(Lone& one, uint64_t token) {
  one.events.clear();
  one.member->step([&](Paxos::Out& out) { one.paxos().read_index(one.now, token, out); });
  return std::any_of(one.events.begin(), one.events.end(),
                     [](const Event& e) { return std::holds_alternative<ReadReady>(e); });
}

// The latest round that was sent; what has left is forgotten.
uint64_t round_of(Lone& one) {
  uint64_t round = 0;
  for (const Success& m : one.take<Success>()) round = std::max(round, m.round);
  return round;
}
// A heartbeat is due: its round.
uint64_t next_round(Lone& one) {
  one.now = std::max(one.now, one.paxos().deadline());
  one.member->tick(one.now);
  return round_of(one);
}

// Ongaro's dissertation, 6.4.1: the voters count from hearing the round, the leader from sending it, less the drift.
TEST(Lease, CountsFromTheSendingOfTheRound) {
  Lone one(3, by_lease());
  one.lead();
  EXPECT_FALSE(answers_at_once(one, 1)) << "no round is confirmed yet";
  const uint64_t round = next_round(one);
  const Time sent = one.now;
  one.now = sent + Duration::millis(500);  // the echo takes its time
  one.hear(2, Echo{one.paxos().ballot(), round, Index(0)});
  one.now = sent + Duration::millis(899);
  EXPECT_TRUE(answers_at_once(one, 2));
  one.now = sent + Duration::millis(900);
  EXPECT_FALSE(answers_at_once(one, 3));
}

// What may have been chosen before the ballot is not known to be: a lease does not help there.
TEST(Lease, DoesNotHoldBeforeWhatWasOutstandingIsChosen) {
  Lone one(3, by_lease());
  one.collect(3, 1);
  one.sync();
  one.collect_as_leader();
  one.answer(3, {Vote{ballot(1, 3), value(1, 1, "outstanding")}});
  one.sync();
  ASSERT_EQ(one.paxos().role(), Role::kLeader);
  one.hear(2, Echo{one.paxos().ballot(), next_round(one), Index(0)});
  EXPECT_FALSE(answers_at_once(one, 1));
  one.accept(2, 1);
  ASSERT_EQ(one.paxos().commit_index(), Index(1));
  EXPECT_TRUE(answers_at_once(one, 2));
}

// After a restart a voter may have forgotten a leader whose lease counts on it.
TEST(Lease, IsWaitedOutByARestartedVoter) {
  Lone one(3, by_lease());
  one.begin(2, 1, {value(1, 1)});
  one.sync();
  one.restart();
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1)});
  EXPECT_EQ(one.paxos().ballot(), ballot(1, 2));
  one.now = one.now + Duration::millis(1000);
  one.hear(3, Collect{ballot(2, 3), Index(1), Index(1)});
  EXPECT_EQ(one.paxos().ballot(), ballot(2, 3));
}

// LeadNow may arrive at any time later: no later round brings the lease back, though the hand-over is given up.
TEST(HandOver, VoidsTheLeaseForTheRestOfTheBallot) {
  Lone one(3, by_lease());
  one.lead();
  one.hear(2, Echo{one.paxos().ballot(), next_round(one), Index(0)});
  ASSERT_TRUE(answers_at_once(one, 1));
  one.hear(3, Echo{one.paxos().ballot(), 1, Index(0)});
  one.member->step([&](Paxos::Out& out) {
    EXPECT_TRUE(one.paxos().transfer_leadership(one.now, NodeId(3), out).ok());
  });
  ASSERT_EQ(one.take<LeadNow>().size(), 1u);
  EXPECT_FALSE(answers_at_once(one, 2));
  for (int i = 0; i < 15; ++i) one.hear(2, Echo{one.paxos().ballot(), next_round(one), Index(0)});
  ASSERT_TRUE(one.propose("the hand-over is given up").ok());
  one.hear(2, Echo{one.paxos().ballot(), next_round(one), Index(0)});
  EXPECT_FALSE(answers_at_once(one, 3));
}

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
