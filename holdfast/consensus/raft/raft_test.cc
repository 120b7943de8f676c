// The public face of a member, in a quiet world: every message arrives, every record is stable at once.
#include "holdfast/consensus/raft/raft.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/lone_member.h"
#include "holdfast/consensus/raft/quiet_net.h"

namespace holdfast::raft {
namespace {

TEST(Raft, ThreeMembersElectALeaderAndAgree) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(3));
  ASSERT_NE(net.leader(), nullptr);
  for (int i = 0; i < 10; ++i) net.propose("x" + std::to_string(i));
  net.run();
  for (auto& [id, m] : net.members) {
    EXPECT_EQ(m->raft().commit_index(), Index(11));
    EXPECT_EQ(m->state().hash, net.leader()->state().hash);
  }
}

TEST(Raft, ASingleVoterLeadsAndCommitsAsSoonAsItsRecordIsStable) {
  Quiet net(ids({1}));
  net.run();
  ASSERT_NE(net.leader(), nullptr);
  EXPECT_EQ(net.now, Time{});
  const Index index = net.propose("x");
  EXPECT_LT(net.at(1).raft().commit_index(), index);
  net.run();
  EXPECT_EQ(net.at(1).raft().commit_index(), index);
  EXPECT_EQ(net.wires.size(), 0u);
}

// The entries of a snapshot are committed without having been counted: they do not weigh on the leader for ever.
TEST(Raft, ASnapshotThatIsLoadedLateDoesNotFillTheLeader) {
  Lone one(3, Config{.max_uncommitted_bytes = 1000});
  const std::string text(500, 'x');
  one.append(1, 0, 0, {command(1, 1, text), command(2, 1, text), command(3, 1, text)});
  const Slice image = codec::encode_flat(consensus::Image{.index = Index(3)});
  const uint32_t crc = crc32c(image.view());
  const SnapshotMeta meta{.index = Index(3),
                          .term = Term(1),
                          .membership = {.voters = ids({1, 2, 3})},
                          .size = image.size(),
                          .crc32c = crc};
  one.hear(2, SnapshotChunk{Term(1), meta, 0, image, crc});
  one.sync();
  one.lead();
  ASSERT_EQ(one.raft().role(), Role::kLeader);
  while (one.member->has_blob_work()) one.member->work_blobs(one.now);
  EXPECT_EQ(one.raft().commit_index(), Index(3));
  if (one.raft().role() != Role::kLeader) one.lead();
  one.sync();
  one.acknowledge(2, one.raft().last_index().value());
  ASSERT_EQ(one.raft().commit_index(), one.raft().last_index());
  EXPECT_TRUE(one.propose(text).ok());
}

// Nothing is proposed meanwhile that would show the leader that it counts on what the new process does not know.
TEST(Raft, AFollowerThatRestartsUnderAnIdleLeaderLearnsWhatIsCommitted) {
  for (const bool old_disk : {false, true}) {
    Quiet net(ids({1, 2, 3}));
    net.pass(Duration::seconds(3));
    const NodeId id = net.leader()->id() == NodeId(1) ? NodeId(2) : NodeId(1);
    TestMember& follower = *net.members.at(id);
    net.propose("early");
    net.pass(Duration::seconds(1));
    const auto image = follower.disk();
    for (int i = 0; i < 10; ++i) net.propose("x" + std::to_string(i));
    net.pass(Duration::seconds(1));
    const Index committed = net.leader()->raft().commit_index();
    ASSERT_EQ(follower.raft().commit_index(), committed);
    const Term term = net.leader()->raft().term();
    follower.crash(0);
    if (old_disk) follower.put_back(image);
    follower.start(net.now);
    net.pass(Duration::millis(500));
    EXPECT_EQ(follower.raft().commit_index(), committed) << old_disk;
    EXPECT_EQ(follower.state().hash, net.leader()->state().hash) << old_disk;
    EXPECT_EQ(net.leader()->raft().term(), term);
    // It asks once and is told once: then there are heartbeats only.
    net.run();
    net.wires.clear();
    const uint64_t asked = MarkHolder<"raft.asked_to_verify">::mark.hits;
    net.pass(Duration::seconds(2));
    EXPECT_EQ(MarkHolder<"raft.asked_to_verify">::mark.hits, asked);
  }
}

TEST(Raft, AFollowerThatWasAwayGetsASnapshot) {
  Quiet net(ids({1, 2, 3}), [](Config& c) {
    c.catch_up_entries = 0;
    c.snapshot_chunk_bytes = 16;
  });
  net.pass(Duration::seconds(3));
  const NodeId away = net.leader()->id() == NodeId(1) ? NodeId(2) : NodeId(1);
  net.cut.insert(away);
  for (int i = 0; i < 10; ++i) net.propose("x" + std::to_string(i));
  net.run();
  net.leader()->take_snapshot(net.now);
  net.run();
  net.cut.clear();
  net.pass(Duration::seconds(10));
  EXPECT_EQ(net.members.at(away)->state().hash, net.leader()->state().hash);
  EXPECT_EQ(net.members.at(away)->raft().snapshot().index, Index(11));
}

// A member that restarted may learn of millions at once. Between its steps it hears and answers.
TEST(Raft, CommittedEntriesAreDeliveredABoundedNumberAtATime) {
  Lone one;
  std::vector<Entry> entries;
  for (uint64_t i = 1; i <= 2 * kMaxDelivered + 1; ++i) entries.push_back(command(i, 1));
  const Index last = entries.back().index;
  one.append(1, 0, 0, entries, last.value());
  EXPECT_EQ(one.raft().commit_index(), last);
  std::vector<size_t> steps;
  Index delivered;
  const auto count = [&] {
    for (const Event& e : std::exchange(one.events, {})) {
      const auto* committed = std::get_if<Committed>(&e);
      if (committed == nullptr) continue;
      steps.push_back(committed->entries.size());
      EXPECT_EQ(committed->entries.front().index, delivered + 1);
      delivered = committed->entries.back().index;
    }
  };
  count();
  for (int i = 0; i < 5 && one.raft().deadline() <= one.now; ++i) {
    one.member->tick(one.now);
    count();
  }
  EXPECT_EQ(steps, (std::vector<size_t>{kMaxDelivered, kMaxDelivered, 1}));
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  EXPECT_GT(one.raft().deadline(), one.now);
}

// Member 2 led the two, removed itself, and counts on what member 1 echoed before it restarted.
TEST(Raft, WhoIsAloneByWhatItOnlyAppendedWaitsOutALease) {
  const Membership alone{.voters = ids({1})};
  const Entry removal{Index(2), Term(1), EntryKind::kMembership,
                      codec::encode_flat(consensus::MembershipEntry{alone, Slice()})};
  for (const ReadMode mode : {ReadMode::kLease, ReadMode::kQuorum}) {
    Lone one(2, Config{.read_mode = mode});
    one.hear(2, Heartbeat{Term(1), Index(0), 1});
    one.append(1, 0, 0, {command(1, 1), removal});
    one.sync();
    one.member->crash(0);
    one.now = one.now + Duration::millis(10);
    const Time restarted = one.now;
    one.member->start(one.now);
    one.sync();
    EXPECT_EQ(one.raft().role() == Role::kLeader, mode == ReadMode::kQuorum) << "there is no lease to wait for";
    for (int i = 0; i < 5 && one.raft().role() != Role::kLeader; ++i) one.tick(), one.sync();
    EXPECT_EQ(one.raft().role(), Role::kLeader);
    if (mode == ReadMode::kLease) {
      EXPECT_GE(one.now, restarted + Config().election_timeout);
    }
  }
}

TEST(Raft, WhoWasFoundedAloneHasNoLeaseToWaitFor) {
  Lone one(1, Config{.read_mode = ReadMode::kLease});
  one.member->crash(0);
  one.member->start(one.now);
  one.sync();
  EXPECT_EQ(one.raft().role(), Role::kLeader);
}

// Both sides of it: the leader of two removes itself, and the other restarts before its answer arrives.
TEST(Raft, NoReadByLeaseIsStaleBesideASoleVoterThatRestarted) {
  Quiet net(ids({1, 2}), [](Config& config) { config.read_mode = ReadMode::kLease; });
  net.pass(Duration::seconds(5));
  ASSERT_NE(net.leader(), nullptr);
  TestMember& old = *net.leader();
  TestMember& other = net.at(old.id() == NodeId(1) ? 2 : 1);
  net.propose("a");
  net.pass(Duration::millis(300));
  net.lost = [&](NodeId from, NodeId) { return from == other.id(); };
  old.step([&](Raft::Out& out) {
    const consensus::Change leave{consensus::ChangeKind::kRemove, old.id()};
    ASSERT_TRUE(old.raft().change_membership(net.now, {leave}, Slice(), out).ok());
  });
  net.run();
  other.crash(0);
  net.now = net.now + Duration::millis(50);
  other.start(net.now);
  net.run();
  // It writes what `old` does not know of, if it may; and `old` answers a read by its lease.
  StatusOr<Index> written = absl::UnavailableError("");
  other.step([&](Raft::Out& out) { written = other.raft().propose(net.now, {Slice::copy_of("b")}, out); });
  net.run();
  const Index committed = other.raft().commit_index();
  net.events.clear();
  old.step([&](Raft::Out& out) { old.raft().read_index(net.now, 7, out); });
  const auto ready = [](const Event& e) { return std::holds_alternative<ReadReady>(e); };
  const auto& events = net.events[old.id()];
  const auto answer = std::find_if(events.begin(), events.end(), ready);
  ASSERT_NE(answer, events.end()) << "the lease holds";
  EXPECT_GE(std::get<ReadReady>(*answer).index, committed);
  EXPECT_FALSE(written.ok());
}

}  // namespace
}  // namespace holdfast::raft
