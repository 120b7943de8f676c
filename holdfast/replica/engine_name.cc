#include "holdfast/replica/engine_name.h"

#include <span>
#include <utility>

#include "holdfast/base/assert.h"

namespace holdfast::replica {
namespace {

// Those of a store first.
constexpr std::pair<EngineKind, std::string_view> kNames[] = {
    {EngineKind::kRaft, "raft"},
    {EngineKind::kPaxos, "paxos"},
    {EngineKind::kPbft, "pbft"},
    {EngineKind::kFlooding, "flooding"},
};
constexpr std::span kOfStores = std::span(kNames).first<3>();

}  // namespace

std::string_view name_of(EngineKind kind) {
  for (const auto& [engine, name] : kNames) {
    if (engine == kind) return name;
  }
  ensure(false, "every engine has a name");
  return {};
}

std::optional<EngineKind> engine_named(std::string_view wanted) {
  for (const auto& [engine, name] : kOfStores) {
    if (name == wanted) return engine;
  }
  return std::nullopt;
}

std::string engine_names() {
  std::string out;
  for (const auto& [engine, name] : kOfStores) {
    if (!out.empty()) out += engine == kOfStores.back().first ? " or " : ", ";
    out += name;
  }
  return out;
}

}  // namespace holdfast::replica
