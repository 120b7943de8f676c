// `holdfast up`: a local cluster of n members, supervised until Ctrl-C.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "holdfast/cli/local_cluster.h"

namespace holdfast::cli {

// Takes SIGINT, SIGTERM and SIGHUP for itself, in this thread and in every one that is started afterwards.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  int fd() const { return fd_; }  // readable when one has come
  // Waits; true when a signal has come (now or earlier).
  bool wait(std::chrono::milliseconds time);

 private:
  int fd_ = -1;
  bool came_ = false;
};

// Supervises until a signal or `q`. Returns the exit code.
int run_up(LocalCluster& cluster, Interrupts& interrupts, std::ostream& out);

// What a typed line asks for.
struct UpCommand {
  enum class Kind { kKill, kRestart, kPause, kQuit } kind;
  int member = 0;
};
// Nothing, with the reason in `problem`, when the line is no command for a cluster of `members`.
std::optional<UpCommand> parse_up_command(std::string_view line, int members, std::string& problem);

}  // namespace holdfast::cli
