// What a node makes of its options, and what can be wrong with them. Internal to embed/.
#pragma once

#include <string>

#include "holdfast/embed/node.h"
#include "holdfast/replica/machine.h"
#include "holdfast/stable/disk.h"

namespace holdfast {

inline Status invalid(const std::string& what) { return absl::InvalidArgumentError(what); }
inline std::string url_of(const std::string& address) { return "http://" + address; }

// Everything that shows before a file or a socket is touched. kInvalidArgument names the option.
Status check(const NodeOptions& options);

// `options` must be checked.
replica::MachineConfig machine_config(const NodeOptions& options, uint64_t seed, uint64_t incarnation);

// So many of the others refuse this member because they run another engine that it is of no use.
Status wrong_engine(const NodeOptions& options, size_t refuse, size_t others);

// The file in a member's directory that names its engine. A directory with a log and without it is older than the
// choice: Raft's.
inline constexpr std::string_view kEngineFile = "ENGINE";
// Makes sure that the directory is of this engine, and writes that down when it is new. kFailedPrecondition: it is of
// another one; kDataLoss: the file cannot be read.
Status claim_engine(stable::Disk& directory, bool has_log, const std::string& engine);

}  // namespace holdfast
