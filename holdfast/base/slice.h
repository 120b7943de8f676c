// Byte slices with shared ownership, and chains of them.
//
// A Slice is a window on immutable bytes that somebody keeps alive. Copying one copies a pointer, so a large payload
// travels from socket to log to socket without being copied. The bytes behind a Slice never change once it is made.
// Slices may be shared between threads (the count is atomic); one Slice object may not be used by two at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace holdfast {

// Reference-counted storage. Bytes follow the header for a plain block; other owners set `destroy`.
class Block {
 public:
  using Destroy = void (*)(Block*);
  explicit Block(Destroy destroy) : destroy_(destroy) {}

  // A writable block of `capacity` bytes with one reference, owned by the caller.
  static Block* allocate(size_t capacity);
  char* data() { return reinterpret_cast<char*>(this + 1); }

  void retain() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    // The only owner needs no atomic subtraction: nobody else can take a reference.
    if (refs_.load(std::memory_order_acquire) == 1 || refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      destroy_(this);
  }

 private:
  std::atomic<uint64_t> refs_{1};
  Destroy destroy_;
};

class Slice {
 public:
  constexpr Slice() = default;
  // Bytes that outlive every Slice made of them (string literals, static tables).
  static Slice unowned(std::string_view bytes) { return Slice(bytes.data(), bytes.size(), nullptr); }
  static Slice copy_of(std::string_view bytes);
  static Slice take(std::string&& bytes);
  // Adopts one reference on `owner`, which keeps `bytes` alive.
  static Slice adopt(Block* owner, std::string_view bytes) { return Slice(bytes.data(), bytes.size(), owner); }

  Slice(const Slice& o) : data_(o.data_), size_(o.size_), owner_(o.owner_) {
    if (owner_ != nullptr) owner_->retain();
  }
  Slice(Slice&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)),
        owner_(std::exchange(o.owner_, nullptr)) {}
  Slice& operator=(Slice o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(owner_, o.owner_);
    return *this;
  }
  ~Slice() {
    if (owner_ != nullptr) owner_->release();
  }

  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  std::string str() const { return std::string(view()); }
  // A window on the same bytes. `offset + length` must lie inside; length npos means "to the end".
  Slice sub(size_t offset, size_t length = std::string_view::npos) const;

  friend bool operator==(const Slice& a, const Slice& b) { return a.view() == b.view(); }
  friend auto operator<=>(const Slice& a, const Slice& b) { return a.view() <=> b.view(); }

 private:
  constexpr Slice(const char* data, size_t size, Block* owner) : data_(data), size_(size), owner_(owner) {}
  const char* data_ = nullptr;
  size_t size_ = 0;
  Block* owner_ = nullptr;
};

// A sequence of slices read as one run of bytes: what an encoder makes and what writev takes.
class Chain {
 public:
  Chain() = default;
  explicit Chain(Slice s) { push(std::move(s)); }

  void push(Slice s) {
    if (s.empty()) return;
    size_ += s.size();
    parts_.push_back(std::move(s));
  }
  void push(const Chain& c) {
    for (const Slice& s : c.parts_) push(s);
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const auto& parts() const { return parts_; }
  // One contiguous slice with the same bytes; copies only when there is more than one part.
  Slice flatten() const&;
  Slice flatten() && { return parts_.size() == 1 ? std::move(parts_[0]) : std::as_const(*this).flatten(); }

 private:
  absl::InlinedVector<Slice, 2> parts_;
  size_t size_ = 0;
};

}  // namespace holdfast
