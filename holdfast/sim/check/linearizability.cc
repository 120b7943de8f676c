#include "holdfast/sim/check/linearizability.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "holdfast/base/assert.h"

namespace holdfast::sim::check {
namespace {

using Kind = RegisterOp::Kind;

// Applies `op` to `state`; false when what it saw does not fit.
bool apply(const RegisterOp& op, uint64_t& state) {
  switch (op.kind) {
    case Kind::kRead:
      return op.open || op.value == state;
    case Kind::kWrite:
      state = op.value;
      return true;
    case Kind::kCompareAndSet: {
      const bool equal = state == op.expected;
      if (!op.open && equal != op.succeeded) return false;
      if (equal) state = op.value;
      return true;
    }
  }
  return false;
}

// What an answered operation proves to have been the value at some moment of it; none when it proves nothing.
std::optional<uint64_t> witnessed(const RegisterOp& op) {
  if (op.open) return std::nullopt;
  if (op.kind == Kind::kRead) return op.value;
  if (op.kind == Kind::kCompareAndSet && op.succeeded) return op.expected;
  return std::nullopt;
}

// Open operations make the search exponential; most of them can be settled before it:
//  - one whose value was witnessed and has no other writer did happen, before the first witness returned;
//  - one whose value nobody witnessed can be left out, unless a failed compare-and-set or an open one may depend on it:
//    `left_out` counts those, and when they might matter the search is repeated with them.
std::vector<RegisterOp> settled(const std::vector<RegisterOp>& ops, size_t& left_out) {
  std::map<uint64_t, int> writers;
  std::map<uint64_t, Time> first_witness;
  for (const RegisterOp& op : ops) {
    if (op.kind != Kind::kRead) ++writers[op.value];
    if (const auto value = witnessed(op)) {
      const auto it = first_witness.emplace(*value, op.returned).first;
      it->second = std::min(it->second, op.returned);
    }
  }
  std::vector<RegisterOp> out;
  for (RegisterOp op : ops) {
    if (op.open && op.kind == Kind::kRead) continue;
    if (op.open && !first_witness.contains(op.value)) {
      ++left_out;
      continue;
    }
    if (op.open && op.value != 0 && writers[op.value] == 1) {
      op.open = false;
      op.succeeded = true;
      op.returned = std::max(op.called, first_witness[op.value]);
    }
    out.push_back(op);
  }
  return out;
}

// A doubly linked list of calls and returns in the order of time, from which linearised operations are lifted.
class Search {
 public:
  Search(const std::vector<RegisterOp>& ops, size_t max_states) : ops_(ops), max_states_(max_states) {
    struct Moment {
      Time at;
      bool is_return;
      size_t op;
    };
    std::vector<Moment> moments;
    for (size_t i = 0; i < ops.size(); ++i) {
      moments.push_back({ops[i].called, false, i});
      moments.push_back({ops[i].open ? Time::never() : ops[i].returned, true, i});
    }
    // At equal times calls come first: the operations overlap.
    std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return a.at != b.at ? a.at < b.at : a.is_return < b.is_return;
    });
    nodes_.resize(moments.size() + 1);
    call_.resize(ops.size());
    return_.resize(ops.size());
    for (size_t i = 0; i < moments.size(); ++i) {
      Node& n = nodes_[i + 1];
      n = {moments[i].op, moments[i].is_return, i, i + 2 <= moments.size() ? i + 2 : 0};
      (n.is_return ? return_ : call_)[n.op] = i + 1;
    }
    nodes_[0] = {0, false, 0, moments.empty() ? 0 : size_t{1}};
    done_.assign((ops.size() + 63) / 64, 0);
    closed_ = static_cast<size_t>(std::count_if(ops.begin(), ops.end(), [](const RegisterOp& op) { return !op.open; }));
  }

  Verdict run() {
    size_t at = nodes_[0].next;
    while (closed_ > 0) {
      if (at != 0 && !nodes_[at].is_return) {
        uint64_t state = state_;
        const size_t op = nodes_[at].op;
        if (apply(ops_[op], state) && remember(op, state)) {
          taken_.push_back({op, state_});
          state_ = state;
          set(op, true);
          lift(op);
          at = nodes_[0].next;
        } else {
          at = nodes_[at].next;
        }
        continue;
      }
      // A return whose call was not linearised, or the end: go back.
      if (states_.size() > max_states_) return Verdict::kGaveUp;
      if (taken_.empty()) return Verdict::kNotLinearizable;
      const auto [op, before] = taken_.back();
      taken_.pop_back();
      state_ = before;
      set(op, false);
      unlift(op);
      at = nodes_[call_[op]].next;
    }
    return Verdict::kLinearizable;
  }

 private:
  struct Node {
    size_t op = 0;
    bool is_return = false;
    size_t previous = 0, next = 0;  // 0 behind the last
  };

  void set(size_t op, bool on) {
    const uint64_t bit = uint64_t{1} << (op % 64);
    done_[op / 64] = on ? done_[op / 64] | bit : done_[op / 64] & ~bit;
    if (!ops_[op].open) closed_ += on ? size_t(-1) : size_t(1);
  }
  // False when this set of linearised operations was seen with this state before.
  bool remember(size_t op, uint64_t state) {
    std::vector<uint64_t> key = done_;
    key[op / 64] |= uint64_t{1} << (op % 64);
    key.push_back(state);
    return states_.insert(std::move(key)).second;
  }
  void unlink(size_t n) {
    nodes_[nodes_[n].previous].next = nodes_[n].next;
    if (nodes_[n].next != 0) nodes_[nodes_[n].next].previous = nodes_[n].previous;
  }
  void relink(size_t n) {
    nodes_[nodes_[n].previous].next = n;
    if (nodes_[n].next != 0) nodes_[nodes_[n].next].previous = n;
  }
  void lift(size_t op) { unlink(call_[op]), unlink(return_[op]); }
  void unlift(size_t op) { relink(return_[op]), relink(call_[op]); }

  const std::vector<RegisterOp>& ops_;
  size_t max_states_;
  std::vector<Node> nodes_;
  std::vector<size_t> call_, return_;
  std::vector<uint64_t> done_;
  size_t closed_ = 0;  // answered operations that are not linearised yet
  uint64_t state_ = 0;
  std::vector<std::pair<size_t, uint64_t>> taken_;
  absl::flat_hash_set<std::vector<uint64_t>> states_;
};

}  // namespace

Verdict check_register(std::vector<RegisterOp> ops, size_t max_states) {
  size_t left_out = 0;
  const std::vector<RegisterOp> most = settled(ops, left_out);
  const Verdict verdict = Search(most, max_states).run();
  if (verdict == Verdict::kLinearizable || left_out == 0) return verdict;
  const bool may_depend = std::any_of(ops.begin(), ops.end(), [](const RegisterOp& op) {
    return op.kind == Kind::kCompareAndSet && (op.open || !op.succeeded);
  });
  return may_depend ? Search(ops, max_states).run() : verdict;
}

bool brute_force_register(const std::vector<RegisterOp>& ops) {
  ensure(ops.size() <= 9, "brute force is for tiny histories");
  std::vector<size_t> closed, open;
  for (size_t i = 0; i < ops.size(); ++i) (ops[i].open ? open : closed).push_back(i);
  for (size_t subset = 0; subset < (size_t{1} << open.size()); ++subset) {
    std::vector<size_t> order = closed;
    for (size_t i = 0; i < open.size(); ++i) {
      if (subset >> i & 1) order.push_back(open[i]);
    }
    std::sort(order.begin(), order.end());
    do {
      uint64_t state = 0;
      bool fits = true;
      for (size_t i = 0; i < order.size() && fits; ++i) {
        for (size_t j = i + 1; j < order.size() && fits; ++j) {
          const RegisterOp& later = ops[order[j]];
          fits = later.open || later.returned >= ops[order[i]].called;
        }
        fits = fits && apply(ops[order[i]], state);
      }
      if (fits) return true;
    } while (std::next_permutation(order.begin(), order.end()));
  }
  return false;
}

std::vector<RegisterOp> shrink_register(std::vector<RegisterOp> ops) {
  // Reads may go freely. A write may go only when nothing that stays saw its value: otherwise it would be missed.
  auto removable = [&](size_t i) {
    if (ops[i].kind == Kind::kRead) return true;
    for (size_t j = 0; j < ops.size(); ++j) {
      if (j == i || ops[j].open) continue;
      if (ops[j].kind == Kind::kRead && ops[j].value == ops[i].value) return false;
      if (ops[j].kind == Kind::kCompareAndSet) return false;
    }
    return ops[i].value != 0;
  };
  bool smaller = true;
  while (smaller) {
    smaller = false;
    for (size_t i = 0; i < ops.size();) {
      if (removable(i)) {
        std::vector<RegisterOp> less = ops;
        less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
        if (check_register(less, 100'000) == Verdict::kNotLinearizable) {
          ops = std::move(less);
          smaller = true;
          continue;
        }
      }
      ++i;
    }
  }
  return ops;
}

}  // namespace holdfast::sim::check
