// What can be wrong with a node's options. Internal to embed/.
#pragma once

#include <string>

#include "holdfast/embed/node.h"

namespace holdfast {

inline Status invalid(const std::string& what) { return absl::InvalidArgumentError(what); }
inline std::string url_of(const std::string& address) { return "http://" + address; }

// Everything that shows before a file or a socket is touched. kInvalidArgument names the option.
Status check(const NodeOptions& options);

}  // namespace holdfast
