// The command line of `holdfast sim`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"

#include "holdfast/replica/types.h"

namespace holdfast::sim {

struct SimOptions {
  uint64_t first = 1, last = 100;  // seeds, both included
  bool one_seed = false;           // --seed was given
  unsigned jobs = 1;
  std::string scenario;                       // empty: the seed draws everything
  std::optional<replica::EngineKind> engine;  // none: as the scenario says, else Raft
  std::optional<size_t> liars;                // over PBFT; none: as the seed says
  bool trace = false, spec = false, marks = false, json = false, keep_going = false;
  std::string svg;                    // a file for the picture; empty: none
  uint64_t svg_from_ms = 0;           // virtual time
  std::optional<uint64_t> svg_to_ms;  // none: as many events as are good to look at
  bool help = false;                  // then nothing else counts

  bool one_run() const { return one_seed || !scenario.empty(); }
};

// `args` are the words behind "sim". kInvalidArgument says what is wrong.
StatusOr<SimOptions> parse_sim_options(const std::vector<std::string>& args);

// The text of --help.
std::string_view sim_help();

// "--seed" and so on, for completion; without --help.
std::vector<std::string_view> sim_option_names();

}  // namespace holdfast::sim
