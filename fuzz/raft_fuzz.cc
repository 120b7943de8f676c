// Arbitrary peer messages to one member of a Raft cluster, between its own doings (member_program.h).
#include "fuzz/member_program.h"
#include "holdfast/consensus/raft/test_member.h"

namespace holdfast::raft {
namespace {

struct Engine {
  using Member = TestMember;

  static void repair(consensus::Program& program, NodeId, const Raft& raft, Message& m) {
    if (program.coin()) m = awaited(program, raft, std::move(m));
    std::visit([&](auto& v) { v.term = raft.term() + program.byte() % 8 / 7; }, m);
    if (auto* append = std::get_if<AppendEntries>(&m)) {
      Index index = append->prev_index;
      for (Entry& e : append->entries) {
        e.index = ++index;
        e.term = std::max(e.term, append->prev_term);
        append->term = std::max(append->term, e.term);
        program.repair(e);
      }
    } else if (auto* reply = std::get_if<AppendReply>(&m)) {
      reply->match = std::min(reply->match, raft.last_index());
    } else if (auto* vote = std::get_if<VoteReply>(&m)) {
      vote->granted = true;
      if (vote->pre_vote) vote->term = raft.term() + 1;
    } else if (auto* chunk = std::get_if<SnapshotChunk>(&m)) {
      program.repair_chunk(*chunk);
    }
  }

 private:
  // An answer of the kind that a member in its role waits for.
  static Message awaited(consensus::Program& program, const Raft& raft, Message otherwise) {
    if (raft.role() == Role::kPreCandidate) return VoteReply{.pre_vote = true};
    if (raft.role() == Role::kCandidate) return VoteReply{};
    if (raft.role() != Role::kLeader) return otherwise;
    if (program.coin()) return AppendReply{.success = true, .match = raft.last_index()};
    return HeartbeatReply{.round = program.number()};
  }
};

}  // namespace
}  // namespace holdfast::raft

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::consensus::drive<holdfast::raft::Engine>({reinterpret_cast<const char*>(data), size});
  return 0;
}
