// The three engines under one state machine: throughput, latency, and what the processor does for it.
//
//   engines_bench DIRECTORY [SECONDS [PICTURES]]    data goes to DIRECTORY/engines_bench, plots to PICTURES
//
// ENGINE=Raft|Multi-Paxos|PBFT and MEMBERS=N in the environment run only these.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "bench/engines/group.h"
#include "bench/engines/meter.h"
#include "holdfast/plot/svg.h"
#include "spdlog/spdlog.h"

namespace {

using namespace holdfast;         // NOLINT: a program of one file
using namespace holdfast::bench;  // NOLINT

const char* name_of(replica::EngineKind engine) {
  return engine == replica::EngineKind::kRaft ? "Raft" : engine == replica::EngineKind::kPaxos ? "Multi-Paxos" : "PBFT";
}

struct Row {
  Load load;
  Figures figures;
  Figures split;
  Figures processes;
  std::array<Spent, kKinds> spent;
};

void print(const char* title, const std::vector<Row>& rows, Figures Row::*which) {
  std::printf(
      "%s\n\n| engine | members | requests/s | p50 | p99 | p99.9 (ms) | CPU per request "
      "|\n|---|---|---|---|---|---|---|\n",
      title);
  for (const Row& r : rows) {
    const Figures& f = r.*which;
    std::printf("| %s | %lu | %.0f | %.1f | %.1f | %.1f | %.0f µs |\n", name_of(r.load.engine),
                static_cast<unsigned long>(r.load.members), f.per_second(), f.percentile(0.5), f.percentile(0.99),
                f.percentile(0.999), f.cpu_micros());
    if (f.failures > 0) std::printf("%lu requests failed\n", static_cast<unsigned long>(f.failures));
  }
}

void print_split(const std::vector<Row>& rows) {
  std::printf(
      "\nWhere it goes, all in one process:\n\n| engine | members | all | signing | verifying | hashing | network | "
      "disk | rest (µs) | signed | verified | "
      "hashed | sent and received | synced and written |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& r : rows) {
    const double n = static_cast<double>(std::max<uint64_t>(r.split.requests, 1));
    double rest = r.split.cpu_micros();
    std::printf("| %s | %lu | %.1f ", name_of(r.load.engine), static_cast<unsigned long>(r.load.members), rest);
    for (const Spent& s : r.spent) {
      std::printf("| %.1f ", s.cpu_seconds * 1e6 / n);
      rest -= s.cpu_seconds * 1e6 / n;
    }
    std::printf("| %.1f ", rest);
    for (const Kind k : {Kind::kSign, Kind::kVerify})
      std::printf("| %.4f ", static_cast<double>(r.spent[static_cast<size_t>(k)].calls) / n);
    std::printf("| %.0f bytes ", static_cast<double>(r.spent[static_cast<size_t>(Kind::kHash)].bytes) / n);
    for (const Kind k : {Kind::kNetwork, Kind::kDisk})
      std::printf("| %.3f ", static_cast<double>(r.spent[static_cast<size_t>(k)].calls) / n);
    std::printf("|\n");
  }
}

void draw(const std::vector<Row>& rows, const std::string& directory) {
  plot::Chart chart;
  chart.title = "Requests a second, by engine and size of the group";
  chart.subtitle = "256 clients, 256 bytes, all members on one machine of two cores";
  chart.x = {.label = "members", .from = 2.5, .to = 7.5};
  chart.y = {.label = "requests/s", .from = 0};
  std::map<std::string, plot::Series> series;
  for (const Row& r : rows) {
    plot::Series& s = series[name_of(r.load.engine)];
    s.name = name_of(r.load.engine);
    s.points.push_back({static_cast<double>(r.load.members), r.figures.per_second()});
  }
  for (auto& [name, s] : series) chart.series.push_back(s);
  std::ofstream(directory + "/engines_throughput.svg") << plot::svg(chart);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: engines_bench DIRECTORY [SECONDS [PICTURES]]\n");
    return 2;
  }
  spdlog::set_level(spdlog::level::off);
  std::vector<Row> rows;
  for (const auto engine : {replica::EngineKind::kRaft, replica::EngineKind::kPaxos, replica::EngineKind::kPbft}) {
    for (const uint64_t members : {3, 4, 5, 7}) {
      if (engine == replica::EngineKind::kPbft && members < 4) continue;
      if (const char* only = std::getenv("MEMBERS"); only != nullptr && std::strtoul(only, nullptr, 10) != members)
        continue;
      if (const char* only = std::getenv("ENGINE"); only != nullptr && std::string(only) != name_of(engine)) continue;
      Row row;
      row.load = {.engine = engine, .members = members};
      row.load.directory = std::string(argv[1]) + "/engines_bench";
      if (argc > 2) row.load.seconds = std::atof(argv[2]);
      row.figures = run(row.load, false);
      row.processes = run_as_processes(row.load);
      row.split = run(row.load, true);
      row.spent = metered();
      std::fprintf(stderr, "%s %lu: %.0f/s, as processes %.0f/s\n", name_of(engine),
                   static_cast<unsigned long>(members), row.figures.per_second(), row.processes.per_second());
      rows.push_back(std::move(row));
    }
  }
  print("All members in one process:", rows, &Row::figures);
  print("\nEach member a process:", rows, &Row::processes);
  print_split(rows);
  if (argc > 3) draw(rows, argv[3]);
}
