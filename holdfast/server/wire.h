// The protobuf wire format (protobuf.dev, "Encoding"), read and written without objects in between.
//
// Reader walks the fields of one message and never reads outside it; what it accepts and refuses is what protobuf's own
// parser accepts and refuses. Byte strings come out as slices of the message, not as copies.
//
// Writer writes backwards, last field first: when a nested message is complete its length is known, so one pass
// suffices and nothing is moved. Fields written in descending order come out in the canonical ascending one. Long byte
// strings are referenced, not copied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/slice.h"

namespace holdfast::server::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kGroupEnd = 4, kFixed32 = 5 };

enum class Problem {
  kNone,
  kMalformed,      // not the wire format, or cut off
  kTooDeep,        // nested deeper than kMaxDepth
  kTooMany,        // more elements than kMaxElements
  kUnknownOption,  // an enum value that this version does not know
  kBadText,        // a string that is not UTF-8
};
std::string_view to_string(Problem problem);

inline constexpr int kMaxDepth = 100;  // protobuf's own limit
inline constexpr uint32_t kMaxElements =
    65'536;  // of all lists of one message: a byte of input must not cost a kilobyte

// What readers of one message and of those nested in it share.
struct Budget {
  Problem problem = Problem::kNone;
  uint32_t elements = 0;
  uint32_t max_elements = kMaxElements;
};

class Reader {
 public:
  // `whole` and `budget` must outlive the reader.
  Reader(const Slice& whole, Budget& budget) : Reader(whole, whole.view(), 0, budget) {}

  // Steps to the next field. False at the end, or when there is a problem.
  bool next();
  bool ok() const { return budget_.problem == Problem::kNone; }
  // Notes the first problem and ends this and all other readers of the message. Returns false.
  bool fail(Problem problem);
  // Counts one element of a list.
  bool count_element() { return ++budget_.elements <= budget_.max_elements || fail(Problem::kTooMany); }

  // The present field. A known number with an unexpected type is an unknown field.
  uint32_t field() const { return field_; }
  Type type() const { return type_; }
  uint64_t number() const { return number_; }       // kVarint
  std::string_view view() const { return bytes_; }  // kBytes
  Slice slice() const { return whole_.sub(static_cast<size_t>(bytes_.data() - whole_.data()), bytes_.size()); }
  // A reader of the present field as a message.
  Reader nested();
  // Calls `f` with each number of the present field as a packed list.
  template <class F>
  bool each_packed(F&& f) {
    Reader packed(whole_, bytes_, depth_, budget_);
    uint64_t number = 0;
    while (packed.at_ != packed.end_) {
      if (!packed.read_varint(number)) return false;
      f(number);
    }
    return true;
  }

 private:
  Reader(const Slice& whole, std::string_view bytes, int depth, Budget& budget)
      : whole_(whole), budget_(budget), at_(bytes.data()), end_(bytes.data() + bytes.size()), depth_(depth) {}
  bool read_varint(uint64_t& v);
  bool read_tag();
  bool read_value();
  bool skip_group();

  const Slice& whole_;
  Budget& budget_;
  const char* at_;
  const char* end_;
  int depth_;
  uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

bool is_utf8(std::string_view text);

class Writer {
 public:
  static constexpr size_t kReferenceBytes = 4096;  // from here on a slice is referenced

  Writer() : buffer_(1024, '\0'), begin_(buffer_.size()) {}

  size_t size() const { return flat_size() + referenced_; }
  void number(uint32_t field, uint64_t value) {
    varint(value);
    tag(field, Type::kVarint);
  }
  void bytes(uint32_t field, std::string_view value) {
    raw(value);
    varint(value.size());
    tag(field, Type::kBytes);
  }
  void slice(uint32_t field, const Slice& value);
  // Ends (that is: begins) a nested message whose content is all that was written since size() was `before`.
  void close(uint32_t field, size_t before) {
    varint(size() - before);
    tag(field, Type::kBytes);
  }

  // The gRPC frame of what was written: one zero byte (not compressed), the length as four bytes, the message. The
  // writer is empty afterwards and can be used again.
  Chain finish_grpc();
  // The message alone.
  Chain finish();

 private:
  struct Reference {
    size_t behind;  // flat bytes that come after it
    Slice slice;
  };
  size_t flat_size() const { return buffer_.size() - begin_; }
  void make_room(size_t n);
  void raw(std::string_view bytes) {
    if (begin_ < bytes.size()) make_room(bytes.size());
    begin_ -= bytes.size();
    bytes.copy(buffer_.data() + begin_, bytes.size());
  }
  void varint(uint64_t v);
  void tag(uint32_t field, Type type) { varint(uint64_t{field} << 3 | static_cast<uint64_t>(type)); }

  std::string buffer_;  // filled from its end
  size_t begin_;
  std::vector<Reference> references_;
  size_t referenced_ = 0;
};

}  // namespace holdfast::server::wire
