// The names of the engines, as users write and read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "holdfast/replica/types.h"

namespace holdfast::replica {

std::string_view name_of(EngineKind kind);
// Of the engines that a store runs on, which are durable: flooding is for fail-stop groups of machines of the user's
// own. None when there is no such engine.
std::optional<EngineKind> engine_named(std::string_view name);
// "raft, paxos or pbft"
std::string engine_names();

// Of those that a state machine of the user's own runs on: all there are.
std::optional<EngineKind> machine_engine_named(std::string_view name);
// "raft, paxos, pbft or flooding"
std::string machine_engine_names();

// Whether members need not trust each other: each has a key then.
constexpr bool is_byzantine(EngineKind kind) { return kind == EngineKind::kPbft; }

}  // namespace holdfast::replica
