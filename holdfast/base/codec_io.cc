#include "holdfast/base/codec_io.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace holdfast::codec {

void Writer::grow(size_t n) {
  cut();
  if (block_ != nullptr) block_->release();
  const size_t capacity = std::max(n, expected_);
  // Twice as much next time, so that a long output is made of few blocks.
  expected_ = std::min<size_t>(capacity * 2, size_t{1} << 20);
  block_ = Block::allocate(capacity);
  start_ = cursor_ = block_->data();
  end_ = start_ + capacity;
}

void Writer::cut() {
  if (cursor_ == start_) return;
  block_->retain();
  out_.push(Slice::adopt(block_, {start_, static_cast<size_t>(cursor_ - start_)}));
  start_ = cursor_;
}

Chain Writer::finish() {
  if (cursor_ != start_) {
    // The writer's own reference goes along.
    out_.push(Slice::adopt(std::exchange(block_, nullptr), {start_, static_cast<size_t>(cursor_ - start_)}));
    start_ = cursor_ = end_ = nullptr;
  }
  return std::move(out_);
}

void Reader::fail(const char* what) {
  if (ok()) error_ = absl::DataLossError(absl::StrCat(what, " (at byte ", offset(), " of ", input_.size(), ")"));
  at_ = end_;
}

void Reader::fail_unknown(const char* what, uint64_t value) {
  if (ok()) {
    error_ = absl::UnimplementedError(
        absl::StrCat("unknown ", what, " ", value, " (at byte ", offset(), "); it was written by a newer version"));
  }
  at_ = end_;
}

uint64_t Reader::long_varint() {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) return fail("the input ends early"), 0;
    const auto b = static_cast<uint8_t>(*at_++);
    if (shift == 63 && b > 1) return fail("an integer has more than 64 bits"), 0;
    v |= static_cast<uint64_t>(b & 0x7f) << shift;
    if (b >= 0x80) continue;
    if (b == 0 && shift > 0) return fail("an integer is not in its shortest form"), 0;
    return v;
  }
  return fail("an integer has more than 64 bits"), 0;
}

}  // namespace holdfast::codec
