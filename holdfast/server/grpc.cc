#include "holdfast/server/grpc.h"

#include <algorithm>

namespace holdfast::server {

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  // Beyond a century a timeout means none, and the product would not fit.
  constexpr int64_t kMaxHours = 24 * 365 * 100;
  switch (text.back()) {
    case 'H':
      return Duration::seconds(std::min(value, kMaxHours) * 3600);
    case 'M':
      return Duration::seconds(std::min(value, kMaxHours * 60) * 60);
    case 'S':
      return Duration::seconds(value);
    case 'm':
      return Duration::millis(value);
    case 'u':
      return Duration::micros(value);
    case 'n':
      return Duration::nanos(value);
    default:
      return std::nullopt;
  }
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

bool MessageReader::read_prefix(std::string_view& body) {
  const size_t n = std::min(sizeof(prefix_) - prefix_size_, body.size());
  body.copy(prefix_ + prefix_size_, n);
  body.remove_prefix(n);
  prefix_size_ += n;
  if (prefix_size_ < sizeof(prefix_)) return false;
  size_ = 0;
  for (int i = 1; i < 5; ++i) size_ = size_ << 8 | static_cast<uint8_t>(prefix_[i]);
  if (prefix_[0] == 1) {
    problem_ = {Code::kUnimplemented, "grpc: compressed messages are not supported; send them uncompressed"};
  } else if (prefix_[0] != 0) {
    problem_ = {Code::kInternal, "grpc: received a message with an unknown compression flag"};
  } else if (size_ > max_bytes_) {
    problem_ = {Code::kResourceExhausted, "grpc: received message larger than max (" + std::to_string(size_) + " vs. " +
                                              std::to_string(max_bytes_) + ")"};
  }
  return problem_.ok();
}

std::optional<Slice> MessageReader::next(std::string_view& body) {
  if (!problem_.ok()) {
    body = {};
    return std::nullopt;
  }
  if (prefix_size_ < sizeof(prefix_) && !read_prefix(body)) {
    if (!problem_.ok()) body = {};
    return std::nullopt;
  }
  const std::string_view part = body.substr(0, size_ - partial_.size());
  body.remove_prefix(part.size());
  if (part.size() == size_) {  // the usual case: whole, in one piece
    prefix_size_ = 0;
    return Slice::copy_of(part);
  }
  // Grows as bytes arrive: an announced length alone reserves no memory to speak of.
  if (partial_.empty()) partial_.reserve(std::min<size_t>(size_, 64 << 10));
  partial_.append(part);
  if (partial_.size() < size_) return std::nullopt;
  prefix_size_ = 0;
  Slice message = Slice::take(std::move(partial_));
  partial_ = {};
  return message;
}

}  // namespace holdfast::server
