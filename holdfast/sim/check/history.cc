#include "holdfast/sim/check/history.h"

#include "holdfast/base/print.h"

namespace holdfast::sim::check {

bool leaves_open(store::Error error) {
  switch (error) {
    case store::Error::kTimeout:
    case store::Error::kTimeoutDueToLeaderFail:
    case store::Error::kTimeoutDueToConnectionLost:
    case store::Error::kTimeoutWaitAppliedIndex:
    case store::Error::kLeaderChanged:
    case store::Error::kStopped:
      return true;
    default:
      return false;
  }
}

bool succeeded(const Operation& op) { return op.response && !std::holds_alternative<store::Refused>(*op.response); }

bool refused(const Operation& op) {
  if (!op.response) return false;
  const auto* no = std::get_if<store::Refused>(&*op.response);
  return no != nullptr && !leaves_open(no->error);
}

bool open(const Operation& op) { return !succeeded(op) && !refused(op); }

std::string describe(Time t) {
  if (t == Time::never()) return "never";
  const std::string micros = std::to_string(t.nanos() / 1000 % 1000 + 1000).substr(1);
  return std::to_string(t.millis()) + "." + micros;
}

std::string describe(const Operation& op) {
  return "#" + std::to_string(op.id) + " client " + std::to_string(op.client) + " at " + to_text(op.member) + " [" +
         describe(op.called) + " .. " + describe(op.returned) + " ms] " + print(op.request) + " -> " +
         (op.response ? print(*op.response) : "no answer");
}

}  // namespace holdfast::sim::check
