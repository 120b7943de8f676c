// Printing by reflection: transcripts, traces and test failures show every value without code per type.
//
//   RequestVote{t3, n1, i7, t2, true}
//
// Strong integers print with their prefix; a slice prints as text when printable and short, else as length and hash; a
// type with its own `to_text(const T&)` (found by ADL) prints as that says. The output is the same on every compiler.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "holdfast/base/codec.h"
#include "holdfast/base/reflect.h"

namespace holdfast {

// Text of a byte string: quoted when short and printable, else "#<bytes>:<hash>".
std::string print_bytes(std::string_view bytes);

namespace print_internal {

template <class E, int... I>
std::string enum_text(E e, std::integer_sequence<int, I...>) {
  std::string_view name;
  (void)((static_cast<int>(e) == I ? (name = reflect::value_name<static_cast<E>(I)>(), true) : false) || ...);
  if (name.size() > 1 && name[0] == 'k' && name[1] >= 'A' && name[1] <= 'Z') name.remove_prefix(1);
  return std::string(name);
}

}  // namespace print_internal

template <class T>
std::string print(const T& v) {
  if constexpr (requires { to_text(v); }) {
    return to_text(v);
  } else if constexpr (std::is_same_v<T, bool>) {
    return v ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(v);
  } else if constexpr (std::is_enum_v<T>) {
    if (static_cast<int64_t>(v) < 0 || v > last_value(T{})) return "?" + std::to_string(static_cast<int64_t>(v));
    return print_internal::enum_text(v, std::make_integer_sequence<int, static_cast<int>(last_value(T{})) + 1>{});
  } else if constexpr (std::is_same_v<T, codec::Fixed64>) {
    return "#" + std::to_string(v.value);
  } else if constexpr (std::is_same_v<T, Slice>) {
    return print_bytes(v.view());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return print_bytes(v);
  } else if constexpr (reflect::internal::is_optional<T>) {
    return v ? print(*v) : "-";
  } else if constexpr (codec::internal::is_vector<T>) {
    std::string out = "[";
    for (const auto& e : v) {
      if (out.size() > 1) out += ", ";
      out += print(e);
    }
    return out + "]";
  } else if constexpr (codec::internal::is_pair<T>) {
    return print(v.first) + ":" + print(v.second);
  } else if constexpr (codec::internal::is_variant<T>) {
    return std::visit([](const auto& a) { return print(a); }, v);
  } else {
    std::string out(reflect::type_name<T>());
    out += "{";
    bool first = true;
    std::apply([&](const auto&... f) { ((out += (first ? "" : ", ") + print(f), first = false), ...); },
               reflect::tie(v));
    return out + "}";
  }
}

}  // namespace holdfast
