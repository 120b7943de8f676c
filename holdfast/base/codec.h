// The one codec: every message, record and snapshot part of the house is a plain struct, encoded by reflection.
//
// Encoding (docs/formats/codec.md has the byte tables):
//   unsigned integer, strong unsigned   LEB128 varint, at most 10 bytes
//   signed integer, strong signed       zigzag varint
//   bool                                one byte, 0 or 1
//   enum                                varint; the type declares its greatest value by an ADL function
//                                       `constexpr E last_value(E)`
//   Fixed64                             eight bytes, little endian
//   FixedBytes<Tag, N>                  N bytes
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
//     `static constexpr size_t kRequiredFields = n;` and leaves the rest at their defaults. Without it all are
//     required.
//   - An unknown tag or enum value is StatusCode::kUnimplemented: the reader of messages skips the message, the reader
//     of records refuses the log. All other malformations are kDataLoss.
// Alternatives and enumerators are never reordered or removed; new ones are appended.
//
// One encoding per value: integers in another than their shortest form are refused, so that equal values have equal
// hashes. (Bytes that an older reader skips are the one thing that decoding and encoding again does not give back.)
//
// Hostile input: no read past the end, no allocation beyond a constant times the input's size, nesting (of variants and
// of vectors) at most kMaxDepth. A decoded Slice shares the storage of its input.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/codec_io.h"
#include "holdfast/base/fixed_bytes.h"
#include "holdfast/base/reflect.h"
#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/base/strong.h"

namespace holdfast::codec {

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

// The fewest bytes a T can take; bounds how many of them the rest of the input can hold.
template <class T>
consteval size_t min_bytes() {
  if constexpr (std::is_same_v<T, Fixed64>) {
    return 8;
  } else if constexpr (is_fixed_bytes<T>) {
    return T::kSize;
  } else if constexpr (is_variant<T>) {
    return 5;
  } else if constexpr (is_pair<T>) {
    return min_bytes<typename T::first_type>() + min_bytes<typename T::second_type>();
  } else if constexpr (std::is_aggregate_v<T>) {
    return []<class... F>(std::tuple<F&...>*) {
      return (size_t{0} + ... + min_bytes<F>());
    }(static_cast<decltype(reflect::tie(std::declval<T&>()))*>(nullptr));
  } else {
    return 1;
  }
}

constexpr uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
constexpr int64_t unzigzag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

}  // namespace internal

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
  if (!known) r.fail_unknown("alternative", tag);
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
  static_assert(min_bytes<T>() > 0, "a vector of nothing: its count would not be bounded by its bytes");
  const uint64_t n = r.varint();
  if (n > r.remaining() / min_bytes<T>()) return r.fail("a count exceeds the bytes that follow");
  r.deeper();
  v.clear();
  v.reserve(std::min<uint64_t>(n, 4096));  // a false count costs little; a true one pays for its growth
  for (uint64_t i = 0; i < n && r.ok(); ++i) read(r, v.emplace_back());
  r.shallower();
}

// The bytes that `v` takes, without what the writer attaches.
template <class T>
size_t size_of(const T& v) {
  if constexpr (std::is_same_v<T, bool>) {
    return 1;
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>) {
      return varint_bytes(zigzag(v));
    } else {
      return varint_bytes(v);
    }
  } else if constexpr (is_strong<T>) {
    return size_of(v.value());
  } else if constexpr (std::is_enum_v<T>) {
    return varint_bytes(static_cast<uint64_t>(v));
  } else if constexpr (std::is_same_v<T, Fixed64>) {
    return 8;
  } else if constexpr (is_fixed_bytes<T>) {
    return T::kSize;
  } else if constexpr (std::is_same_v<T, Slice>) {
    return varint_bytes(v.size()) + (v.size() < kAttachBytes ? v.size() : 0);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return varint_bytes(v.size()) + v.size();
  } else if constexpr (reflect::internal::is_optional<T>) {
    return 1 + (v ? size_of(*v) : 0);
  } else if constexpr (is_vector<T>) {
    size_t n = varint_bytes(v.size());
    for (const auto& e : v) n += size_of(e);
    return n;
  } else if constexpr (is_pair<T>) {
    return size_of(v.first) + size_of(v.second);
  } else if constexpr (is_variant<T>) {
    return varint_bytes(v.index()) + 4 + std::visit([](const auto& a) { return size_of(a); }, v);
  } else {
    return std::apply([](const auto&... f) { return (size_t{0} + ... + size_of(f)); }, reflect::tie(v));
  }
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
  } else if constexpr (is_fixed_bytes<T>) {
    w.bytes(v.view());
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
    if (n > static_cast<uint64_t>(last_value(T{}))) return r.fail_unknown("enum value", n);
    v = static_cast<T>(n);
  } else if constexpr (std::is_same_v<T, Fixed64>) {
    v.value = r.fixed64();
  } else if constexpr (is_fixed_bytes<T>) {
    const std::string_view bytes = r.view(T::kSize);
    if (!bytes.empty()) std::memcpy(v.data(), bytes.data(), bytes.size());
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
  Writer w(internal::size_of(v));
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
