// A stable::Disk that can only look: no lock is taken, nothing is made, so that it may look at a running member's
// files.
#pragma once

#include <memory>
#include <string>

#include "holdfast/stable/disk.h"

namespace holdfast::cli {

// NotFound or FailedPrecondition when `path` is no directory that can be read. Every operation that would write fails
// with PermissionDenied.
StatusOr<std::unique_ptr<stable::Disk>> open_read_only(const std::string& path);

}  // namespace holdfast::cli
