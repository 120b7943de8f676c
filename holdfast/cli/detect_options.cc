#include "holdfast/cli/detect_options.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "holdfast/base/checksum.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

// What may be shown on a terminal, whoever it comes from.
bool visible(std::string_view text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
}

bool is_name(std::string_view text) { return !text.empty() && text.size() <= kMaxAgentName && visible(text); }

bool is_unspecified(const runtime::Url& url) { return url.host == "0.0.0.0" || url.host == "::"; }

StatusOr<detect::DetectorKind> detector_of(std::string_view name) {
  if (name == "swim") return detect::DetectorKind::kSwim;
  if (name == "heartbeat") return detect::DetectorKind::kHeartbeat;
  if (name == "probe") return detect::DetectorKind::kProbe;
  if (name == "phi") return detect::DetectorKind::kPhi;
  return absl::InvalidArgumentError(cat("--detector=", name, " must be swim, heartbeat, probe or phi"));
}

}  // namespace

StatusOr<runtime::Url> parse_host_port(std::string_view text) {
  const StatusOr<runtime::Url> url = runtime::parse_url(cat("http://", text));
  // The checks of URLs let a path-free address through and nothing else; their texts speak of URLs.
  if (url.ok() && !text.empty() && text.back() != '/') return url;
  return absl::InvalidArgumentError(cat("\"", text, "\" is no address; write HOST:PORT, such as 10.0.0.1:7946"));
}

StatusOr<DetectOptions> check_detect_flags(const DetectFlags& flags) {
  DetectOptions options;
  if (!flags.name.empty() && !is_name(flags.name)) {
    return absl::InvalidArgumentError(
        cat("--name must be at most ", kMaxAgentName, " visible characters (UTF-8) without blanks"));
  }
  if (!is_name(flags.group)) {
    return absl::InvalidArgumentError(
        cat("--group must be at most ", kMaxAgentName, " visible characters (UTF-8) without blanks"));
  }
  options.name = flags.name;
  options.group = flags.group;
  const auto address = [](const char* flag, std::string_view text) -> StatusOr<runtime::Url> {
    StatusOr<runtime::Url> url = parse_host_port(text);
    if (!url.ok()) return absl::InvalidArgumentError(cat(flag, ": ", url.status().message()));
    return url;
  };
  const auto listen = address("--listen", flags.listen);
  if (!listen.ok()) return listen.status();
  options.listen = *listen;
  if (!flags.advertise.empty()) {
    const auto advertise = address("--advertise", flags.advertise);
    if (!advertise.ok()) return advertise.status();
    options.advertise = *advertise;
  }
  if (is_unspecified(flags.advertise.empty() ? options.listen : options.advertise)) {
    return absl::InvalidArgumentError(
        "others cannot send to an unspecified address: name one of this machine's with --advertise=HOST:PORT");
  }
  for (const std::string& text : flags.join) {
    const auto seed = address("--join", text);
    if (!seed.ok()) return seed.status();
    if (seed->port == 0) {
      return absl::InvalidArgumentError(
          cat("--join: \"", text, "\" has port 0, where nobody can listen; give the port that the member listens on"));
    }
    options.join.push_back(*seed);
  }
  const auto detector = detector_of(flags.detector);
  if (!detector.ok()) return detector.status();
  options.detector = *detector;
  const auto interval = parse_duration(flags.interval);
  if (!interval || *interval < std::chrono::milliseconds(20) || *interval > std::chrono::hours(1)) {
    return absl::InvalidArgumentError(cat("--interval=", flags.interval, " must be a duration from 20ms to 1h"));
  }
  options.interval = Duration::nanos(interval->count());
  const auto useless = [&](const char* flag, const char* kind) {
    return absl::InvalidArgumentError(
        cat(flag, " goes with --detector=", kind, "; with ", flags.detector, " it does nothing: leave it out"));
  };
  if (flags.phi_threshold && options.detector != detect::DetectorKind::kPhi) return useless("--phi-threshold", "phi");
  if (flags.no_lifeguard && options.detector != detect::DetectorKind::kSwim) return useless("--no-lifeguard", "swim");
  const double threshold = flags.phi_threshold.value_or(kPhiThreshold);
  if (!(threshold >= 0.5 && threshold <= 1000)) {
    return absl::InvalidArgumentError("--phi-threshold must be a number from 0.5 to 1000");
  }
  options.phi_threshold = static_cast<detect::MicroPhi>(threshold * 1e6);
  options.lifeguard = !flags.no_lifeguard;
  options.key_file = flags.key_file;
  return options;
}

Slice encode_card(const AgentCard& card) { return codec::encode_flat(card); }

AgentCard decode_card(NodeId node, const Slice& meta) {
  StatusOr<AgentCard> card = codec::decode<AgentCard>(meta);
  if (!card.ok() || !is_name(card->name)) return {hex_id(node.value()), ""};
  const bool address = card->address.size() < 100 && visible(card->address) && parse_host_port(card->address).ok();
  return {card->name, address ? card->address : ""};
}

NodeId identity_of(std::string_view name) { return NodeId(hash64(name) | uint64_t{1} << 63); }

StatusOr<runtime::GroupKeys> read_key_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(cat("--key-file: cannot read ", path, ": ", std::strerror(errno),
                                          "; make one with `openssl rand -hex 32 > ", path, "`"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  StatusOr<runtime::GroupKeys> keys = runtime::parse_group_keys(text.str());
  if (!keys.ok()) return absl::InvalidArgumentError(cat("--key-file ", path, ": ", keys.status().message()));
  return keys;
}

}  // namespace holdfast::cli
