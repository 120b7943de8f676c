#include "holdfast/cli/standard_output.h"

#include <cerrno>
#include <cstdio>

namespace holdfast::cli {

StandardOutput::int_type StandardOutput::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char text = traits_type::to_char_type(c);
  return xsputn(&text, 1) == 1 ? c : traits_type::eof();
}

std::streamsize StandardOutput::xsputn(const char* text, std::streamsize size) {
  const size_t written = std::fwrite(text, 1, static_cast<size_t>(size), stdout);
  if (written != static_cast<size_t>(size) && error_ == 0) error_ = errno;
  return static_cast<std::streamsize>(written);
}

int StandardOutput::sync() {
  if (std::fflush(stdout) == 0) return 0;
  if (error_ == 0) error_ = errno;
  return -1;
}

}  // namespace holdfast::cli
