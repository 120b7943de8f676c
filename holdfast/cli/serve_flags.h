// Every flag of `holdfast serve`, as data: etcd 3.6's whole list, and how Holdfast stands to each of them; and
// Holdfast's own.
//
// Guarantee: no flag is ignored. A flag either does here what it does in etcd, or is accepted for exactly those values
// that ask for what Holdfast does anyway, or is refused by name with what to do instead. So a unit file written for
// etcd either works after changing the program's name, or says precisely why it cannot.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace holdfast::cli {

enum class Support {
  kFull,   // does what it does in etcd
  kOwn,    // Holdfast's, unknown to etcd
  kFixed,  // accepted when its value is one of `accepted`; anything else is refused with `advice`
};

enum class ValueKind { kText, kNumber, kBool, kDuration };

struct ServeFlag {
  std::string_view name;
  Support support = Support::kFull;
  ValueKind kind = ValueKind::kText;
  // kFull, kOwn: the default, as --help shows it.
  // kFixed: the accepted values, separated by '|'; empty when none is.
  std::string_view value;
  // kFull, kOwn: what it does. kFixed: why other values are refused and what to do.
  std::string_view text;
};

// In the order of the help text. Names are unique.
std::span<const ServeFlag> serve_flags();

// Null when etcd and Holdfast know no such flag.
const ServeFlag* find_serve_flag(std::string_view name);

// True when `value` means one of the accepted values of a kFixed flag: booleans, numbers and durations are compared by
// meaning ("1m" is "60s"), text is compared as it stands.
bool is_accepted(const ServeFlag& flag, std::string_view value);

// "data-dir" to "PREFIX_DATA_DIR".
std::string environment_name(std::string_view prefix, std::string_view flag);

}  // namespace holdfast::cli
