// The text form of a transaction, as etcdctl reads it: comparisons, operations on success, operations on failure, one
// per line, each of the three parts ended by an empty line (the last one by the end of the text as well).
//
//   mod("key") > "7"            a comparison: version or ver, create or c, mod or m, value or val, lease; = != < >
//   put key "some value"        an operation: get, put or del with the arguments and flags of the command of that name
//
// A comparison's key and value are quoted as in Go: "..." with escapes, or `...` without. Words of an operation may be
// bare, in double quotes with escapes, or in single quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <rpc.pb.h>
#include "holdfast/base/status.h"

namespace holdfast::cli {

// InvalidArgument names the line.
StatusOr<etcdserverpb::Compare> parse_compare(std::string_view line);
StatusOr<etcdserverpb::RequestOp> parse_operation(std::string_view line);

// Reads one quoted string from the front of `text` and removes it.
StatusOr<std::string> take_quoted(std::string_view& text);

// The words of an operation.
StatusOr<std::vector<std::string>> split_words(std::string_view line);

}  // namespace holdfast::cli
