#include "holdfast/sim/picture_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <absl/strings/str_cat.h>

namespace holdfast::sim {

Status write_picture(const std::string& path, const std::string& svg) {
  errno = 0;  // a stream says only that something failed; the call below it leaves here what
  std::ofstream file(path, std::ios::binary);
  file << svg;
  if (file.flush()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(path, ": cannot be written (", std::strerror(errno),
                                                  "); give --svg a file that you may write, in a directory that is there"));
}

}  // namespace holdfast::sim
