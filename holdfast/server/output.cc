#include "holdfast/server/output.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "holdfast/base/assert.h"

namespace holdfast::server {

void Output::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!pieces_.empty() && first_ < pieces_.size() && pieces_.back().slice.empty()) {
    pieces_.back().size += bytes.size();
  } else {
    pieces_.push_back({.offset = flat_.size(), .size = bytes.size(), .slice = {}});
  }
  flat_.append(bytes);
  unsent_ += bytes.size();
}

void Output::append(const Slice& bytes) {
  if (bytes.size() < kCopyBytes) return append(bytes.view());
  pieces_.push_back({.offset = 0, .size = bytes.size(), .slice = bytes});
  unsent_ += bytes.size();
}

void Output::advance(size_t n) {
  unsent_ -= n;
  while (n > 0) {
    Piece& piece = pieces_[first_];
    const size_t part = std::min(n, piece.size);
    piece.size -= part;
    n -= part;
    if (piece.slice.empty()) {
      piece.offset += part;
    } else {
      piece.slice = piece.slice.sub(part);
    }
    if (piece.size == 0) ++first_;
  }
  if (first_ == pieces_.size()) {
    pieces_.clear();
    flat_.clear();
    first_ = 0;
  } else {
    give_up_sent();
  }
}

// What was sent is moved over when it is worth it, so that a byte is moved once at most on average.
void Output::give_up_sent() {
  constexpr size_t kSentPieces = 256, kSentBytes = 64 << 10;
  const auto flat = std::find_if(pieces_.begin() + static_cast<ptrdiff_t>(first_), pieces_.end(),
                                 [](const Piece& p) { return p.slice.empty(); });
  const size_t dead = flat == pieces_.end() ? flat_.size() : flat->offset;
  if (first_ <= kSentPieces && dead <= std::max(kSentBytes, flat_.size() - dead)) return;
  flat_.erase(0, dead);
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
  for (Piece& p : pieces_) p.offset -= std::min(p.offset, dead);
  first_ = 0;
}

Output::Result Output::write_to(int fd) {
  constexpr size_t kMaxPieces = 64;
  while (unsent_ > 0) {
    iovec vectors[kMaxPieces];
    const size_t count = std::min(kMaxPieces, pieces_.size() - first_);
    for (size_t i = 0; i < count; ++i) {
      const Piece& p = pieces_[first_ + i];
      const char* data = p.slice.empty() ? flat_.data() + p.offset : p.slice.data();
      vectors[i] = {const_cast<char*>(data), p.size};
    }
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Result::kBlocked : Result::kFailed;
    advance(static_cast<size_t>(n));
  }
  return Result::kDone;
}

void Body::push(const Chain& message) {
  for (const Slice& s : message.parts()) parts_.push_back(s);
  size_ += message.size();
}

void Body::move_to(Output& out, size_t n) {
  ensure(n <= size_, "a frame takes no more than the body has");
  size_ -= n;
  while (n > 0) {
    Slice& part = parts_[first_];
    const size_t size = std::min(n, part.size() - offset_);
    if (offset_ == 0 && size == part.size()) {
      out.append(part);
    } else {
      out.append(part.sub(offset_, size));
    }
    offset_ += size;
    n -= size;
    if (offset_ == part.size()) {
      part = {};
      ++first_;
      offset_ = 0;
    }
  }
  if (first_ == parts_.size()) {
    parts_.clear();
    first_ = 0;
  } else if (first_ > 64) {
    parts_.erase(parts_.begin(), parts_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

void Body::clear() { *this = Body(); }

}  // namespace holdfast::server
