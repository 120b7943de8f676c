// The whole store in the simulated world: the ordinary swarm keeps every promise, the same seed gives the same run, and
// the rare branches that matter are reached.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>

#include "holdfast/base/mark.h"
#include "holdfast/sim/sim_main.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {
namespace {

constexpr uint64_t kSeeds = 300;

TEST(StoreSim, TheSwarmKeepsEveryPromiseAndReachesTheRareBranches) {
  uint64_t answered = 0, calls = 0;
  std::array<uint64_t, kFaultKinds> struck{};
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = run_store(swarm_spec(seed));
    for (const Violation& v : result.violations) {
      ADD_FAILURE() << v.oracle << "\n" << v.explanation << "\nreplay: holdfast sim --seed " << seed << " --trace";
    }
    answered += result.answered;
    calls += result.calls;
    for (size_t k = 0; k < kFaultKinds; ++k) struck[k] += result.struck[k];
  }
  for (size_t k = 0; k < kFaultKinds; ++k) {
    const FaultInfo& fault = info(static_cast<FaultKind>(k));
    // What breaks an assumption that the store rests on, a read that is misdirected, and the rot of snapshots are for
    // scenario files only; who lies does so over PBFT.
    const bool drawn = !(fault.failure.component == Component::kStorage && is_commission(fault.failure.what)) &&
                       fault.kind != FaultKind::kMisdirectedRead && fault.kind != FaultKind::kSnapshotRot && !is_lie(fault.kind);
    EXPECT_EQ(struck[k] > 0, drawn) << fault.code << " " << fault.name;
  }
  EXPECT_GT(answered, calls / 2) << "a simulation that refuses nearly everything shows nothing";
  std::map<std::string_view, uint64_t> hits;
  for (const Mark* m : all_marks()) hits[m->name] += m->hits.load();
  for (const char* important : {
           "blob.given_up",
           "blob.unsealed_removed",
           "raft.asked_to_verify",
           "raft.backtracked",
           "raft.conflict",
           "raft.follower_forgot",
           "raft.poked",
           "raft.quorum_lost",
           "consensus.read_answered_twice",
           "consensus.read_expired",
           "raft.replay_starts_inside",
           "raft.retired",
           "consensus.snapshot_resumed",
           "consensus.snapshot_sent",
           "raft.timeout_now",
           "raft.truncated",
           "raft.vote_refused_for_leader",
           "replica.claim_of_a_removed_member",
           "replica.claim_twice",
           "replica.farewell",
           "replica.proposal_sent_again",
           "replica.snapshot_failed",
           "replica.snapshot_received",
           "replica.snapshot_waits_for_the_last_one",
           "service.call_expired",
           "service.read_retried",
           "sim.disk.acknowledged_record_destroyed",
           "sim.disk.power_failure",
           "sim.disk.prepare_failed",
           "sim.net.cap_lifted",
           "sim.net.clogged",
           "sim.net.damaged_frame_refused",
           "sim.net.misrouted",
           "sim.net.replayed",
           "sim.net.unclogged",
           "sim.process.failpoint",
           "sim.process.refused_to_start",
           "sim.store.abandoned_call",
           "sim.store.member_added",
           "sim.store.member_stopped_itself",
           "sim.watch.cancelled",
           "sim.watch.resumed",
           "store.progress_while_lagging",
           "store.watcher_compacted",
           "wal.empty_segment_made_anew",
           "wal.no_space_for_segment",
           "wal.segment_recycled",
           "wal.torn_tail_cut",
       }) {
    EXPECT_GT(hits[important], 0u) << important << " was never reached";
  }
}

TEST(StoreSim, TheSameSeedGivesTheSameRun) {
  for (const uint64_t seed : {3, 17}) {
    const RunResult once = run_store(swarm_spec(seed)), again = run_store(swarm_spec(seed));
    EXPECT_EQ(once.trace_hash, again.trace_hash) << seed;
    EXPECT_EQ(once.events, again.events) << seed;
  }
  EXPECT_NE(run_store(swarm_spec(3)).trace_hash, run_store(swarm_spec(4)).trace_hash);
}

TEST(StoreSim, ListeningDoesNotChangeARun) {
  uint64_t lines = 0;
  const RunResult heard = run_store(swarm_spec(5), [&](Time, NodeId, std::string_view, std::string_view) { ++lines; });
  EXPECT_EQ(heard.trace_hash, run_store(swarm_spec(5)).trace_hash);
  EXPECT_GT(lines, 1000u);
}

// The hashes are the same for every compiler and build type. They change whenever the behaviour of any core changes:
// HOLDFAST_REWRITE=1 writes them anew.
TEST(StoreSim, RunsAreTheSameInEveryBuild) {
  const std::string path = HOLDFAST_SOURCE_DIR "/holdfast/sim/testdata/trace_hashes.txt";
  std::map<uint64_t, std::string> now;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016lx", static_cast<unsigned long>(run_store(swarm_spec(seed)).trace_hash));
    now[seed] = hash;
  }
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) {
    std::ofstream out(path);
    for (const auto& [seed, hash] : now) out << seed << " " << hash << "\n";
    ASSERT_TRUE(out.good()) << path;
  }
  std::ifstream in(path);
  std::map<uint64_t, std::string> recorded;
  uint64_t seed = 0;
  for (std::string hash; in >> seed >> hash;) recorded[seed] = hash;
  EXPECT_EQ(now, recorded) << "if a core was changed on purpose: HOLDFAST_REWRITE=1 bin/store_sim_test";
}

TEST(SimMain, RunsSeedsInSeveralProcesses) {
  EXPECT_EQ(sim_main({"--seeds=1..4", "--jobs", "2"}, std::cout, std::cerr), 0);
}

}  // namespace
}  // namespace holdfast::sim
