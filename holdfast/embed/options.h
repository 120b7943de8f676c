// What a node makes of its options, and what can be wrong with them. Internal to embed/.
#pragma once

#include <string>

#include "holdfast/embed/node.h"
#include "holdfast/replica/machine.h"
#include "holdfast/stable/disk.h"

namespace holdfast {

inline Status invalid(const std::string& what) { return absl::InvalidArgumentError(what); }
// An address may begin with a key: KEY@host:port.
inline std::string url_of(const std::string& address) { return "http://" + address; }

// Everything that shows before a file or a socket is touched. kInvalidArgument names the option.
Status check(const NodeOptions& options);

// What follows holds of options that were checked.

// What to know about a group of this size: that one member fewer would survive as much. Empty: nothing.
std::string advice_on_size(const NodeOptions& options);
// Where the node listens: as it was told, else its own address.
std::string listen_address(const NodeOptions& options);
// Names the group to its members and in their logs. Where nobody can join later (over PBFT and flooding) the members
// and their keys are a part of it: those who were told others never meet.
uint64_t cluster_id(const NodeOptions& options);
// Reads the private key, over PBFT: kFailedPrecondition when it is not this member's.
StatusOr<replica::MachineConfig> machine_config(const NodeOptions& options, uint64_t seed, uint64_t incarnation);

// Why a node has to stop, or cannot start.
// So many of the others refuse this member, because they run another engine, that it is of no use.
Status wrong_engine(const NodeOptions& options, size_t refuse, size_t others);
// The same, because they are of another group, or know other members.
Status wrong_group(const NodeOptions& options, size_t refuse, size_t others);
Status wrong_directory(const NodeOptions& options);
Status was_removed_from(const NodeOptions& options);

// The file in a member's directory that names its engine. A directory with a log and without it is older than the
// choice: Raft's.
inline constexpr std::string_view kEngineFile = "ENGINE";
// Makes sure that the directory is of this engine, and writes that down when it is new. kFailedPrecondition: it is of
// another one; kDataLoss: the file cannot be read.
Status claim_engine(stable::Disk& directory, bool has_log, const std::string& engine);

}  // namespace holdfast
