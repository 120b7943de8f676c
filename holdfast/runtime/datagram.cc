#include "holdfast/runtime/datagram.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "holdfast/base/checksum.h"

namespace holdfast::runtime {
namespace {

constexpr std::string_view kPlain("HFD1\0", 5);
constexpr std::string_view kSealed("HFD1\1", 5);
constexpr size_t kNonceBytes = 24;
constexpr size_t kCrcBytes = 4;

crypto::SharedKey sealing_key(const crypto::SharedKey& key) { return crypto::derive(key, "holdfast datagram"); }

std::string little_endian(uint32_t v) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(v >> (8 * i)));
  return out;
}

StatusOr<std::string> open_datagram(const GroupKeys& keys, std::string_view bytes) {
  const std::string_view head = bytes.substr(0, kSealed.size());
  if (head.size() < kSealed.size() || head.substr(0, 4) != kPlain.substr(0, 4)) {
    return absl::DataLossError("no datagram of a group");
  }
  if (head == kPlain) {
    if (!keys.empty()) return absl::UnauthenticatedError("it is not encrypted, and this group has a key");
    const std::string_view rest = bytes.substr(kPlain.size());
    if (rest.size() < kCrcBytes) return absl::DataLossError("too short");
    const std::string_view body = rest.substr(0, rest.size() - kCrcBytes);
    if (little_endian(crc32c(body)) != rest.substr(body.size())) return absl::DataLossError("damaged");
    return std::string(body);
  }
  if (head != kSealed) return absl::UnimplementedError("a datagram of a newer kind");
  if (keys.empty()) return absl::UnauthenticatedError("it is encrypted, and this member has no key");
  if (bytes.size() < kSealed.size() + kNonceBytes + crypto::kSealBytes) return absl::DataLossError("too short");
  const crypto::Nonce nonce = *crypto::Nonce::from(bytes.substr(kSealed.size(), kNonceBytes));
  const std::string_view sealed = bytes.substr(kSealed.size() + kNonceBytes);
  for (const crypto::SharedKey& key : keys) {
    if (auto plain = crypto::open(sealing_key(key), nonce, kSealed, sealed)) return *std::move(plain);
  }
  return absl::UnauthenticatedError("it is encrypted with another key");
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() != 44 || text.back() != '=') return std::nullopt;
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text.substr(0, 43)) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<char>(bits >> have));
    }
  }
  return out;
}

}  // namespace

std::string encode_datagram(const GroupKeys& keys, const crypto::Nonce& nonce, const Datagram& datagram) {
  const Slice body = codec::encode_flat(datagram);
  std::string out;
  if (keys.empty()) {
    out.append(kPlain).append(body.view()).append(little_endian(crc32c(body.view())));
  } else {
    out.append(kSealed).append(nonce.view());
    out += crypto::seal(sealing_key(keys.front()), nonce, kSealed, body.view());
  }
  return out;
}

StatusOr<Datagram> decode_datagram(const GroupKeys& keys, std::string_view bytes) {
  StatusOr<std::string> body = open_datagram(keys, bytes);
  if (!body.ok()) return body.status();
  return codec::decode<Datagram>(Slice::take(*std::move(body)));
}

StatusOr<GroupKeys> parse_group_keys(std::string_view text) {
  GroupKeys keys;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.front())) != 0) line.remove_prefix(1);
    if (line.empty()) continue;
    auto bytes = from_hex(line);
    if (!bytes) bytes = from_base64(line);
    const auto key = bytes ? crypto::SharedKey::from(*bytes) : std::nullopt;
    if (!key) {
      return absl::InvalidArgumentError(
          fmt::format("line {}: a key is 32 bytes, as 64 hexadecimal digits or as base64; make one with "
                      "`openssl rand -hex 32`",
                      number));
    }
    keys.push_back(*key);
  }
  if (keys.empty()) return absl::InvalidArgumentError("there is no key in it");
  if (keys.size() > kMaxGroupKeys) {
    return absl::InvalidArgumentError(
        fmt::format("there are {} keys, at most {} are tried", keys.size(), kMaxGroupKeys));
  }
  return keys;
}

ReplayFilter::News ReplayFilter::on_datagram(uint64_t from, uint64_t session, uint64_t number) {
  if (session >= kMaxSession) return News::kRepeated;
  auto it = senders_.find(from);
  if (it == senders_.end()) {
    if (senders_.size() >= max_senders_) {
      senders_.erase(std::min_element(senders_.begin(), senders_.end(),
                                      [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
    }
    it = senders_.emplace(from, Sender()).first;
  }
  Sender& sender = it->second;
  sender.heard = ++datagrams_;
  if (session < sender.session) return News::kStale;
  if (session > sender.session) sender = {session, 0, {}, sender.heard};
  if (number > sender.highest) {
    // What lies between was not seen.
    const uint64_t skipped = std::min<uint64_t>(number - sender.highest, kWindow);
    for (uint64_t i = 0; i < skipped; ++i) sender.seen.reset((number - i) % kWindow);
    sender.highest = number;
  } else if (sender.highest - number >= kWindow || sender.seen.test(number % kWindow)) {
    return News::kRepeated;
  }
  sender.seen.set(number % kWindow);
  return News::kFresh;
}

uint64_t ReplayFilter::session_of(uint64_t from) const {
  const auto it = senders_.find(from);
  return it == senders_.end() ? 0 : it->second.session;
}

}  // namespace holdfast::runtime
