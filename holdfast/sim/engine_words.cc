#include "holdfast/sim/engine_words.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/print.h"

namespace holdfast::sim {
namespace {

std::string term(raft::Term t) { return absl::StrCat("term ", t.value()); }

std::string entry(const consensus::Entry& e, const CommandWords& command) {
  switch (e.kind) {
    case consensus::EntryKind::kNoop:
      return "no-op";
    case consensus::EntryKind::kMembership:
      return "members";
    case consensus::EntryKind::kCommand:
      return command(e.data);
  }
  return "?";
}

// Of a snapshot that comes in chunks.
template <class Chunk>
std::string chunk(const Chunk& m) {
  return absl::StrCat("SnapshotChunk{up to ", m.meta.index.value(), ", from byte ", m.offset, "}");
}
template <class Reply>
std::string reply_to_chunk(const Reply& m) {
  const std::string what = m.installed ? "installed" : m.refused ? "refused" : absl::StrCat("has ", m.received, " bytes");
  return absl::StrCat("SnapshotReply{", what, "}");
}
template <class Reply>
std::string reply_to_read(const char* kind, const Reply& m) {
  return m.ok ? absl::StrCat(kind, "{place ", m.index.value(), "}") : absl::StrCat(kind, "{no}");
}

struct RaftWords {
  const CommandWords& command;

  std::string operator()(const raft::RequestVote& m) const {
    return absl::StrCat("RequestVote{", m.pre_vote ? "trial, " : "", term(m.term), "}");
  }
  std::string operator()(const raft::VoteReply& m) const {
    return absl::StrCat("VoteReply{", m.pre_vote ? "trial, " : "", m.granted ? "yes, " : "no, ", term(m.term), "}");
  }
  std::string operator()(const raft::AppendEntries& m) const {
    std::string out = absl::StrCat("AppendEntries{", term(m.term), m.entries.empty() ? ", nothing new" : ":");
    for (const raft::Entry& e : m.entries) absl::StrAppend(&out, " ", entry(e, command), ".", e.term.value());
    return out + "}";
  }
  std::string operator()(const raft::AppendReply& m) const {
    return m.success ? absl::StrCat("AppendReply{has ", m.match.value(), "}") : "AppendReply{does not match}";
  }
  std::string operator()(const raft::Heartbeat& m) const { return absl::StrCat("Heartbeat{", term(m.term), "}"); }
  std::string operator()(const raft::HeartbeatReply& m) const {
    return absl::StrCat("HeartbeatReply{", term(m.term), "}");
  }
  std::string operator()(const raft::SnapshotChunk& m) const { return chunk(m); }
  std::string operator()(const raft::SnapshotReply& m) const { return reply_to_chunk(m); }
  std::string operator()(const raft::TimeoutNow& m) const { return absl::StrCat("TimeoutNow{", term(m.term), "}"); }
  std::string operator()(const raft::ReadIndexRequest&) const { return "ReadIndexRequest{}"; }
  std::string operator()(const raft::ReadIndexReply& m) const { return reply_to_read("ReadIndexReply", m); }
};

// "1.n2": the round, and whose it is.
std::string ballot(const paxos::Ballot& b) {
  return b == paxos::Ballot{} ? "none" : absl::StrCat(b.round.value(), ".", to_text(b.node));
}

struct PaxosWords {
  const CommandWords& command;

  std::string operator()(const paxos::Inquiry& m) const {
    return absl::StrCat("Inquiry{trial, ballot ", ballot(m.ballot), "}");
  }
  std::string operator()(const paxos::InquiryReply& m) const {
    return absl::StrCat("InquiryReply{trial, ", m.yes ? "yes, " : "no, ", "ballot ", ballot(m.ballot), "}");
  }
  std::string operator()(const paxos::Collect& m) const {
    return absl::StrCat("Collect{ballot ", ballot(m.ballot), ", from ", m.part.value(), "}");
  }
  std::string operator()(const paxos::Last& m) const {
    std::string out = absl::StrCat("Last{ballot ", ballot(m.ballot), m.votes.empty() ? ", nothing" : ":");
    for (const paxos::Vote& v : m.votes) absl::StrAppend(&out, " ", entry(v.entry, command), " of ", ballot(v.ballot));
    return out + "}";
  }
  std::string operator()(const paxos::Begin& m) const {
    std::string out = absl::StrCat("Begin{ballot ", ballot(m.ballot), m.entries.empty() ? ", nothing" : ":");
    for (const paxos::Entry& e : m.entries) absl::StrAppend(&out, " ", e.index.value(), ":", entry(e, command));
    return out + "}";
  }
  std::string operator()(const paxos::Accept& m) const {
    const std::string upto = m.last > m.first ? absl::StrCat("..", m.last.value()) : "";
    return absl::StrCat("Accept{ballot ", ballot(m.ballot), ", ", m.first.value(), upto, "}");
  }
  std::string operator()(const paxos::Success& m) const {
    const std::string chosen = m.chosen.value() == 0 ? "nothing" : absl::StrCat("up to ", m.chosen.value());
    return absl::StrCat("Success{ballot ", ballot(m.ballot), ", chosen ", chosen, "}");
  }
  std::string operator()(const paxos::Echo& m) const { return absl::StrCat("Echo{ballot ", ballot(m.ballot), "}"); }
  std::string operator()(const paxos::Reject& m) const {
    return absl::StrCat("Reject{ballot ", ballot(m.ballot), ", promised ", ballot(m.promised), "}");
  }
  std::string operator()(const paxos::SnapshotChunk& m) const { return chunk(m); }
  std::string operator()(const paxos::SnapshotReply& m) const { return reply_to_chunk(m); }
  std::string operator()(const paxos::LeadNow& m) const { return absl::StrCat("LeadNow{ballot ", ballot(m.ballot), "}"); }
  std::string operator()(const paxos::ReadRequest&) const { return "ReadRequest{}"; }
  std::string operator()(const paxos::ReadReply& m) const { return reply_to_read("ReadReply", m); }
};

}  // namespace

std::string in_words(const raft::Message& message, const CommandWords& command) {
  return std::visit(RaftWords{command}, message);
}
std::string in_words(const paxos::Message& message, const CommandWords& command) {
  return std::visit(PaxosWords{command}, message);
}

}  // namespace holdfast::sim
