#include "holdfast/server/wire.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"

namespace holdfast::server::wire {

std::string_view to_string(Problem problem) {
  switch (problem) {
    case Problem::kNone:
      return "no problem";
    case Problem::kMalformed:
      return "malformed or cut off";
    case Problem::kTooDeep:
      return "nested too deeply";
    case Problem::kTooMany:
      return "too many elements";
    case Problem::kUnknownOption:
      return "unknown enum value";
    case Problem::kBadText:
      return "a string is not UTF-8";
  }
  return "";
}

bool Reader::fail(Problem problem) {
  if (ok()) budget_.problem = problem;
  return false;
}

bool Reader::read_varint(uint64_t& v) {
  v = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at_ == end_) return fail(Problem::kMalformed);
    const uint8_t byte = static_cast<uint8_t>(*at_++);
    v |= shift == 63 ? uint64_t{byte} << 63 : uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return fail(Problem::kMalformed);
}

bool Reader::read_tag() {
  uint32_t tag = 0;
  for (int i = 0;; ++i) {
    if (i == 5 || at_ == end_) return fail(Problem::kMalformed);
    const uint8_t byte = static_cast<uint8_t>(*at_++);
    tag |= uint32_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) break;
  }
  field_ = tag >> 3;
  type_ = static_cast<Type>(tag & 7);
  return field_ != 0 || fail(Problem::kMalformed);
}

bool Reader::read_value() {
  switch (type_) {
    case Type::kVarint:
      return read_varint(number_);
    case Type::kFixed64:
    case Type::kFixed32: {
      const ptrdiff_t width = type_ == Type::kFixed64 ? 8 : 4;
      if (end_ - at_ < width) return fail(Problem::kMalformed);
      at_ += width;
      return true;
    }
    case Type::kBytes: {
      uint64_t size = 0;
      if (!read_varint(size)) return false;
      if (size > static_cast<uint64_t>(end_ - at_)) return fail(Problem::kMalformed);
      bytes_ = {at_, static_cast<size_t>(size)};
      at_ += size;
      return true;
    }
    default:
      return fail(Problem::kMalformed);
  }
}

// Groups are unknown to this API; they are skipped as protobuf does. The stack replaces recursion.
bool Reader::skip_group() {
  absl::InlinedVector<uint32_t, 8> open = {field_};
  while (!open.empty()) {
    if (!read_tag()) return false;
    if (type_ == Type::kGroup) {
      if (depth_ + static_cast<int>(open.size()) >= kMaxDepth) return fail(Problem::kTooDeep);
      open.push_back(field_);
    } else if (type_ == Type::kGroupEnd) {
      if (open.back() != field_) return fail(Problem::kMalformed);
      open.pop_back();
    } else if (!read_value()) {
      return false;
    }
  }
  return true;
}

bool Reader::next() {
  if (!ok()) return false;
  while (at_ != end_) {
    if (!read_tag()) return false;
    if (type_ != Type::kGroup) return read_value();
    if (!skip_group()) return false;
  }
  return false;
}

Reader Reader::nested() {
  if (depth_ + 1 >= kMaxDepth) {
    fail(Problem::kTooDeep);
    return Reader(whole_, {}, depth_ + 1, budget_);
  }
  return Reader(whole_, bytes_, depth_ + 1, budget_);
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    const uint32_t lead = *p++;
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - p < more) return false;
    uint32_t point = lead & (0x3fu >> more);
    for (int i = 0; i < more; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
      point = point << 6 | (p[i] & 0x3fu);
    }
    p += more;
    if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff)) {
      return false;
    }
  }
  return true;
}

void Writer::make_room(size_t n) {
  const size_t used = flat_size();
  std::string larger(std::max(buffer_.size() * 2, used + n), '\0');
  std::copy_n(buffer_.data() + begin_, used, larger.data() + larger.size() - used);
  buffer_ = std::move(larger);
  begin_ = buffer_.size() - used;
}

void Writer::varint(uint64_t v) {
  if (begin_ < 10) make_room(10);
  if (v < 0x80) {
    buffer_[--begin_] = static_cast<char>(v);
    return;
  }
  char digits[10];
  int n = 0;
  for (; v >= 0x80; v >>= 7) digits[n++] = static_cast<char>(v | 0x80);
  digits[n++] = static_cast<char>(v);
  begin_ -= static_cast<size_t>(n);
  std::copy_n(digits, n, buffer_.data() + begin_);
}

void Writer::slice(uint32_t field, const Slice& value) {
  if (value.size() < kReferenceBytes) return bytes(field, value.view());
  references_.push_back({flat_size(), value});
  referenced_ += value.size();
  varint(value.size());
  tag(field, Type::kBytes);
}

Chain Writer::finish() {
  const Slice flat = Slice::copy_of({buffer_.data() + begin_, flat_size()});
  Chain chain;
  size_t from = 0;
  for (auto r = references_.rbegin(); r != references_.rend(); ++r) {
    const size_t upto = flat.size() - r->behind;
    chain.push(flat.sub(from, upto - from));
    chain.push(std::move(r->slice));
    from = upto;
  }
  chain.push(flat.sub(from));
  begin_ = buffer_.size();
  references_.clear();
  referenced_ = 0;
  return chain;
}

Chain Writer::finish_grpc() {
  const uint32_t n = static_cast<uint32_t>(size());
  const char prefix[5] = {0, static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                          static_cast<char>(n)};
  raw({prefix, sizeof(prefix)});
  return finish();
}

}  // namespace holdfast::server::wire
