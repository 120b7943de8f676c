// A state machine for tests of replicated ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "holdfast/replica/state_machine.h"

namespace holdfast {

// A list of names. Adding one is answered with its position; the question is how many there are.
class Register : public StateMachine {
 public:
  std::vector<std::string> names;
  int64_t time_ms = 0;
  bool time_fell = false;

  std::string apply(const Moment& moment, std::string_view command) override {
    time_fell |= moment.time_ms < time_ms;
    time_ms = moment.time_ms;
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
    time_ms = 0;
    while (!image.empty()) {
      const size_t end = image.find('\n');
      if (end == std::string_view::npos) return absl::DataLossError("a line has no end");
      names.emplace_back(image.substr(0, end));
      image.remove_prefix(end + 1);
    }
    return absl::OkStatus();
  }
};

}  // namespace holdfast
