// A cluster of members on loopback, kept in one directory:
//
//   DIR/cluster.json      how many members, from which port on, kept in step by what, founded with which token and keys
//   DIR/m1/, DIR/m2/ ...  the members' data
//   DIR/m1.log ...        what they print
//   DIR/m1.key ...        with PBFT: their private keys, and administrator.key
//
// A directory that is there is continued, wherever it was moved to: its members' identities and addresses stay what they
// were. A key that was lost is not made again: its member does not start, the others do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/cli/local_member.h"
#include "holdfast/replica/types.h"

namespace holdfast::cli {

// The first of `count` consecutive free ports of loopback, below the range from which the system takes ports for
// clients.
std::optional<int> find_free_ports(int count);

class LocalCluster {
 public:
  struct Options {
    int members = 0;  // 0: as the directory says, else 3
    std::string directory;
    int base_port = -1;                         // 0: any free ones; -1: as the directory says, else kDefaultBasePort
    std::optional<replica::EngineKind> engine;  // none: as the directory says, else Raft
    std::string program;                        // runs `PROGRAM serve ...`
    std::vector<std::string> flags;             // further flags of every member
  };
  static constexpr int kDefaultBasePort = 2379;
  static constexpr int kMaxMembers = 9;

  // Claims the directory and checks the ports; starts nothing. Errors name the port, or what differs from before.
  static StatusOr<std::unique_ptr<LocalCluster>> open(const Options& options);
  ~LocalCluster();

  int size() const { return static_cast<int>(members_.size()); }
  bool was_there() const { return was_there_; }  // the directory held a cluster before
  const std::string& directory() const { return directory_; }
  replica::EngineKind engine() const { return engine_; }

  // Members are numbered from 1.
  LocalMember& member(int number) { return members_[static_cast<size_t>(number) - 1]; }
  uint16_t client_port(int number) const { return static_cast<uint16_t>(base_port_ + 2 * (number - 1)); }
  uint16_t peer_port(int number) const { return static_cast<uint16_t>(client_port(number) + 1); }
  std::string endpoint(int number) const;      // "127.0.0.1:2379"
  std::vector<std::string> endpoints() const;  // of all

  Status start_all();
  // Asks every running member to stop and waits; what does not stop within `timeout` is killed. Says how each ended.
  std::vector<std::string> stop_all(std::chrono::milliseconds timeout);

 private:
  LocalCluster() = default;
  Status claim_directory();
  Status settle(const Options& options);
  Status found(const Options& options, const std::string& file);
  Status make_keys();
  Status read_keys();
  std::string key_file(int number) const;
  Status check_ports() const;
  std::string peer_url(int number) const;
  std::vector<std::string> member_flags(int number) const;

  std::string directory_;
  int founded_members_ = 0;
  int base_port_ = 0;
  std::string token_;
  std::vector<std::string> keys_;  // the public ones, and the administrator's; none but with PBFT
  replica::EngineKind engine_ = replica::EngineKind::kRaft;
  bool was_there_ = false;
  int lock_ = -1;
  std::vector<LocalMember> members_;
};

}  // namespace holdfast::cli
