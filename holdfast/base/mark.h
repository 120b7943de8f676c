// Marks: rare branches that some simulated run must reach.
//
//   if (conflict) { mark<"raft.conflict_backtrack">(); ... }
//
// Every mark that is compiled in is listed in the registry before main, so a test can ask which were never reached.
// A mark only counts; nothing may depend on it. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast {

struct Mark {
  explicit Mark(std::string_view n);
  std::string_view name;
  std::atomic<uint64_t> hits{0};
};

// All marks of this program, in no particular order. The pointers live as long as the program.
const std::vector<Mark*>& all_marks();

template <size_t N>
struct MarkName {
  constexpr MarkName(const char (&s)[N]) { std::copy_n(s, N, text); }  // NOLINT: implicit on purpose
  char text[N];
};

template <MarkName Name>
struct MarkHolder {
  static inline Mark mark{std::string_view(Name.text, sizeof(Name.text) - 1)};
};

template <MarkName Name>
inline void mark() {
  MarkHolder<Name>::mark.hits.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace holdfast
