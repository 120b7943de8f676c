// Assertions: for what only a bug can cause. They stay on in release builds.
//
// What an operation can meet in the world (a full disk, a malformed frame, a wrong flag) is a Status, never an
// assertion: input from outside must not be able to reach `ensure`.
#pragma once

namespace holdfast {

// Where a call stands. The builtins, because Clang 14 has no std::source_location.
struct Place {
  const char* file;
  int line;
  const char* function;
  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                              const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

// Prints `what` with its place and aborts. Never returns.
[[noreturn]] void fail_assertion(const char* what, Place where);

// Aborts when `condition` does not hold. `what` states the property that must hold, in the words of the protocol.
inline void ensure(bool condition, const char* what, Place where = Place::here()) {
  if (!condition) [[unlikely]]
    fail_assertion(what, where);
}

}  // namespace holdfast
