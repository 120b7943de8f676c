#include "holdfast/model/failure.h"

namespace holdfast {
namespace {

constexpr std::array<std::string_view, kFailureClasses> kNames = {
    "fail-stop",        "fail-noisy",  "crash",     "fail-resume", "send omission", "receive omission",
    "omission",         "fail-silent", "late",      "early",       "timing",        "value",
    "state transition", "response",    "fail-safe", "arbitrary",   "fail-arbitrary"};

constexpr std::string_view kComponents[] = {"process", "channel", "storage", "clock"};
constexpr std::string_view kPersistences[] = {"transient", "intermittent", "permanent"};

}  // namespace

std::string_view name(Component component) { return kComponents[static_cast<size_t>(component)]; }
std::string_view name(FailureClass c) { return kNames[static_cast<size_t>(c)]; }
std::string_view name(Persistence persistence) { return kPersistences[static_cast<size_t>(persistence)]; }

std::string to_text(FailureSet failures) {
  std::string text;
  for (size_t i = 0; i < kFailureClasses; ++i) {
    const auto c = static_cast<FailureClass>(i);
    bool greatest = failures.includes(c);
    for (size_t j = 0; greatest && j < kFailureClasses; ++j) {
      const auto other = static_cast<FailureClass>(j);
      const bool greater = tolerates(other, c) && (!tolerates(c, other) || j < i);
      if (j != i && failures.includes(other) && greater) greatest = false;
    }
    if (greatest) text += (text.empty() ? "" : " or ") + std::string(name(c));
  }
  return text.empty() ? "none" : text;
}

std::string to_text(const Failure& failure) {
  return std::string(name(failure.component)) + ": " + to_text(failure.what) + ", " +
         std::string(name(failure.persistence));
}

}  // namespace holdfast
