#include "holdfast/base/slice.h"

#include <cstdlib>
#include <new>

#include "holdfast/base/assert.h"

namespace holdfast {
namespace {

void destroy_plain(Block* block) {
  block->~Block();
  ::operator delete(block);
}

struct StringBlock : Block {
  explicit StringBlock(std::string&& s) : Block(&destroy), bytes(std::move(s)) {}
  static void destroy(Block* block) { delete static_cast<StringBlock*>(block); }
  std::string bytes;
};

}  // namespace

Block* Block::allocate(size_t capacity) {
  void* memory = ::operator new(sizeof(Block) + capacity);
  return new (memory) Block(&destroy_plain);
}

Slice Slice::copy_of(std::string_view bytes) {
  if (bytes.empty()) return {};
  Block* block = Block::allocate(bytes.size());
  std::memcpy(block->data(), bytes.data(), bytes.size());
  return Slice(block->data(), bytes.size(), block);
}

Slice Slice::take(std::string&& bytes) {
  if (bytes.empty()) return {};
  auto* block = new StringBlock(std::move(bytes));
  return Slice(block->bytes.data(), block->bytes.size(), block);
}

Slice Slice::sub(size_t offset, size_t length) const {
  ensure(offset <= size_, "a sub-slice starts inside its slice");
  if (length == std::string_view::npos) length = size_ - offset;
  ensure(length <= size_ - offset, "a sub-slice ends inside its slice");
  if (owner_ != nullptr) owner_->retain();
  return Slice(data_ + offset, length, owner_);
}

Slice Chain::flatten() const& {
  if (parts_.empty()) return {};
  if (parts_.size() == 1) return parts_[0];
  Block* block = Block::allocate(size_);
  char* out = block->data();
  for (const Slice& s : parts_) {
    std::memcpy(out, s.data(), s.size());
    out += s.size();
  }
  return Slice::adopt(block, {block->data(), size_});
}

}  // namespace holdfast
