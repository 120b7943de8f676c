// Strong integers: a term is not an index, a node is not a count. A mix-up must not compile.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <string>

namespace holdfast {

// An integer of its own kind. `Tag` names the kind and supplies `static constexpr const char* kPrefix` for printing.
// Value-initialised to zero. Arithmetic is limited to what makes sense for a position: step, offset, distance.
template <class Tag, std::integral Rep>
class Strong {
 public:
  using rep = Rep;
  using tag = Tag;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }

  constexpr auto operator<=>(const Strong&) const = default;

  constexpr Strong& operator++() {
    ++value_;
    return *this;
  }
  constexpr Strong& operator--() {
    --value_;
    return *this;
  }
  constexpr Strong& operator+=(Rep n) {
    value_ += n;
    return *this;
  }
  friend constexpr Strong operator+(Strong a, Rep n) { return Strong(static_cast<Rep>(a.value_ + n)); }
  friend constexpr Strong operator-(Strong a, Rep n) { return Strong(static_cast<Rep>(a.value_ - n)); }
  // The distance between two positions; the caller knows which is larger when Rep is unsigned.
  friend constexpr Rep operator-(Strong a, Strong b) { return static_cast<Rep>(a.value_ - b.value_); }

  friend std::string to_text(Strong s) { return std::string(Tag::kPrefix) + std::to_string(s.value_); }
  template <class H>
  friend H AbslHashValue(H h, Strong s) {
    return H::combine(std::move(h), s.value_);
  }

 private:
  Rep value_ = 0;
};

template <class T>
inline constexpr bool is_strong = false;
template <class Tag, class Rep>
inline constexpr bool is_strong<Strong<Tag, Rep>> = true;

}  // namespace holdfast
