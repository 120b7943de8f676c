#include "holdfast/sim/toml_table.h"

namespace holdfast::sim {
namespace {

std::string line(size_t n) { return "line " + std::to_string(n) + ": "; }

// The line with a letter beyond ASCII that stands neither in a comment nor in a string of one line; 0: there is none.
// Asked whether such a letter is white space, toml++ 3.3 runs into undefined behaviour.
size_t foreign_letter(std::string_view text) {
  size_t number = 1;
  char quote = 0;
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++number;
      quote = 0;
      comment = false;
    } else if (static_cast<unsigned char>(c) >= 0x80 && quote == 0 && !comment) {
      return number;
    } else if (comment) {
      continue;
    } else if (quote == 0) {
      comment = c == '#';
      if (c == '"' || c == '\'') quote = c;
    } else if (c == '\\' && quote == '"') {
      if (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (c == quote) {
      quote = 0;
    }
  }
  return 0;
}

}  // namespace

StatusOr<toml::table> parse_toml(std::string_view text, const std::string& name) {
  const auto wrong = [&](const std::string& what) { return absl::InvalidArgumentError(name + ": " + what); };
  if (const size_t n = foreign_letter(text); n != 0) {
    return wrong(line(n) + "letters beyond ASCII may stand in comments and in strings of one line only");
  }
  toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) return wrong(line(parsed.error().source().begin.line) + std::string(parsed.error().description()));
  return std::move(parsed).table();
}

}  // namespace holdfast::sim
