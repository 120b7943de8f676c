// The members of a cluster as processes of this machine, and what can be done to them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/cli/local_member.h"
#include "tests/nemesis/record.h"

namespace holdfast::nemesis {

// All processes are ended, by their ids, when this goes away. For the main thread only.
class Members {
 public:
  struct Options {
    std::string program;
    std::string directory;                           // m1/, m2/, ... and what they print: m1.log, ...
    std::vector<uint16_t> client_ports, peer_ports;  // one of each per member
    std::vector<uint16_t> advertised_ports;          // where members reach each other
    std::vector<std::string> flags;                  // further ones
    size_t liars = 0;
    std::vector<std::string> keys;  // public ones, with PBFT; the private ones are in m1.key, ...
  };
  explicit Members(const Options& options);

  size_t size() const { return client_ports_.size(); }
  // The first ones; those behind them lie, so that nothing is asked of them and nothing they say counts.
  size_t honest() const { return honest_; }
  std::string endpoint(size_t member) const { return "127.0.0.1:" + std::to_string(client_ports_[member]); }
  // Of the honest ones.
  std::vector<std::string> endpoints() const;

  bool byzantine() const { return byzantine_; }
  // The URL by which the others reach it.
  const std::string& advertised(size_t member) const { return advertised_[member]; }

  bool running(size_t member) const { return processes_[member].running(); }
  bool paused(size_t member) const { return paused_[member]; }
  void start(size_t member);
  void kill(size_t member);
  void pause(size_t member);
  void resume(size_t member);
  // SIGTERM. A complaint when it does not end by itself in time, with code 0.
  std::optional<std::string> stop(size_t member);
  // Starts and resumes all.
  void heal();
  // A complaint about a member that ended by itself, or could not be started.
  std::optional<std::string> complaint();

  // The member that leads, as far as the members know. Nothing when there is none.
  std::optional<size_t> leader();
  // When each process of a member was started.
  const std::vector<Time>& starts(size_t member) const { return starts_[member]; }

 private:
  std::vector<uint16_t> client_ports_;
  size_t honest_;
  bool byzantine_;
  std::vector<std::string> advertised_;
  std::deque<cli::LocalMember> processes_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<bool> paused_;
  std::vector<std::vector<Time>> starts_;
  std::optional<std::string> complaint_;
};

}  // namespace holdfast::nemesis
