// Reflection over aggregates: the number of fields of a plain struct, and references to them in order.
//
// A message, record or snapshot part is a plain aggregate without base classes and with at most kMaxFields fields; that
// is all it takes to be encoded, decoded, compared and printed. C-style array members are not supported.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace holdfast::reflect {

inline constexpr size_t kMaxFields = 20;

namespace internal {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// Stands for a field of any type in a brace initialiser that is never evaluated. An optional is left to its own
// converting constructor: both routes at once would be ambiguous.
struct AnyField {
  template <class T>
  requires(!is_optional<T>) operator T() const {  // NOLINT: implicit on purpose
    __builtin_unreachable();
  }
};

template <class T, size_t... I>
constexpr bool constructible_with(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField{})...}; };
}

template <class T, size_t N>
consteval size_t count_fields() {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (constructible_with<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return count_fields<T, N - 1>();
  }
}

}  // namespace internal

template <class T>
inline constexpr size_t field_count = internal::count_fields<std::remove_cvref_t<T>, kMaxFields + 1>();

// A tuple of references to the fields of `v`, in declaration order.
template <class T>
constexpr auto tie(T& v) {
  constexpr size_t n = field_count<T>;
  static_assert(n <= kMaxFields, "an encoded struct has at most kMaxFields fields; nest some of them");
  if constexpr (n == 0) {
    return std::tuple<>();
  } else if constexpr (n == 1) {
    auto& [a] = v;
    return std::tie(a);
  } else if constexpr (n == 2) {
    auto& [a, b] = v;
    return std::tie(a, b);
  } else if constexpr (n == 3) {
    auto& [a, b, c] = v;
    return std::tie(a, b, c);
  } else if constexpr (n == 4) {
    auto& [a, b, c, d] = v;
    return std::tie(a, b, c, d);
  } else if constexpr (n == 5) {
    auto& [a, b, c, d, e] = v;
    return std::tie(a, b, c, d, e);
  } else if constexpr (n == 6) {
    auto& [a, b, c, d, e, f] = v;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (n == 7) {
    auto& [a, b, c, d, e, f, g] = v;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (n == 8) {
    auto& [a, b, c, d, e, f, g, h] = v;
    return std::tie(a, b, c, d, e, f, g, h);
  } else if constexpr (n == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = v;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (n == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (n == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (n == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (n == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (n == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o);
  } else if constexpr (n == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p);
  } else if constexpr (n == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q);
  } else if constexpr (n == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r);
  } else if constexpr (n == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s);
  } else if constexpr (n == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t);
  } else {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u);
  }
}

namespace internal {

template <class T>
constexpr std::string_view raw_type_name() {
  return __PRETTY_FUNCTION__;
}
template <auto V>
constexpr std::string_view raw_value_name() {
  return __PRETTY_FUNCTION__;
}

// "... [with T = a::b::Name; ...]" (GCC) or "... [T = a::b::Name]" (Clang) to "Name".
constexpr std::string_view last_word(std::string_view pretty) {
  size_t begin = pretty.find(" = ");
  begin = begin == std::string_view::npos ? 0 : begin + 3;
  size_t end = pretty.find_first_of(";]", begin);
  std::string_view name = pretty.substr(begin, end - begin);
  if (const size_t colon = name.rfind("::"); colon != std::string_view::npos) name.remove_prefix(colon + 2);
  return name;
}

}  // namespace internal

// The unqualified name of a struct, as written in the source ("AppendEntries").
template <class T>
constexpr std::string_view type_name() {
  return internal::last_word(internal::raw_type_name<std::remove_cvref_t<T>>());
}

// The name of enumerator V; a number in parentheses when V names no enumerator.
template <auto V>
constexpr std::string_view value_name() {
  return internal::last_word(internal::raw_value_name<V>());
}

}  // namespace holdfast::reflect
