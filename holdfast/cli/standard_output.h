// The process's standard output as a stream buffer that remembers why it could not be written: a stream itself only knows
// that something was lost, and whoever reads a file that is cut short must learn of it by the exit code.
#pragma once

#include <streambuf>

namespace holdfast::cli {

// Buffers nothing itself, but in stdout, as the usual buffer of std::cout does.
class StandardOutput : public std::streambuf {
 public:
  int error() const { return error_; }  // errno of the first failure; 0: none so far

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  int error_ = 0;
};

}  // namespace holdfast::cli
