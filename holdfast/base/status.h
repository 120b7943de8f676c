// Status values: Abseil's, under our own name, so that every room says what can go wrong in the same way.
//
// The message of an error says what happened, where (file, offset, flag, field) and what can be done.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holdfast {

using Status = absl::Status;
using StatusCode = absl::StatusCode;
template <class T>
using StatusOr = absl::StatusOr<T>;

}  // namespace holdfast
