#include "holdfast/runtime/peer_frame.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"

namespace holdfast::runtime {
namespace {

constexpr size_t kBufferBytes = size_t{64} << 10;
// Bodies up to this size are gathered in the buffer and copied out; larger ones are received where they stay.
constexpr size_t kSmallBody = size_t{16} << 10;
// Frames up to this size are written as one piece.
constexpr size_t kFlatBody = 4096;

uint32_t load32(const char* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

void store_header(char* p, FrameKind kind, const Chain& body) {
  const auto length = static_cast<uint32_t>(body.size());
  std::memset(p, 0, kFrameHeaderBytes);
  std::memcpy(p, &length, 4);
  p[4] = static_cast<char>(kind);
  const uint32_t crc = crc32c(body, crc32c(std::string_view(p, 8)));
  std::memcpy(p + 8, &crc, 4);
}

}  // namespace

static_assert(std::endian::native == std::endian::little, "frames are little endian on the wire");

Refusal refusal_of(const Refused& refused) {
  return refused.reason <= static_cast<uint32_t>(last_value(Refusal{})) ? static_cast<Refusal>(refused.reason)
                                                                        : Refusal::kOther;
}

std::string_view engine_said(const std::string& engine) {
  constexpr size_t kLongest = 32;
  if (engine.empty()) return "raft";
  const bool name = engine.size() <= kLongest &&
                    std::all_of(engine.begin(), engine.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return name ? std::string_view(engine) : "?";
}

Chain frame(FrameKind kind, const Chain& body) {
  const bool flat = body.size() <= kFlatBody;
  const size_t own = kFrameHeaderBytes + (flat ? body.size() : 0);
  Block* block = Block::allocate(own);
  char* p = block->data();
  store_header(p, kind, body);
  if (flat) {
    p += kFrameHeaderBytes;
    for (const Slice& s : body.parts()) {
      std::memcpy(p, s.data(), s.size());
      p += s.size();
    }
  }
  Chain out(Slice::adopt(block, {block->data(), own}));
  if (!flat) out.push(body);
  return out;
}

Chain control_frame(const Control& control) { return frame(FrameKind::kControl, codec::encode(control)); }

FrameReader::FrameReader(size_t max_body_bytes, bool expect_preamble)
    : max_body_bytes_(max_body_bytes), expect_preamble_(expect_preamble), buffer_(new char[kBufferBytes]) {}

FrameReader::Space FrameReader::space() {
  if (large_ != nullptr) return {large_->data() + large_filled_, header_->length - large_filled_};
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (kBufferBytes - end_ < kSmallBody + kFrameHeaderBytes) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  ensure(end_ < kBufferBytes, "a frame reader that was drained by next() has space");
  return {buffer_.get() + end_, kBufferBytes - end_};
}

void FrameReader::filled(size_t n) { (large_ != nullptr ? large_filled_ : end_) += n; }

Status FrameReader::fail(std::string what) {
  failed_ = absl::DataLossError(std::move(what));
  return failed_;
}

Status FrameReader::read_header() {
  const char* p = buffer_.get() + begin_;
  Header h{load32(p), static_cast<FrameKind>(p[4]), load32(p + 8), crc32c(std::string_view(p, 8))};
  if (h.kind != FrameKind::kControl && h.kind != FrameKind::kMessage) {
    return fail(fmt::format("a frame of unknown kind {}", static_cast<int>(static_cast<uint8_t>(p[4]))));
  }
  if (p[5] != 0 || p[6] != 0 || p[7] != 0) return fail("a frame whose reserved bytes are not zero");
  if (h.length > max_body_bytes_) {
    return fail(fmt::format("a frame of {} bytes, more than the {} allowed", h.length, max_body_bytes_));
  }
  header_ = h;
  begin_ += kFrameHeaderBytes;
  return absl::OkStatus();
}

// The body of header_ once it is complete.
std::optional<Slice> FrameReader::take_body() {
  const size_t length = header_->length;
  if (large_ != nullptr) {
    if (large_filled_ < length) return std::nullopt;
    large_ = nullptr;
    return std::move(large_owner_);
  }
  const size_t there = std::min(end_ - begin_, length);
  if (length <= kSmallBody) {
    if (there < length) return std::nullopt;
    Slice body = Slice::copy_of({buffer_.get() + begin_, length});
    begin_ += length;
    return body;
  }
  large_ = Block::allocate(length);
  large_owner_ = Slice::adopt(large_, {large_->data(), length});
  std::memcpy(large_->data(), buffer_.get() + begin_, there);
  begin_ += there;
  large_filled_ = there;
  return large_filled_ == length ? take_body() : std::nullopt;
}

StatusOr<std::optional<Frame>> FrameReader::next() {
  if (!failed_.ok()) return failed_;
  if (expect_preamble_) {
    const size_t n = std::min(end_ - begin_, kPeerPreamble.size());
    if (std::string_view(buffer_.get() + begin_, n) != kPeerPreamble.substr(0, n)) {
      return fail("not a member: the connection does not begin as the peer protocol does");
    }
    if (n < kPeerPreamble.size()) return std::optional<Frame>();
    begin_ += n;
    expect_preamble_ = false;
  }
  if (!header_.has_value()) {
    if (end_ - begin_ < kFrameHeaderBytes) return std::optional<Frame>();
    if (Status s = read_header(); !s.ok()) return s;
  }
  std::optional<Slice> body = take_body();
  if (!body.has_value()) return std::optional<Frame>();
  const Header h = *header_;
  header_.reset();
  if (crc32c(body->view(), h.crc_of_head) != h.crc) return fail("a frame whose checksum does not match");
  return std::optional<Frame>(Frame{h.kind, std::move(*body)});
}

}  // namespace holdfast::runtime
