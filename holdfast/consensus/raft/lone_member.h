// For tests: one member of three, to which the test speaks as the other two. Records become stable when the test says
// so.
#pragma once

#include <utility>
#include <vector>

#include "holdfast/consensus/raft/test_member.h"

namespace holdfast::raft {

inline Entry command(uint64_t index, uint64_t term, std::string_view text = "x") {
  return {Index(index), Term(term), EntryKind::kCommand, Slice::copy_of(text)};
}

class Lone {
 public:
  explicit Lone(size_t voters = 3, Config config = {}) {
    config.self = NodeId(1);
    config.seed = 1;
    Membership all;
    for (uint64_t i = 1; i <= voters; ++i) all.voters.push_back(NodeId(i));
    TestMember::Hooks hooks{[this](NodeId to, const Message& m) { sent.emplace_back(to, m); },
                            [this](const Event& e) { events.push_back(e); },
                            [this](StableSeq, const Record& r) { records.push_back(r); }};
    member = std::make_unique<TestMember>(config, all, hooks);
    member->start(now);
    sync();
  }
  void hear(uint64_t from, const Message& m) { member->receive(now, NodeId(from), m); }
  void sync() { member->sync(now); }
  void tick() {
    now = std::max(now, raft().deadline());
    member->tick(now);
  }
  Raft& raft() { return member->raft(); }
  // The messages of one kind that have left since the last time, to anybody.
  template <class M>
  std::vector<M> take() {
    std::vector<M> found;
    for (auto& [to, m] : sent) {
      if (auto* one = std::get_if<M>(&m)) found.push_back(*one);
    }
    sent.clear();
    return found;
  }
  // Follows member 2, which leads `term`, with `entries` behind `prev`.
  void append(uint64_t term, uint64_t prev, uint64_t prev_term, std::vector<Entry> entries, uint64_t commit = 0) {
    hear(2, AppendEntries{Term(term), Index(prev), Term(prev_term), Index(commit), std::move(entries)});
  }
  // Becomes leader of the next term with the vote of member 2.
  void lead() {
    tick();
    if (raft().role() == Role::kFollower) tick();
    const Term next = raft().term() + 1;
    hear(2, VoteReply{next, true, true});
    sync();
    hear(2, VoteReply{next, true, false});
  }
  StatusOr<Index> propose(std::string_view text) {
    StatusOr<Index> index = absl::UnavailableError("");
    member->step([&](Raft::Out& out) { index = raft().propose(now, {Slice::copy_of(text)}, out); });
    return index;
  }
  // `node` holds everything up to `match`.
  void acknowledge(uint64_t node, uint64_t match) {
    hear(node, AppendReply{.term = raft().term(), .success = true, .match = Index(match)});
  }

  Time now;
  std::vector<std::pair<NodeId, Message>> sent;
  std::vector<Event> events;
  std::vector<Record> records;
  std::unique_ptr<TestMember> member;
};

}  // namespace holdfast::raft
