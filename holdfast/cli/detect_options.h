// What `holdfast detect` was asked for, checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/detect/agent.h"
#include "holdfast/runtime/datagram.h"
#include "holdfast/runtime/url.h"

namespace holdfast::cli {

inline constexpr double kPhiThreshold = 8;

// As the flags give it.
struct DetectFlags {
  std::string name;
  std::string listen = "127.0.0.1:7946";
  std::string advertise;
  std::vector<std::string> join;
  std::string group = "default";
  std::string detector = "swim";
  std::string interval = "1s";
  std::optional<double> phi_threshold;  // kPhiThreshold
  bool no_lifeguard = false;
  std::string key_file;
};

struct DetectOptions {
  std::string name;  // empty: made of the host's name and the port
  runtime::Url listen;
  runtime::Url advertise;  // an empty host: where it listens
  std::vector<runtime::Url> join;
  std::string group;
  detect::DetectorKind detector = detect::DetectorKind::kSwim;
  Duration interval;
  detect::MicroPhi phi_threshold = 0;
  bool lifeguard = true;
  std::string key_file;
};

inline constexpr size_t kMaxAgentName = 64;

// kInvalidArgument: which flag is wrong, and how it should look.
StatusOr<DetectOptions> check_detect_flags(const DetectFlags& flags);

// "HOST:PORT". kInvalidArgument: how it should look.
StatusOr<runtime::Url> parse_host_port(std::string_view text);

// How a member describes itself to the others.
struct AgentCard {
  std::string name;
  std::string address;  // "HOST:PORT", numeric
};
Slice encode_card(const AgentCard& card);
// Whatever another member sent, fit to be shown: a name that is none is replaced by the identity, an address that is
// none by nothing.
AgentCard decode_card(NodeId node, const Slice& meta);

// The identity of the member of that name. Never that of an alias of a seed.
NodeId identity_of(std::string_view name);
// What stands for the i-th address of --join.
inline NodeId seed_alias(size_t i) { return NodeId(i + 1); }

// Reads a key file. Errors name it, and say what to do.
StatusOr<runtime::GroupKeys> read_key_file(const std::string& path);

}  // namespace holdfast::cli
