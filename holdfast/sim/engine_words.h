// What members of Raft and multi-Paxos say to each other, for the reader: what matters of it, in few words, as
// "Kind{this, that}". What a term, a ballot or a trial is called is the same in every picture.
#pragma once

#include <functional>
#include <string>

#include "holdfast/consensus/paxos/types.h"
#include "holdfast/consensus/raft/types.h"

namespace holdfast::sim {

// A command of the log in words.
using CommandWords = std::function<std::string(const Slice& command)>;

std::string in_words(const raft::Message& message, const CommandWords& command);
std::string in_words(const paxos::Message& message, const CommandWords& command);

}  // namespace holdfast::sim
