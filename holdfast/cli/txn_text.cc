#include "holdfast/cli/txn_text.h"

#include <CLI/CLI.hpp>

#include "holdfast/cli/kv_flags.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;

Status malformed(std::string_view line, std::string_view why) {
  return absl::InvalidArgumentError(cat("\"", line, "\" ", why));
}

void append_utf8(std::string& out, uint32_t rune) {
  const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | (rune >> shift & 0x3f))); };
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out.push_back(static_cast<char>(0xc0 | rune >> 6));
    tail(0);
  } else if (rune < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | rune >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | rune >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// `digits` of base 8 or 16 from the front of `text`.
std::optional<uint32_t> take_digits(std::string_view& text, size_t digits, int base) {
  if (text.size() < digits) return std::nullopt;
  const auto value = parse_number<uint32_t>(text.substr(0, digits), base);
  if (value) text.remove_prefix(digits);
  return value;
}

// What stands behind a backslash.
bool take_escape(std::string_view& text, std::string& out) {
  if (text.empty()) return false;
  const char kind = text[0];
  if (kind >= '0' && kind <= '7') {
    const auto value = take_digits(text, 3, 8);
    if (!value || *value > 255) return false;
    out.push_back(static_cast<char>(*value));
    return true;
  }
  text.remove_prefix(1);
  if (kind == 'x' || kind == 'u' || kind == 'U') {
    const auto value = take_digits(text, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, 16);
    if (!value || *value > 0x10ffff || (kind != 'x' && *value >= 0xd800 && *value <= 0xdfff)) return false;
    if (kind == 'x') {
      out.push_back(static_cast<char>(*value));
    } else {
      append_utf8(out, *value);
    }
    return true;
  }
  constexpr std::string_view kNames = "abfnrtv\\\"'";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'";
  const size_t at = kNames.find(kind);
  if (at == std::string_view::npos) return false;
  out.push_back(kMeanings[at]);
  return true;
}

bool set_target(Compare& compare, std::string_view target, const std::string& value, bool& known) {
  known = true;
  if (target == "val" || target == "value") {
    compare.set_target(Compare::VALUE);
    compare.set_value(value);
    return true;
  }
  if (target == "lease") {
    const auto id = parse_number<uint64_t>(value, 16);
    compare.set_target(Compare::LEASE);
    compare.set_lease(static_cast<int64_t>(id.value_or(0)));
    return id.has_value();
  }
  const auto number = parse_number<int64_t>(value);
  if (target == "ver" || target == "version") {
    compare.set_target(Compare::VERSION);
    compare.set_version(number.value_or(0));
  } else if (target == "c" || target == "create") {
    compare.set_target(Compare::CREATE);
    compare.set_create_revision(number.value_or(0));
  } else if (target == "m" || target == "mod") {
    compare.set_target(Compare::MOD);
    compare.set_mod_revision(number.value_or(0));
  } else {
    known = false;
  }
  return number.has_value();
}

bool set_relation(Compare& compare, std::string_view relation) {
  if (relation == "=") compare.set_result(Compare::EQUAL);
  if (relation == "!=") compare.set_result(Compare::NOT_EQUAL);
  if (relation == "<") compare.set_result(Compare::LESS);
  if (relation == ">") compare.set_result(Compare::GREATER);
  return relation == "=" || relation == "!=" || relation == "<" || relation == ">";
}

// Parses the words behind the verb with the same rules as the command line.
template <class Flags>
Status parse_flags(std::string_view line, std::vector<std::string> words, Flags& flags) {
  CLI::App app;
  app.set_help_flag();
  flags.add_to(app);
  std::reverse(words.begin(), words.end());
  words.pop_back();
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return malformed(line, cat("is malformed: ", error.what()));
  }
  return absl::OkStatus();
}

template <class Flags, class Request>
StatusOr<RequestOp> operation(std::string_view line, std::vector<std::string> words, Request* (RequestOp::*field)()) {
  Flags flags;
  if (Status status = parse_flags(line, std::move(words), flags); !status.ok()) return status;
  if constexpr (std::is_same_v<Flags, PutFlags>) {
    if (!flags.has_value && !flags.ignore_value) return malformed(line, "names no value: put KEY VALUE");
  }
  auto request = flags.request();
  if (!request.ok()) return malformed(line, cat("is malformed: ", request.status().message()));
  RequestOp op;
  *(op.*field)() = *std::move(request);
  return op;
}

}  // namespace

StatusOr<std::string> take_quoted(std::string_view& text) {
  if (text.empty() || (text[0] != '"' && text[0] != '`')) return malformed(text, "does not start with a quote");
  const std::string_view whole = text;
  const char quote = text[0];
  text.remove_prefix(1);
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == quote) return out;
    if (c != '\\' || quote == '`') {
      out.push_back(c);
    } else if (!take_escape(text, out)) {
      return malformed(whole, "has an unknown escape behind a backslash");
    }
  }
  return malformed(whole, "has no closing quote");
}

StatusOr<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string_view rest = trim(line);
  while (!rest.empty()) {
    std::string word;
    while (!rest.empty() && rest[0] != ' ' && rest[0] != '\t') {
      if (rest[0] == '"') {
        StatusOr<std::string> quoted = take_quoted(rest);
        if (!quoted.ok()) return quoted.status();
        word += *quoted;
      } else if (rest[0] == '\'') {
        const size_t end = rest.find('\'', 1);
        if (end == std::string_view::npos) return malformed(rest, "has no closing quote");
        word += rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
      } else {
        word.push_back(rest[0]);
        rest.remove_prefix(1);
      }
    }
    words.push_back(std::move(word));
    rest = trim(rest);
  }
  return words;
}

StatusOr<Compare> parse_compare(std::string_view line) {
  constexpr std::string_view kForm = "is not a comparison, such as mod(\"key\") > \"7\"";
  const size_t paren = line.find('(');
  if (paren == std::string_view::npos) return malformed(line, kForm);
  const std::string_view target = trim(line.substr(0, paren));
  std::string_view rest = trim(line.substr(paren + 1));
  const StatusOr<std::string> key = take_quoted(rest);
  if (!key.ok()) return key.status();
  rest = trim(rest);
  if (!rest.starts_with(')')) return malformed(line, kForm);
  rest = trim(rest.substr(1));
  const std::string_view relation = rest.substr(0, rest.find_first_of(" \t\"`"));
  rest = trim(rest.substr(relation.size()));
  const StatusOr<std::string> value = take_quoted(rest);
  if (!value.ok()) return malformed(line, kForm);
  if (!trim(rest).empty()) return malformed(line, cat("has \"", trim(rest), "\" behind the comparison"));

  Compare compare;
  compare.set_key(*key);
  if (!set_relation(compare, relation)) return malformed(line, "has no relation: write =, !=, < or >");
  bool known = false;
  const bool number_ok = set_target(compare, target, *value, known);
  if (!known) return malformed(line, "compares an unknown field: write version, create, mod, value or lease");
  if (!number_ok) return malformed(line, cat("compares with \"", *value, "\", which is not a number"));
  return compare;
}

StatusOr<RequestOp> parse_operation(std::string_view line) {
  StatusOr<std::vector<std::string>> words = split_words(line);
  if (!words.ok()) return words.status();
  const std::string verb = words->empty() ? "" : words->front();
  if (verb == "get") return operation<GetFlags>(line, *std::move(words), &RequestOp::mutable_request_range);
  if (verb == "put") return operation<PutFlags>(line, *std::move(words), &RequestOp::mutable_request_put);
  if (verb == "del") return operation<DelFlags>(line, *std::move(words), &RequestOp::mutable_request_delete_range);
  return malformed(line, "is not an operation: write get, put or del");
}

}  // namespace holdfast::cli
