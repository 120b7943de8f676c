#include "tests/nemesis/members.h"

#include <csignal>

#include "holdfast/cli/text.h"

namespace holdfast::nemesis {
namespace {

using cli::cat;

constexpr std::chrono::seconds kToEnd{30};  // for what a slow machine may take

std::string url(uint16_t port) { return cat("http://127.0.0.1:", port); }

}  // namespace

Members::Members(const Options& options)
    : client_ports_(options.client_ports),
      honest_(size() - options.liars),
      byzantine_(!options.keys.empty()),
      paused_(size()),
      starts_(size()) {
  std::vector<std::string> cluster;
  for (size_t i = 0; i < size(); ++i) {
    const std::string key = options.keys.empty() ? "" : options.keys[i] + "@";
    advertised_.push_back(cat("http://", key, "127.0.0.1:", options.advertised_ports[i]));
    cluster.push_back(cat("m", i + 1, "=", advertised_[i]));
  }
  for (size_t i = 0; i < size(); ++i) {
    const std::string name = cat("m", i + 1);
    std::vector<std::string> args = {"serve",
                                     cat("--name=", name),
                                     cat("--data-dir=", options.directory, "/", name),
                                     cat("--listen-client-urls=", url(options.client_ports[i])),
                                     cat("--advertise-client-urls=", url(options.client_ports[i])),
                                     cat("--listen-peer-urls=", url(options.peer_ports[i])),
                                     cat("--initial-advertise-peer-urls=", advertised_[i]),
                                     cat("--initial-cluster=", cli::join(cluster, ",")),
                                     cat("--initial-cluster-token=", options.directory)};
    if (!options.keys.empty()) args.push_back(cat("--member-key-file=", options.directory, "/", name, ".key"));
    args.insert(args.end(), options.flags.begin(), options.flags.end());
    processes_.emplace_back(
        cli::LocalMember::Spec{options.program, std::move(args), cat(options.directory, "/", name, ".log")});
    endpoints_.push_back(std::make_unique<Endpoint>(endpoint(i)));
  }
}

std::vector<std::string> Members::endpoints() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < honest_; ++i) out.push_back(endpoint(i));
  return out;
}

void Members::start(size_t member) {
  if (running(member)) return;
  starts_[member].push_back(now());
  paused_[member] = false;
  if (const Status status = processes_[member].start(); !status.ok() && !complaint_) {
    complaint_ = cat("m", member + 1, " could not be started: ", status.message());
  }
}

void Members::kill(size_t member) {
  if (!running(member) || complaint()) return;
  processes_[member].signal(SIGKILL);
  processes_[member].wait(kToEnd);
}

void Members::pause(size_t member) {
  if (!running(member)) return;
  processes_[member].signal(SIGSTOP);
  paused_[member] = true;
}

void Members::resume(size_t member) {
  processes_[member].signal(SIGCONT);
  paused_[member] = false;
}

std::optional<std::string> Members::stop(size_t member) {
  if (!running(member) || complaint()) return complaint_;
  resume(member);
  processes_[member].signal(SIGTERM);
  const std::optional<std::string> ended = processes_[member].wait(kToEnd);
  if (ended != "exited with code 0" && !complaint_) {
    complaint_ = cat("m", member + 1, " was asked to stop and ", ended.value_or("did not"), ":\n",
                     processes_[member].last_output(10));
  }
  return complaint_;
}

void Members::heal() {
  for (size_t i = 0; i < size(); ++i) {
    if (paused(i)) resume(i);
    start(i);
  }
}

std::optional<std::string> Members::complaint() {
  for (size_t i = 0; i < size() && !complaint_; ++i) {
    if (const std::optional<std::string> ended = processes_[i].reap()) {
      complaint_ = cat("m", i + 1, " ended by itself: ", *ended, "\n", processes_[i].last_output(15));
    }
  }
  return complaint_;
}

std::optional<size_t> Members::leader() {
  std::optional<size_t> found;
  uint64_t term = 0;
  for (size_t i = 0; i < size(); ++i) {
    if (!running(i) || paused(i)) continue;
    const StatusOr<pb::StatusResponse> status = endpoints_[i]->status(milliseconds(300));
    if (!status.ok() || status->leader() != status->header().member_id() || status->raftterm() < term) continue;
    term = status->raftterm();
    found = i;
  }
  return found;
}

}  // namespace holdfast::nemesis
