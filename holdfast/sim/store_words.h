// What members of a store say to each other, for the reader of a picture: with the commands by what they ask for.
#pragma once

#include <optional>
#include <string>

#include "holdfast/replica/types.h"

namespace holdfast::sim {

// A store::Command: "put r/0". None: the bytes are no command.
std::optional<std::string> command_words(const Slice& command);
// An operation of PBFT's order, which is a command or a question about the state.
std::optional<std::string> operation_words(const Slice& operation);
// As "Kind{this, that}". Not of packets of PBFT, whose words need memory (sim/pbft_words.h).
std::string in_words(const replica::Wire& wire);

}  // namespace holdfast::sim
