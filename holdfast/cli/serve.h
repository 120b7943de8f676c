// `holdfast serve`: runs one member until it is told to stop (SIGTERM, SIGINT) or must not go on.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "holdfast/cli/serve_options.h"
#include "holdfast/server/member_config.h"

namespace holdfast::cli {

server::MemberConfig member_config(const ServeOptions& options);

// Returns the exit code. A first signal stops gracefully; a second one ends the process at once.
int run_serve(const std::vector<std::string>& args, const Environment& environment, std::ostream& out,
              std::ostream& err);

}  // namespace holdfast::cli
