// What clients are told when something is refused: gRPC codes and texts.
//
// Clients match on the text, byte for byte, so the texts are etcd's (its rpctypes package, 3.6); all of them are in one
// table, also those of services that are not served.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "holdfast/store/error.h"

namespace holdfast::server {

// gRPC status codes.
enum class Code : uint8_t {
  kOk = 0,
  kCanceled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
inline constexpr int kCodes = 17;
// "OK", "InvalidArgument": the names that metrics use.
std::string_view code_name(Code code);

// How a call ended. Without a text when OK.
struct Outcome {
  Code code = Code::kOk;
  std::string text;
  bool ok() const { return code == Code::kOk; }
  bool operator==(const Outcome&) const = default;
};

// One row: etcd's name without "ErrGRPC", its code and text.
struct ApiError {
  std::string_view name;
  Code code;
  std::string_view text;
};
std::span<const ApiError> api_errors();
// By name; the name must be in the table.
const ApiError& api_error(std::string_view name);
Outcome outcome_of(const ApiError& error);

// What the store's refusal is called towards clients. kNone: OK.
Outcome outcome_of(store::Error error);

}  // namespace holdfast::server
