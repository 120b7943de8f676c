#include "holdfast/replica/engine_name.h"

#include <span>
#include <utility>

#include "holdfast/base/assert.h"

namespace holdfast::replica {
namespace {

// Those of a store first.
using Name = std::pair<EngineKind, std::string_view>;
constexpr Name kNames[] = {
    {EngineKind::kRaft, "raft"},
    {EngineKind::kPaxos, "paxos"},
    {EngineKind::kPbft, "pbft"},
    {EngineKind::kFlooding, "flooding"},
};
constexpr std::span kOfStores = std::span(kNames).first<3>();

std::optional<EngineKind> find(std::span<const Name> among, std::string_view wanted) {
  for (const auto& [engine, name] : among) {
    if (name == wanted) return engine;
  }
  return std::nullopt;
}

std::string list(std::span<const Name> names) {
  std::string out;
  for (const auto& [engine, name] : names) {
    if (!out.empty()) out += engine == names.back().first ? " or " : ", ";
    out += name;
  }
  return out;
}

}  // namespace

std::string_view name_of(EngineKind kind) {
  for (const auto& [engine, name] : kNames) {
    if (engine == kind) return name;
  }
  ensure(false, "every engine has a name");
  return {};
}

std::optional<EngineKind> engine_named(std::string_view wanted) { return find(kOfStores, wanted); }
std::string engine_names() { return list(kOfStores); }

std::optional<EngineKind> machine_engine_named(std::string_view wanted) { return find(kNames, wanted); }
std::string machine_engine_names() { return list(kNames); }

}  // namespace holdfast::replica
