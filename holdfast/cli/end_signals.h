// The signals that ask a process to end.
#pragma once

#include <csignal>

namespace holdfast::cli {

// SIGTERM, SIGINT and SIGHUP, without those that whoever started the process wanted ignored, as nohup does with SIGHUP:
// a signal that is blocked and waited for arrives although it is ignored.
inline sigset_t end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  for (const int signal : {SIGINT, SIGHUP}) {
    struct sigaction action {};
    const bool ignored = sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (!ignored) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace holdfast::cli
