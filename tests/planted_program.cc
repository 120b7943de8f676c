// The program with a planted bug in force: the one that PLANTED_BUG names (base/planted.h, docs/guide/nemesis.md).

#include <cstdlib>

#include "holdfast/base/planted.h"
#include "holdfast/cli/command.h"

int main(int argc, char** argv) {
  const char* bug = std::getenv("PLANTED_BUG");
  holdfast::planted_bug = bug == nullptr ? "" : bug;
  return holdfast::cli::run_command(argc, argv);
}
