// What the clients of a simulated store saw: the input of every checker. True times, which no client knows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/store/api.h"

namespace holdfast::sim::check {

// One call. Without a response, or with one that leaves it open, the operation may or may not have taken effect, at any
// moment after the call.
struct Operation {
  uint64_t id = 0;  // its place in the history, from 1
  uint64_t client = 0;
  NodeId member;  // that was asked
  Time called;
  Time returned = Time::never();
  store::Request request;
  std::optional<store::Response> response;
};

using History = std::vector<Operation>;

// A refusal that leaves the outcome open (service/service.h).
bool leaves_open(store::Error error);
// Answered, and not refused.
bool succeeded(const Operation& op);
// Refused for sure: it took no effect and never will.
bool refused(const Operation& op);
// Neither: the effect is open.
bool open(const Operation& op);

// "#12 client 3 at n1 [1034.120 .. 1040.500 ms] PutRequest{...} -> PutResponse{...}"
std::string describe(const Operation& op);
// Virtual milliseconds with three decimals.
std::string describe(Time t);

// A broken promise, found by a checker. Empty explanation: none.
struct Finding {
  std::string oracle;
  std::string explanation;
  explicit operator bool() const { return !explanation.empty(); }
};

}  // namespace holdfast::sim::check
