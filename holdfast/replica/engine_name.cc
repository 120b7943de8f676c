#include "holdfast/replica/engine_name.h"

#include <utility>

#include "holdfast/base/assert.h"

namespace holdfast::replica {
namespace {

constexpr std::pair<EngineKind, std::string_view> kNames[] = {
    {EngineKind::kRaft, "raft"},
    {EngineKind::kPaxos, "paxos"},
    {EngineKind::kPbft, "pbft"},
};

}  // namespace

std::string_view name_of(EngineKind kind) {
  for (const auto& [engine, name] : kNames) {
    if (engine == kind) return name;
  }
  ensure(false, "every engine has a name");
  return {};
}

std::optional<EngineKind> engine_named(std::string_view wanted) {
  for (const auto& [engine, name] : kNames) {
    if (name == wanted) return engine;
  }
  return std::nullopt;
}

std::string engine_names() {
  std::string out;
  for (const auto& [engine, name] : kNames) {
    if (!out.empty()) out += engine == last_value(EngineKind()) ? " or " : ", ";
    out += name;
  }
  return out;
}

}  // namespace holdfast::replica
