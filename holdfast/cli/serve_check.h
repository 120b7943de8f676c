// The rules that the options of `holdfast serve` must obey together, apart from how they were given.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "holdfast/cli/serve_options.h"

namespace holdfast::cli {

struct GivenValue {
  std::string value;
  std::string where;  // "--name" or "ETCD_NAME", for messages
};
using GivenValues = std::map<std::string, GivenValue>;  // by flag name

// Applies defaults and checks everything that can be known without touching a disk or a socket. Each problem found is
// appended to `problems`; the options returned may be used only when there is none.
ServeOptions check_options(const GivenValues& given, std::vector<std::string>& problems);

// The data directory holds what another program wrote: FailedPrecondition, saying whose it is and what to do.
Status check_data_directory(const std::string& directory);

}  // namespace holdfast::cli
