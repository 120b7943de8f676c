// Arbitrary peer messages to one member of a Paxos cluster, between its own doings (member_program.h).
#include "fuzz/member_program.h"
#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {
namespace {

struct Engine {
  using Member = TestMember;

  static void repair(consensus::Program& program, NodeId from, const Paxos& paxos, Message& m) {
    if (program.coin()) m = awaited(program, paxos, std::move(m));
    if (answers(m)) {
      std::visit([&](auto& v) { v.ballot = paxos.ballot(); }, m);  // the member's own, when it leads
    } else if (program.coin()) {
      std::visit([&](auto& v) { v.ballot.node = from; }, m);  // as every leader speaks
    }
    if (auto* reply = std::get_if<InquiryReply>(&m)) {
      *reply = {{paxos.term() + 1, NodeId(1)}, true, {}};
    } else if (auto* begin = std::get_if<Begin>(&m)) {
      Index index = begin->chosen;
      for (Entry& e : begin->entries) {
        e.index = ++index;
        begin->ballot.round = std::max(begin->ballot.round, e.term);
        program.repair(e);
      }
    } else if (auto* accept = std::get_if<Accept>(&m)) {
      accept->last = std::min(accept->last, paxos.last_index());
      accept->first = std::min(accept->first, accept->last);
      accept->held = std::min(accept->held, paxos.last_index());
    } else if (auto* last = std::get_if<Last>(&m)) {
      repair(program, paxos, *last);
    } else if (auto* chunk = std::get_if<SnapshotChunk>(&m)) {
      program.repair_chunk(*chunk);
    }
  }

 private:
  // An answer of the kind that a member in its role waits for.
  static Message awaited(consensus::Program& program, const Paxos& paxos, Message otherwise) {
    if (paxos.role() == Role::kPreCandidate) return InquiryReply{};
    if (paxos.role() == Role::kCandidate) return Last{.part = paxos.commit_index() + 1};
    if (paxos.role() != Role::kLeader) return otherwise;
    if (program.coin()) return Accept{.first = Index(1), .last = paxos.last_index(), .held = paxos.last_index()};
    return Echo{.round = program.number(), .held = paxos.last_index()};
  }
  static bool answers(const Message& m) {
    return std::holds_alternative<Last>(m) || std::holds_alternative<Accept>(m) || std::holds_alternative<Echo>(m) ||
           std::holds_alternative<Reject>(m) || std::holds_alternative<SnapshotReply>(m);
  }
  static void repair(consensus::Program& program, const Paxos& paxos, Last& last) {
    if (program.coin()) last.part = paxos.commit_index() + 1;
    if (program.coin()) last.next = Index();
    Index index = last.part;
    for (Vote& v : last.votes) {
      v.entry.index = index;
      ++index;
      v.entry.term = std::min(v.entry.term, paxos.term());
      v.ballot.round = std::max(std::min(v.ballot.round, paxos.term()), v.entry.term);
      program.repair(v.entry);
    }
  }
};

}  // namespace
}  // namespace holdfast::paxos

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::consensus::drive<holdfast::paxos::Engine>({reinterpret_cast<const char*>(data), size});
  return 0;
}
