// The parts that detectors are made of, each against its definition.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "holdfast/base/print.h"
#include "holdfast/base/random.h"
#include "holdfast/detect/dissemination.h"
#include "holdfast/detect/fixed_log.h"
#include "holdfast/detect/heartbeat.h"
#include "holdfast/detect/member_table.h"
#include "holdfast/detect/own_pace.h"
#include "holdfast/detect/phi.h"
#include "holdfast/detect/phi_accrual.h"
#include "holdfast/detect/prober.h"
#include "holdfast/detect/pulse.h"
#include "holdfast/detect/suspicions.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {
namespace {

TEST(FixedLog, IsTheLogarithm) {
  for (uint64_t x : {1, 2, 3, 7, 10, 99, 100, 101, 1000, 65'537, 1'000'000}) {
    EXPECT_NEAR(static_cast<double>(log2_fixed(x)) / 65536, std::log2(static_cast<double>(x)), 2e-5) << x;
    EXPECT_NEAR(static_cast<double>(log10_thousandths(x)), 1000 * std::log10(static_cast<double>(x)), 2) << x;
  }
  EXPECT_EQ(log2_fixed(~uint64_t{0}) >> 16, 63u);
}

TEST(Phi, IsTheTailOfTheNormalDistribution) {
  for (double y = -4; y < 12; y += 0.07) {
    const double exact = -std::log10(0.5 * std::erfc(y / std::sqrt(2.0)));
    EXPECT_NEAR(static_cast<double>(phi_at(std::lround(y * 65536))) / 1e6, exact, 0.0035) << y;
  }
}

TEST(Phi, GrowsWithoutBoundAndNeverFalls) {
  MicroPhi last = -1;
  for (int64_t y = -5 * 65536; y < 4000 * 65536LL; y += 65536 / 3) {
    const MicroPhi phi = phi_at(y);
    ASSERT_GE(phi, last);
    last = phi;
  }
  EXPECT_GT(last, whole_phi(1000));
}

TEST(Phi, ADistanceIsWhereItsLevelIsReached) {
  for (MicroPhi level : {whole_phi(1) / 10, whole_phi(1), whole_phi(8), whole_phi(31), whole_phi(500)}) {
    const int64_t y = distance_of(level);
    EXPECT_GE(phi_at(y), level);
    EXPECT_LT(phi_at(y - 1), level);
  }
}

TEST(ArrivalWindow, MeanAndDeviationAreThoseOfTheLastTimes) {
  Random random(3);
  ArrivalWindow window(50, Duration::seconds(1), Duration::micros(1));
  std::vector<double> all;
  for (int i = 0; i < 500; ++i) {
    const int64_t micros = random.between(0, 3'000'000);
    window.add(Duration::micros(micros));
    all.push_back(static_cast<double>(micros));
    const size_t n = std::min<size_t>(all.size(), 50);
    double mean = 0, square = 0;
    for (size_t k = all.size() - n; k < all.size(); ++k) mean += all[k] / static_cast<double>(n);
    for (size_t k = all.size() - n; k < all.size(); ++k) square += (all[k] - mean) * (all[k] - mean);
    EXPECT_NEAR(static_cast<double>(window.mean().nanos()) / 1000, mean, 1);
    if (n < 2) continue;
    EXPECT_NEAR(static_cast<double>(window.deviation().nanos()) / 1000, std::sqrt(square / static_cast<double>(n)), 2);
  }
  EXPECT_EQ(window.size(), 50u);
}

TEST(ArrivalWindow, ASilenceReachesTheLevelThatItIsSaidToReach) {
  ArrivalWindow window(10, Duration::seconds(1), Duration::millis(50));
  for (int i = 0; i < 10; ++i) window.add(Duration::millis(900 + 20 * i));
  for (MicroPhi level : {whole_phi(1), whole_phi(3), whole_phi(8), whole_phi(16)}) {
    const Duration silence = window.silence_at(level);
    EXPECT_GE(window.phi(silence), level);
    EXPECT_LT(window.phi(silence - Duration::millis(1)), level);
  }
  EXPECT_LT(window.phi(Duration()), whole_phi(1) / 100) << "one that was just heard is not suspected";
  window.add(Duration::seconds(1'000'000'000));
  EXPECT_LE(window.mean(), Duration::seconds(361));
}

TEST(OwnPace, CountsNoLatenessButItsOwn) {
  OwnPace pace(Duration::millis(10), true);
  EXPECT_EQ(pace.attend(Time::at_millis(100), Time::at_millis(200)), Duration());
  EXPECT_EQ(pace.attend(Time::at_millis(205), Time::at_millis(200)), Duration());
  // Awake at 205, so absent only since then.
  EXPECT_EQ(pace.attend(Time::at_millis(300), Time::at_millis(200)), Duration::millis(95));
  EXPECT_EQ(pace.observed(Time::at_millis(300)), Time::at_millis(205));
  EXPECT_EQ(pace.local(pace.observed(Time::at_millis(333))), Time::at_millis(333));
  OwnPace heedless(Duration::millis(10), false);
  EXPECT_EQ(heedless.attend(Time::at_millis(900), Time::at_millis(200)), Duration());
}

TEST(OwnPace, ObservedTimeNeverGoesBackAndEndsEverySilence) {
  Random random(9);
  for (int run = 0; run < 50; ++run) {
    OwnPace pace(Duration::millis(5), true);
    Time now = Time::at_millis(1000), wanted = now, last = pace.observed(now);
    for (int i = 0; i < 400; ++i) {
      now = now + Duration::millis(random.between(0, run * 4));
      pace.attend(now, pace.local(wanted));
      const Time t = pace.observed(now);
      ASSERT_GE(t, last);
      last = t;
      if (t >= wanted) wanted = t + Duration::millis(20);
    }
    // However late it always was, its periods have passed.
    EXPECT_GE(wanted, Time::at_millis(run == 0 ? 1000 : 1200)) << run;
  }
}

TEST(Freshness, OldHeartbeatsProveNothing) {
  using News = Freshness::News;
  Freshness f;
  EXPECT_EQ(f.on_heartbeat({5, 1}), News::kFresh);
  EXPECT_EQ(f.on_heartbeat({5, 1}), News::kRepeated);
  EXPECT_EQ(f.on_heartbeat({5, 7}), News::kFresh);
  EXPECT_EQ(f.on_heartbeat({5, 6}), News::kOutdated);
  EXPECT_EQ(f.on_heartbeat({6, 1}), News::kRestarted);
  EXPECT_EQ(f.on_heartbeat({5, 99}), News::kOutdated);
  EXPECT_EQ(f.on_heartbeat({kMaxBoot, 1}), News::kRepeated) << "no life can top that";
}

TEST(Pulse, AnEarlierClockIsToppedButAReorderedObjectionIsNot) {
  Pulse pulse(100);
  const Heartbeat first = pulse.next();
  pulse.next();
  pulse.on_outdated({first.boot, 2});
  EXPECT_EQ(pulse.boot(), 100u) << "we said that ourselves";
  pulse.on_outdated({100, 3});
  EXPECT_EQ(pulse.boot(), 101u) << "a former life of the same clock reading";
  pulse.on_outdated({500, 1});
  EXPECT_EQ(pulse.boot(), 501u);
  pulse.on_outdated({kMaxBoot, 1});
  EXPECT_EQ(pulse.boot(), 501u);
}

TEST(Probes, AnAnswerCountsOnceAndOnlyToAQuestionOfThisLife) {
  HeartbeatDetector::Out out;
  HeartbeatDetector detector({.self = NodeId(1), .peers = {NodeId(2)}, .style = HeartbeatStyle::kProbe, .seed = 4});
  detector.start(Time(), out);
  const uint64_t asked = std::get<Probe>(out.sent.at(0).wire).number;
  Time now;
  // Suspected after seconds of silence, although this answer comes again and again.
  const auto suspects_despite = [&](uint64_t number) {
    for (int i = 0; i < 30 && detector.trusts(NodeId(2)); ++i) {
      now = detector.deadline();
      detector.on_time(now, out);
      if (detector.trusts(NodeId(2))) detector.on_message(now, NodeId(2), ProbeAnswer{number}, out);
    }
    return !detector.trusts(NodeId(2));
  };
  EXPECT_TRUE(suspects_despite(asked - 1)) << "an answer to a former life";
  detector.on_message(now, NodeId(2), ProbeAnswer{asked}, out);
  EXPECT_TRUE(detector.trusts(NodeId(2)));
  EXPECT_TRUE(suspects_despite(asked)) << "the same answer again and again";
  detector.on_message(now, NodeId(2), ProbeAnswer{asked + 1'000'000}, out);
  EXPECT_FALSE(detector.trusts(NodeId(2))) << "nobody asked that";
}

TEST(PhiDetector, LearnsTheRhythmAndCountsNoHeartbeatTwice) {
  PhiDetector::Out out;
  PhiDetector detector({.self = NodeId(1), .peers = {NodeId(2)}, .min_deviation = Duration::millis(10)});
  detector.start(Time(), out);
  // A peer that beats ten times as fast as was expected.
  Time now;
  for (uint64_t number = 1; number <= 30; ++number) {
    now = now + Duration::millis(100);
    if (detector.deadline() <= now) detector.on_time(now, out);
    detector.on_message(now, NodeId(2), Heartbeat{1, number}, out);
  }
  EXPECT_LT(detector.level(now, NodeId(2)), 0.01);
  EXPECT_LT(detector.when_reaches(NodeId(2), whole_phi(8)) - now, Duration::millis(300));
  // Its last heartbeat, replayed, is no sign of life.
  for (int i = 0; i < 5; ++i) {
    now = now + Duration::millis(60);
    detector.on_time(now, out);
    detector.on_message(now, NodeId(2), Heartbeat{1, 30}, out);
  }
  EXPECT_FALSE(detector.trusts(NodeId(2)));
  EXPECT_GT(detector.level(now, NodeId(2)), 8);
  detector.on_message(now, NodeId(2), Heartbeat{1, 31}, out);
  EXPECT_TRUE(detector.trusts(NodeId(2)));
}

// A peer that beats on time but for one outage: how soon after its last heartbeat is it suspected then?
class OnePeer {
 public:
  explicit OnePeer(MicroPhi growth) : detector_({.self = NodeId(1), .peers = {NodeId(2)}, .growth = growth}) {
    detector_.start(now_, out_);
  }
  void beats(int times, Duration every) {
    for (int i = 0; i < times; ++i) {
      const Time next = now_ + every;
      while (detector_.deadline() <= next) now_ = detector_.deadline(), detector_.on_time(now_, out_);
      now_ = next;
      for (const auto& raised : out_.raised) suspicions_ += std::holds_alternative<Suspected>(raised.event) ? 1 : 0;
      out_.clear();
      detector_.on_message(now_, NodeId(2), Heartbeat{1, ++number_}, out_);
    }
  }
  Duration suspected_after() const {
    return detector_.when_reaches(NodeId(2), detector_.threshold_of(NodeId(2))) - now_;
  }
  int suspicions() const { return suspicions_; }

 private:
  PhiDetector::Out out_;
  PhiDetector detector_;
  Time now_;
  uint64_t number_ = 0;
  int suspicions_ = 0;
};

TEST(PhiDetector, OneOutageDoesNotBlindIt) {
  for (const int64_t outage : {10, 60, 600}) {
    OnePeer peer(whole_phi(1));
    peer.beats(200, Duration::seconds(1));
    const Duration before = peer.suspected_after();
    EXPECT_LT(before, Duration::millis(1600));
    peer.beats(1, Duration::seconds(outage));
    EXPECT_EQ(peer.suspicions(), 1);
    // However long it was, it costs a third of a second. As a whole in the window it cost 3, 25 and 256 s.
    EXPECT_LT(peer.suspected_after() - before, Duration::millis(350)) << outage;
    EXPECT_GT(peer.suspected_after(), before) << "a mistake raises the threshold";
  }
}

// The other side of it: what is slow for good is learned, even without a threshold that grows.
TEST(PhiDetector, ARhythmThatSlowsDownIsLearned) {
  OnePeer peer(0);
  peer.beats(200, Duration::seconds(1));
  peer.beats(200, Duration::seconds(20));
  const int mistakes = peer.suspicions();
  EXPECT_GT(mistakes, 0);
  EXPECT_LT(mistakes, 60);
  peer.beats(500, Duration::seconds(20));
  EXPECT_EQ(peer.suspicions(), mistakes);
}

Update update(uint64_t node, uint64_t incarnation, MemberState state, uint64_t by = 0) {
  return {NodeId(node), incarnation, state, NodeId(by), {}};
}

// SWIM, section 4.2: which update overrides which.
TEST(MemberTable, TheGreaterIncarnationThenTheGraverStateHolds) {
  const auto all = {MemberState::kAlive, MemberState::kSuspect, MemberState::kDead, MemberState::kLeft};
  for (MemberState known : {MemberState::kAlive, MemberState::kSuspect}) {
    for (MemberState told : all) {
      for (uint64_t incarnation : {4, 5, 6}) {
        MemberTable table(NodeId(1), 10, 100);
        table.apply(Time(), update(2, 5, known));
        table.apply(Time(), update(2, incarnation, told));
        const bool overrides = incarnation > 5 || (incarnation == 5 && told > known);
        EXPECT_EQ(table.find(NodeId(2))->state, overrides ? told : known) << print(known) << " " << print(told);
      }
    }
  }
}

TEST(MemberTable, KnowledgeMergesInAnyOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    std::vector<Update> updates;
    for (int i = 0; i < 30; ++i) {
      updates.push_back(update(2 + random.below(3), 1 + random.below(4), static_cast<MemberState>(random.below(4))));
    }
    for (uint64_t node = 2; node < 5; ++node) updates.insert(updates.begin(), update(node, 1, MemberState::kAlive));
    std::vector<MemberTable> tables;
    for (int copy = 0; copy < 2; ++copy) {
      MemberTable& table = tables.emplace_back(NodeId(1), 10, 100);
      for (uint64_t node = 2; node < 5; ++node) table.apply(Time(), update(node, 1, MemberState::kAlive));
      for (const Update& u : updates) table.apply(Time(), u);
      table.check_invariants();
      for (size_t i = updates.size(); i > 1; --i) std::swap(updates[i - 1], updates[random.below(i)]);
    }
    ASSERT_EQ(tables[0].digest(), tables[1].digest()) << seed;
    ASSERT_EQ(tables[0].up(), tables[1].up()) << seed;
  }
}

TEST(MemberTable, IsBoundedAndForgetsTheDead) {
  MemberTable table(NodeId(1), 3, 10);
  for (uint64_t i = 1; i <= 5; ++i) table.apply(Time(), update(i, 1, MemberState::kAlive));
  EXPECT_EQ(table.members().size(), 3u);
  table.apply(Time(), {NodeId(2), 2, MemberState::kAlive, {}, Slice::copy_of("a description too long")});
  table.apply(Time(), update(2, kMaxIncarnation, MemberState::kAlive));
  EXPECT_EQ(table.find(NodeId(2))->incarnation, 1u) << "what cannot be believed is not";
  table.apply(Time::at_millis(1000), update(2, 1, MemberState::kDead));
  EXPECT_TRUE(table.reclaim(Time::at_millis(1999), Duration::seconds(1)).empty());
  EXPECT_EQ(table.reclaim(Time::at_millis(2000), Duration::seconds(1)), std::vector{NodeId(2)});
  table.apply(Time(), update(2, 9, MemberState::kDead));
  EXPECT_EQ(table.find(NodeId(2)), nullptr) << "the death of an unknown member is no news";
  table.check_invariants();
}

// Lifeguard, section IV-B.
TEST(Suspicions, EachIndependentConfirmationShortensTheWait) {
  SwimConfig config;
  Suspicions suspicions(config);
  EXPECT_EQ(suspicions.timeout(10, 0, 3), Duration::seconds(30));
  EXPECT_EQ(suspicions.timeout(10, 3, 3), Duration::seconds(5));
  EXPECT_GT(suspicions.timeout(10, 1, 3), suspicions.timeout(10, 2, 3));
  EXPECT_EQ(suspicions.timeout(10, 1, 3), Duration::seconds(30) - Duration::seconds(25) / 2) << "log 2 / log 4";
  EXPECT_NEAR(static_cast<double>(suspicions.timeout(1000, 3, 3).millis()), 15'000, 20) << "grows with log n";
  suspicions.start(Time(), NodeId(7), NodeId(1), 10);
  EXPECT_FALSE(suspicions.confirm(NodeId(7), NodeId(1))) << "its own suspicion confirms nothing";
  EXPECT_TRUE(suspicions.confirm(NodeId(7), NodeId(2)));
  EXPECT_FALSE(suspicions.confirm(NodeId(7), NodeId(2)));
  EXPECT_EQ(suspicions.earliest(), Time::at_millis(17'500));
  EXPECT_TRUE(suspicions.confirm(NodeId(7), NodeId(3)));
  EXPECT_TRUE(suspicions.confirm(NodeId(7), NodeId(4)));
  EXPECT_FALSE(suspicions.confirm(NodeId(7), NodeId(5))) << "more than k are not told on";
  NodeId node;
  EXPECT_FALSE(suspicions.take_expired(Time::at_millis(4999), node));
  EXPECT_TRUE(suspicions.take_expired(Time::at_millis(5000), node));
  EXPECT_EQ(node, NodeId(7));
}

// SWIM, section 4.1.
TEST(Dissemination, SendsEachUpdateLambdaLogNTimesLatestFirst) {
  Dissemination news(3);
  EXPECT_EQ(news.limit(8), 3u);
  EXPECT_EQ(news.limit(100), 9u);
  EXPECT_EQ(news.limit(999), 9u);
  for (uint64_t node = 1; node <= 50; ++node) news.add(update(node, 1, MemberState::kAlive));
  std::map<NodeId, int> sent;
  std::vector<Update> first;
  news.fill(first, 60, 8, {});
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first[0].node, NodeId(50));
  for (const Update& u : first) ++sent[u.node];
  for (int i = 0; i < 100; ++i) {
    std::vector<Update> gossip;
    news.fill(gossip, 60, 8, {});
    size_t bytes = 0;
    for (const Update& u : gossip) {
      ++sent[u.node];
      bytes += encoded_bytes(u);
    }
    ASSERT_LE(bytes, 60u);
  }
  EXPECT_EQ(sent.size(), 50u);
  for (const auto& [node, times] : sent) EXPECT_EQ(times, 3) << print(node);
  EXPECT_EQ(news.size(), 0u);
}

TEST(Dissemination, KeepsTheLatestOfEachMember) {
  Dissemination news(1);
  news.add(update(2, 1, MemberState::kAlive));
  news.add(update(2, 1, MemberState::kSuspect));
  std::vector<Update> gossip;
  news.fill(gossip, 1000, 3, NodeId(2));
  EXPECT_TRUE(gossip.empty()) << "not to the one that it is about";
  news.fill(gossip, 1000, 3, {});
  ASSERT_EQ(gossip.size(), 1u);
  EXPECT_EQ(gossip[0].state, MemberState::kSuspect);
}

class ProberTest : public testing::Test {
 protected:
  ProberTest() : table(NodeId(1), 100, 100), health(8, true), prober(config, table, health) {
    config.self = NodeId(1);
    for (uint64_t i = 1; i <= 7; ++i) table.apply(Time(), update(i, 1, MemberState::kAlive));
    prober.start(Time());
  }
  // The actions until the next ping, which is the last of them.
  Prober::Actions next_period() {
    Prober::Actions all;
    while (all.empty() || all.back().kind != ProbeAction::Kind::kPing) {
      now = prober.deadline();
      for (const ProbeAction& a : prober.on_time(now)) all.push_back(a);
      prober.check_invariants();
    }
    return all;
  }
  SwimConfig config;
  MemberTable table;
  LocalHealth health;
  Prober prober;
  Time now;
};

// SWIM, section 4.3: round-robin in random order, so that nobody waits longer than two rounds.
TEST_F(ProberTest, ProbesEveryMemberOncePerRoundInRandomOrder) {
  std::set<std::vector<NodeId>> orders;
  for (int round = 0; round < 20; ++round) {
    std::vector<NodeId> order;
    for (int i = 0; i < 6; ++i) {
      const ProbeAction ping = next_period().back();
      order.push_back(ping.target);
      prober.on_ack(ping.number);
    }
    EXPECT_EQ(std::set<NodeId>(order.begin(), order.end()).size(), 6u);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 15u);
}

TEST_F(ProberTest, AsksProxiesAfterTheTimeoutAndFailsAtTheEndOfThePeriod) {
  const ProbeAction ping = next_period().back();
  const Time began = now;
  const Prober::Actions actions = next_period();
  ASSERT_EQ(actions.size(), 5u);
  std::set<NodeId> proxies;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(actions[i].kind, ProbeAction::Kind::kPingRequest);
    EXPECT_EQ(actions[i].target, ping.target);
    EXPECT_EQ(actions[i].number, ping.number);
    proxies.insert(actions[i].to);
  }
  EXPECT_EQ(proxies.size(), 3u);
  EXPECT_EQ(proxies.count(ping.target), 0u);
  EXPECT_EQ(actions[3].kind, ProbeAction::Kind::kFailed);
  EXPECT_EQ(actions[3].target, ping.target);
  EXPECT_EQ(now, began + config.probe_interval);
}

// Lifeguard, section IV-A: nobody said a word, so it may well be this process; proxies that say no clear it.
TEST_F(ProberTest, MissingNacksLowerItsOwnHealthAndSlowItDown) {
  const ProbeAction first = next_period().back();
  next_period();
  EXPECT_EQ(health.score(), 3u);
  const Time began = now;
  const ProbeAction second = next_period().back();
  EXPECT_EQ(now - began, config.probe_interval * 4);
  EXPECT_NE(first.number, second.number);
  prober.on_ack(second.number);
  EXPECT_EQ(health.score(), 5u) << "3 more for the second failure, and one less for this success";
  EXPECT_TRUE(prober.on_ack(second.number).empty());
  EXPECT_EQ(health.score(), 5u) << "a repeated answer counts once";
}

TEST_F(ProberTest, ProxiesThatSayNoClearItsHealth) {
  const ProbeAction ping = next_period().back();
  while (prober.deadline() < now + config.probe_interval) {
    for (const ProbeAction& a : prober.on_time(prober.deadline())) prober.on_nack(a.to, a.number);
  }
  next_period();
  EXPECT_EQ(health.score(), 0u);
  EXPECT_NE(ping.number, 0u);
}

TEST_F(ProberTest, RelaysAnswersAndSaysNoInTime) {
  const Prober::Actions asked = prober.relay(now, NodeId(2), 77, NodeId(3), true);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].to, NodeId(3));
  const Prober::Actions passed_on = prober.on_ack(asked[0].number);
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0].kind, ProbeAction::Kind::kAck);
  EXPECT_EQ(passed_on[0].to, NodeId(2));
  EXPECT_EQ(passed_on[0].number, 77u);
  EXPECT_EQ(prober.relays(), 0u);

  prober.relay(now, NodeId(2), 78, NodeId(3), true);
  bool said_no = false;
  for (Time t = now; t < now + config.probe_interval; t = t + Duration::millis(10)) {
    for (const ProbeAction& a : prober.on_time(t)) {
      if (a.kind != ProbeAction::Kind::kNack) continue;
      EXPECT_FALSE(said_no);
      EXPECT_EQ(a.number, 78u);
      said_no = true;
    }
  }
  EXPECT_TRUE(said_no) << "before the requester's period can be over";
  for (int i = 0; i < 1000; ++i) prober.relay(now, NodeId(2), 100, NodeId(4), false);
  EXPECT_EQ(prober.relays(), config.max_relays);
}

// What member 1 says of `node` to who pings it with `gossip`; none: nothing.
std::optional<Update> says_of(NodeId node, Swim& swim, std::vector<Update> gossip) {
  Swim::Out out;
  swim.on_message(Time::at_millis(1), NodeId(2), Ping{1, std::move(gossip)}, out);
  for (const auto& sent : out.sent) {
    const auto* ack = std::get_if<Ack>(&sent.wire);
    if (ack == nullptr) continue;
    for (const Update& u : ack->gossip) {
      if (u.node == node) return u;
    }
  }
  return std::nullopt;
}
Swim swim_of_incarnation(uint64_t incarnation) {
  SwimConfig config{.self = NodeId(1), .seed = 1, .incarnation = incarnation};
  Swim swim(config);
  Swim::Out out;
  swim.start(Time::at_millis(1), out);
  return swim;
}

// SWIM, section 4.2: only a doubt of the present incarnation is refuted, by the next one.
TEST(Swim, RefutesDoubtsOfThisLifeAndNotOfEarlierOnes) {
  Swim swim = swim_of_incarnation(5);
  const auto doubted = [&](uint64_t incarnation, MemberState state) {
    const auto said = says_of(NodeId(1), swim, {{NodeId(1), incarnation, state, NodeId(2), {}}});
    return said ? print(said->incarnation) + (said->state == MemberState::kAlive ? "" : " doubted") : "nothing";
  };
  EXPECT_EQ(doubted(4, MemberState::kSuspect), "5");
  EXPECT_EQ(doubted(4, MemberState::kDead), "5");
  EXPECT_EQ(doubted(5, MemberState::kSuspect), "6");
  EXPECT_EQ(doubted(5, MemberState::kSuspect), "6") << "that was refuted already";
  EXPECT_EQ(doubted(9, MemberState::kDead), "10");
}

TEST(Swim, ASuspicionOfAnEarlierIncarnationConfirmsNoLaterOne) {
  Swim swim = swim_of_incarnation(1);
  std::vector<Update> gossip;
  for (uint64_t n = 2; n <= 6; ++n) gossip.push_back({NodeId(n), 2, MemberState::kAlive, {}, {}});
  gossip.push_back({NodeId(3), 2, MemberState::kSuspect, NodeId(2), {}});
  says_of(NodeId(3), swim, gossip);
  const auto said = says_of(NodeId(3), swim, {{NodeId(3), 1, MemberState::kSuspect, NodeId(4), {}}});
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->by, NodeId(2));
  EXPECT_EQ(said->incarnation, 2u);
  const auto confirmed = says_of(NodeId(3), swim, {{NodeId(3), 2, MemberState::kSuspect, NodeId(4), {}}});
  ASSERT_TRUE(confirmed.has_value());
  EXPECT_EQ(confirmed->by, NodeId(4)) << "another observation of the same is told on";
}

}  // namespace
}  // namespace holdfast::detect
