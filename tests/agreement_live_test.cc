// The protocols of agreement in the real world: real sockets, log threads and files (live_group.h). The simulated world
// has put the same cores through every fault; here it is shown that nothing but the host differs.
#include <gtest/gtest.h>

#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/generals/oral.h"
#include "holdfast/consensus/generals/written.h"
#include "holdfast/consensus/synod/member.h"
#include "tests/live_group.h"

namespace holdfast {
namespace {

std::vector<NodeId> ids(uint64_t n) {
  std::vector<NodeId> out;
  for (uint64_t id = 1; id <= n; ++id) out.emplace_back(id);
  return out;
}

// --- Single-decree Paxos ---------------------------------------------------------------------------------------------

using Synod = LiveGroup<synod::Member>;

Synod::Make synod_of(uint64_t n) {
  return [n](NodeId self) {
    synod::Config c;
    c.self = self;
    c.seed = self.value();
    c.acceptors = c.learners = ids(n);
    c.leadership = synod::Leadership::kAnyone;
    c.resend = Duration::millis(20);
    c.backoff_first = Duration::millis(5);
    c.backoff_last = Duration::millis(100);
    c.ask_interval = Duration::millis(50);
    return std::make_unique<synod::Member>(c);
  };
}
void propose(Synod& group, uint64_t who, const char* value) {
  group.input(who,
              [value](synod::Member& m, Time now, synod::Out& out) { m.propose(now, Slice::copy_of(value), out); });
}
std::string decided(Synod& group, uint64_t who) {
  const auto& value = group.core(who).decided();
  return value ? std::string(value->view()) : "";
}

TEST(AgreementLive, PaxosDecidesOneOfWhatThreeProposeAtOnce) {
  Synod group(3, synod_of(3));
  propose(group, 1, "x");
  propose(group, 2, "y");
  propose(group, 3, "z");
  ASSERT_TRUE(
      group.until([&] { return group.core(1).decided() && group.core(2).decided() && group.core(3).decided(); }));
  EXPECT_EQ(decided(group, 1), decided(group, 2));
  EXPECT_EQ(decided(group, 1), decided(group, 3));
  EXPECT_NE(std::string("xyz").find(decided(group, 1)), std::string::npos);
}

// What was decided is on the disks of a majority: nobody who comes later can have it otherwise.
TEST(AgreementLive, PaxosKeepsItsDecisionOverRestartsOfAll) {
  Synod group(3, synod_of(3));
  group.stop(3);
  propose(group, 1, "first");
  ASSERT_TRUE(group.until([&] { return group.core(1).decided().has_value(); }));
  group.stop(1);
  group.stop(2);
  group.restart(3);
  group.restart(2);
  propose(group, 3, "second");
  ASSERT_TRUE(group.until([&] { return group.core(3).decided().has_value(); }));
  EXPECT_EQ(decided(group, 3), "first");
  group.restart(1);
  ASSERT_TRUE(group.until([&] { return group.core(1).decided().has_value(); }));
  EXPECT_EQ(decided(group, 1), "first");
}

TEST(AgreementLive, PaxosWithoutAMajorityWaits) {
  Synod group(3, synod_of(3));
  group.stop(2);
  group.stop(3);
  propose(group, 1, "x");
  // Its ballot is on disk and has gone out by now: only the others are missing.
  ASSERT_TRUE(group.until([&] { return group.core(1).state().acceptor.promised.round > 0; }));
  EXPECT_FALSE(group.core(1).decided().has_value());
  group.restart(2);
  ASSERT_TRUE(group.until([&] { return group.core(1).decided().has_value(); }));
}

// --- Flooding --------------------------------------------------------------------------------------------------------

using Flood = LiveGroup<flooding::Flooding>;

Flood::Make flooding_of(uint64_t n) {
  return [n](NodeId self) {
    flooding::Config c;
    c.self = self;
    c.group = ids(n);
    return std::make_unique<flooding::Flooding>(c);
  };
}
std::string chosen(Flood& group, uint64_t who) {
  for (const auto& e : group.events(who)) {
    if (const auto* c = std::get_if<flooding::Chosen>(&e)) return std::string(c->choice.value.view());
  }
  return "";
}

TEST(AgreementLive, FloodingGoesOnWithoutWhoCrashed) {
  Flood group(4, flooding_of(4));
  // It relies on channels that lose nothing: they are there before it begins.
  ASSERT_TRUE(group.until([&] {
    for (uint64_t a = 1; a <= 4; ++a) {
      for (uint64_t b = 1; b <= 4; ++b) {
        if (a != b && !group.connected(a, b)) return false;
      }
    }
    return true;
  }));
  group.stop(1);
  for (uint64_t who = 2; who <= 4; ++who) {
    group.input(who, [who](flooding::Flooding& f, Time now, flooding::Flooding::Out& out) {
      EXPECT_TRUE(f.propose(now, Slice::copy_of(std::to_string(who)), out).ok());
      f.on_crash(now, NodeId(1), out);
    });
  }
  ASSERT_TRUE(
      group.until([&] { return !chosen(group, 2).empty() && !chosen(group, 3).empty() && !chosen(group, 4).empty(); }));
  EXPECT_EQ(chosen(group, 2), chosen(group, 3));
  EXPECT_EQ(chosen(group, 2), chosen(group, 4));
}

// --- The generals ----------------------------------------------------------------------------------------------------

generals::Config general(NodeId self, uint64_t n) {
  generals::Config c;
  c.self = self;
  c.generals = ids(n);
  c.traitors = 1;
  c.round = Duration::millis(400);
  return c;
}
crypto::Identity identity(NodeId id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id.value());
  return crypto::Identity(seed);
}
template <class Group>
void give_order(Group& group, uint64_t n) {
  for (uint64_t who = 1; who <= n; ++who) {
    group.input(who, [](auto& g, Time now, auto& out) { g.begin(now, generals::Order::kAttack, out); });
  }
}
template <class Group>
size_t attackers(Group& group, uint64_t n) {
  size_t attack = 0;
  for (uint64_t who = 1; who <= n; ++who) {
    for (const auto& e : group.events(who)) attack += std::get<generals::Obeyed>(e).order == generals::Order::kAttack;
  }
  return attack;
}
template <class Group>
bool all_connected(Group& group, uint64_t n) {
  for (uint64_t a = 1; a <= n; ++a) {
    for (uint64_t b = 1; b <= n; ++b) {
      if (a != b && group.up(a) && group.up(b) && !group.connected(a, b)) return false;
    }
  }
  return true;
}

TEST(AgreementLive, FourGeneralsObeyALoyalCommanderThoughOneIsSilent) {
  LiveGroup<generals::OralGeneral> group(
      4, [](NodeId self) { return std::make_unique<generals::OralGeneral>(general(self, 4)); });
  ASSERT_TRUE(group.until([&] { return all_connected(group, 4); }));
  group.stop(4);
  give_order(group, 3);
  ASSERT_TRUE(group.until(
      [&] { return group.events(1).size() == 1 && group.events(2).size() == 1 && group.events(3).size() == 1; }));
  EXPECT_EQ(attackers(group, 3), 3u);
}

TEST(AgreementLive, ThreeGeneralsWithSignaturesObeyTheirCommander) {
  std::map<NodeId, crypto::PublicKey> keys;
  for (const NodeId id : ids(3)) keys[id] = identity(id).public_key();
  LiveGroup<generals::WrittenGeneral> group(3, [keys](NodeId self) {
    return std::make_unique<generals::WrittenGeneral>(general(self, 3), identity(self), keys);
  });
  ASSERT_TRUE(group.until([&] { return all_connected(group, 3); }));
  give_order(group, 3);
  ASSERT_TRUE(group.until(
      [&] { return group.events(1).size() == 1 && group.events(2).size() == 1 && group.events(3).size() == 1; }));
  EXPECT_EQ(attackers(group, 3), 3u);
}

}  // namespace
}  // namespace holdfast
