// gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): the parts that are neither HTTP nor messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "holdfast/base/slice.h"
#include "holdfast/model/types.h"
#include "holdfast/server/errors.h"

namespace holdfast::server {

// "5S", "4999912u": at most eight digits and a unit. nullopt when malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text);

// A status text as it travels in grpc-message: everything but printable ASCII, and '%' itself, as %XX.
std::string percent_encode(std::string_view text);

// Cuts the body of a request into messages, each preceded by a flag byte and a length of four bytes.
class MessageReader {
 public:
  explicit MessageReader(size_t max_message_bytes) : max_bytes_(max_message_bytes) {}

  // Takes from `body` up to the end of the next message. Returns it when it is complete; nullopt when more bytes are
  // needed (`body` is then empty) or when the body is wrong (problem() is then set and stays).
  std::optional<Slice> next(std::string_view& body);
  const Outcome& problem() const { return problem_; }
  // Bytes of a message that is not complete yet. Zero between messages.
  size_t buffered() const { return prefix_size_ + partial_.size(); }

 private:
  bool read_prefix(std::string_view& body);

  size_t max_bytes_;
  char prefix_[5] = {};
  size_t prefix_size_ = 0;
  size_t size_ = 0;  // of the message, once the prefix is complete
  std::string partial_;
  Outcome problem_;
};

}  // namespace holdfast::server
