// Single-decree Paxos under every fault it claims to survive; dueling proposers, with and without a way out; its cost;
// hostile input.
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/synod/synod_testing.h"
#include "holdfast/model/quorum.h"

namespace holdfast::synod {
namespace {

using World = explore::SmallWorld<Member>;

TEST(Synod, HoldsUnderEveryFaultAndEndsWhenTheyHeal) {
  size_t early = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    RandomRun run(seed);
    ASSERT_EQ(run.run(), "") << "seed " << seed;
    early += run.decided_before_healing() ? 1 : 0;
  }
  EXPECT_GT(early, 1000u);
  std::vector<std::string> missed;
  for (const Mark* m : all_marks()) {
    if (m->name.starts_with("synod.") && m->hits == 0) missed.emplace_back(m->name);
  }
  EXPECT_EQ(missed, std::vector<std::string>{"synod.implausible"});
}

// --- By hand ---

std::unique_ptr<Member> make(NodeId id, uint64_t n, const std::function<void(Config&)>& adjust) {
  Config config{.self = id, .seed = id.value(), .acceptors = nodes_of(n), .learners = nodes_of(n)};
  config.ask_interval = Duration();
  if (adjust) adjust(config);
  return std::make_unique<Member>(config);
}

class Council {
 public:
  explicit Council(uint64_t n, std::function<void(Config&)> adjust = {})
      : world([n, adjust](NodeId id) { return make(id, n, adjust); }) {
    for (const NodeId id : nodes_of(n)) world.add(id);
  }
  void propose(uint64_t id, std::string_view value) {
    world.step(world.at(NodeId(id)), [&](Member& m, Out& out) { m.propose(world.now, Slice::copy_of(value), out); });
  }
  void trust(uint64_t id, uint64_t leader) {
    world.step(world.at(NodeId(id)), [&](Member& m, Out& out) { m.trust(world.now, NodeId(leader), out); });
  }
  std::string decision(uint64_t id) {
    const auto& decided = world.at(NodeId(id)).core().decided();
    return decided ? decided->str() : "none";
  }
  // Like settle(), counting messages between different processes.
  size_t count_messages() {
    size_t count = 0;
    for (;;) {
      for (auto& [id, n] : world.nodes) world.sync(n);
      if (world.in_flight.empty()) return count;
      count += world.in_flight[0].from == world.in_flight[0].to ? 0 : 1;
      world.deliver(0);
    }
  }
  World world;
};

// docs/protocols/single-decree-paxos.md, "Cost".
TEST(Synod, CostsFiveMessagesForEachOther) {
  for (uint64_t n = 1; n <= 7; ++n) {
    Council council(n);
    council.propose(1, "v");
    council.trust(1, 1);
    EXPECT_EQ(council.count_messages(), 5 * (n - 1)) << n;
    for (uint64_t id = 1; id <= n; ++id) EXPECT_EQ(council.decision(id), "v");
    // With a leader that has collected before there was a value.
    Council prepared(n);
    prepared.trust(1, 1);
    EXPECT_EQ(prepared.count_messages(), 2 * (n - 1));
    prepared.propose(1, "v");
    EXPECT_EQ(prepared.count_messages(), 3 * (n - 1));
    // With acceptances to all.
    Council to_all(n, [](Config& c) { c.accepts_to_all = true; });
    to_all.trust(1, 1);
    to_all.count_messages();
    to_all.propose(1, "v");
    EXPECT_EQ(to_all.count_messages(), (n - 1) + n * (n - 1) + (n - 1));
  }
}

// --- Dueling proposers (lecture 004; Part-Time Parliament, 2.4) ---

// n1 and n2 propose to three acceptors. The adversary delivers all messages at once but Begin, which it holds back
// until a majority has promised a higher ballot, though for at most 20 ms. Returns the ballots it took; 0: none of
// `most` won.
uint64_t duel(uint64_t most, const std::function<void(Config&)>& adjust, bool one_leader) {
  Council council(3, adjust);
  World& world = council.world;
  council.propose(1, "a");
  council.propose(2, "b");
  council.trust(1, 1);
  council.trust(2, one_leader ? 1 : 2);
  std::map<const char*, Time> held_since;
  const auto ballots = [&] {
    uint64_t round = 0;
    for (auto& [id, n] : world.nodes) round = std::max(round, n.core().state().acceptor.promised.round);
    return round;
  };
  const auto doomed = [&](const Begin& begin) {
    size_t higher = 0;
    for (auto& [id, n] : world.nodes) higher += n.core().state().acceptor.promised > begin.ballot ? 1 : 0;
    return higher >= majority_of(3);
  };
  while (ballots() <= most) {
    for (auto& [id, n] : world.nodes) world.sync(n);
    if (council.decision(1) != "none" || council.decision(2) != "none") return ballots();
    size_t next = world.in_flight.size();
    for (size_t i = world.in_flight.size(); i-- > 0;) {
      const Message m = *codec::decode<Message>(world.in_flight[i].bytes);
      const auto* begin = std::get_if<Begin>(&m);
      const Time since = held_since.emplace(world.in_flight[i].bytes.data(), world.now).first->second;
      if (begin == nullptr || doomed(*begin) || world.now - since > Duration::millis(20)) next = i;
    }
    if (next < world.in_flight.size()) {
      held_since.erase(world.in_flight[next].bytes.data());
      world.deliver(next);
    } else {
      bool due = false;
      for (auto& [id, n] : world.nodes) due = due || n.core().deadline() <= world.now;
      world.wait(due ? Duration() : Duration::millis(1));
    }
  }
  return 0;
}

TEST(SynodDuel, GoesOnForEverWithoutLeaderAndBackoff) {
  EXPECT_EQ(duel(
                3000, [](Config& c) { c.leadership = Leadership::kAnyone, c.backoff_first = Duration(); }, false),
            0u);
}

TEST(SynodDuel, IsSettledByALeader) {
  const uint64_t ballots = duel(
      3000, [](Config& c) { c.backoff_first = Duration(); }, /*one_leader=*/true);
  EXPECT_EQ(ballots, 1u);
}

TEST(SynodDuel, TwoThatAreBothTrustedDuelAsWell) {
  EXPECT_EQ(duel(
                3000, [](Config& c) { c.backoff_first = Duration(); }, /*one_leader=*/false),
            0u);
}

TEST(SynodDuel, IsSettledByRandomisedBackoff) {
  uint64_t longest = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const uint64_t ballots = duel(
        3000,
        [seed](Config& c) {
          c.leadership = Leadership::kAnyone;
          c.seed = seed * 10 + c.self.value();
        },
        false);
    ASSERT_GT(ballots, 0u) << "seed " << seed;
    longest = std::max(longest, ballots);
  }
  EXPECT_LE(longest, 40u);
  EXPECT_GT(longest, 1u);
}

// --- Claims, one by one (Paxos Made Simple) ---

// P1a: an acceptor accepts a proposal unless it has promised a higher ballot.
TEST(SynodAcceptor, AcceptsNothingBelowItsPromise) {
  Acceptor acceptor(Config{.self = NodeId(3), .acceptors = nodes_of(3)});
  Out out;
  acceptor.on(NodeId(1), Begin{{2, NodeId(1)}, Slice::copy_of("a")}, out);
  acceptor.on(NodeId(2), Collect{{2, NodeId(2)}}, out);
  acceptor.on(NodeId(1), Begin{{2, NodeId(1)}, Slice::copy_of("a")}, out);
  acceptor.on(NodeId(1), Collect{{1, NodeId(1)}}, out);
  ASSERT_EQ(out.sent.size(), 4u);
  EXPECT_EQ(print(out.sent[0].wire), "Accept{b2.n1, \"a\"}");
  EXPECT_EQ(print(out.sent[1].wire), "Last{b2.n2, Vote{b2.n1, \"a\"}}");
  EXPECT_EQ(print(out.sent[2].wire), "Refuse{b2.n1, b2.n2}");
  EXPECT_EQ(print(out.sent[3].wire), "Refuse{b1.n1, b2.n2}");
  EXPECT_EQ(out.persisted.size(), 2u);
  EXPECT_EQ(out.sent[0].after, out.persisted[0].seq);
  EXPECT_EQ(out.sent[1].after, out.persisted[1].seq);
}

// P2c: the value of the highest-numbered proposal among the answers, else its own.
TEST(SynodProposer, IsBoundByTheHighestVoteOfAMajority) {
  Proposer proposer(Config{.self = NodeId(1), .acceptors = nodes_of(5)});
  Out out;
  proposer.see({7, NodeId(2)});
  proposer.trust(Time(), NodeId(1), out);
  proposer.want(Time(), Slice::copy_of("mine"), out);
  const Ballot ballot{8, NodeId(1)};
  out.clear();
  proposer.on(Time(), NodeId(2), Last{ballot, Vote{{3, NodeId(2)}, Slice::copy_of("three")}}, out);
  proposer.on(Time(), NodeId(3), Last{ballot, Vote{{5, NodeId(2)}, Slice::copy_of("five")}}, out);
  proposer.on(Time(), NodeId(3), Last{ballot, {}}, out);
  EXPECT_TRUE(out.sent.empty()) << "an acceptor counts once";
  proposer.on(Time(), NodeId(4), Last{ballot, Vote{{4, NodeId(5)}, Slice::copy_of("four")}}, out);
  ASSERT_EQ(out.sent.size(), 5u);
  EXPECT_EQ(print(out.sent[0].wire), "Begin{b8.n1, \"five\"}");
}

TEST(SynodProposer, NeverUsesABallotTwiceOverRestarts) {
  Proposer proposer(Config{.self = NodeId(1), .acceptors = nodes_of(3)});
  proposer.replay(StableSeq(4), Tried{{9, NodeId(1)}});
  Out out;
  out.continue_at(StableSeq(5));
  proposer.trust(Time(), NodeId(1), out);
  ASSERT_EQ(out.persisted.size(), 1u);
  EXPECT_EQ(print(out.persisted[0].record), "Tried{b10.n1}");
  for (const auto& s : out.sent) EXPECT_EQ(s.after, StableSeq(5));
}

TEST(SynodLearner, CountsAcceptorsNotMessagesAndNeverMixesBallots) {
  Learner learner(Config{.self = NodeId(1), .acceptors = nodes_of(3)});
  const Slice a = Slice::copy_of("a");
  EXPECT_FALSE(learner.on(NodeId(1), Accept{{1, NodeId(1)}, a}));
  EXPECT_FALSE(learner.on(NodeId(1), Accept{{1, NodeId(1)}, a}));
  EXPECT_FALSE(learner.on(NodeId(2), Accept{{2, NodeId(2)}, a}));
  EXPECT_FALSE(learner.on(NodeId(1), Accept{{1, NodeId(1)}, a}));
  EXPECT_TRUE(learner.on(NodeId(3), Accept{{2, NodeId(2)}, a}));
  EXPECT_FALSE(learner.on(NodeId(1), Accept{{2, NodeId(2)}, a})) << "it is known";
}

TEST(Synod, NonsenseChangesNothing) {
  Member member(Config{.self = NodeId(1), .acceptors = nodes_of(3), .learners = nodes_of(3)});
  Out out;
  member.start(Time(), out);
  member.trust(Time(), NodeId(1), out);
  const std::string before = print(codec::encode_flat(member.state()));
  out.clear();
  const Slice v = Slice::copy_of("v");
  const Ballot tried = member.state().proposer.ballot;
  const std::vector<std::pair<uint64_t, Message>> nonsense = {
      {2, Collect{{1, NodeId(3)}}},                   // another's ballot
      {2, Begin{{0, NodeId(2)}, v}},                  // none
      {2, Collect{{kMaxRound, NodeId(2)}}},           // beyond all
      {2, Refuse{tried, {~uint64_t{0}, NodeId(2)}}},  // likewise
      {2, Last{tried, Vote{{9, NodeId(2)}, v}}},      // a vote from the future
      {4, Last{tried, {}}},                           // no acceptor
      {4, Accept{tried, v}},
      {4, Refuse{tried, {9, NodeId(4)}}}};
  for (const auto& [from, m] : nonsense) member.on_message(Time(), NodeId(from), m, out);
  member.check_invariants();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(print(codec::encode_flat(member.state())), before);
}

}  // namespace
}  // namespace holdfast::synod
