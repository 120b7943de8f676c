// For tests: a set of number sequences, numbered in the order of insertion, close together in memory. Exact: sequences
// are compared, not their hashes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace holdfast::explore {

class StateSet {
 public:
  StateSet() : set_(0, Hash{this}, Equal{this}) {}
  StateSet(const StateSet&) = delete;
  StateSet& operator=(const StateSet&) = delete;

  size_t size() const { return ends_.size(); }
  // False: it is there already.
  bool insert(const std::vector<uint32_t>& sequence) {
    const size_t begin = bytes_.size();
    for (uint32_t v : sequence) {
      for (; v >= 0x80; v >>= 7) bytes_.push_back(static_cast<char>(v | 0x80));
      bytes_.push_back(static_cast<char>(v));
    }
    ends_.push_back(bytes_.size());
    if (set_.insert(static_cast<uint32_t>(ends_.size() - 1)).second) return true;
    bytes_.resize(begin);
    ends_.pop_back();
    return false;
  }
  std::vector<uint32_t> at(size_t number) const {
    std::vector<uint32_t> sequence;
    uint32_t v = 0, shift = 0;
    for (const char c : view(number)) {
      const auto b = static_cast<uint8_t>(c);
      v |= static_cast<uint32_t>(b & 0x7f) << shift;
      shift += 7;
      if (b < 0x80) sequence.push_back(v), v = 0, shift = 0;
    }
    return sequence;
  }

 private:
  struct Hash {
    const StateSet* set;
    size_t operator()(uint32_t number) const { return absl::HashOf(set->view(number)); }
  };
  struct Equal {
    const StateSet* set;
    bool operator()(uint32_t a, uint32_t b) const { return set->view(a) == set->view(b); }
  };
  std::string_view view(size_t number) const {
    const size_t begin = number == 0 ? 0 : ends_[number - 1];
    return {bytes_.data() + begin, ends_[number] - begin};
  }

  std::vector<char> bytes_;
  std::vector<uint64_t> ends_;
  absl::flat_hash_set<uint32_t, Hash, Equal> set_;
};

}  // namespace holdfast::explore
