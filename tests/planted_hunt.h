// Looks for a planted bug (base/planted.h) by random simulation: the ordinary swarm, seed after seed, until some
// checker complains. Nothing here knows what a bug does.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/raft/random_run.h"
#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::tests {

struct PlantedBug {
  std::string_view name;
  std::string_view what;
  std::string_view where;
  bool in_test = true;  // the test of the whole store hunts it; else only the table and raft_planted_test do
  bool raft = false;    // it is in the consensus core, and runs of that alone can find it
  bool rots = false;    // hunted with a mix of its own: rot_newest_snapshots()
};

inline constexpr PlantedBug kPlantedBugs[] = {
    {"R1", "an entry of an older term is committed by counting", "`consensus/raft/leader.cc`", false, true},
    {"R2", "term and vote are two records", "`consensus/raft/ledger.cc`", true, true},
    {"R3", "entries are acknowledged before they are stable", "`consensus/raft/ledger.cc`", true, true},
    {"R4", "membership changes before the term's first commit", "`consensus/raft/leader.cc`", false, true},
    {"R6", "the membership in the log is dropped on restart", "`consensus/raft/core.cc`", true, true},
    {"R8", "reads before the term's first commit", "`consensus/leader_reading.h`", true, true},
    {"R10", "a leader reads locally, deposed or not", "`consensus/leader_reading.h`", true, true},
    {"R13", "a late append erases a matching suffix", "`consensus/raft/follower.cc`", true, true},
    {"R14", "a late reply lowers what is known to match", "`consensus/raft/progress.cc`", true, true},
    {"R17", "records are released that the older snapshot needs", "`replica/log_snapshots.cc`", true, false, true},
    {"R18", "a snapshot counts before it is sealed", "`replica/log_snapshots.cc`"},
    {"S1", "a single member acknowledges before the sync", "`consensus/raft/leader.cc`"},
    {"S4", "a failed sync is tried again and believed", "`stable/wal.cc`, `stable/blob_store.cc`"},
    {"S5", "damage in the log is taken for a torn tail", "`stable/wal_verdict.h`, `stable/wal_recovery.cc`"},
    {"S10", "the directory is not synced after a rename", "`stable/wal_segments.cc`, `stable/blob_store.cc`"},
};

// Those that can be in force in the whole store over multi-Paxos: what the engines share, and what is Paxos's own.
inline constexpr PlantedBug kPlantedOverPaxos[] = {
    {"R3", "values are acknowledged before they are stable", "`consensus/paxos/ledger.cc`"},
    {"R4", "slots behind a membership entry are proposed before it is chosen", "`consensus/paxos/leader.cc`", false},
    {"R6", "the membership chosen behind the snapshot is dropped on restart", "`consensus/paxos/core.cc`", false},
    {"R8", "reads before what was outstanding is settled", "`consensus/leader_reading.h`"},
    {"R10", "a leader reads locally, deposed or not", "`consensus/leader_reading.h`"},
    {"R14", "a late reply lowers what is known to be held", "`consensus/paxos/progress.cc`"},
    {"R17", "records are released that the older snapshot needs", "`replica/log_snapshots.cc`", true, false, true},
    {"R18", "a snapshot counts before it is sealed", "`replica/log_snapshots.cc`"},
    {"S1", "a single member acknowledges before the sync", "`consensus/paxos/replication.cc`"},
    {"S4", "a failed sync is tried again and believed", "`stable/wal.cc`, `stable/blob_store.cc`"},
    {"S5", "damage in the log is taken for a torn tail", "`stable/wal_verdict.h`, `stable/wal_recovery.cc`"},
    {"S10", "the directory is not synced after a rename", "`stable/wal_segments.cc`, `stable/blob_store.cc`"},
};

// Runs `seed`; tells who complained, empty when nobody did.
using Run = std::string (*)(uint64_t seed);

// A mix of faults for what the swarm's own do not reach.
using Mix = void (*)(sim::RunSpec& spec);

// One member's newest snapshot rots, again and again, where snapshots are many and long in the writing and the log's
// segments short. The seed's other faults stay, but for those that would take another member for good.
inline void rot_newest_snapshots(sim::RunSpec& spec) {
  Random random(hash_combine(spec.seed, hash64("rotting snapshots")));
  spec.store.members = std::max<size_t>(spec.store.members, 3);
  spec.store.snapshot_count = 5 + random.below(16);
  spec.store.catch_up_entries = random.below(3) * 10;
  spec.store.snapshot_chunk_bytes = 200;
  spec.store.segment_bytes = 4 << 10;
  spec.store.pace.blob_step = Duration::millis(random.between(1, 20));
  spec.workload.change_members = false;
  std::erase_if(spec.plan.faults,
                [](const sim::Fault& f) { return sim::info(f.kind).failure.persistence == Persistence::kPermanent; });
  const size_t victim = random.below(spec.store.members);
  const uint64_t times = 1 + random.below(5);
  for (uint64_t i = 0; i < times; ++i) {
    sim::Fault rot{.kind = sim::FaultKind::kSnapshotRot, .members = {victim}, .seed = random.next()};
    rot.start = Time::at_millis(random.between(800, spec.faults.millis()));
    spec.plan.faults.push_back(std::move(rot));
  }
}

inline std::string run_store_over(replica::EngineKind engine, uint64_t seed, Mix mix = nullptr) {
  sim::RunSpec spec = sim::swarm_spec(seed);
  sim::run_on(spec, engine);
  if (mix != nullptr) mix(spec);
  const sim::RunResult result = sim::run_store(spec);
  return result.violations.empty() ? "" : result.violations[0].oracle;
}
inline std::string run_whole_store(uint64_t seed) { return run_store_over(replica::EngineKind::kRaft, seed); }
inline std::string run_store_over_paxos(uint64_t seed) { return run_store_over(replica::EngineKind::kPaxos, seed); }
inline std::string run_rotting_store(uint64_t seed) {
  return run_store_over(replica::EngineKind::kRaft, seed, rot_newest_snapshots);
}
inline std::string run_rotting_store_over_paxos(uint64_t seed) {
  return run_store_over(replica::EngineKind::kPaxos, seed, rot_newest_snapshots);
}
inline std::string run_raft_alone(uint64_t seed) {
  raft::RandomRun run(seed);
  return run.run().empty() ? "" : "ORACLE";
}

inline Run run_of(const PlantedBug& bug, replica::EngineKind engine) {
  if (engine == replica::EngineKind::kPaxos) return bug.rots ? run_rotting_store_over_paxos : run_store_over_paxos;
  return bug.rots ? run_rotting_store : run_whole_store;
}

struct Hunt {
  uint64_t seeds = 0;  // tried, the last one included
  std::string oracle;  // who noticed; "ASSERT" for an invariant inside a core; empty: nobody
};

// In the child process: tells the parent about each seed (a zero) and, in the end, who complained.
[[noreturn]] inline void hunt_in_child(Run run, std::string_view bug, uint64_t first, uint64_t bound, int pipe_end) {
  close(STDERR_FILENO);  // a failed assertion is a success here
  planted_bug = bug;
  for (uint64_t i = 0; i < bound; ++i) {
    alarm(120);  // a bug may also make a run endless
    const char tried = 0;
    if (write(pipe_end, &tried, 1) != 1) _exit(3);
    const std::string oracle = run(first + i);
    if (oracle.empty()) continue;
    if (write(pipe_end, oracle.data(), oracle.size()) < 0) _exit(3);
    _exit(1);
  }
  _exit(0);
}

// Tries the seeds from `first` on, at most `bound` of them, in a child process: a bug may well crash it.
inline Hunt hunt(std::string_view bug, uint64_t first, uint64_t bound, Run run = run_whole_store) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    hunt_in_child(run, bug, first, bound, ends[1]);
  }
  close(ends[1]);
  Hunt out;
  char byte = 0;
  while (read(ends[0], &byte, 1) == 1) {
    if (byte == 0) {
      ++out.seeds;
    } else {
      out.oracle += byte;
    }
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) out.oracle = WTERMSIG(status) == SIGALRM ? "ENDLESS" : "ASSERT";
  return out;
}

}  // namespace holdfast::tests
