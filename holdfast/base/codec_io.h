// The codec's two ends: bytes out, bytes in. codec.h builds on them; room code rarely needs them by name.
//
// Integers are LEB128 varints, at most ten bytes, in their shortest form only: a value has one encoding. Fixed-size
// integers are little endian.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"

namespace holdfast::codec {

inline constexpr int kMaxDepth = 64;

// Slices of at least this size are attached to the output by reference instead of being copied.
inline constexpr size_t kAttachBytes = 4096;

// How many bytes Writer::varint takes for `v`: one for every seven bits.
constexpr size_t varint_bytes(uint64_t v) { return (static_cast<size_t>(std::bit_width(v | 1)) * 9 + 64) / 64; }
inline constexpr size_t kMaxVarintBytes = 10;

// Collects encoded bytes. Small pieces are copied into owned blocks, large slices are attached.
class Writer {
 public:
  // Output of up to `expected_bytes`, not counting what is attached, lies in one block.
  explicit Writer(size_t expected_bytes = 256) : expected_(expected_bytes + kMaxVarintBytes) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (block_ != nullptr) block_->release();
  }

  void byte(uint8_t b) {
    reserve(1);
    *cursor_++ = static_cast<char>(b);
  }
  void varint(uint64_t v) {
    reserve(kMaxVarintBytes);
    while (v >= 0x80) {
      *cursor_++ = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    *cursor_++ = static_cast<char>(v);
  }
  void fixed32(uint32_t v) { raw(&v, 4); }
  void fixed64(uint64_t v) { raw(&v, 8); }
  void bytes(std::string_view b) {
    reserve(b.size());
    if (!b.empty()) std::memcpy(cursor_, b.data(), b.size());
    cursor_ += b.size();
  }
  void slice(const Slice& s) {
    if (s.size() < kAttachBytes) return bytes(s.view());
    cut();
    out_.push(s);
  }

  // Opens a length-framed body; `close` writes its length. The place stays valid however much is written between.
  struct Frame {
    char* place;
    size_t begin;
  };
  Frame open() {
    reserve(4);
    char* place = cursor_;
    cursor_ += 4;
    return {place, size()};
  }
  void close(Frame f) {
    const size_t length = size() - f.begin;
    ensure(length <= std::numeric_limits<uint32_t>::max(), "an encoded body is smaller than 4 GiB");
    const auto n = static_cast<uint32_t>(length);
    std::memcpy(f.place, &n, 4);
  }

  size_t size() const { return out_.size() + static_cast<size_t>(cursor_ - start_); }
  // The encoded bytes; the writer is empty afterwards.
  Chain finish();

 private:
  static_assert(std::endian::native == std::endian::little, "the codec copies little-endian integers as they lie");
  void raw(const void* p, size_t n) {
    reserve(n);
    std::memcpy(cursor_, p, n);
    cursor_ += n;
  }
  void reserve(size_t n) {
    if (static_cast<size_t>(end_ - cursor_) < n) [[unlikely]]
      grow(n);
  }
  // Never moves bytes already written: an open frame points at its place.
  void grow(size_t n);
  void cut();

  Chain out_;
  Block* block_ = nullptr;
  char* start_ = nullptr;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
  size_t expected_;
};

// Reads encoded bytes. The first error sticks; every later read yields zeros, so callers check once at the end.
class Reader {
 public:
  explicit Reader(Slice input) : input_(std::move(input)), at_(input_.data()), end_(at_ + input_.size()) {}

  bool ok() const { return error_.ok(); }
  const Status& status() const { return error_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  size_t offset() const { return static_cast<size_t>(at_ - input_.data()); }

  uint8_t byte() {
    if (at_ == end_) [[unlikely]]
      return fail("the input ends early"), 0;
    return static_cast<uint8_t>(*at_++);
  }
  uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]]
      return static_cast<uint8_t>(*at_++);
    return long_varint();
  }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  Slice slice() {
    const uint64_t n = varint();
    if (n > remaining()) [[unlikely]]
      return fail("a length points past the end"), Slice();
    Slice s = input_.sub(offset(), n);
    at_ += n;
    return s;
  }
  // A view into the input, valid while the input lives.
  std::string_view view(size_t n) {
    if (n > remaining()) [[unlikely]]
      return fail("a length points past the end"), std::string_view();
    std::string_view v(at_, n);
    at_ += n;
    return v;
  }

  void fail(const char* what);
  // The input was written by a newer version.
  void fail_unknown(const char* what, uint64_t value);

  void deeper() {
    if (++depth_ > kMaxDepth) fail("values are nested too deeply");
  }
  void shallower() { --depth_; }

  // Narrows the reader to the next `n` bytes; `leave` skips what was not read of them.
  struct Body {
    const char* outer_end;
  };
  Body enter(size_t n) {
    if (n > remaining()) [[unlikely]] {
      fail("a body's length points past the end");
      n = 0;
    }
    const Body b{end_};
    end_ = at_ + n;
    deeper();
    return b;
  }
  void leave(Body b) {
    shallower();
    at_ = end_;
    end_ = b.outer_end;
    if (!ok()) at_ = end_;
  }

 private:
  template <class T>
  T fixed() {
    if (remaining() < sizeof(T)) [[unlikely]]
      return fail("the input ends early"), T{};
    T v;
    std::memcpy(&v, at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  uint64_t long_varint();

  Slice input_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
  Status error_;
};

}  // namespace holdfast::codec
