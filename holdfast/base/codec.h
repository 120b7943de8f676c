// The one codec: every message, record and snapshot part of the house is a plain struct, encoded by reflection.
//
// Encoding (docs/formats/codec.md has the byte tables):
//   unsigned integer, strong unsigned   LEB128 varint, at most 10 bytes
//   signed integer, strong signed       zigzag varint
//   bool                                one byte, 0 or 1
//   enum                                varint; the type declares its greatest value by an ADL function
//                                       `constexpr E last_value(E)`; a greater one is refused
//   Fixed64                             eight bytes, little endian
//   Slice, std::string                  varint length, bytes
//   std::optional<T>                    one byte 0, or 1 and T
//   std::vector<T>                      varint count, elements
//   std::pair, struct                   the fields in order
//   std::variant<A, B, ...>             varint tag (the position of the alternative), u32 little-endian length, body
//
// Evolution. The body of a variant alternative is framed, and there alone may a struct grow:
//   - A newer sender appends fields. An older reader skips bytes behind the last field it knows. What must not be
//     overlooked gets a new alternative instead of a new field.
//   - An older sender leaves the new fields out. A reader accepts that for a struct that declares
//     `static constexpr size_t kRequiredFields = n;` and leaves the rest at their defaults. Without it all are required.
//   - An unknown tag is StatusCode::kUnimplemented: the reader of messages skips the message, the reader of records
//     refuses the log. All other malformations are kDataLoss.
// Alternatives are never reordered or removed; new ones are appended.
//
// Hostile input: no read past the end, no allocation beyond a constant times the input's size, nesting at most
// kMaxDepth. A decoded Slice shares the storage of its input.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/base/reflect.h"
#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/base/strong.h"

namespace holdfast::codec {

inline constexpr int kMaxDepth = 64;

// Slices of at least this size are attached to the output by reference instead of being copied.
inline constexpr size_t kAttachBytes = 4096;

// A 64-bit value that is spread evenly (hashes, identities), for which a varint would waste space.
struct Fixed64 {
  uint64_t value = 0;
  constexpr auto operator<=>(const Fixed64&) const = default;
};

namespace internal {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... A>
inline constexpr bool is_variant<std::variant<A...>> = true;
template <class T>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

template <class T>
consteval size_t required_fields() {
  if constexpr (requires { T::kRequiredFields; }) {
    return T::kRequiredFields;
  } else {
    return reflect::field_count<T>;
  }
}

constexpr uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
constexpr int64_t unzigzag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

}  // namespace internal

// Collects encoded bytes. Small pieces are copied into owned blocks, large slices are attached.
class Writer {
 public:
  explicit Writer(size_t expected_bytes = 256) : expected_(expected_bytes) {}
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
    reserve(10);
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
  Chain finish() {
    cut();
    return std::exchange(out_, Chain());
  }

 private:
  static_assert(std::endian::native == std::endian::little, "the codec copies little-endian integers as they lie");
  void raw(const void* p, size_t n) {
    reserve(n);
    std::memcpy(cursor_, p, n);
    cursor_ += n;
  }
  void reserve(size_t n) {
    if (static_cast<size_t>(end_ - cursor_) < n) [[unlikely]] grow(n);
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
    if (at_ == end_) [[unlikely]] return fail("the input ends early"), 0;
    return static_cast<uint8_t>(*at_++);
  }
  uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] return static_cast<uint8_t>(*at_++);
    return long_varint();
  }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  Slice slice() {
    const uint64_t n = varint();
    if (n > remaining()) [[unlikely]] return fail("a length points past the end"), Slice();
    Slice s = input_.sub(offset(), n);
    at_ += n;
    return s;
  }
  // A view into the input, valid while the input lives.
  std::string_view view(size_t n) {
    if (n > remaining()) [[unlikely]] return fail("a length points past the end"), std::string_view();
    std::string_view v(at_, n);
    at_ += n;
    return v;
  }

  void fail(const char* what);
  void fail_unknown_tag(uint64_t tag);

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
    if (++depth_ > kMaxDepth) fail("values are nested too deeply");
    return b;
  }
  void leave(Body b) {
    --depth_;
    at_ = end_;
    end_ = b.outer_end;
    if (!ok()) at_ = end_;
  }

 private:
  template <class T>
  T fixed() {
    if (remaining() < sizeof(T)) [[unlikely]] return fail("the input ends early"), T{};
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

template <class T>
void write(Writer& w, const T& v);
template <class T>
void read(Reader& r, T& v);

namespace internal {

template <class T>
void write_fields(Writer& w, const T& v) {
  std::apply([&](const auto&... f) { (codec::write(w, f), ...); }, reflect::tie(v));
}

template <class T>
void read_fields(Reader& r, T& v) {
  std::apply([&](auto&... f) { (codec::read(r, f), ...); }, reflect::tie(v));
}

template <class T>
void read_struct_body(Reader& r, T& v) {
  constexpr size_t required = required_fields<T>();
  std::apply(
      [&](auto&... f) {
        size_t i = 0;
        ((i++ >= required && r.remaining() == 0 ? void() : codec::read(r, f)), ...);
      },
      reflect::tie(v));
}

// The body of an alternative: a struct's fields (trailing ones may be missing from the required one on), or any other
// encodable value, such as a variant of its own.
template <class T>
void write_body(Writer& w, const T& v) {
  if constexpr (std::is_aggregate_v<T>) {
    write_fields(w, v);
  } else {
    codec::write(w, v);
  }
}

template <class T>
void read_body(Reader& r, T& v) {
  if constexpr (!std::is_aggregate_v<T>) {
    return codec::read(r, v);
  } else {
    read_struct_body(r, v);
  }
}

template <class V, size_t... I>
void read_alternative(Reader& r, V& v, uint64_t tag, std::index_sequence<I...>) {
  const bool known = ((tag == I ? (read_body(r, v.template emplace<I>()), true) : false) || ...);
  if (!known) r.fail_unknown_tag(tag);
}

template <class T>
void write_integer(Writer& w, T v) {
  if constexpr (std::is_signed_v<T>) {
    w.varint(zigzag(v));
  } else {
    w.varint(v);
  }
}

template <class T>
T read_integer(Reader& r) {
  if constexpr (std::is_signed_v<T>) {
    const int64_t v = unzigzag(r.varint());
    if (v < std::numeric_limits<T>::min() || v > std::numeric_limits<T>::max()) r.fail("an integer is out of range");
    return static_cast<T>(v);
  } else {
    const uint64_t v = r.varint();
    if (v > std::numeric_limits<T>::max()) r.fail("an integer is out of range");
    return static_cast<T>(v);
  }
}

template <class T>
void read_vector(Reader& r, std::vector<T>& v) {
  const uint64_t n = r.varint();
  // Every element takes a byte at least, unless it is an empty struct, of which nobody needs a vector.
  if (n > r.remaining()) return r.fail("a count exceeds the bytes that follow");
  v.clear();
  for (uint64_t i = 0; i < n && r.ok(); ++i) read(r, v.emplace_back());
}

}  // namespace internal

template <class T>
void write(Writer& w, const T& v) {
  if constexpr (std::is_same_v<T, bool>) {
    w.byte(v ? 1 : 0);
  } else if constexpr (std::is_integral_v<T>) {
    internal::write_integer(w, v);
  } else if constexpr (is_strong<T>) {
    internal::write_integer(w, v.value());
  } else if constexpr (std::is_enum_v<T>) {
    w.varint(static_cast<uint64_t>(v));
  } else if constexpr (std::is_same_v<T, Fixed64>) {
    w.fixed64(v.value);
  } else if constexpr (std::is_same_v<T, Slice>) {
    w.varint(v.size());
    w.slice(v);
  } else if constexpr (std::is_same_v<T, std::string>) {
    w.varint(v.size());
    w.bytes(v);
  } else if constexpr (reflect::internal::is_optional<T>) {
    w.byte(v ? 1 : 0);
    if (v) write(w, *v);
  } else if constexpr (internal::is_vector<T>) {
    w.varint(v.size());
    for (const auto& e : v) write(w, e);
  } else if constexpr (internal::is_pair<T>) {
    write(w, v.first);
    write(w, v.second);
  } else if constexpr (internal::is_variant<T>) {
    w.varint(v.index());
    const Writer::Frame frame = w.open();
    std::visit([&](const auto& a) { internal::write_body(w, a); }, v);
    w.close(frame);
  } else {
    static_assert(std::is_aggregate_v<T>, "an encoded type is one of codec.h's kinds or a plain aggregate");
    internal::write_fields(w, v);
  }
}

template <class T>
void read(Reader& r, T& v) {
  if constexpr (std::is_same_v<T, bool>) {
    const uint8_t b = r.byte();
    if (b > 1) r.fail("a bool is neither 0 nor 1");
    v = b == 1;
  } else if constexpr (std::is_integral_v<T>) {
    v = internal::read_integer<T>(r);
  } else if constexpr (is_strong<T>) {
    v = T(internal::read_integer<typename T::rep>(r));
  } else if constexpr (std::is_enum_v<T>) {
    const uint64_t n = r.varint();
    if (n > static_cast<uint64_t>(last_value(T{}))) return r.fail("an enum has an unknown value");
    v = static_cast<T>(n);
  } else if constexpr (std::is_same_v<T, Fixed64>) {
    v.value = r.fixed64();
  } else if constexpr (std::is_same_v<T, Slice>) {
    v = r.slice();
  } else if constexpr (std::is_same_v<T, std::string>) {
    const uint64_t n = r.varint();
    if (n > r.remaining()) return r.fail("a length points past the end");
    v.assign(r.view(n));
  } else if constexpr (reflect::internal::is_optional<T>) {
    const uint8_t b = r.byte();
    if (b > 1) return r.fail("an optional is neither absent nor present");
    v.reset();
    if (b == 1) read(r, v.emplace());
  } else if constexpr (internal::is_vector<T>) {
    internal::read_vector(r, v);
  } else if constexpr (internal::is_pair<T>) {
    read(r, v.first);
    read(r, v.second);
  } else if constexpr (internal::is_variant<T>) {
    const uint64_t tag = r.varint();
    const uint32_t length = r.fixed32();
    const Reader::Body body = r.enter(length);
    if (r.ok()) internal::read_alternative(r, v, tag, std::make_index_sequence<std::variant_size_v<T>>{});
    r.leave(body);
  } else {
    static_assert(std::is_aggregate_v<T>, "an encoded type is one of codec.h's kinds or a plain aggregate");
    internal::read_fields(r, v);
  }
}

// Encodes one value.
template <class T>
Chain encode(const T& v) {
  Writer w;
  write(w, v);
  return w.finish();
}
template <class T>
Slice encode_flat(const T& v) {
  return encode(v).flatten();
}

// Decodes one value that must fill `input` exactly. kUnimplemented: an unknown alternative; kDataLoss: malformed.
template <class T>
StatusOr<T> decode(Slice input) {
  Reader r(std::move(input));
  T v{};
  read(r, v);
  if (r.ok() && r.remaining() != 0) r.fail("bytes follow the value");
  if (!r.ok()) return r.status();
  return v;
}

}  // namespace holdfast::codec
