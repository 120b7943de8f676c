// The arithmetic of model/dependability.h against the simulated store: members crash and are repaired at exponential
// times, and what part of all probes is answered is what k of n says, but for the time that elections take.
//
// An outage of the store is longer than one of its majority by the time until somebody leads: after a majority is back,
// and whenever a leader falls while a majority is up. Each takes at most kElections election timeouts (one or two until
// the loss is noticed, and now and then a split vote); how often that happens is counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "holdfast/model/dependability.h"
#include "holdfast/model/quorum.h"
#include "holdfast/sim/store_cluster.h"

namespace holdfast::sim {
namespace {

constexpr double kMttf = 100, kMttr = 25;  // seconds of virtual time
constexpr int kBatches = 24;
constexpr int64_t kBatchSeconds = 1000;
constexpr double kElections = 4;
constexpr Duration kProbeEvery = Duration::millis(500);

struct Batch {
  double down = 0;       // the part of all probes that was not answered
  double too_few = 0;    // the part of all time that no majority was up
  double elections = 0;  // how many were needed, per second
};

class Experiment {
 public:
  Experiment(uint64_t seed, size_t members)
      : world_(seed),
        random_(hash_combine(seed, members)),
        config_(config(members)),
        cluster_(world_, config_, idle()) {
    cluster_.set_restarting(false);
    cluster_.start_members();
    for (const auto& m : cluster_.members()) fail_later(*m);
    caller_ = &cluster_.extra_caller();
    probe();
  }

  Batch run(Duration how_long) {
    const auto before = counts_;
    const Time begin = world_.now();
    account();
    world_.run_until(begin + how_long);
    account();
    const double seconds = static_cast<double>(how_long.millis()) / 1000;
    const auto sent = static_cast<double>(counts_.sent - before.sent);
    return {1 - static_cast<double>(counts_.answered - before.answered) / sent,
            (counts_.too_few - before.too_few) / seconds,
            static_cast<double>(counts_.elections - before.elections) / seconds};
  }
  const World& world() const { return world_; }
  double election_timeout() const { return static_cast<double>(config_.election_timeout.millis()) / 1000; }

 private:
  static StoreConfig config(size_t members) {
    StoreConfig c;
    c.members = members;
    c.heartbeat = Duration::millis(250);
    c.election_timeout = Duration::millis(1000);
    c.snapshot_count = 1000;
    return c;
  }
  static WorkloadConfig idle() {
    WorkloadConfig w = WorkloadConfig::plain();
    w.clients = w.watchers = 0;
    return w;
  }

  Duration exponential(double mean) {
    const double uniform = (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1p-53;
    return Duration::nanos(static_cast<int64_t>(-std::log(uniform) * mean * 1e9));
  }
  size_t up() const {
    return static_cast<size_t>(std::count_if(cluster_.members().begin(), cluster_.members().end(),
                                             [](const auto& m) { return m->node().up(); }));
  }
  bool majority() const { return up() >= majority_of(config_.members); }
  // Books the time since the last change.
  void account() {
    if (!majority()) counts_.too_few += static_cast<double>((world_.now() - since_).nanos()) / 1e9;
    since_ = world_.now();
  }
  void fail_later(StoreMember& m) {
    world_.after(exponential(kMttf), [this, &m] {
      account();
      counts_.elections += cluster_.leader() == &m && up() > majority_of(config_.members);
      m.node().crash("its time has come");
      world_.after(exponential(kMttr), [this, &m] {
        account();
        counts_.elections += up() + 1 == majority_of(config_.members);
        m.node().start();
        fail_later(m);
      });
    });
  }
  void probe() {
    world_.after(kProbeEvery, [this] { probe(); });
    ++counts_.sent;
    std::vector<NodeId> alive;
    for (const auto& m : cluster_.members()) {
      if (m->node().up()) alive.push_back(m->id());
    }
    if (alive.empty() || caller_->busy()) return;
    caller_->call(alive[random_.below(alive.size())], store::RangeRequest{Slice::unowned("probe")}, false,
                  Duration::millis(400), [this](const store::Request&, const store::Response* response) {
                    counts_.answered += response != nullptr && !std::holds_alternative<store::Refused>(*response);
                  });
  }

  struct Counts {
    uint64_t sent = 0, answered = 0, elections = 0;
    double too_few = 0;
  };
  World world_;
  Random random_;
  StoreConfig config_;
  StoreCluster cluster_;
  Caller* caller_ = nullptr;
  Counts counts_;
  Time since_;
};

struct Mean {
  double mean = 0, error = 0;
};
Mean mean_of(const std::vector<double>& values) {
  Mean m;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) m.mean += v / n;
  double squares = 0;
  for (const double v : values) squares += (v - m.mean) * (v - m.mean);
  m.error = std::sqrt(squares / (n - 1) / n);
  return m;
}

void measure(size_t members) {
  Experiment experiment(members, members);
  std::vector<double> down, too_few, excess, allowed;
  experiment.run(Duration::seconds(200));  // so that not all are up
  for (int i = 0; i < kBatches; ++i) {
    const Batch b = experiment.run(Duration::seconds(kBatchSeconds));
    down.push_back(b.down), too_few.push_back(b.too_few), excess.push_back(b.down - b.too_few);
    allowed.push_back(b.elections * kElections * experiment.election_timeout());
  }
  for (const Violation& v : experiment.world().violations()) ADD_FAILURE() << v.oracle << "\n" << v.explanation;

  const double predicted =
      dependability::independent_group({majority_of(members), members}, {kMttf, kMttr})->unavailability;
  const Mean measured = mean_of(down), majority_gone = mean_of(too_few), more = mean_of(excess);
  const double elections = mean_of(allowed).mean;
  ::testing::Test::RecordProperty("predicted", std::to_string(predicted));
  ::testing::Test::RecordProperty("measured", std::to_string(measured.mean));
  std::cout << members << " members: k of n says " << predicted << "; no majority was up for " << majority_gone.mean
            << " of the time, " << measured.mean << " of the probes were not answered; elections explain up to "
            << elections << " of that\n";
  // Four standard errors of the batches, which are longer than any memory of the process.
  EXPECT_NEAR(majority_gone.mean, predicted, 4 * majority_gone.error);
  EXPECT_GT(measured.mean, predicted - 4 * measured.error);
  EXPECT_LT(measured.mean, predicted + 4 * measured.error + elections);
  // With what really happened instead of its expectation there is little left to chance: probes are a sample.
  EXPECT_GT(more.mean, -0.002) << "nobody is served without a majority";
  EXPECT_LT(more.mean, elections);
  EXPECT_LT(majority_gone.error, 0.25 * predicted) << "too short a run to say anything";
}

TEST(StoreAvailability, OfThreeMembersIsWhatTwoOfThreeSays) { measure(3); }
TEST(StoreAvailability, OfFiveMembersIsWhatThreeOfFiveSays) { measure(5); }

}  // namespace
}  // namespace holdfast::sim
