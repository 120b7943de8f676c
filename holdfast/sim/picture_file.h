// Pictures in files, for all commands that draw one.
#pragma once

#include <string>

#include "holdfast/base/status.h"

namespace holdfast::sim {

// `path` is what the user gave with --svg. kPermissionDenied: why it cannot be written, and what to give instead.
Status write_picture(const std::string& path, const std::string& svg);

}  // namespace holdfast::sim
