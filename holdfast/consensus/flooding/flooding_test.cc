// Flooding consensus in its model, under random crashes; what it does not promise; hostile input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/flooding/flooding_testing.h"

namespace holdfast::flooding {
namespace {

// FLOODING_FIRST=N FLOODING_SEEDS=M runs others than the suite does, and replays one.
template <class Run>
void expect_no_broken_promise(Agreement agreement, uint64_t otherwise) {
  const auto number = [](const char* name, uint64_t or_else) {
    const char* text = std::getenv(name);
    return text == nullptr ? or_else : std::strtoull(text, nullptr, 10);
  };
  const uint64_t first = number("FLOODING_FIRST", 1), last = first + number("FLOODING_SEEDS", otherwise) - 1;
  for (uint64_t seed = first; seed <= last; ++seed) {
    ASSERT_EQ(Run(seed, agreement).violation(), "") << "seed " << seed << " " << print(agreement);
  }
}

// Cachin, Guerraoui, Rodrigues, module 5.1 (regular consensus): termination, validity, integrity, agreement.
TEST(FloodingConsensus, TerminationValidityIntegrityAgreement) {
  expect_no_broken_promise<InstanceRun>(Agreement::kCorrect, 20'000);
}

// Module 5.2: the same with uniform agreement.
TEST(FloodingConsensus, UniformAgreement) {
  expect_no_broken_promise<InstanceRun>(Agreement::kUniform, 20'000);
}

TEST(FloodingLog, AllDeliverTheSameCommandsInTheSameOrder) {
  for (const Agreement agreement : {Agreement::kCorrect, Agreement::kUniform}) {
    expect_no_broken_promise<LogRun>(agreement, 1200);
  }
  std::vector<std::string> missed;
  for (const Mark* m : all_marks()) {
    if (m->name.starts_with("flooding.") && m->hits == 0) missed.emplace_back(m->name);
  }
  std::sort(missed.begin(), missed.end());
  // What runs in the model do not have: restarts, lies, strangers and nonsense.
  const std::vector<std::string> outside = {"flooding.halted_at_its_restart",
                                            "flooding.back_from_silence",
                                            "flooding.halted_by_the_others",
                                            "flooding.implausible",
                                            "flooding.message_after_the_notice",
                                            "flooding.no_batch",
                                            "flooding.stranger",
                                            "flooding.too_far_ahead"};
  EXPECT_TRUE(std::includes(outside.begin(), outside.end(), missed.begin(), missed.end()))
      << testing::PrintToString(missed);
}

// --- A group without faults, by hand ---

class Group {
 public:
  Group(uint64_t n, Agreement agreement)
      : world([n, agreement](NodeId id) {
          return std::make_unique<Flooding>(Config{id, group_of(n), agreement, NodeId(1)});
        }) {
    for (const NodeId id : group_of(n)) world.add(id);
    for (auto& [id, node] : world.nodes) world.sync(node);
  }
  void propose(uint64_t id, std::string_view value) {
    world.step(world.at(NodeId(id)), [&](Flooding& f, Flooding::Out& out) {
      ASSERT_TRUE(f.propose(world.now, Slice::copy_of(value), out).ok());
    });
  }
  void notify(uint64_t id, uint64_t gone) {
    world.step(world.at(NodeId(id)),
               [&](Flooding& f, Flooding::Out& out) { f.on_crash(world.now, NodeId(gone), out); });
  }
  // What waits for the next step of a process is said.
  void tick(uint64_t id) {
    if (auto& n = world.at(NodeId(id)); n.core().deadline() <= world.now) n.pump->on_time(world.now);
  }
  // Delivers everything in flight now from one process to another; returns how many messages that were.
  size_t deliver(uint64_t from, uint64_t to) {
    size_t count = 0;
    for (size_t i = 0; i < world.in_flight.size();) {
      const bool match = world.in_flight[i].from == NodeId(from) && world.in_flight[i].to == NodeId(to);
      match ? (world.deliver(i), ++count) : ++i;
    }
    return count;
  }
  // Everything in flight from one process is lost, as by its crash.
  void lose(uint64_t from) {
    for (size_t i = 0; i < world.in_flight.size();) {
      world.in_flight[i].from == NodeId(from) ? world.lose(i) : void(++i);
    }
  }
  size_t deliver_all() {
    size_t count = 0;
    for (; !world.in_flight.empty(); ++count) world.deliver(0);
    return count;
  }
  std::string decision(uint64_t id) {
    auto& events = world.at(NodeId(id)).events;
    return events.empty() ? "none" : std::get<Chosen>(events.back()).choice.value.str();
  }

  explore::SmallWorld<Flooding> world;
};

// docs/protocols/flooding.md, "Cost".
TEST(FloodingConsensus, CostsTwiceEverybodyToEverybodyElseWithoutFaults) {
  for (uint64_t n = 2; n <= 7; ++n) {
    for (const Agreement agreement : {Agreement::kCorrect, Agreement::kUniform}) {
      Group group(n, agreement);
      for (uint64_t id = 1; id <= n; ++id) group.propose(id, "v" + std::to_string(id));
      EXPECT_EQ(group.deliver_all(), 2 * n * (n - 1));
      for (uint64_t id = 1; id <= n; ++id) EXPECT_EQ(group.decision(id), "v1");
    }
  }
}

TEST(FloodingConsensus, AnEmptyProposalIsChosenOnlyAmongEmptyOnes) {
  Group group(3, Agreement::kCorrect);
  group.propose(1, "");
  group.propose(2, "");
  group.propose(3, "something");
  group.deliver_all();
  EXPECT_EQ(group.decision(1), "something");
  EXPECT_EQ(group.decision(2), "something");
  const std::vector<Proposal> known = {
      {NodeId(1), {}}, {NodeId(3), Slice::copy_of("c")}, {NodeId(4), Slice::copy_of("d")}};
  EXPECT_EQ(select(known, NodeId(1)).proposer, NodeId(3));
  EXPECT_EQ(select(known, NodeId(4)).proposer, NodeId(4));
  EXPECT_EQ(select(known, NodeId(5)).proposer, NodeId(3));
}

// --- What it does not promise, demonstrated ---

// A false suspicion: both others are told that n1 has crashed while its proposal is on its way.
TEST(FloodingNonGuarantee, AFalseSuspicionBreaksAgreement) {
  Group group(3, Agreement::kCorrect);
  for (uint64_t id = 1; id <= 3; ++id) group.propose(id, "v" + std::to_string(id));
  group.notify(2, 1);
  group.notify(3, 1);
  group.deliver(2, 1), group.deliver(3, 1);
  group.deliver(2, 3), group.deliver(3, 2);
  group.deliver(2, 3), group.deliver(3, 2);
  EXPECT_EQ(group.decision(1), "v1");
  EXPECT_EQ(group.decision(2), "v2");
  EXPECT_EQ(group.decision(3), "v2");
}

// The same lie under uniform agreement: n1 waits for the others' consent, which never comes. It blocks instead.
TEST(FloodingNonGuarantee, UnderUniformAgreementTheSameFalseSuspicionBlocksTheSuspected) {
  Group group(3, Agreement::kUniform);
  for (uint64_t id = 1; id <= 3; ++id) group.propose(id, "v" + std::to_string(id));
  group.notify(2, 1);
  group.notify(3, 1);
  group.deliver_all();
  EXPECT_EQ(group.decision(1), "none");
  EXPECT_EQ(group.decision(2), "v2");
  EXPECT_EQ(group.decision(3), "v2");
}

// n1's proposal reaches n2 alone, n2's decision n3 alone; both crash. When the notice of n2 comes to n4 before n2's own
// proposal, n4 hears the same two in both of its rounds and decides without what n3 is about to learn. Both live on.
TEST(FloodingNonGuarantee, ANoticeThatOvertakesMessagesBreaksAgreement) {
  for (const bool overtakes : {false, true}) {
    Group group(4, Agreement::kCorrect);
    for (uint64_t id = 1; id <= 4; ++id) group.propose(id, "v" + std::to_string(id));
    group.deliver(1, 2), group.lose(1);
    if (!overtakes) group.deliver(2, 4);
    group.deliver(2, 3), group.deliver(3, 2), group.deliver(3, 4), group.deliver(4, 2), group.deliver(4, 3);
    EXPECT_EQ(group.decision(2), "v1");
    group.notify(3, 1), group.notify(4, 1), group.notify(4, 2);
    group.deliver(3, 4);
    EXPECT_EQ(group.decision(4), overtakes ? "v2" : "none");
    group.deliver(2, 3);
    EXPECT_EQ(group.decision(3), "v1");
    group.deliver(3, 4);
    EXPECT_EQ(group.decision(4), overtakes ? "v2" : "v1");
  }
}

TEST(FloodingNonGuarantee, WhoDecidesAndCrashesMayHaveDecidedSomethingElse) {
  for (const Agreement agreement : {Agreement::kCorrect, Agreement::kUniform}) {
    Group group(3, agreement);
    for (uint64_t id = 1; id <= 3; ++id) group.propose(id, "v" + std::to_string(id));
    group.deliver(2, 3);
    group.deliver(1, 2), group.lose(1);  // n1 crashes; nobody but n2 hears it
    group.deliver(3, 2), group.lose(2);  // n2 knows all, may choose, and crashes
    EXPECT_EQ(group.decision(2), agreement == Agreement::kCorrect ? "v1" : "none");
    group.notify(3, 1);
    group.notify(3, 2);
    group.tick(3);
    EXPECT_EQ(group.decision(3), "v2");
  }
}

TEST(FloodingConsensus, ALostMessageBlocksAndDecidesNothing) {
  Group group(3, Agreement::kCorrect);
  for (uint64_t id = 1; id <= 3; ++id) group.propose(id, "v" + std::to_string(id));
  group.world.lose(0);  // from n1 to n2
  group.deliver(3, 2);
  EXPECT_EQ(group.decision(2), "none");
}

// --- Fail-stop, made true ---

TEST(FloodingConsensus, WhoHasCrashedStaysSilentForEver) {
  Group group(2, Agreement::kCorrect);
  auto& n1 = group.world.at(NodeId(1));
  group.world.crash(n1);
  group.world.start(n1);
  ASSERT_EQ(n1.events.size(), 1u);
  EXPECT_EQ(print(n1.events[0]), "Halted{n1}");
  group.world.step(n1, [&](Flooding& f, Flooding::Out& out) {
    EXPECT_EQ(f.propose(group.world.now, {}, out).code(), StatusCode::kFailedPrecondition);
  });
  group.propose(2, "v2");
  group.deliver_all();
  group.notify(2, 1);
  group.tick(2);
  EXPECT_EQ(group.decision(2), "v2");
  for (const auto& m : group.world.in_flight) EXPECT_EQ(m.from, NodeId(2));
}

TEST(FloodingLog, ARemovedProcessHaltsWhenItHearsOfIt) {
  LogConfig config{NodeId(1), group_of(2)};
  FloodingLog log(config);
  FloodingLog::Out out;
  log.start(Time(), out);
  const Batch batch{{}, {NodeId(1)}};
  const Proposal choice{NodeId(2), codec::encode_flat(batch)};
  log.on_message(Time(), NodeId(2), InSlot{1, Proposals{1, {choice}}}, out);
  log.on_message(Time(), NodeId(2), InSlot{1, Decided{choice}}, out);
  log.check_invariants();
  EXPECT_TRUE(log.halted());
  EXPECT_EQ(log.submit(Time(), {}, out).code(), StatusCode::kFailedPrecondition);
}

// What it knew of the group ends with its part in it.
TEST(FloodingLog, AHaltedProcessKnowsOfNobodyElse) {
  FloodingLog log({NodeId(3), group_of(4), Agreement::kCorrect});
  FloodingLog::Out out;
  log.start(Time(), out);
  ASSERT_TRUE(log.submit(Time(), Slice::copy_of("mine"), out).ok());
  log.on_time(Time(), out);
  log.on_crash(Time(), NodeId(4), out);
  log.on_message(Time(), NodeId(2), InSlot{2, Proposals{1, {{NodeId(2), Slice()}}}}, out);
  const size_t said = out.sent.size();
  const Batch batch{{}, {NodeId(3)}};
  log.on_message(Time(), NodeId(1), InSlot{1, Decided{{NodeId(1), codec::encode_flat(batch)}}}, out);
  log.check_invariants();
  EXPECT_TRUE(log.halted());
  EXPECT_EQ(log.slot(), 1u) << "there is no next slot for it";
  for (size_t i = said; i < out.sent.size(); ++i) EXPECT_EQ(std::get<InSlot>(out.sent[i].wire).slot, 1u);
}

TEST(FloodingLog, RefusesMoreThanItMayHold) {
  LogConfig config{NodeId(1), group_of(2)};
  config.max_waiting = 2;
  FloodingLog log(config);
  FloodingLog::Out out;
  log.start(Time(), out);
  EXPECT_TRUE(log.submit(Time(), Slice::copy_of("a"), out).ok());
  EXPECT_TRUE(log.submit(Time(), Slice::copy_of("b"), out).ok());
  EXPECT_EQ(log.submit(Time(), Slice::copy_of("c"), out).code(), StatusCode::kResourceExhausted);
}

// --- Hostile input ---

TEST(FloodingConsensus, NonsenseChangesNothing) {
  Flooding flooding(Config{NodeId(1), group_of(3), Agreement::kCorrect, NodeId(1)});
  Flooding::Out out;
  flooding.start(Time(), out);
  const Slice v = Slice::copy_of("v");
  const std::vector<Message> nonsense = {Proposals{0, {{NodeId(2), v}}},
                                         Proposals{9, {{NodeId(2), v}}},
                                         Proposals{1, {}},
                                         Proposals{1, {{NodeId(4), v}}},
                                         Proposals{1, {{NodeId(3), v}, {NodeId(2), v}}},
                                         Proposals{1, {{NodeId(2), v}, {NodeId(2), v}}},
                                         Decided{{NodeId(4), v}}};
  for (const Message& m : nonsense) flooding.on_message(Time(), NodeId(2), m, out);
  const Message good = Proposals{1, {{NodeId(2), v}}};
  flooding.on_message(Time(), NodeId(1), good, out);
  flooding.on_message(Time(), NodeId(4), good, out);
  flooding.on_crash(Time(), NodeId(1), out);
  flooding.on_crash(Time(), NodeId(4), out);
  flooding.check_invariants();
  EXPECT_TRUE(out.sent.empty() && out.raised.empty());
  EXPECT_TRUE(flooding.state().rounds.empty() && flooding.state().crashed.empty());
}

// --- What a crash cuts off: one thing that was said ---

// Processes whose every step is taken by hand. What one says in a step comes to those who are reached alone, and waits
// in its channel until it is taken.
class Steps {
 public:
  Steps(uint64_t n, Agreement agreement) {
    for (uint64_t i = 1; i <= n; ++i) {
      at_.emplace(i, Config{NodeId(i), group_of(n), agreement, NodeId(1)});
      at_.at(i).start(Time(), out_[i]);
    }
  }
  void propose(uint64_t i) {
    ASSERT_TRUE(at_.at(i).propose(Time(), Slice::copy_of("v" + std::to_string(i)), out_[i]).ok());
  }
  void notice(uint64_t i, std::vector<uint64_t> gone) {
    for (const uint64_t g : gone) at_.at(i).on_crash(Time(), NodeId(g), out_[i]);
  }
  void tick(uint64_t i) {
    if (at_.at(i).deadline() != Time::never()) at_.at(i).on_time(Time(), out_[i]);
  }
  // What `i` has said since the last time.
  void reach(uint64_t i, std::vector<uint64_t> reached) {
    for (const auto& s : std::exchange(out_[i].sent, {})) {
      const uint64_t to = s.to.value();
      if (std::count(reached.begin(), reached.end(), to) != 0) channel_[{i, to}].push_back(s.wire);
    }
  }
  // The oldest message of a channel; nothing when it is empty.
  void take(uint64_t to, uint64_t from) {
    auto& channel = channel_[{from, to}];
    if (channel.empty()) return;
    const Message m = channel.front();
    channel.erase(channel.begin());
    at_.at(to).on_message(Time(), NodeId(from), m, out_[to]);
  }
  // Nothing more is cut off between the two who are left.
  void finish(uint64_t one, uint64_t other) {
    for (int i = 0; i < 10; ++i) {
      for (const auto& [id, peer] : {std::pair(one, other), std::pair(other, one)}) {
        tick(id), reach(id, {peer}), take(peer, id);
      }
    }
  }
  std::string decision(uint64_t i) {
    return out_[i].raised.size() == 1 ? print(out_[i].raised[0].event) : "waits for ever";
  }

 private:
  std::map<uint64_t, Flooding> at_;
  std::map<uint64_t, Flooding::Out> out_;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<Message>> channel_;
};

class ACrashCutsOff : public testing::TestWithParam<Agreement> {};

// Of five, 1 to 3 crash; 1 has reached 3 only, and the last step of 3 reaches 5 only. If 3 had said two rounds in it, 4
// would choose without what 5 has learnt from the second one, and 5 with it, both in round 2.
TEST_P(ACrashCutsOff, NoMoreThanOneRound) {
  Steps s(5, GetParam());
  s.propose(1), s.reach(1, {3});
  s.propose(4), s.reach(4, {3, 5});
  s.propose(5), s.reach(5, {3, 4});
  s.take(3, 1), s.take(3, 4), s.take(3, 5);
  s.notice(3, {2});
  s.propose(3), s.reach(3, {5});
  s.take(5, 4), s.take(4, 5), s.take(5, 3), s.take(5, 3);
  s.notice(4, {1, 2, 3}), s.notice(5, {1, 2, 3});
  s.finish(4, 5);
  EXPECT_NE(s.decision(4), "waits for ever");
  EXPECT_EQ(s.decision(4), s.decision(5));
}

// Of five, 1 to 3 crash. 2 has heard all, among them 1, whom nobody else has heard. If it said its first round and its
// choice in its last step, which reaches 3 only, 3 would go to round 2 and then make that choice, and its last step
// would reach 5 only: 4 is left with two rounds in which it heard the same, and without the choice.
TEST_P(ACrashCutsOff, NotARoundAndAChoice) {
  Steps s(5, GetParam());
  s.propose(1), s.reach(1, {2});
  for (const uint64_t i : {3, 4, 5}) s.propose(i), s.reach(i, {2, 3, 4, 5});
  for (const uint64_t i : {1, 3, 4, 5}) s.take(2, i);
  s.propose(2), s.reach(2, {3});
  s.take(3, 4), s.take(3, 5), s.take(3, 2);
  s.notice(3, {1});
  s.tick(3), s.reach(3, {4, 5});
  s.take(3, 2), s.reach(3, {5});
  for (const uint64_t i : {4, 5}) {
    s.take(i, 3), s.take(i, 9 - i);
    s.notice(i, {1, 2});
    s.tick(i), s.reach(i, {4, 5});
    s.take(i, 3);
  }
  s.take(5, 3), s.reach(5, {4});
  s.notice(4, {3}), s.notice(5, {3});
  s.finish(4, 5);
  EXPECT_NE(s.decision(4), "waits for ever");
  EXPECT_EQ(s.decision(4), s.decision(5));
}
INSTANTIATE_TEST_SUITE_P(Both, ACrashCutsOff, testing::Values(Agreement::kCorrect, Agreement::kUniform),
                         [](const auto& info) { return print(info.param); });

// A process that says only every other round would be lost again and again, and the rounds never end.
TEST(FloodingConsensus, WhoWasSilentInARoundIsNotHeardInTheNext) {
  Flooding flooding(Config{NodeId(1), group_of(3), Agreement::kCorrect, NodeId(3)});
  Flooding::Out out;
  flooding.start(Time(), out);
  ASSERT_TRUE(flooding.propose(Time(), Slice::copy_of("mine"), out).ok());
  const auto say = [&](uint64_t from, uint64_t round, const char* value) {
    const Proposals m{round, {{NodeId(from), Slice::copy_of(value)}}};
    flooding.on_message(Time(), NodeId(from), m, out);
    flooding.check_invariants();
  };
  say(3, 2, "of the liar");
  say(3, 4, "of the liar");
  flooding.on_crash(Time(), NodeId(3), out);
  for (uint64_t round = 1; round <= 4; ++round) say(2, round, "of the second");
  ASSERT_TRUE(flooding.state().choice.has_value());
  EXPECT_EQ(flooding.state().round, 2u) << "the same two were heard as in round 1";
  EXPECT_NE(flooding.state().choice->proposer, NodeId(3)) << "what nobody else need know is not known";
}

}  // namespace
}  // namespace holdfast::flooding
