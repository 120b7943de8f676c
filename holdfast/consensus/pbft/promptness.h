// Whose PREPARE is worth waiting for.
//
// Among q + f equal PREPAREs of distinct members at least q are of correct members, and so are rightly signed, whatever
// the others are: nobody need check (ordering.cc). A quorum that is there waits for that many, but only as long again
// as it took to come together, and only for members who have been prompt. Whoever is waited for in vain is not waited
// for during the next certificates, for twice as many each time, up to 64; so a member that is late on purpose delays
// one certificate in 65.
#pragma once

#include <algorithm>
#include <map>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Promptness {
 public:
  bool expected(NodeId member) const {
    const auto at = rows_.find(member);
    return at == rows_.end() || at->second.passed_over == 0;
  }
  // Its vote came within the wait, whether or not it was waited for.
  void came(NodeId member) {
    Row& row = rows_[member];
    if (row.passed_over > 0) {
      --row.passed_over;
    } else if (++row.in_a_row % kForgiven == 0) {
      row.next = std::max(kFirst, row.next / 2);
    }
  }
  // It was waited for in vain.
  void missed(NodeId member) {
    Row& row = rows_[member];
    row.passed_over = row.next;
    row.next = std::min(row.next * 2, kMost);
    row.in_a_row = 0;
  }
  void restart() { rows_.clear(); }

 private:
  static constexpr uint64_t kFirst = 4, kMost = 64, kForgiven = 16;
  struct Row {
    uint64_t passed_over = 0;  // so many prompt votes more until it is expected again
    uint64_t next = kFirst;
    uint64_t in_a_row = 0;
  };
  std::map<NodeId, Row> rows_;
};

}  // namespace holdfast::pbft
