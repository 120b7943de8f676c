// For tests: what Paxos promises ("Paxos Made Simple", section 2), checked from outside: on messages, records and
// events. It shares no code with what it checks.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/consensus/oracle.h"
#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {

// What must hold, whatever happens.
class Oracle : public consensus::CommonOracle {
 public:
  // A member is about to send. What it has said of its promises binds it for ever.
  void sends(NodeId from, NodeId, const Message& m) {
    if (const auto* last = std::get_if<Last>(&m)) {
      keeps_its_promise(from, last->ballot, "reports");
      promised_[from] = std::max(promised_[from], last->ballot);
    } else if (const auto* accept = std::get_if<Accept>(&m)) {
      keeps_its_promise(from, accept->ballot, "accepts");
    } else if (const auto* begin = std::get_if<Begin>(&m)) {
      if (begin->ballot.node != from) fail(absl::StrCat(print(from), " proposes in the ballot of another"));
      for (const Entry& e : begin->entries) proposes(begin->ballot, e);
    }
  }
  void writes(const TestMember& member, const Record& record) {
    if (const auto* accepted = std::get_if<Accepted>(&record)) proposes(accepted->ballot, accepted->entry);
    write_down(logs_[member.id()], record);
  }
  // What a restarted member has is what its disk kept.
  void restarts(const TestMember& member) {
    seen_[member.id()] = {};
    auto& log = logs_[member.id()];
    log.clear();
    for (const auto& p : member.disk()) write_down(log, p.record);
  }
  // After every step of a member.
  void steps(const TestMember& member) {
    const Paxos& paxos = member.core();
    Seen& seen = seen_[member.id()];
    if (paxos.ballot() < seen.ballot) fail("a promise fell");
    if (paxos.ballot() < promised_[member.id()]) fail(absl::StrCat(print(member.id()), " has forgotten a promise"));
    if (paxos.commit_index() < seen.chosen) fail("what is known to be chosen fell");
    if (paxos.ballot() > seen.ballot) seen.match.clear();
    chooses(member, seen.chosen);
    seen.ballot = paxos.ballot();
    seen.chosen = paxos.commit_index();
    if (paxos.role() == Role::kLeader) leads(member, seen);
    committed_ = std::max(committed_, paxos.commit_index());
  }

 private:
  struct Seen {
    Ballot ballot;
    Index chosen;
    std::map<NodeId, Index> match;
    std::set<NodeId> members;
  };
  using Log = std::map<Index, uint64_t>;  // the values by hash; zero: in a snapshot

  void keeps_its_promise(NodeId who, const Ballot& ballot, const char* what) {
    if (ballot >= promised_[who]) return;
    fail(absl::StrCat(print(who), " ", what, " in ", print(ballot), " after it promised ", print(promised_[who])));
  }
  // P2: one value per ballot and slot.
  void proposes(const Ballot& ballot, const Entry& e) {
    const auto [at, first] = proposed_.emplace(std::pair(e.index, ballot), hash_of(e));
    if (!first && at->second != hash_of(e)) {
      fail(absl::StrCat("two values for ", print(e.index), " in ballot ", print(ballot)));
    }
  }
  static void write_down(Log& log, const Record& record) {
    if (const auto* accepted = std::get_if<Accepted>(&record)) {
      log[accepted->entry.index] = hash_of(accepted->entry);
    } else if (const auto* mark = std::get_if<SnapshotMark>(&record)) {
      if (mark->reset) log.erase(log.begin(), log.upper_bound(mark->meta.index));
      log.emplace(mark->meta.index, 0);
    }
  }
  // Consistency: what one member takes for chosen in a slot, every other does.
  void chooses(const TestMember& member, Index before) {
    const Log& log = logs_[member.id()];
    const Index upto = member.core().commit_index();
    for (auto at = log.upper_bound(before); at != log.end() && at->first <= upto; ++at) {
      if (at->second == 0) continue;
      const auto [known, first] = chosen_.emplace(at->first, at->second);
      if (!first && known->second != at->second) fail(absl::StrCat("two values are chosen at ", print(at->first)));
    }
  }
  // A new leader proposes again whatever leaders of lower ballots had chosen.
  void leads(const TestMember& member, Seen& seen) {
    const Paxos& paxos = member.core();
    const Ballot ballot = paxos.ballot();
    if (led_.insert(ballot).second) {
      Index must;
      for (const auto& [b, index] : chosen_by_) {
        if (b < ballot) must = std::max(must, index);
      }
      const Log& log = logs_[member.id()];
      const auto here = log.find(must);
      const auto known = chosen_.find(must);
      const bool other =
          here != log.end() && here->second != 0 && known != chosen_.end() && here->second != known->second;
      if (must && (other || log.empty() || log.rbegin()->first < must)) {
        fail(absl::StrCat(print(member.id()), " leads ", print(ballot), " without ", print(must)));
      }
    }
    Index& by = chosen_by_[ballot];
    by = std::max(by, paxos.commit_index());
    const auto everyone = paxos.membership().everyone();
    for (NodeId other : everyone) {
      if (other == member.id()) continue;
      const Index match = paxos.match_of(other).value_or(Index{});
      Index& known = seen.match[other];
      if (match < known && seen.members.contains(other)) fail(absl::StrCat("the match of ", print(other), " fell"));
      known = match;
    }
    seen.members = {everyone.begin(), everyone.end()};
  }

  std::map<NodeId, Ballot> promised_;  // what each has said
  std::map<std::pair<Index, Ballot>, uint64_t> proposed_;
  std::map<NodeId, Log> logs_;
  std::map<Index, uint64_t> chosen_;
  std::map<NodeId, Seen> seen_;
  std::set<Ballot> led_;
  std::map<Ballot, Index> chosen_by_;
};

}  // namespace holdfast::paxos
