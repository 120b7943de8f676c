// A user's state machine over multi-Paxos and over PBFT in the real world: real sockets, log threads and files
// (live_group.h), members that are stopped and come back, and with PBFT one that lies. The simulated world has put the
// same cores through every fault; here it is shown that nothing but the host differs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "holdfast/base/print.h"
#include "holdfast/consensus/liars/liar.h"
#include "holdfast/replica/machine.h"
#include "tests/live_group.h"

namespace holdfast {
namespace {

using replica::EngineKind;
using replica::Machine;

// A list of names; adding one is answered with its position.
class Register : public StateMachine {
 public:
  std::vector<std::string> names;

  std::string apply(const Moment&, std::string_view command) override {
    names.emplace_back(command);
    return std::to_string(names.size());
  }
  std::string query(std::string_view) const override { return std::to_string(names.size()); }
  std::string save() const override {
    std::string out;
    for (const std::string& n : names) out += n + "\n";
    return out;
  }
  Status restore(std::string_view image) override {
    names.clear();
    for (size_t end = 0; (end = image.find('\n')) != std::string_view::npos; image.remove_prefix(end + 1)) {
      names.emplace_back(image.substr(0, end));
    }
    return absl::OkStatus();
  }
};

crypto::Seed seed_of(NodeId id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id.value());
  return seed;
}
constexpr uint64_t kCluster = 5;
constexpr Duration kRequestTimeout = Duration::millis(400);

pbft::Configuration configuration_of(uint64_t n) {
  pbft::Configuration c;
  for (uint64_t i = 1; i <= n; ++i) {
    c.members.push_back({NodeId(i), crypto::Identity(seed_of(NodeId(i))).public_key()});
  }
  return c;
}

// A member with its state; a liar says what liars say in place of what its machine would say.
class Participant : private std::unique_ptr<Register>, public Machine {
 public:
  Participant(const replica::MachineConfig& config, std::optional<pbft::Lie> lie)
      : std::unique_ptr<Register>(std::make_unique<Register>()), Machine(config, **this) {
    if (!lie) return;
    const NodeId self = config.replica.consensus.self;
    authority_ = std::make_unique<pbft::KeyedAuthority>(seed_of(self));
    liar_ = std::make_unique<pbft::Liar>(*lie, self, kCluster, pbft::Group(config.replica.byzantine->configuration),
                                         kRequestTimeout, *authority_, 1);
  }
  const std::vector<std::string>& names() const { return (**this).names; }

  void start(Time now, Out& out) {
    Machine::start(now, out);
    twist(out);
  }
  void on_message(Time now, NodeId from, const replica::Wire& wire, Out& out) {
    Machine::on_message(now, from, wire, out);
    twist(out);
  }
  void on_stable(Time now, StableSeq upto, Out& out) {
    Machine::on_stable(now, upto, out);
    twist(out);
  }
  void on_blob(Time now, const BlobAnswer& answer, Out& out) {
    Machine::on_blob(now, answer, out);
    twist(out);
  }
  void on_time(Time now, Out& out) {
    Machine::on_time(now, out);
    twist(out);
  }

 private:
  // Over connections it can speak in no other's name; and it never waits.
  void twist(Out& out) {
    if (liar_ == nullptr) return;
    for (auto& s : std::exchange(out.sent, {})) {
      const auto* packet = std::get_if<pbft::Packet>(&s.wire);
      if (packet == nullptr) continue;
      for (const pbft::Utterance& u : liar_->speak(s.to, *packet)) {
        if (u.as == self()) out.send(u.to, u.packet, s.after);
      }
    }
  }
  NodeId self() const { return NodeId(1); }

  std::unique_ptr<pbft::KeyedAuthority> authority_;
  std::unique_ptr<pbft::Liar> liar_;
};

class Group {
 public:
  // The first member lies, if anybody does.
  Group(EngineKind engine, uint64_t n, std::optional<pbft::Lie> lie = {})
      : size_(n), lies_(lie.has_value()), live_(n, [=, this](NodeId self) {
          replica::MachineConfig c;
          for (uint64_t i = 1; i <= n; ++i) c.members.push_back({NodeId(i), "member " + std::to_string(i)});
          c.replica.engine = engine;
          c.replica.snapshot_count = 40;
          c.replica.incarnation_hint = ++starts_;
          c.replica.consensus.self = self;
          c.replica.consensus.seed = self.value() * 100 + starts_;
          c.replica.consensus.heartbeat_interval = Duration::millis(40);
          c.replica.consensus.election_timeout = Duration::millis(200);
          if (engine == EngineKind::kPbft) {
            replica::ByzantineConfig b;
            b.cluster = kCluster;
            b.configuration = configuration_of(n);
            b.seed = seed_of(self);
            b.request_timeout = kRequestTimeout;
            b.checkpoint_interval = 8;
            c.replica.byzantine = b;
          }
          return std::make_unique<Participant>(c, self == NodeId(1) ? lie : std::nullopt);
        }) {}

  // New names through every member that is up and honest, one after the other; each is tried until it is acknowledged.
  testing::AssertionResult put_everywhere(int times) {
    for (int i = 0; i < times; ++i) {
      for (uint64_t id = 1 + (lies_ ? 1 : 0); id <= size_; ++id) {
        if (!live_.up(id)) continue;
        if (auto put = this->put(id); !put) return put;
      }
    }
    return testing::AssertionSuccess();
  }
  void stop(uint64_t id) { live_.stop(id); }
  void restart(uint64_t id) { live_.restart(id); }
  // Everybody who is up and honest has come to the same state, and what was acknowledged is in it, once.
  testing::AssertionResult agreed() {
    const auto same = live_.until([&] {
      std::set<std::vector<std::string>> states;
      for (uint64_t id = 1 + (lies_ ? 1 : 0); id <= size_; ++id) {
        if (live_.up(id)) states.insert(live_.core(id).names());
      }
      return states.size() == 1 && states.begin()->size() >= acknowledged_.size();
    });
    if (!same) return same;
    const auto& names = live_.core(size_).names();
    for (const std::string& a : acknowledged_) {
      if (std::count(names.begin(), names.end(), a) != 1)
        return testing::AssertionFailure() << a << " is not there once";
    }
    return testing::AssertionSuccess();
  }
  LiveGroup<Participant>& live() { return live_; }

 private:
  testing::AssertionResult put(uint64_t id) {
    uint64_t call = 0;
    std::string name;
    const auto answered = live_.until([&] {
      if (call == 0) {
        call = ++calls_;
        name = "name" + std::to_string(call);
        live_.input(id, [&](Participant& p, Time now, Machine::Out& out) { p.submit(now, call, name, out); });
      }
      for (const auto& e : live_.events(id)) {
        const auto* answer = std::get_if<replica::Answer>(&e);
        if (answer == nullptr || answer->call != call) continue;
        if (answer->status.ok()) return true;
        call = 0;  // nobody led; what became of it is not known
        break;
      }
      return false;
    });
    if (answered) acknowledged_.insert(name);
    return answered;
  }

  uint64_t size_;
  bool lies_;
  uint64_t starts_ = 0, calls_ = 0;
  std::set<std::string> acknowledged_;
  LiveGroup<Participant> live_;
};

class ReplicatedLive : public testing::TestWithParam<EngineKind> {
 protected:
  uint64_t size() const { return GetParam() == EngineKind::kPbft ? 4 : 3; }
};

TEST_P(ReplicatedLive, GoesOnWhicheverMemberIsGoneAndTakesItBack) {
  Group group(GetParam(), size());
  ASSERT_TRUE(group.put_everywhere(3));
  for (uint64_t victim = 1; victim <= size(); ++victim) {
    SCOPED_TRACE("member " + std::to_string(victim));
    group.stop(victim);
    ASSERT_TRUE(group.put_everywhere(8));
    group.restart(victim);
    ASSERT_TRUE(group.put_everywhere(1));
    ASSERT_TRUE(group.agreed());
  }
}

TEST_P(ReplicatedLive, KeepsEverythingOverAStopOfAll) {
  Group group(GetParam(), size());
  ASSERT_TRUE(group.put_everywhere(20));
  for (uint64_t id = 1; id <= size(); ++id) group.stop(id);
  for (uint64_t id = 1; id <= size(); ++id) group.restart(id);
  ASSERT_TRUE(group.put_everywhere(2));
  ASSERT_TRUE(group.agreed());
}

INSTANTIATE_TEST_SUITE_P(Engines, ReplicatedLive, testing::Values(EngineKind::kPaxos, EngineKind::kPbft),
                         [](const auto& info) { return info.param == EngineKind::kPaxos ? "Paxos" : "Pbft"; });

// The first primary is the liar. The others serve their clients, and agree; one of them may even be gone for a while
// before, but not meanwhile: four members withstand one that is faulty.
class LiarLive : public testing::TestWithParam<pbft::Lie> {};

TEST_P(LiarLive, HurtsNobody) {
  Group group(EngineKind::kPbft, 4, GetParam());
  ASSERT_TRUE(group.put_everywhere(10));
  ASSERT_TRUE(group.agreed());
  // A correct member comes back and is brought up to date, with the liar's help or in spite of it.
  group.stop(3);
  group.restart(3);
  ASSERT_TRUE(group.put_everywhere(3));
  ASSERT_TRUE(group.agreed());
}

INSTANTIATE_TEST_SUITE_P(Lies, LiarLive,
                         testing::Values(pbft::Lie::kEquivocate, pbft::Lie::kForgedVotes, pbft::Lie::kBadEvidence,
                                         pbft::Lie::kOffByOne, pbft::Lie::kFalseState, pbft::Lie::kReplay),
                         [](const auto& info) { return holdfast::print(info.param); });

}  // namespace
}  // namespace holdfast
