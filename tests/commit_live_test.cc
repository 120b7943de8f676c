// Two-phase commit in the real world: sites over real sockets, log threads and files (live_group.h). The same core runs
// in the simulated world in commit_sim_test.cc.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "holdfast/commit/site.h"
#include "tests/live_group.h"

namespace holdfast {
namespace {

using commit::Outcome;
using commit::Site;
using commit::TxnId;

// Sites and their owners.
class CommitLive : public testing::Test {
 protected:
  struct Owner {
    std::optional<bool> votes = true;  // its answer to Prepare; none: it holds it back
    size_t handled = 0;                // of the site's events
    std::set<TxnId> prepares, in_doubt, concluded;
    std::map<TxnId, Outcome> outcomes;  // as participant
    std::map<TxnId, Outcome> decided;   // as coordinator
  };

  testing::AssertionResult until(const std::function<bool()>& done) {
    return group_.until([&] {
      for (uint64_t id = 1; id <= 3; ++id) {
        if (group_.up(id)) serve(id);
      }
      return done();
    });
  }
  void serve(uint64_t id) {
    Owner& o = owners_[id];
    for (; o.handled < group_.events(id).size(); ++o.handled) {
      const commit::SiteEvent event = group_.events(id)[o.handled];
      std::visit([&](const auto& e) { on(id, o, e); }, event);
    }
  }
  void on(uint64_t id, Owner& o, const commit::Prepare& e) {
    o.prepares.insert(e.txn);
    if (o.votes) vote(id, e.txn, *o.votes);
  }
  void on(uint64_t id, Owner& o, const commit::Commit& e) {
    EXPECT_EQ(e.workspace.view(), "undo and redo");
    o.outcomes[e.txn] = Outcome::kCommit;
    group_.input(id, [txn = e.txn](Site& s, Time now, Site::Out& out) { s.done(now, txn, out); });
  }
  void on(uint64_t, Owner& o, const commit::Abort& e) { o.outcomes[e.txn] = Outcome::kAbort; }
  void on(uint64_t, Owner& o, const commit::InDoubt& e) { o.in_doubt.insert(e.txn); }
  void on(uint64_t, Owner& o, const commit::Decided& e) { o.decided[e.txn] = e.outcome; }
  void on(uint64_t, Owner& o, const commit::Concluded& e) { o.concluded.insert(e.txn); }

  void vote(uint64_t id, const TxnId& txn, bool yes) {
    group_.input(id, [txn, yes](Site& s, Time now, Site::Out& out) {
      s.vote(now, txn, yes, Slice::unowned("undo and redo"), out);
    });
  }
  TxnId begin(uint64_t id, const std::vector<uint64_t>& participants) {
    std::vector<commit::Part> parts;
    for (const uint64_t p : participants) parts.push_back({NodeId(p), Slice::unowned("work")});
    TxnId txn;
    group_.input(id, [&](Site& s, Time now, Site::Out& out) {
      const auto begun = s.begin(now, parts, out);
      EXPECT_TRUE(begun.ok()) << begun.status();
      if (begun.ok()) txn = *begun;
    });
    return txn;
  }
  void restart(uint64_t id) {
    owners_[id].handled = 0;
    group_.restart(id);
  }
  bool all_have(const TxnId& txn, Outcome outcome) {
    for (auto& [id, o] : owners_) {
      const auto found = o.outcomes.find(txn);
      if (found == o.outcomes.end() || found->second != outcome) return false;
    }
    return true;
  }

  std::map<uint64_t, Owner> owners_ = {{1, {}}, {2, {}}, {3, {}}};
  LiveGroup<Site> group_{3, [](NodeId self) {
                           commit::Config config;
                           config.self = self;
                           config.resend_first = Duration::millis(20);
                           config.decision_timeout = Duration::millis(50);
                           return std::make_unique<Site>(config);
                         }};
};

TEST_F(CommitLive, AllYesCommitsEverywhere) {
  const TxnId txn = begin(1, {1, 2, 3});
  EXPECT_TRUE(until([&] { return all_have(txn, Outcome::kCommit) && owners_[1].concluded.contains(txn); }));
}

TEST_F(CommitLive, OneNoAbortsEverywhere) {
  owners_[3].votes = false;
  const TxnId txn = begin(1, {1, 2, 3});
  EXPECT_TRUE(until([&] { return owners_[1].decided.contains(txn) && owners_[2].outcomes.contains(txn); }));
  EXPECT_EQ(owners_[1].decided[txn], Outcome::kAbort);
  EXPECT_EQ(owners_[2].outcomes[txn], Outcome::kAbort);
}

// A participant that stops in doubt finds its promise on the disk, and the decision by asking.
TEST_F(CommitLive, AParticipantThatRestartsInDoubtLearnsTheDecision) {
  owners_[2].votes = std::nullopt;
  const TxnId txn = begin(1, {1, 2, 3});
  ASSERT_TRUE(until([&] { return owners_[2].prepares.contains(txn); }));
  vote(2, txn, true);
  group_.stop(2);  // the vote is on the disk; whether it was sent does not matter
  owners_[2].votes = true;
  restart(2);
  EXPECT_TRUE(until([&] { return all_have(txn, Outcome::kCommit) && owners_[1].concluded.contains(txn); }));
  EXPECT_TRUE(owners_[2].in_doubt.contains(txn));
}

// A coordinator that restarts uses no name twice, and goes on with what it had decided.
TEST_F(CommitLive, ACoordinatorThatRestartsBeginsANewEpoch) {
  const TxnId first = begin(1, {2, 3});
  ASSERT_TRUE(until([&] { return owners_[1].decided.contains(first); }));
  group_.stop(1);
  restart(1);
  const TxnId second = begin(1, {2, 3});
  EXPECT_LT(first, second);
  EXPECT_TRUE(until([&] { return owners_[1].concluded.contains(second) && owners_[2].outcomes.contains(first); }));
  EXPECT_EQ(owners_[2].outcomes[first], owners_[1].decided[first]);
}

}  // namespace
}  // namespace holdfast
