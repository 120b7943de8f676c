// The exit codes of every `holdfast` command; documented for users in docs/guide/command-line.md.
#pragma once

namespace holdfast::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,    // the request failed or its outcome is unknown; the message says which
  kExitUsage = 2,     // the command line, the environment or the input text is wrong; nothing was sent
  kExitNotFound = 3,  // `get` or `del` met no key, `lease` no lease; for `status`: a member is not healthy
};

}  // namespace holdfast::cli
