// Prints the table of docs/planted-bugs.md: for each planted bug the number of random seeds until it was found, from
// several starting points: in runs of the whole store over Raft, with --paxos over multi-Paxos, or with --raft in runs
// of Raft's core alone.
//
//   planted_bugs_table [--raft | --paxos] [HUNTS [BOUND [BUG...]]]
#include <algorithm>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/planted_hunt.h"

namespace {

using namespace holdfast::tests;  // NOLINT: a program of one file

std::string seeds_text(uint64_t seeds, uint64_t bound) {
  return seeds > bound ? "more than " + std::to_string(bound) : std::to_string(seeds);
}

// Hunts from seeds that are far apart.
void row(const PlantedBug& bug, uint64_t hunts, uint64_t bound, Run run) {
  std::vector<uint64_t> seeds;
  std::set<std::string> oracles;
  for (uint64_t i = 0; i < hunts; ++i) {
    const Hunt found = hunt(bug.name, 1 + i * 1'000'000, bound, run);
    seeds.push_back(found.oracle.empty() ? bound + 1 : found.seeds);
    if (!found.oracle.empty()) oracles.insert(found.oracle);
  }
  std::sort(seeds.begin(), seeds.end());
  std::string by;
  for (const std::string& o : oracles) by += (by.empty() ? "" : " ") + o;
  std::printf("| %s | %s | %s | %s | %lu | %s | %s .. %s |\n", std::string(bug.name).c_str(),
              std::string(bug.what).c_str(), std::string(bug.where).c_str(), by.c_str(),
              static_cast<unsigned long>(hunts), seeds_text(seeds[seeds.size() / 2], bound).c_str(),
              seeds_text(seeds.front(), bound).c_str(), seeds_text(seeds.back(), bound).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool raft_alone = !args.empty() && args[0] == "--raft", paxos = !args.empty() && args[0] == "--paxos";
  if (raft_alone || paxos) args.erase(args.begin());
  uint64_t hunts = 11, bound = 1000;
  if ((!args.empty() && !absl::SimpleAtoi(args[0], &hunts)) ||
      (args.size() > 1 && !absl::SimpleAtoi(args[1], &bound)) || hunts == 0 || bound == 0) {
    std::fprintf(stderr, "usage: planted_bugs_table [--raft | --paxos] [HUNTS [BOUND [BUG...]]]\n");
    return 2;
  }
  std::printf(
      "| bug | what | where | found by | hunts | median seeds | least .. most |\n|---|---|---|---|---|---|---|\n");
  std::fflush(stdout);
  const std::span<const PlantedBug> bugs =
      paxos ? std::span<const PlantedBug>(kPlantedOverPaxos) : std::span<const PlantedBug>(kPlantedBugs);
  for (const PlantedBug& bug : bugs) {
    if (args.size() > 2 && std::find(args.begin() + 2, args.end(), bug.name) == args.end()) continue;
    if (raft_alone && !bug.raft) continue;
    const auto engine = paxos ? holdfast::replica::EngineKind::kPaxos : holdfast::replica::EngineKind::kRaft;
    row(bug, hunts, bound, raft_alone ? run_raft_alone : run_of(bug, engine));
  }
  return 0;
}
