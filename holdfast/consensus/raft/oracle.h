// For tests: what Raft promises (paper, figure 3, and the dissertation, 6.4), checked from outside: on messages,
// records and events. It shares no code with what it checks.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/consensus/oracle.h"
#include "holdfast/consensus/raft/test_member.h"

namespace holdfast::raft {

// What must hold, whatever happens.
class Oracle : public consensus::CommonOracle {
 public:
  // A member is about to send.
  void sends(NodeId from, NodeId to, const Message& m) {
    if (const auto* vote = std::get_if<VoteReply>(&m); vote != nullptr && vote->granted && !vote->pre_vote) {
      votes(from, vote->term, to);
    }
    // A candidate has voted for itself.
    if (const auto* wanted = std::get_if<RequestVote>(&m); wanted != nullptr && !wanted->pre_vote) {
      votes(from, wanted->term, from);
    }
  }
  // Log matching: an index and a term name one entry, and one predecessor.
  void writes(const TestMember& member, const Record& record) {
    auto& log = logs_[member.id()];
    if (const auto* mark = std::get_if<SnapshotMark>(&record)) {
      if (mark->reset) log.clear();
      log[mark->meta.index] = mark->meta.term;
      return;
    }
    const auto* appended = std::get_if<Appended>(&record);
    if (appended == nullptr) return;
    const Entry& e = appended->entry;
    const auto after = log.lower_bound(e.index);
    if (after != log.end() && member.raft().role() == Role::kLeader) fail("a leader replaced an entry of its log");
    log.erase(after, log.end());
    const Term previous = log.empty() ? Term{} : log.rbegin()->second;
    log[e.index] = e.term;
    const Written written{hash64(e.data.view(), static_cast<uint64_t>(e.kind)), previous};
    const auto [at, first] = written_.emplace(std::pair(e.index, e.term), written);
    if (!first && at->second != written) {
      fail(absl::StrCat("log matching: ", print(e.index), " of ", print(e.term), " is not the same everywhere"));
    }
  }
  // What a restarted member has is what its disk kept.
  void restarts(const TestMember& member) {
    auto& log = logs_[member.id()];
    log.clear();
    seen_[member.id()] = {};
    for (const auto& p : member.disk()) writes_quietly(log, p.record);
  }
  // After every step of a member.
  void steps(const TestMember& member) {
    const Raft& raft = member.raft();
    Seen& seen = seen_[member.id()];
    if (raft.term() < seen.term) fail("a term fell");
    if (raft.commit_index() < seen.commit) fail("a commit index fell");
    if (raft.term() > seen.term) seen.match.clear();
    commits(member, seen.commit);
    seen.term = raft.term();
    seen.commit = raft.commit_index();
    if (raft.role() != Role::kLeader) {
      committed_ = std::max(committed_, raft.commit_index());
      return;
    }
    leads(member);
    committed_ = std::max(committed_, raft.commit_index());
    Index& by_term = committed_by_[raft.term()];
    by_term = std::max(by_term, raft.commit_index());
    for (NodeId other : raft.membership().everyone()) {
      if (other == member.id()) continue;
      const Index match = raft.match_of(other).value_or(Index{});
      Index& known = seen.match[other];
      if (match < known && seen.members.contains(other)) fail(absl::StrCat("the match of ", print(other), " fell"));
      known = match;
    }
    const auto everyone = raft.membership().everyone();
    seen.members = {everyone.begin(), everyone.end()};
  }

 private:
  void votes(NodeId voter, Term term, NodeId candidate) {
    const auto [at, first] = votes_.emplace(std::pair(voter, term), candidate);
    if (!first && at->second != candidate) fail(absl::StrCat(print(voter), " voted twice in ", print(term)));
  }
  // What is committed at an index is the same everywhere and for ever, whether or not it was delivered yet.
  void commits(const TestMember& member, Index before) {
    const auto& log = logs_[member.id()];
    const Index upto = member.raft().commit_index();
    for (auto at = log.upper_bound(before); at != log.end() && at->first <= upto; ++at) {
      const auto [known, first] = committed_terms_.emplace(at->first, at->second);
      if (!first && known->second != at->second) {
        fail(absl::StrCat("two entries are committed at ", print(at->first)));
      }
    }
  }
  struct Written {
    uint64_t hash;
    Term previous;
    bool operator==(const Written&) const = default;
  };
  struct Seen {
    Term term;
    Index commit;
    std::map<NodeId, Index> match;
    std::set<NodeId> members;
  };
  // Election safety, and leader completeness: what leaders of earlier terms committed, a new leader has.
  void leads(const TestMember& member) {
    const Term term = member.raft().term();
    const auto [at, first] = leaders_.emplace(term, member.id());
    if (at->second != member.id()) fail(absl::StrCat("two leaders in ", print(term)));
    if (!first) return;
    Index must;
    for (const auto& [t, index] : committed_by_) {
      if (t < term) must = std::max(must, index);
    }
    const auto& log = logs_[member.id()];
    const auto missing = [&] {
      if (log.empty() || log.rbegin()->first < must) return true;
      const auto here = log.find(must);
      const auto known = committed_terms_.find(must);
      return here != log.end() && known != committed_terms_.end() && here->second != known->second;
    };
    if (must && missing()) {
      fail(absl::StrCat("leader completeness: ", print(member.id()), " leads ", print(term), " without ", print(must)));
    }
  }
  static void writes_quietly(std::map<Index, Term>& log, const Record& record) {
    if (const auto* mark = std::get_if<SnapshotMark>(&record)) {
      if (mark->reset) log.clear();
      log[mark->meta.index] = mark->meta.term;
    } else if (const auto* appended = std::get_if<Appended>(&record)) {
      log.erase(log.lower_bound(appended->entry.index), log.end());
      log[appended->entry.index] = appended->entry.term;
    }
  }

  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::map<NodeId, std::map<Index, Term>> logs_;
  std::map<std::pair<Index, Term>, Written> written_;
  std::map<NodeId, Seen> seen_;
  std::map<Term, NodeId> leaders_;
  std::map<Term, Index> committed_by_;
  std::map<Index, Term> committed_terms_;
};

}  // namespace holdfast::raft
