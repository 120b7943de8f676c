// One member as a child process of this one, on loopback.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/status.h"

namespace holdfast::cli {

// The program that is running, to be run again as `serve`.
std::string own_program();

// A child dies with its parent (it gets SIGTERM), sits in a process group of its own (Ctrl-C does not reach it),
// inherits none of ETCD_* and HOLDFAST_*, and appends its output to a file. Starting is allowed only from a thread that
// lives as long as the process, since the death of the starting thread counts as the parent's.
class LocalMember {
 public:
  struct Spec {
    std::string program;
    std::vector<std::string> args;
    std::string log_path;
  };
  explicit LocalMember(Spec spec) : spec_(std::move(spec)) {}
  ~LocalMember();  // kills it when it still runs
  LocalMember(LocalMember&&) noexcept;
  LocalMember& operator=(LocalMember&&) = delete;

  // FailedPrecondition when it runs already.
  Status start();
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  void signal(int number) const;  // nothing when it does not run

  // How it ended, once after it has ended: "exited with code 1", "killed by SIGKILL".
  std::optional<std::string> reap();
  // Waits for its end; nothing when it still runs after `timeout`.
  std::optional<std::string> wait(std::chrono::milliseconds timeout);

  const std::string& log_path() const { return spec_.log_path; }
  // The last lines of its output, for messages about a member that failed.
  std::string last_output(size_t lines) const;

 private:
  Spec spec_;
  pid_t pid_ = 0;
};

}  // namespace holdfast::cli
