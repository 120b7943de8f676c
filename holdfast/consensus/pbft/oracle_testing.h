// For tests: what PBFT promises, checked from outside: on what correct replicas execute, and what correct clients
// accept. It shares no code with what it checks.
//
//   ONE    a place of the order holds one batch
//   REP    the same place leaves the same state everywhere
//   XO     a request is executed once, and only what its client submitted
//   LIN    what clients accepted is linear: results are those of the one order, and the order respects real time
//   MONO   views do not fall within an epoch
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/consensus/pbft/member_testing.h"

namespace holdfast::pbft {

class Oracle {
 public:
  const std::string& violation() const { return violation_; }
  void fail(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

  // A correct client is about to submit.
  void submits(uint64_t token, const std::string& operation) {
    operations_.insert(operation);
    asked_[token] = {operation, answered_count_};
  }
  // A correct client accepts.
  void accepts(uint64_t token, std::string_view result) {
    const auto at = asked_.find(token);
    if (at == asked_.end()) return fail("LIN: an answer to nothing that waits");
    const std::string& operation = at->second.operation;
    const uint64_t count = std::strtoull(std::string(result).c_str(), nullptr, 10);
    const auto state = states_.find(count);
    if (count != 0 && (state == states_.end() || result_text(count) != result)) {
      return fail(absl::StrCat("LIN: ", operation, " was answered ", std::string(result),
                               ", which no correct replica came to"));
    }
    if (operation != "?" && (count == 0 || state->second.operation != operation)) {
      return fail(absl::StrCat("LIN: ", operation, " was answered as if it were ", count));
    }
    const bool late = operation == "?" ? count < at->second.floor : count <= at->second.floor;
    if (late) fail(absl::StrCat("LIN: ", operation, " saw ", count, " after ", at->second.floor, " was answered"));
    answered_count_ = std::max(answered_count_, count);
    asked_.erase(at);
    ++answered_;
  }
  // A correct replica has executed, anew or again after a restart.
  void applies(NodeId at, const Execute& e, const Image& after) {
    std::string what = absl::StrCat(e.stamp_ms, "/");
    for (const Request& r : e.requests) {
      for (const Slice& o : r.operations) absl::StrAppend(&what, print(r.id), o.str(), ";");
    }
    const auto [known, first] = batches_.emplace(e.seq, what);
    if (!first && known->second != what)
      return fail(absl::StrCat("ONE: ", print(at), " executes another ", print(e.seq)));
    const auto [state, fresh] = after_.emplace(e.seq, digest_of(after));
    if (!fresh && state->second != digest_of(after)) {
      return fail(absl::StrCat("REP: ", print(at), " is in another state after ", print(e.seq)));
    }
    if (first) executes_first(e);
  }
  void views(NodeId at, uint64_t epoch, View view) {
    auto& seen = views_[at];
    if (std::pair(epoch, view) < seen) fail(absl::StrCat("MONO: a view of ", print(at), " fell"));
    seen = {epoch, view};
  }
  void restarts(NodeId at) { views_.erase(at); }
  // A correct member, whatever it has been through, votes for one thing in each place of each view.
  void votes(NodeId by, const Vote& v) {
    const auto [at, first] = votes_.try_emplace({by, v.epoch, v.view, v.seq}, v.digest);
    if (!first && at->second != v.digest) {
      fail(absl::StrCat(print(by), " votes twice in view ", v.view.value(), " of epoch ", v.epoch, " at ", print(v.seq)));
    }
  }
  size_t answered() const { return answered_; }
  size_t unanswered() const { return asked_.size(); }
  Seq last_place() const { return batches_.empty() ? Seq() : batches_.rbegin()->first; }
  void forgives(uint64_t token) { asked_.erase(token); }

 private:
  struct State {
    std::string operation;
    uint64_t hash;
  };
  std::string result_text(uint64_t count) const { return absl::StrCat(count, ":", states_.at(count).hash); }
  void executes_first(const Execute& e) {
    if (e.seq != last_ + 1) return fail(absl::StrCat("ONE: ", print(e.seq), " was executed before what is before it"));
    last_ = e.seq;
    for (const Request& r : e.requests) {
      if (!requests_.insert(r.id).second) fail(absl::StrCat("XO: ", print(r.id), " is executed twice"));
      for (const Slice& o : r.operations) {
        const std::string operation = o.str();
        if (!operations_.contains(operation) && !operation.starts_with("evil")) {
          fail(absl::StrCat("XO: nobody submitted ", operation));
        }
        apply_operation(image_, operation);
        if (operation != "?") states_[image_.count] = {operation, image_.hash};
      }
    }
  }
  struct Asked {
    std::string operation;
    uint64_t floor;  // what was answered before it was asked
  };
  std::string violation_;
  std::set<std::string> operations_ = {"?"};
  std::map<uint64_t, Asked> asked_;
  uint64_t answered_count_ = 0;
  size_t answered_ = 0;
  std::map<Seq, std::string> batches_;
  std::map<Seq, Digest> after_;
  std::set<RequestId> requests_;
  std::map<uint64_t, State> states_;
  Image image_;
  Seq last_;
  std::map<NodeId, std::pair<uint64_t, View>> views_;
  std::map<std::tuple<NodeId, uint64_t, View, Seq>, Digest> votes_;
};

}  // namespace holdfast::pbft
