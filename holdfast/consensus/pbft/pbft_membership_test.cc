// Changes of the membership: signed, ordered, in force at the end of an epoch (docs/protocols/pbft.md, step 14).
#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

SignedChange signed_change(Quiet& q, const Change& c, uint64_t signer = 999) {
  return {c, q.sign(NodeId(signer), text_of(kQuietCluster, c))};
}
// To these members, from those that there are.
SignedChange change(Quiet& q, uint64_t epoch, const std::vector<uint64_t>& ids, uint64_t signer = 999) {
  Change c{.epoch = epoch, .context = Slice::unowned("names")};
  const Group now(q.replica(1).configuration());
  for (uint64_t id : ids) {
    if (!now.is_member(NodeId(id))) c.added.push_back(q.peer(NodeId(id)));
  }
  for (const Peer& p : now.members()) {
    if (std::find(ids.begin(), ids.end(), p.id.value()) == ids.end()) c.removed.push_back(p.id);
  }
  return signed_change(q, c, signer);
}
void reconfigure(Quiet& q, const SignedChange& c) {
  ensure(q.clients.at(NodeId(101))->reconfigure(++q.tokens, c).ok(), "a change can be asked for");
  q.pass(500);
}
void tell_clients(Quiet& q) {
  for (auto& [id, c] : q.clients) {
    Client::Out out;
    c->configure(q.now, q.replica(1).configuration(), out);
  }
}
ChangeVerdict said(const Quiet& q) { return *codec::decode<ChangeVerdict>(Slice::copy_of(q.answers.back())); }
// The change that the latest epoch at a member began with.
std::optional<PendingChange> last_change(const Quiet& q, uint64_t id) {
  std::optional<PendingChange> out;
  for (const Event& e : q.events.at(NodeId(id))) {
    if (const auto* execute = std::get_if<Execute>(&e); execute != nullptr && execute->change) out = execute->change;
  }
  return out;
}

TEST(PbftMembership, AMemberIsAddedAndAnotherRemoved) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 5, "op");
  reconfigure(q, change(q, 0, {1, 2, 3, 4, 5}));
  EXPECT_EQ(said(q), ChangeVerdict::kFine);
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(q.replica(i).epoch(), 1u);
  // The newcomer knows the founders only, and comes by itself to where the others are.
  q.add_member(NodeId(5));
  q.pass(2000);
  tell_clients(q);
  run(q, 12, "more");
  q.pass(1000);
  EXPECT_EQ(q.replica(5).epoch(), 1u);
  EXPECT_EQ(q.member(5).state().hash, q.member(1).state().hash);
  // Of five, four decide: the newcomer's vote counts.
  q.crash(4);
  run(q, 5, "without 4");
  q.pass(3000);
  EXPECT_EQ(q.executed[NodeId(1)].back(), "without 44");
  // Now 4 goes for good.
  reconfigure(q, change(q, 1, {1, 2, 3, 5}));
  EXPECT_EQ(said(q), ChangeVerdict::kFine);
  q.pass(2000);
  EXPECT_EQ(q.replica(1).epoch(), 2u);
  tell_clients(q);
  run(q, 3, "four again");
  q.pass(1000);
  EXPECT_EQ(q.answers.size(), 5u + 1 + 12 + 5 + 1 + 3);
  EXPECT_EQ(q.member(5).state().hash, q.member(1).state().hash);
}

TEST(PbftMembership, ARemovedMemberLearnsIt) {
  Quiet q(5);
  q.start();
  run(q, 2, "op");
  reconfigure(q, change(q, 0, {1, 2, 3, 4}));
  q.pass(1000);
  EXPECT_EQ(q.count<Removed>(5), 1u);
  EXPECT_EQ(q.count<Removed>(4), 0u);
  EXPECT_EQ(q.replica(4).epoch(), 1u);
}

TEST(PbftMembership, OnlyTheAdministratorMayAndOnlyForThisEpoch) {
  Quiet q;
  q.start();
  const auto verdict = [&](const SignedChange& c) {
    reconfigure(q, c);
    EXPECT_EQ(q.replica(1).verdict(c), said(q));  // what a member says beforehand is what the group says
    return said(q);
  };
  EXPECT_EQ(verdict(change(q, 0, {1, 2, 3, 4, 5}, /*signer=*/1)), ChangeVerdict::kUnsigned);
  EXPECT_EQ(verdict(change(q, 1, {1, 2, 3, 4, 5})), ChangeVerdict::kOtherEpoch);
  EXPECT_EQ(verdict(change(q, 0, {1, 2, 3})), ChangeVerdict::kImpossible);
  EXPECT_EQ(verdict(change(q, 0, {1, 2, 3, 4})), ChangeVerdict::kImpossible);  // nobody
  EXPECT_EQ(verdict(signed_change(q, {.added = {q.peer(NodeId(2))}})), ChangeVerdict::kImpossible);
  EXPECT_EQ(verdict(signed_change(q, {.added = {{NodeId(5), q.peer(NodeId(2)).key}}})), ChangeVerdict::kImpossible);
  EXPECT_EQ(verdict(signed_change(q, {.added = {q.peer(NodeId(5))}, .removed = {NodeId(6)}})),
            ChangeVerdict::kImpossible);
  Change long_winded{.added = {q.peer(NodeId(5))}, .context = Slice::take(std::string((64 << 10) + 1, 'x'))};
  EXPECT_EQ(verdict(signed_change(q, long_winded)), ChangeVerdict::kImpossible);
  // The signature covers each part of the change.
  const SignedChange good = change(q, 0, {1, 2, 3, 4, 5});
  for (int part = 0; part < 4; ++part) {
    SignedChange forged = good;
    if (part == 0) forged.change.epoch = 1;
    if (part == 1) forged.change.added[0] = q.peer(NodeId(6));
    if (part == 2) forged.change.removed.push_back(NodeId(4));
    if (part == 3) forged.change.context = Slice::unowned("other names");
    EXPECT_EQ(verdict(forged), ChangeVerdict::kUnsigned) << part;
  }
  EXPECT_EQ(q.replica(1).epoch(), 0u);
  reconfigure(q, good);
  EXPECT_EQ(said(q), ChangeVerdict::kFine);
  EXPECT_EQ(q.replica(1).epoch(), 1u);
}

TEST(PbftMembership, WhatIsNoChangeIsRefusedAndOneAtATimeIsTaken) {
  Quiet q;
  q.start();
  Request r{.id = {NodeId(102), 1, 1}, .kind = RequestKind::kReconfigure};
  r.operations.push_back(Slice::unowned("nonsense"));
  q.say(NodeId(102), NodeId(1), Submit{{r, q.sign(NodeId(102), text_of(kQuietCluster, r))}});
  q.pass(100);
  EXPECT_EQ(q.replica(1).epoch(), 0u);
  const SignedChange first = change(q, 0, {1, 2, 3, 4, 5}), second = change(q, 0, {1, 2, 3, 4, 6});
  ASSERT_TRUE(q.clients.at(NodeId(101))->reconfigure(++q.tokens, first).ok());
  ASSERT_TRUE(q.clients.at(NodeId(101))->reconfigure(++q.tokens, second).ok());
  q.pass(500);
  EXPECT_EQ(said(q), ChangeVerdict::kUnderWay);
  EXPECT_EQ(q.replica(1).configuration().members.size(), 5u);
  EXPECT_FALSE(Group(q.replica(1).configuration()).is_member(NodeId(6)));
}

TEST(PbftMembership, TheOwnerIsToldAtTheSamePlaceEverywhere) {
  Quiet q;
  q.start();
  run(q, 2, "op");
  reconfigure(q, change(q, 0, {1, 2, 3, 4, 5}));
  const std::optional<PendingChange> told = last_change(q, 1);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->context.view(), "names");
  EXPECT_EQ(told->configuration, q.replica(1).configuration());
  EXPECT_EQ(told->at.value() % q.base.checkpoint_interval, 0u);
  for (uint64_t i = 2; i <= 4; ++i) EXPECT_EQ(last_change(q, i), told);
}

TEST(PbftMembership, WhoWasRemovedNeverComesBackUnderItsOldId) {
  Quiet q(5);
  q.start();
  reconfigure(q, change(q, 0, {1, 2, 3, 4}));
  tell_clients(q);
  reconfigure(q, change(q, 1, {1, 2, 3, 4, 5}));
  EXPECT_EQ(said(q), ChangeVerdict::kImpossible);
  EXPECT_EQ(q.replica(1).configuration().removed, std::vector<NodeId>{NodeId(5)});
  reconfigure(q, signed_change(q, {.epoch = 1, .added = {{NodeId(6), q.peer(NodeId(5)).key}}}));
  EXPECT_EQ(said(q), ChangeVerdict::kFine);
}

// Four become seven, of which two may lie, and four again; one member after the other.
TEST(PbftMembership, AGroupGrowsUntilTwoMayBeDownAndShrinksAgain) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 2, "op");
  std::vector<uint64_t> ids = {1, 2, 3, 4};
  for (uint64_t id = 5; id <= 7; ++id) {
    ids.push_back(id);
    reconfigure(q, change(q, id - 5, ids));
    ASSERT_EQ(said(q), ChangeVerdict::kFine);
    q.add_member(NodeId(id));
    tell_clients(q);
    q.pass(3000);
    EXPECT_EQ(q.replica(id).epoch(), id - 4);
  }
  EXPECT_EQ(Group(q.replica(1).configuration()).faulty(), 2u);
  q.crash(2);
  q.crash(3);
  run(q, 6, "two down");
  q.pass(3000);
  EXPECT_EQ(q.executed[NodeId(7)].back(), "two down5");
  q.restart(2);
  q.restart(3);
  q.pass(3000);
  for (uint64_t id = 2; id <= 4; ++id) {
    std::erase(ids, id);
    reconfigure(q, change(q, id + 1, ids));
    ASSERT_EQ(said(q), ChangeVerdict::kFine);
    tell_clients(q);
    q.pass(1000);
    EXPECT_EQ(q.count<Removed>(id), 1u);
  }
  EXPECT_EQ(Group(q.replica(1).configuration()).faulty(), 1u);
  run(q, 3, "four again");
  q.pass(1000);
  EXPECT_EQ(q.executed[NodeId(7)].back(), "four again2");
  for (uint64_t id = 5; id <= 7; ++id) EXPECT_EQ(q.member(id).state().hash, q.member(1).state().hash);
}

// It has executed all of its epoch, and nothing of what certifies that reached it. The others are in the next one by
// now.
TEST(PbftMembership, WhoMissedTheEndOfItsEpochIsToldOfIt) {
  Quiet q;
  q.start();
  run(q, 2, "op");
  const Seq end(12);
  q.drops = [&](NodeId, NodeId to, const Message& m) {
    const auto* vote = std::get_if<CheckpointVote>(&m);
    const auto* notice = std::get_if<StableNotice>(&m);
    const Checkpoint* of = vote != nullptr ? &vote->checkpoint : notice != nullptr ? &notice->cert.checkpoint : nullptr;
    return to == NodeId(4) && of != nullptr && of->seq >= end;
  };
  reconfigure(q, change(q, 0, {1, 2, 3, 4, 5}));
  ASSERT_EQ(last_change(q, 4)->at, end);
  q.add_member(NodeId(5));
  tell_clients(q);
  q.pass(2000);
  run(q, 20, "more");
  EXPECT_EQ(q.replica(1).epoch(), 1u);
  EXPECT_EQ(q.replica(4).epoch(), 0u);
  EXPECT_EQ(q.replica(4).executed_upto(), end);
  q.drops = {};
  q.pass(3000);
  EXPECT_EQ(q.replica(4).epoch(), 1u);
  EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
}

// Such an offer is meant for who is in the next epoch already. It comes late to one that was restarted meanwhile, and
// began again in the one before; or from a liar.
TEST(PbftMembership, TheLastSnapshotOfAnEpochCountsOnlyWithTheLinkOutOfIt) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 2, "op");
  q.crash(4);
  reconfigure(q, change(q, 0, {1, 2, 3, 4, 5}));
  q.add_member(NodeId(5));
  tell_clients(q);
  q.pass(2000);
  ASSERT_EQ(q.replica(1).snapshot().seq, Seq(12));
  size_t offers = 0;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    const auto* offer = std::get_if<SnapshotOffer>(&m);
    if (to != NodeId(4) || offer == nullptr || offer->links.empty() || ++offers > 1) return false;
    SnapshotOffer without = *offer;
    without.links.clear();
    q.say(from, to, without);
    return true;
  };
  q.restart(4);
  q.pass(3000);
  EXPECT_GT(offers, 1u);
  EXPECT_EQ(q.replica(4).epoch(), 1u);
  EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
}

// Nobody asks for anything: the epoch ends all the same, even when the primary does not care for it.
TEST(PbftMembership, AnIdleGroupReachesTheNextEpochUnderALazyPrimary) {
  Quiet q;
  q.start();
  ASSERT_TRUE(q.clients.at(NodeId(101))->reconfigure(++q.tokens, change(q, 0, {1, 2, 3, 4, 5})).ok());
  // It proposes what it is asked for, and no more, and does not resign.
  q.drops = [](NodeId from, NodeId, const Message& m) {
    const auto* proposal = std::get_if<PrePrepare>(&m);
    const bool nulls = proposal != nullptr && proposal->seq > Seq(1);
    return from == NodeId(1) && (nulls || std::holds_alternative<SignedViewChange>(m));
  };
  q.pass(500);
  EXPECT_EQ(q.replica(2).epoch(), 0u);
  q.pass(5000);
  for (uint64_t i = 2; i <= 4; ++i) EXPECT_EQ(q.replica(i).epoch(), 1u);
}

// What the owner will be told of a change that is under way is certified with the rest: a liar who passes its snapshot
// on cannot put other names and addresses into it.
TEST(PbftMembership, AFalseContextInASnapshotIsRefused) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 2, "op");
  std::vector<std::pair<NodeId, SnapshotOffer>> offers;
  bool honest = false;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    const auto* proposal = std::get_if<PrePrepare>(&m);
    if (proposal != nullptr && proposal->seq > Seq(8)) return true;  // the group stays before the end of the epoch
    const auto* offer = std::get_if<SnapshotOffer>(&m);
    if (offer == nullptr || to != NodeId(4) || honest) return false;
    offers.emplace_back(from, *offer);
    return true;
  };
  ASSERT_TRUE(q.clients.at(NodeId(101))->reconfigure(++q.tokens, change(q, 0, {1, 2, 3, 4, 5})).ok());
  q.pass(300);
  ASSERT_EQ(q.replica(4).executed_upto(), Seq(8));
  q.member(4).rot();
  q.member(4).audit(q.now);
  q.deliver();
  ASSERT_FALSE(offers.empty());
  auto [from, offer] = offers.front();
  ASSERT_TRUE(offer.core.pending);
  offer.core.pending->context = Slice::unowned("other names");
  honest = true;
  q.say(from, NodeId(4), offer);
  const bool taken = std::any_of(q.wires.begin(), q.wires.end(), [](const auto& w) {
    return w.from == NodeId(4) && std::holds_alternative<FetchChunk>(w.message());
  });
  EXPECT_FALSE(taken);
  q.pass(400);
  EXPECT_EQ(q.count<StateReplaced>(4), 1u);  // from somebody else
  EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
}

TEST(PbftMembership, AnEpochSurvivesARestart) {
  for (const bool snapshots : {false, true}) {
    Quiet q;
    q.snapshots = snapshots;
    q.start();
    run(q, 2, "op");
    reconfigure(q, change(q, 0, {1, 2, 3, 4, 5}));
    run(q, 6, "more");
    for (uint64_t i = 1; i <= 4; ++i) q.crash(i);
    q.wires.clear();
    for (uint64_t i = 1; i <= 4; ++i) q.restart(i);
    tell_clients(q);
    run(q, 2, "after");
    q.pass(4000);
    EXPECT_EQ(q.replica(2).epoch(), 1u);
    EXPECT_EQ(q.answers.size(), 2u + 1 + 6 + 2) << snapshots;
    for (uint64_t i = 2; i <= 4; ++i) EXPECT_EQ(q.member(i).state().hash, q.member(1).state().hash);
  }
}

}  // namespace
}  // namespace holdfast::pbft
