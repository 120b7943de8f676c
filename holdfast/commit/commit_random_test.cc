// Atomic commitment under random loss, repetition, reordering and crashes at every step, and the limits of the halves.
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/commit/commit_random_testing.h"

namespace holdfast::commit {
namespace {

TEST(TwoPhaseCommit, HoldsUnderEveryFaultAndEndsWhenTheyHeal) {
  size_t commits = 0, aborts = 0;
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    RandomRun run(seed, Faults{});
    run.run(1500);
    ASSERT_EQ(run.checker.violations, std::vector<std::string>()) << "seed " << seed;
    ASSERT_TRUE(run.heal()) << "seed " << seed << ": somebody is still in doubt, or waits for ever";
    ASSERT_EQ(run.checker.violations, std::vector<std::string>()) << "seed " << seed;
    commits += run.checker.count(Outcome::kCommit);
    aborts += run.checker.count(Outcome::kAbort);
  }
  EXPECT_GT(commits, 1000u);
  EXPECT_GT(aborts, 1000u);
  std::vector<std::string> missed;
  for (const Mark* m : all_marks()) {
    if (m->name.starts_with("commit.") && m->hits == 0) missed.emplace_back(m->name);
  }
  // Two need what a random run has not: a lost disk, and a full table.
  EXPECT_EQ(missed.size(), 2u) << testing::PrintToString(missed);
}

TEST(TwoPhaseCommit, CommitsEverythingWhenNothingFailsAndAllVoteYes) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    RandomRun run(seed, Faults{false, false, false, false, false});
    run.run(1500);
    ASSERT_TRUE(run.heal()) << "seed " << seed;
    ASSERT_EQ(run.checker.violations, std::vector<std::string>()) << "seed " << seed;
    ASSERT_EQ(run.checker.count(Outcome::kCommit), run.begun) << "seed " << seed;
  }
}

TEST(TwoPhaseCommit, ForgetsWhatIsOverAndReleasesItsRecords) {
  RandomRun run(7, Faults{});
  for (int i = 0; i < 20; ++i) {
    run.run(2000);
    ASSERT_TRUE(run.heal());
    for (const auto& [id, n] : run.world.nodes) {
      ASSERT_LT(n.disk.size(), 4 * n.config.checkpoint_records + 200) << print(id);
      ASSERT_LT(n.core->site.participant().remembered(), 400u) << print(id);
    }
  }
  EXPECT_GT(run.begun, 1000u);
}

// --- The halves alone: limits and hostile input ---

class CoordinatorLimits : public testing::Test {
 protected:
  CoordinatorLimits() : coordinator_(config()) { coordinator_.start(now_, out_); }
  static Config config() {
    Config c;
    c.self = NodeId(1);
    c.max_open = 3;
    c.max_window = 5;
    return c;
  }
  StatusCode begin(std::vector<NodeId> nodes) {
    std::vector<Part> parts;
    for (const NodeId n : nodes) parts.push_back({n, {}});
    const StatusOr<TxnId> txn = coordinator_.begin(now_, parts, out_);
    if (txn.ok()) last_ = *txn;
    coordinator_.check_invariants();
    return txn.status().code();
  }

  Time now_ = Time::at_millis(1);
  Coordinator::Out out_;
  Coordinator coordinator_;
  TxnId last_;
};

TEST_F(CoordinatorLimits, RefusesNobodyTwiceAndTooMany) {
  EXPECT_EQ(begin({}), StatusCode::kInvalidArgument);
  EXPECT_EQ(begin({NodeId(2), NodeId(2)}), StatusCode::kInvalidArgument);
  EXPECT_EQ(begin({NodeId(0)}), StatusCode::kInvalidArgument);
  std::vector<NodeId> many;
  for (uint64_t i = 1; i <= kMaxParticipants + 1; ++i) many.push_back(NodeId(i));
  EXPECT_EQ(begin(many), StatusCode::kInvalidArgument);
  many.pop_back();
  EXPECT_EQ(begin(many), StatusCode::kOk);
}

TEST_F(CoordinatorLimits, RefusesMoreThanItMayHaveOpen) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(begin({NodeId(2)}), StatusCode::kOk);
  EXPECT_EQ(begin({NodeId(2)}), StatusCode::kResourceExhausted);
  ASSERT_TRUE(coordinator_.abort(now_, last_, out_).ok());
  EXPECT_EQ(begin({NodeId(2)}), StatusCode::kOk);
}

TEST_F(CoordinatorLimits, RefusesToRunFarAheadOfItsOldestTransaction) {
  ASSERT_EQ(begin({NodeId(2)}), StatusCode::kOk);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(begin({NodeId(3)}), StatusCode::kOk);
    ASSERT_TRUE(coordinator_.abort(now_, last_, out_).ok());
  }
  EXPECT_EQ(begin({NodeId(3)}), StatusCode::kResourceExhausted);
}

TEST_F(CoordinatorLimits, AbortsOnlyWhatIsUndecided) {
  ASSERT_EQ(begin({NodeId(2)}), StatusCode::kOk);
  coordinator_.on_message(now_, NodeId(2), Vote{last_, true}, out_);
  EXPECT_EQ(coordinator_.abort(now_, last_, out_).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(coordinator_.abort(now_, TxnId{NodeId(1), 1, 99}, out_).code(), StatusCode::kFailedPrecondition);
}

TEST_F(CoordinatorLimits, AVoteOfSomebodyElseCountsForNothing) {
  ASSERT_EQ(begin({NodeId(2)}), StatusCode::kOk);
  out_.clear();
  coordinator_.on_message(now_, NodeId(3), Vote{last_, true}, out_);
  coordinator_.on_message(now_, NodeId(3), Vote{last_, false}, out_);
  coordinator_.on_message(now_, NodeId(3), Acknowledge{last_}, out_);
  EXPECT_TRUE(out_.empty());
  EXPECT_EQ(coordinator_.open(), 1u);
}

TEST_F(CoordinatorLimits, PresumesNothingAboutWhatItCannotHaveBegun) {
  out_.clear();
  coordinator_.on_message(now_, NodeId(2), DecisionRequest{TxnId{NodeId(1), 5, 1}}, out_);  // a life it does not recall
  coordinator_.on_message(now_, NodeId(2), DecisionRequest{TxnId{NodeId(9), 1, 1}}, out_);  // another's
  coordinator_.on_message(now_, NodeId(2), Vote{TxnId{NodeId(1), 1, 1}, true}, out_);
  EXPECT_TRUE(out_.empty());
}

TEST(ParticipantLimits, AFullTableVotesNoAndRefusesNothingForFellows) {
  Config config;
  config.self = NodeId(2);
  config.max_transactions = 1;
  Participant participant(config);
  Participant::Out out;
  const Time now = Time::at_millis(1);
  participant.start(now, out);
  const auto request = [](uint64_t n) {
    return VoteRequest{TxnId{NodeId(1), 1, n}, TxnId{NodeId(1), 1, 1}, {NodeId(2)}, {}};
  };
  participant.on_message(now, NodeId(1), request(1), out);
  out.clear();
  participant.on_message(now, NodeId(1), request(2), out);
  ASSERT_EQ(out.sent.size(), 1u);
  EXPECT_EQ(print(out.sent[0].wire), "Vote{n1.1.2, false}");
  out.clear();
  participant.on_message(now, NodeId(3), DecisionRequest{TxnId{NodeId(1), 1, 3}}, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(participant.remembered(), 1u);
}

TEST(ParticipantLimits, OnlyTheCoordinatorMayAskForAVote) {
  Config config;
  config.self = NodeId(2);
  Participant participant(config);
  Participant::Out out;
  participant.on_message(Time(), NodeId(3), VoteRequest{TxnId{NodeId(1), 1, 1}, {}, {NodeId(2)}, {}}, out);
  EXPECT_TRUE(out.empty());
  participant.vote(Time(), TxnId{NodeId(1), 1, 1}, true, {}, out);
  participant.done(Time(), TxnId{NodeId(1), 1, 1}, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(participant.remembered(), 0u);
}

}  // namespace
}  // namespace holdfast::commit
