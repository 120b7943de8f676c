// N-modular redundancy: every stage of a computation is done by n modules, and what the next stage gets is voted on
// (Lyons and Vanderkulk, "The use of triple-modular redundancy to improve computer reliability", 1962; von Neumann,
// "Probabilistic logics and the synthesis of reliable organisms from unreliable components", 1956; lecture 002,
// "physical redundancy").
//
//   input ─┬─▶ A1 ─┬─▶ V1 ─▶ B1 ─┬─▶ V4 ─▶ C1 ─┬─▶ V7
//          ├─▶ A2 ─┼─▶ V2 ─▶ B2 ─┼─▶ V5 ─▶ C2 ─┼─▶ V8      every voter sees all modules of the stage before
//          └─▶ A3 ─┴─▶ V3 ─▶ B3 ─┴─▶ V6 ─▶ C3 ─┴─▶ V9      (the lines are drawn once)
//
//   Modular<double> tmr;                                  // triple, voted exactly, a voter per module
//   tmr.add_stage({{a, a, a}});
//   tmr.add_stage({{b, b_by_others, b_by_third_parties}, within(1e-9)});
//   const ModularResult<double> r = tmr.run(21.0);        // r.output, and who was outvoted where
//
// Guarantees, with n modules and n voters per stage:
//  1. Masking. In every stage up to (n - 1) / 2 positions may fail arbitrarily, and the output is that of correct
//  modules.
//     A voter that fails is a failure of the module that it feeds, in the stage behind it: it counts there, or, behind
//     the last stage, where the final vote is taken over all voters, among those.
//  2. Naming. Whoever differed from what a voter chose is reported, with the stage.
//  3. Honesty. Without a majority there is no output: the status says in which stage, kDataLoss.
// With exactly n/2 or more failures in one stage nothing is promised: failing modules that agree outvote the correct
// ones.
//
// Voting masks wrong values, not a wrong input or a mistake that all modules share: give them to different hands.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"

namespace holdfast {

// What a voter makes of the outputs it was given; `none` stands for a module that gave nothing. No majority: nothing.
template <class T>
using Vote = std::function<std::optional<T>(const std::vector<std::optional<T>>& given)>;

// The value that more than half of all positions gave, bit by bit the same.
template <class T>
Vote<T> exact() {
  return [](const std::vector<std::optional<T>>& given) -> std::optional<T> {
    for (const std::optional<T>& candidate : given) {
      if (!candidate) continue;
      const auto same = std::count(given.begin(), given.end(), candidate);
      if (static_cast<size_t>(same) * 2 > given.size()) return candidate;
    }
    return std::nullopt;
  };
}

// For numbers that correct modules compute with different rounding: the middle value, if more than half of all
// positions lie within `epsilon` of it. It lies within `epsilon` of a correct value whenever a majority is correct and
// two correct values are at most `epsilon` apart: the middle one of all lies between two correct ones. Not-a-number
// counts as nothing.
inline Vote<double> within(double epsilon) {
  return [epsilon](const std::vector<std::optional<double>>& given) -> std::optional<double> {
    std::vector<double> values;
    for (const std::optional<double>& v : given) {
      if (v && !std::isnan(*v)) values.push_back(*v);
    }
    // Who gave nothing is taken to lie beyond either end in turn, so that the middle stays among the correct.
    std::sort(values.begin(), values.end());
    for (size_t missing = given.size() - values.size(), i = 0; i <= missing; ++i) {
      const size_t middle = given.size() / 2;
      if (middle < i || middle - i >= values.size()) continue;
      const double candidate = values[middle - i];
      const auto near = std::count_if(values.begin(), values.end(),
                                      [&](double v) { return v == candidate || std::abs(v - candidate) <= epsilon; });
      if (static_cast<size_t>(near) * 2 > given.size()) return candidate;
    }
    return std::nullopt;
  };
}

struct Disagreement {
  size_t stage = 0;
  size_t position = 0;
  bool voter = false;  // a voter behind the last stage, else a module
  friend bool operator==(const Disagreement&, const Disagreement&) = default;
};

template <class T>
struct ModularResult {
  StatusOr<T> output;
  // Whoever gave nothing, or something other than what the vote chose, in order and each once. A module is named also
  // when it was fed by a voter that failed: the two cannot be told apart.
  std::vector<Disagreement> outvoted;
};

template <class T>
class Modular {
 public:
  // A module computes, or gives nothing when it crashed. One that throws gave nothing.
  using Module = std::function<std::optional<T>(const T&)>;

  struct Stage {
    std::vector<Module> modules;
    Vote<T> vote = exact<T>();
    // Whether a module's output is as good as what was chosen, for the reports: equality, or closeness with within().
    std::function<bool(const T&, const T&)> same = [](const T& a, const T& b) { return a == b; };
    // What a voter says instead, by position; for tests and demonstrations of voters that fail.
    std::vector<std::function<std::optional<T>(const std::optional<T>&)>> voters = {};
  };

  // Every stage has as many modules as the first, all of them callable, a vote and a `same`. kInvalidArgument otherwise,
  // or without any module.
  Status add_stage(Stage stage) {
    const size_t n = stage.modules.size();
    if (n == 0) return absl::InvalidArgumentError("a stage has at least one module");
    if (!stages_.empty() && n != stages_[0].modules.size()) {
      return absl::InvalidArgumentError("stage " + std::to_string(stages_.size()) + " has " + std::to_string(n) +
                                        " modules, the first one " + std::to_string(stages_[0].modules.size()) +
                                        "; every module has a voter of its own, so their number is the same");
    }
    if (!stage.voters.empty() && stage.voters.size() != n) {
      return absl::InvalidArgumentError("give a voter for every module of the stage, or none");
    }
    for (size_t i = 0; i < n; ++i) {
      if (!stage.modules[i]) {
        return absl::InvalidArgumentError("module " + std::to_string(i) + " of stage " +
                                          std::to_string(stages_.size()) + " is an empty function; give one to call");
      }
    }
    if (!stage.vote || !stage.same) {
      return absl::InvalidArgumentError("the vote or the comparison of stage " + std::to_string(stages_.size()) +
                                        " is an empty function; leave them out for exact equality");
    }
    stages_.push_back(std::move(stage));
    return absl::OkStatus();
  }

  ModularResult<T> run(const T& input) const {
    ModularResult<T> result{absl::FailedPreconditionError("add a stage first"), {}};
    if (stages_.empty()) return result;
    const size_t n = stages_[0].modules.size();
    std::vector<std::optional<T>> inputs(n, input);
    for (size_t s = 0; s < stages_.size(); ++s) {
      const Stage& stage = stages_[s];
      std::vector<std::optional<T>> given(n);
      for (size_t i = 0; i < n; ++i) {
        if (inputs[i]) given[i] = what_gives([&] { return stage.modules[i](*inputs[i]); });
      }
      // Correct voters see the same and say the same, so one computation serves for all of them.
      const std::optional<T> chosen = stage.vote(given);
      if (!chosen) {
        result.output = absl::DataLossError("stage " + std::to_string(s) + ": no majority among " + std::to_string(n) +
                                            " modules; more than " + std::to_string((n - 1) / 2) + " failed");
        return result;
      }
      for (size_t i = 0; i < n; ++i) {
        if (!given[i] || !stage.same(*given[i], *chosen)) result.outvoted.push_back({s, i, false});
        const bool honest = stage.voters.empty() || !stage.voters[i];
        inputs[i] = honest ? chosen : what_gives([&] { return stage.voters[i](chosen); });
      }
    }
    // The voters behind the last stage are a stage without modules: whoever uses the output takes their majority.
    const Stage& last = stages_.back();
    const std::optional<T> output = last.vote(inputs);
    if (!output) {
      result.output = absl::DataLossError("no majority among the " + std::to_string(n) + " voters of the last stage");
      return result;
    }
    for (size_t i = 0; i < n; ++i) {
      if (!inputs[i] || !last.same(*inputs[i], *output)) result.outvoted.push_back({stages_.size() - 1, i, true});
    }
    result.output = *output;
    return result;
  }

 private:
  // Modules and voters may fail arbitrarily, by an exception too.
  template <class Part>
  static std::optional<T> what_gives(Part&& part) {
    try {
      return part();
    } catch (...) {
      return std::nullopt;
    }
  }

  std::vector<Stage> stages_;
};

// A stage of numbers voted on with tolerance.
inline Modular<double>::Stage tolerant_stage(std::vector<Modular<double>::Module> modules, double epsilon) {
  Modular<double>::Stage stage{std::move(modules), within(epsilon)};
  stage.same = [epsilon](double a, double b) { return a == b || std::abs(a - b) <= epsilon; };
  return stage;
}

}  // namespace holdfast
