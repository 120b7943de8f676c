// For tests: member 1 of a few, to which the test speaks as the others. Records become stable when the test says so.
#pragma once

#include <utility>
#include <vector>

#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {

inline Entry value(uint64_t slot, uint64_t round, std::string_view text = "x") {
  return {Index(slot), Term(round), EntryKind::kCommand, Slice::copy_of(text)};
}

class Lone {
 public:
  explicit Lone(size_t voters = 3, Config config = {}) {
    config.self = NodeId(1);
    config.seed = 1;
    Membership all;
    for (uint64_t i = 1; i <= voters; ++i) all.voters.push_back(NodeId(i));
    TestMember::Hooks hooks{[this](NodeId to, const Message& m) { sent.emplace_back(to, m); },
                            [this](const Event& e) { events.push_back(e); }, [](StableSeq, const Record&) {}};
    member = std::make_unique<TestMember>(config, all, hooks);
    member->start(now);
    sync();
  }
  void hear(uint64_t from, const Message& m) { member->receive(now, NodeId(from), m); }
  void sync() { member->sync(now); }
  void restart() {
    member->crash(0);
    member->start(now);
    sync();
  }
  void pass_the_lease() { now = now + member->config().election_timeout * 2; }
  Paxos& paxos() { return member->core(); }
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
  // Another member collects, or leads.
  void collect(uint64_t from, uint64_t round) {
    hear(from, Collect{Ballot{Term(round), NodeId(from)}, paxos().commit_index() + 1, paxos().commit_index() + 1});
  }
  void begin(uint64_t from, uint64_t round, std::vector<Entry> entries, uint64_t chosen = 0) {
    hear(from, Begin{Ballot{Term(round), NodeId(from)}, Index(chosen), Index(), std::move(entries)});
  }
  // This member's patience ends, the others would promise, and it collects.
  void collect_as_leader() {
    pass_the_lease();
    now = std::max(now, paxos().deadline());
    member->tick(now);
    for (const Inquiry& asked : take<Inquiry>()) hear(2, InquiryReply{asked.ballot, true, Ballot{}});
    sync();
  }
  // Node `from` has promised this member's ballot and reports `votes`.
  void answer(uint64_t from, std::vector<Vote> votes) {
    hear(from, Last{paxos().ballot(), paxos().commit_index() + 1, Index{}, Index{}, std::move(votes)});
  }
  void lead() {
    collect_as_leader();
    answer(2, {});
    ensure(paxos().role() == Role::kLeader, "the promise of a majority makes a leader");
    sent.clear();
  }
  void accept(uint64_t from, uint64_t slot) {
    hear(from, Accept{paxos().ballot(), Index(slot), Index(slot), Index(slot)});
  }
  StatusOr<Index> propose(std::string_view text) {
    StatusOr<Index> index = absl::UnavailableError("");
    member->step([&](Paxos::Out& out) { index = paxos().propose(now, {Slice::copy_of(text)}, out); });
    return index;
  }
  StatusOr<Index> change(Change change) {
    StatusOr<Index> index = absl::UnavailableError("");
    member->step([&](Paxos::Out& out) { index = paxos().change_membership(now, {change}, Slice(), out); });
    return index;
  }

  Time now;
  std::vector<std::pair<NodeId, Message>> sent;
  std::vector<Event> events;
  std::unique_ptr<TestMember> member;
};

}  // namespace holdfast::paxos
