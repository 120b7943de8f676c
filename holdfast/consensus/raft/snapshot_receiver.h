// Receiving a snapshot: chunks in order into a blob of this node, verified as a whole, sealed, offered to the owner,
// and the log's beginning once the owner has loaded it.
//
//   none -> receiving -> sealing -> offered -> none      (damage or refusal: back to none, the leader starts over)
//
// A transfer belongs to the snapshot (index, term, size, checksum), not to the leader that sends it: the next leader
// with the same bytes resumes it.
#pragma once

#include <optional>

#include "holdfast/consensus/raft/core.h"

namespace holdfast::raft {

class SnapshotReceiver {
 public:
  // A chunk from the leader of the current term.
  void on_chunk(NodeId from, const SnapshotChunk& chunk, Core& core, Out& out);
  void on_blob(const BlobAnswer& answer, Core& core, Out& out);
  // The owner's answers. They concern the snapshot that is offered; another index is ignored.
  void loaded(Index index, Core& core, Out& out);
  void refused(Index index, Core& core, Out& out);

  bool offered() const { return in_ && in_->stage == Stage::kOffered; }
  bool uses(BlobId id) const { return in_ && in_->meta.blob == id; }

 private:
  enum class Stage { kReceiving, kSealing, kOffered };
  struct Incoming {
    SnapshotMeta meta;    // `blob` is this node's own
    Term term;            // of the leader that began it
    NodeId from;          // who sent the latest chunk
    uint64_t handed = 0;  // bytes in order, given to the blob
    uint32_t crc = 0;     // of them
    Stage stage = Stage::kReceiving;
  };
  bool take_up(NodeId from, const SnapshotChunk& chunk, Core& core, Out& out);
  void append(const SnapshotChunk& chunk, Core& core, Out& out);
  void reply(const Core& core, uint64_t received, Out& out) const;
  // Gives the transfer up and says so.
  void give_up(const Core& core, bool drop, Out& out);
  void finish(const Core& core, Out& out);

  std::optional<Incoming> in_;
};

}  // namespace holdfast::raft
