// The calls on a register in a scenario, and what the CAP theorem speaks of: whether reads and writes behave as on one
// copy (for values that are written once each), and whether every call was answered. A call that is refused is not
// answered: who is told nothing of the value has no use of a member that is up. Internal to lab/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "holdfast/lab/cast.h"

namespace holdfast::lab {

class RegisterCalls {
 public:
  size_t begin(Time at, bool write, const std::string& value) {
    calls_.push_back({write, value, at, Time::never(), false});
    return calls_.size() - 1;
  }
  void answered(size_t call, Time at, const std::string& value) {
    calls_[call].end = at;
    if (!calls_[call].write) calls_[call].value = value;
  }
  void refused(size_t call) { calls_[call].refused = true; }
  bool is_write(size_t call) const { return calls_[call].write; }
  const std::string& value(size_t call) const { return calls_[call].value; }
  std::map<std::string, Verdict> promises() const;

 private:
  struct Call {
    bool write = false;
    std::string value;
    Time begin, end;
    bool refused = false;
  };
  bool stale(const Call& read) const;
  std::vector<Call> calls_;
};

}  // namespace holdfast::lab
