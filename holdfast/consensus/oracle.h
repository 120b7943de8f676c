// For tests: what every engine promises, checked from outside. It shares no code with what it checks.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/types.h"

namespace holdfast::consensus {

inline uint64_t hash_of(const Entry& e) { return hash64(e.data.view(), static_cast<uint64_t>(e.kind)); }

class CommonOracle {
 public:
  const std::string& violation() const { return violation_; }
  void fail(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }
  // State machine safety: what is applied at an index is the same everywhere.
  void applies(NodeId at, const Committed& committed) {
    for (const Entry& e : committed.entries) {
      const auto entry = std::pair(e.term, hash_of(e));
      const auto [known, first] = applied_.emplace(e.index, entry);
      if (!first && known->second != entry) {
        fail(absl::StrCat("state machine safety: ", print(at), " applies another entry at ", print(e.index)));
      }
    }
  }
  // Everything committed so far anywhere: what a read that is asked for now must see.
  Index committed() const { return committed_; }
  void read(Index floor, Index got) {
    if (got < floor) fail(absl::StrCat("a read saw ", print(got), " after ", print(floor), " was committed"));
  }

 protected:
  Index committed_;

 private:
  std::string violation_;
  std::map<Index, std::pair<Term, uint64_t>> applied_;
};

}  // namespace holdfast::consensus
