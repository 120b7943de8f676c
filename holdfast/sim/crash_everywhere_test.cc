// A crash at every durable step: a script of 200 operations is run again and again, and each time the power of one
// member fails in the middle of another disk operation (write, sync, create, rename, sync of the directory, allocate,
// truncate, remove), leaving one of the legal images of its disk. Then it recovers, and every checker must be content.
#include <gtest/gtest.h>

#include "holdfast/sim/check/linearizability.h"
#include "holdfast/sim/check/revisions.h"
#include "holdfast/sim/store_cluster.h"

namespace holdfast::sim {
namespace {

constexpr int kOperations = 200;

struct Outcome {
  uint64_t disk_operations = 0;  // of the victim
  uint64_t power_failures = 0;
  int done = 0;
  std::string wrong;
};

class Script {
 public:
  Script(size_t members, size_t victim, uint64_t crash_at, uint64_t image)
      : world_(20'26),
        cluster_(world_, config(members), WorkloadConfig{.clients = 0, .watchers = 0}),
        asker_(asks(), 1, Random(5)) {
    StoreMember& m = *cluster_.members()[victim];
    victim_ = &m;
    if (crash_at != 0) {
      m.storage().reseed(hash_combine(crash_at, image));
      m.storage().disk().crash_at(crash_at);
    }
  }

  Outcome run() {
    cluster_.start_members();
    caller_ = &cluster_.extra_caller();
    next();
    const bool finished = world_.run_until(Time::at_millis(120'000), [&] { return done_ >= kOperations; });
    Outcome out;
    out.done = done_;
    if (!finished) out.wrong = "the script did not come to its end";
    world_.run_until(world_.now() + Duration::seconds(10), [&] { return agreed(); });
    out.disk_operations = victim_->storage().disk().operations();
    out.power_failures = victim_->storage().power_failures();
    if (!world_.violated() && !agreed()) out.wrong = "the members do not agree";
    const check::History& history = cluster_.recorder().history();
    const check::RevisionReport report = check::check_revisions(history, cluster_.oracle().log());
    if (report.finding) world_.violate(report.finding.oracle, report.finding.explanation);
    if (const check::Finding f = check::check_linearizability(history)) world_.violate(f.oracle, f.explanation);
    for (const Violation& v : world_.violations()) out.wrong += v.oracle + ": " + v.explanation;
    return out;
  }

 private:
  static StoreConfig config(size_t members) {
    StoreConfig c;
    c.members = members;
    c.snapshot_count = 30;
    c.catch_up_entries = 5;
    c.segment_bytes = 8 << 10;
    c.power_failures = 1000;
    return c;
  }
  static WorkloadConfig asks() {
    WorkloadConfig c = WorkloadConfig::plain();
    c.keys = 3;
    c.weights[static_cast<size_t>(Ask::kMoveLeader)] = 0;
    c.weights[static_cast<size_t>(Ask::kGrant)] = 0;
    c.weights[static_cast<size_t>(Ask::kLeasePut)] = 0;
    return c;
  }
  void next() {
    if (done_ >= kOperations) return;
    std::vector<NodeId> members;
    for (const auto& m : cluster_.members()) members.push_back(m->id());
    caller_->call(members[at_ % members.size()], asker_.next(members), false, Duration::millis(1200),
                  [this](const store::Request& request, const store::Response* response) {
                    const bool ok = response != nullptr && !std::holds_alternative<store::Refused>(*response);
                    if (response != nullptr) asker_.learn(request, *response);
                    // An unavailable member is left for the next one; another refusal is an answer like any other.
                    const auto* no = response == nullptr ? nullptr : std::get_if<store::Refused>(response);
                    if (response == nullptr ||
                        (no != nullptr && (check::leaves_open(no->error) || no->error == store::Error::kNoLeader))) {
                      ++at_;
                    } else {
                      ++done_;
                    }
                    world_.after(ok ? Duration::millis(1) : Duration::millis(20), [this] { next(); });
                  });
  }
  bool agreed() {
    for (const auto& m : cluster_.members()) {
      if (m->service() == nullptr || m->service()->replica().applied_index() != cluster_.oracle().highest_applied())
        return false;
    }
    return true;
  }

  World world_;
  StoreCluster cluster_;
  Asker asker_;
  StoreMember* victim_;
  Caller* caller_ = nullptr;
  size_t at_ = 0;
  int done_ = 0;
};

void crash_everywhere(size_t members, uint64_t images, uint64_t stride) {
  std::vector<uint64_t> operations;
  for (size_t victim = 0; victim < members; ++victim) {
    const Outcome undisturbed = Script(members, victim, 0, 0).run();
    ASSERT_EQ(undisturbed.wrong, "");
    ASSERT_EQ(undisturbed.done, kOperations);
    ASSERT_GT(undisturbed.disk_operations, 150u);
    operations.push_back(undisturbed.disk_operations);
  }
  uint64_t crashes = 0;
  for (uint64_t at = 1; at <= operations[0]; at += stride) {
    for (uint64_t image = 0; image < images; ++image) {
      const size_t victim = (at + image) % members;
      const Outcome out = Script(members, victim, at, image).run();
      ASSERT_EQ(out.wrong, "") << "power failure of member " << victim << " in disk operation " << at << ", image "
                               << image;
      crashes += out.power_failures;
    }
  }
  EXPECT_GT(crashes, operations[0] / stride * images / 2);
  std::cout << members << " members: " << crashes << " power failures, in each of " << operations[0]
            << " disk operations\n";
}

TEST(CrashEverywhere, ASingleMember) { crash_everywhere(1, 3, 1); }
TEST(CrashEverywhere, OneOfThree) { crash_everywhere(3, 1, 1); }

}  // namespace
}  // namespace holdfast::sim
