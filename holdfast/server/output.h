// What a connection has still to send: flat bytes and referenced slices in order, written with one writev at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/slice.h"

namespace holdfast::server {

class Output {
 public:
  void append(std::string_view bytes);
  // References the bytes when they are long, copies them when that is cheaper.
  void append(const Slice& bytes);

  size_t unsent() const { return unsent_; }
  bool empty() const { return unsent_ == 0; }
  // Copied bytes in memory: those to be sent, and at most as many, or 64 KiB, that were sent already.
  size_t held() const { return flat_.size(); }

  enum class Result { kDone, kBlocked, kFailed };
  // Writes to a non-blocking socket until nothing is left, or it would block, or the peer is gone.
  Result write_to(int fd);

 private:
  static constexpr size_t kCopyBytes = 2048;
  struct Piece {
    size_t offset = 0;  // into flat_, when `slice` is empty
    size_t size = 0;
    Slice slice;
  };
  void advance(size_t n);
  void give_up_sent();

  std::string flat_;
  std::vector<Piece> pieces_;
  size_t first_ = 0;  // of pieces_, not sent completely
  size_t unsent_ = 0;
};

// The messages that a stream has still to put into frames.
class Body {
 public:
  void push(const Chain& message);
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Moves `n` <= size() bytes to `out`.
  void move_to(Output& out, size_t n);
  void clear();

 private:
  std::vector<Slice> parts_;
  size_t first_ = 0;
  size_t offset_ = 0;  // into parts_[first_]
  size_t size_ = 0;
};

}  // namespace holdfast::server
