// The channels of a fail-stop group, and the replica on them, step by step.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/replica/fail_stop_replica.h"

namespace holdfast::replica {
namespace {

constexpr Duration kInterval = Duration::millis(20), kCrashTimeout = Duration::millis(300);
constexpr NodeId kTwo(2), kThree(3);

Time at(int64_t ms) { return Time() + Duration::millis(ms); }

FailStopLinks links(uint64_t life) { return {FailStopLinks::Config{life, kInterval, kCrashTimeout}, {kTwo, kThree}}; }

FailStopFrame said(uint64_t slot, flooding::Message message) {
  return {7, 1, 1, {flooding::InSlot{slot, std::move(message)}}};
}

TEST(FailStopLinks, WhoHasNotBegunIsWaitedFor) {
  FailStopLinks l = links(1);
  EXPECT_TRUE(l.find_crashed(at(1'000)).empty());
  // A first proposal says nothing of others.
  l.receive(at(1'000), kTwo, said(1, flooding::Proposals{1, {}}));
  EXPECT_EQ(l.find_crashed(at(1'299)), std::vector<NodeId>());
  EXPECT_EQ(l.find_crashed(at(1'300)), std::vector{kTwo});
  EXPECT_TRUE(l.find_crashed(at(9'000)).empty());
}

// It was heard by others, took part, and crashed before it was heard here.
TEST(FailStopLinks, WhoIsKnownToHaveBegunIsMissedThoughItWasNeverHeard) {
  const FailStopFrame tells[] = {said(1, flooding::Proposals{2, {}}), said(1, flooding::Decided{}),
                                 said(2, flooding::Proposals{1, {}})};
  for (const FailStopFrame& frame : tells) {
    FailStopLinks l = links(1);
    l.receive(at(1'000), kTwo, frame);
    EXPECT_EQ(l.deadline(), Time()) << "an acknowledgement is due";
    for (int64_t ms = 1'020; ms < 1'300; ms += 20) {
      l.receive(at(ms), kTwo, FailStopFrame{7, 1, 2, {}});
      EXPECT_TRUE(l.find_crashed(at(ms)).empty());
    }
    EXPECT_EQ(l.find_crashed(at(1'300)), std::vector{kThree});
  }
}

TEST(FailStopLinks, AnotherProcessUnderAnOldNameIsNotHeard) {
  FailStopLinks l = links(1);
  l.receive(at(100), kTwo, FailStopFrame{7, 1, 1, {}});
  FailStopFrame reborn = said(1, flooding::Decided{});
  reborn.life = 8;
  EXPECT_TRUE(l.receive(at(200), kTwo, reborn).empty());
  EXPECT_EQ(l.find_crashed(at(400)), std::vector{kTwo}) << "its words are no sign of the old one's life";
}

// Nothing that was not said can be acknowledged.
TEST(FailStopLinks, WhatWasNeverSaidStaysToBeSaid) {
  FailStopLinks l = links(1);
  l.send(kTwo, flooding::InSlot{1, flooding::Proposals{1, {}}});
  l.receive(at(100), kTwo, FailStopFrame{7, 2, 1, {}});
  const std::vector<FailStopLinks::Frame> frames = l.frames(at(100));
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0].to, kTwo);
  EXPECT_EQ(frames[0].frame.messages.size(), 1u);
}

TEST(FailStopLinks, AnAcknowledgementRepeatsNothingAndPutsNoRepetitionOff) {
  FailStopLinks l = links(1);
  const auto to_two = [&](int64_t ms) {
    for (FailStopLinks::Frame& f : l.frames(at(ms))) {
      if (f.to == kTwo) return std::optional(f.frame);
    }
    return std::optional<FailStopFrame>();
  };
  l.send(kTwo, flooding::InSlot{1, flooding::Proposals{1, {}}});
  EXPECT_EQ(to_two(100)->messages.size(), 1u);
  FailStopFrame frame = said(1, flooding::Proposals{1, {}});
  for (int64_t ms = 105; ms < 120; ms += 5) {
    l.receive(at(ms), kTwo, frame);
    ASSERT_TRUE(to_two(ms)) << ms;
    l.receive(at(ms), kTwo, FailStopFrame{7, 1, ++frame.first, {}});
    EXPECT_FALSE(to_two(ms)) << "once";
  }
  l.send(kTwo, flooding::InSlot{1, flooding::Decided{}});
  const auto news = to_two(119);
  EXPECT_EQ(news->first, 2u);
  EXPECT_EQ(news->messages.size(), 1u);
  EXPECT_FALSE(to_two(119));
  const auto again = to_two(120);
  ASSERT_TRUE(again) << "an interval after it was said";
  EXPECT_EQ(again->first, 1u);
  EXPECT_EQ(again->messages.size(), 2u);
  l.receive(at(121), kTwo, FailStopFrame{7, 3, 4, {}});
  EXPECT_FALSE(to_two(139));
  EXPECT_TRUE(to_two(140)) << "a sign of life";
}

TEST(FailStopLinks, WhatCountsAsAcknowledgedIsWhatTheGroupHasTaken) {
  FailStopLinks l = links(1);
  EXPECT_TRUE(l.all_acknowledged({kTwo, kThree}));
  l.send(kTwo, flooding::InSlot{1, flooding::Proposals{1, {}}});
  EXPECT_FALSE(l.all_acknowledged({kTwo, kThree}));
  EXPECT_TRUE(l.all_acknowledged({kThree})) << "the others have taken it out of the group";
  l.frames(at(100));
  l.receive(at(101), kTwo, FailStopFrame{7, 2, 1, {}});
  EXPECT_TRUE(l.all_acknowledged({kTwo, kThree}));
  l.send(kTwo, flooding::InSlot{1, flooding::Decided{}});
  EXPECT_EQ(l.find_crashed(at(401)), std::vector{kTwo});
  EXPECT_TRUE(l.all_acknowledged({kTwo, kThree})) << "it will take nothing any more";
}

// Replicas by hand: what one sends waits until it is delivered.
class FailStopPair : public testing::Test {
 protected:
  using Out = FailStopReplica::Out;

  struct Member {
    explicit Member(uint64_t n, uint64_t size) : replica(config(n, size)) {}
    static Config config(uint64_t n, uint64_t size) {
      Config c;
      c.engine = EngineKind::kFlooding;
      c.consensus.self = NodeId(n);
      c.consensus.heartbeat_interval = kInterval;
      c.crash_timeout = kCrashTimeout;
      c.incarnation_hint = 10 + n;
      for (uint64_t m = 1; m <= size; ++m) c.bootstrap.voters.push_back(NodeId(m));
      return c;
    }
    FailStopReplica replica;
    Out out;
    std::vector<uint64_t> read;  // tokens
    size_t left = 0, left_when_read = 0;
    std::vector<std::string> applied, stopped;
    std::vector<Out::Sent> said;
  };

  explicit FailStopPair(uint64_t size = 2) {
    for (uint64_t n = 1; n <= size; ++n) members_.emplace_back(n, size);
  }
  Member& member(uint64_t n) { return members_[n - 1]; }
  void collect(Member& m) {
    for (auto& r : m.out.raised) {
      if (const auto* ready = std::get_if<ReadReady>(&r.event)) {
        m.read.push_back(ready->token);
        m.left_when_read = m.left;
      }
      if (const auto* change = std::get_if<ApplyMembership>(&r.event)) m.left = change->membership.voters.size();
      if (const auto* apply = std::get_if<Apply>(&r.event)) m.applied.emplace_back(apply->command.view());
      if (const auto* stop = std::get_if<MustStop>(&r.event)) m.stopped.push_back(stop->what);
    }
    for (auto& s : m.out.sent) m.said.push_back(std::move(s));
    m.out.clear();
  }
  void start(uint64_t n, bool stable = true) {
    Member& m = member(n);
    m.replica.start(at(1), m.out);
    collect(m);
    if (!stable) return;
    m.replica.on_stable(at(1), StableSeq(1), m.out);
    collect(m);
  }
  void work(uint64_t n, int64_t ms) {
    Member& m = member(n);
    m.replica.on_time(at(ms), m.out);
    collect(m);
  }
  // Everything that `from` has said, to whom it was said.
  void deliver(uint64_t from, int64_t ms) {
    for (Out::Sent& s : std::exchange(member(from).said, {})) {
      Member& to = member(s.to.value());
      to.replica.on_message(at(ms), NodeId(from), s.wire, to.out);
      collect(to);
    }
  }
  // The same, to those of `reached` alone.
  void deliver_to(std::vector<uint64_t> reached, uint64_t from, int64_t ms) {
    std::erase_if(member(from).said, [&](const Out::Sent& s) {
      return std::count(reached.begin(), reached.end(), s.to.value()) == 0;
    });
    deliver(from, ms);
  }
  // `living` go on for a message delay: what one says comes to the others at the end.
  void go_on(const std::vector<uint64_t>& living, int64_t ms) {
    for (const uint64_t n : living) {
      if (member(n).replica.deadline() <= at(ms)) work(n, ms);
    }
    std::vector<std::pair<uint64_t, Out::Sent>> said;
    for (const uint64_t n : living) {
      for (Out::Sent& s : std::exchange(member(n).said, {})) said.emplace_back(n, std::move(s));
    }
    for (auto& [from, s] : said) {
      if (std::count(living.begin(), living.end(), s.to.value()) == 0) continue;
      Member& to = member(s.to.value());
      to.replica.on_message(at(ms + 1), NodeId(from), s.wire, to.out);
      collect(to);
    }
  }
  void hear(uint64_t n, uint64_t from, const Wire& wire) {
    Member& m = member(n);
    m.replica.on_message(at(100), NodeId(from), wire, m.out);
    collect(m);
  }

 private:
  std::deque<Member> members_;
};

class FailStopTrio : public FailStopPair {
 protected:
  FailStopTrio() : FailStopPair(3) {}
};

TEST_F(FailStopPair, AReadWaitsForItsOwnMark) {
  start(1);
  start(2);
  member(1).replica.read(71, {});
  work(1, 2);
  member(1).replica.read(72, {});
  work(1, 3);  // its mark goes with the next slot: the first one is under way
  for (int64_t ms = 4; member(1).read.empty() && ms < 100; ++ms) deliver(1, ms), deliver(2, ms);
  EXPECT_EQ(member(1).read, std::vector<uint64_t>{71}) << "what is delivered in between belongs to the second";
  for (int64_t ms = 100; member(1).read.size() < 2 && ms < 200; ++ms) {
    work(1, ms), work(2, ms), deliver(1, ms), deliver(2, ms);
  }
  EXPECT_EQ(member(1).read, (std::vector<uint64_t>{71, 72}));
}

TEST_F(FailStopPair, WhoIsAnsweredSeesWhoIsLeft) {
  start(1);
  start(2);
  for (int64_t ms = 2; ms < 50; ++ms) work(1, ms), work(2, ms), deliver(1, ms), deliver(2, ms);
  // The second crashes. What is under way ends, and the next slot takes the second out and carries the read.
  member(1).replica.propose(Slice::unowned("a"));
  work(1, 50);
  member(1).replica.read(71, {});
  for (int64_t ms = 51; member(1).read.empty() && ms < 50 + 3 * kCrashTimeout.millis(); ++ms) work(1, ms);
  EXPECT_EQ(member(1).read, std::vector<uint64_t>{71});
  EXPECT_EQ(member(1).left_when_read, 1u);
}

// It might crash and come back without knowing that it had taken part.
TEST_F(FailStopPair, NothingIsSaidOrHeardBeforeTheBeginningIsOnDisk) {
  start(1, /*stable=*/false);
  start(2);
  member(2).replica.propose(Slice::unowned("a"));
  work(2, 2);
  deliver(2, 3);
  member(1).replica.propose(Slice::unowned("b"));
  work(1, 4);
  EXPECT_TRUE(member(1).said.empty());
  member(1).replica.on_stable(at(5), StableSeq(1), member(1).out);
  for (int64_t ms = 25; (member(1).applied.size() < 2 || member(2).applied.size() < 2) && ms < 300; ++ms) {
    work(1, ms), work(2, ms), deliver(1, ms), deliver(2, ms);
  }
  EXPECT_EQ(member(1).applied, member(2).applied);
  EXPECT_EQ(member(1).applied.size(), 2u);
}

TEST_F(FailStopTrio, ANoticeStopsWhomItConcernsUnlessAStrangerSentIt) {
  start(3);
  hear(3, 9, CrashNotice{5, NodeId(1)});
  EXPECT_TRUE(member(3).stopped.empty());
  hear(3, 1, CrashNotice{1, NodeId(1)});
  ASSERT_EQ(member(3).stopped.size(), 1u) << "it had not taken 1 for crashed, so 1 is the one to go on";
  EXPECT_NE(member(3).stopped[0].find("out for good"), std::string::npos);
}

// Each has taken the other for crashed. Of parts of one size that with the first member goes on.
TEST_F(FailStopPair, OfTwoPartsOneGoesOn) {
  start(1);
  start(2);
  work(1, 2), work(2, 2), deliver(1, 3), deliver(2, 3);
  work(1, 400), work(2, 400);  // in silence
  hear(1, 2, CrashNotice{1, NodeId(2)});
  EXPECT_TRUE(member(1).stopped.empty());
  hear(2, 1, CrashNotice{1, NodeId(1)});
  EXPECT_EQ(member(2).stopped.size(), 1u);
  hear(1, 2, CrashNotice{2, NodeId(2)});
  EXPECT_EQ(member(1).stopped.size(), 1u) << "the larger part goes on";
}

// docs/protocols/flooding.md, "As the engine of a replicated state machine".
TEST_F(FailStopTrio, ACommandTakesThreeDelaysWhereAllProposeAndFourWhereOneDoes) {
  const std::vector<uint64_t> all = {1, 2, 3};
  for (const uint64_t n : all) start(n);
  int64_t ms = 2;
  for (; ms < 100; ++ms) go_on(all, ms);
  for (const size_t proposers : {3, 1}) {
    const size_t before = member(1).applied.size();
    for (uint64_t n = 1; n <= proposers; ++n) member(n).replica.propose(Slice::unowned("a"));
    int64_t delays = 0;
    const auto behind = [&](uint64_t n) { return member(n).applied.size() == before; };
    for (; std::any_of(all.begin(), all.end(), behind) && delays < 100; ++delays) go_on(all, ms++);
    EXPECT_EQ(delays, proposers == 3 ? 3 : 4);
    for (int i = 0; i < 100; ++i) go_on(all, ms++);
  }
}

class FailStopFive : public FailStopPair, public testing::WithParamInterface<bool> {
 protected:
  FailStopFive() : FailStopPair(5) {}
};

// 1 has crashed long ago, and nothing was said since: it is still in the group of the slot. 2 reaches 3 only, and
// crashes. The first round of 3 is lost to 4; if 3 said its second one before it has said the first again, and crashed,
// 4 would have missed two rounds, and of the two who are left each would wait for the other's next.
TEST_P(FailStopFive, WhatIsNotAcknowledgedIsNotFollowedByMore) {
  const bool lost = GetParam();
  for (uint64_t n = 1; n <= 5; ++n) start(n);
  int64_t ms = 2;
  for (; ms < 100; ++ms) go_on({1, 2, 3, 4, 5}, ms);
  for (; ms < 500; ++ms) go_on({2, 3, 4, 5}, ms);
  member(2).replica.propose(Slice::unowned("of who crashes"));
  work(2, ms), deliver_to({3}, 2, ms);
  work(3, ++ms), deliver_to(lost ? std::vector<uint64_t>{5} : std::vector<uint64_t>{4, 5}, 3, ms);
  work(5, ++ms), deliver_to({3, 4}, 5, ms);
  work(4, ms), deliver_to({3, 5}, 4, ms);
  work(3, ++ms), deliver_to({5}, 3, ms);
  for (; ms < 1'500; ++ms) go_on({4, 5}, ms);
  member(4).replica.propose(Slice::unowned("of who lives"));
  for (; ms < 3'000; ++ms) go_on({4, 5}, ms);
  EXPECT_EQ(member(4).applied, member(5).applied);
  EXPECT_EQ(std::count(member(4).applied.begin(), member(4).applied.end(), "of who lives"), 1);
  EXPECT_TRUE(member(4).stopped.empty() && member(5).stopped.empty());
}
INSTANTIATE_TEST_SUITE_P(Both, FailStopFive, testing::Bool(),
                         [](const auto& info) { return info.param ? "WithALostFrame" : "WithoutALoss"; });

}  // namespace
}  // namespace holdfast::replica
