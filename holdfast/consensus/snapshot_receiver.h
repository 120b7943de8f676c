// Receiving a snapshot: chunks in order into a blob of this node, verified as a whole, sealed, offered to the owner,
// and the log's beginning once the owner has loaded it.
//
//   none -> receiving -> sealing -> offered -> none      (damage or refusal: back to none, the leader starts over)
//
// A transfer belongs to the snapshot (index, term, size, checksum), not to the leader that sends it: the next leader
// with the same bytes resumes it.
//
// Shared by the engines. What it needs of an engine's Core:
//   Reign, Chunk              the type that orders the reigns of leaders, and the message that carries a chunk
//   reign_of(chunk)           whose it is; plausible(chunk): whether its meta can be of that reign
//   commit, loading           how far it is committed; whether the owner is replacing its state
//   name_blob(), install(meta, out), after_promise(), after_holding(index)
//   snapshot_reply(index, received, installed, refused): the message that answers a chunk
#pragma once

#include <optional>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/membership.h"
#include "holdfast/model/outbox.h"

namespace holdfast::consensus {

template <class Core, class Out>
class SnapshotReceiver {
 public:
  using Chunk = typename Core::Chunk;

  // A chunk from the leader of the current reign.
  void on_chunk(NodeId from, const Chunk& chunk, Core& core, Out& out);
  void on_blob(const BlobAnswer& answer, Core& core, Out& out);
  // The owner's answers. They concern the snapshot that is offered; another index is ignored.
  void loaded(Index index, Core& core, Out& out);
  void refused(Index index, Core& core, Out& out);

  bool offered() const { return in_ && in_->stage == Stage::kOffered; }
  bool uses(BlobId id) const { return in_ && in_->meta.blob == id; }

 private:
  enum class Stage { kReceiving, kSealing, kOffered };
  struct Incoming {
    SnapshotMeta meta;           // `blob` is this node's own
    typename Core::Reign reign;  // of the leader that began it
    NodeId from;                 // who sent the latest chunk
    uint64_t handed = 0;         // bytes in order, given to the blob
    uint32_t crc = 0;            // of them
    Stage stage = Stage::kReceiving;
  };
  static bool same(const SnapshotMeta& a, const SnapshotMeta& b) {
    return a.index == b.index && a.term == b.term && a.size == b.size && a.crc32c == b.crc32c;
  }
  bool take_up(NodeId from, const Chunk& chunk, Core& core, Out& out);
  void append(const Chunk& chunk, Core& core, Out& out);
  void reply(const Core& core, uint64_t received, Out& out) const;
  // Gives the transfer up and says so.
  void give_up(const Core& core, bool drop, Out& out);
  void finish(const Core& core, Out& out);

  std::optional<Incoming> in_;
};

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::reply(const Core& core, uint64_t received, Out& out) const {
  out.send(in_->from, core.snapshot_reply(in_->meta.index, received, false, false), core.after_promise());
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::give_up(const Core& core, bool drop, Out& out) {
  out.send(in_->from, core.snapshot_reply(in_->meta.index, 0, false, true), core.after_promise());
  if (drop) out.blob(BlobDrop{in_->meta.blob});
  in_.reset();
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::finish(const Core& core, Out& out) {
  out.send(in_->from, core.snapshot_reply(in_->meta.index, in_->meta.size, true, false),
           core.after_holding(in_->meta.index));
  in_.reset();
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::on_chunk(NodeId from, const Chunk& chunk, Core& core, Out& out) {
  const SnapshotMeta& meta = chunk.meta;
  if (!meta.index || meta.index > kMaxIndex || !core.plausible(chunk) || meta.membership.voters.empty() ||
      !well_formed(meta.membership) || chunk.offset > meta.size || chunk.bytes.size() > meta.size - chunk.offset) {
    mark<"consensus.nonsense">();
    return;
  }
  if (meta.index <= core.commit) {
    out.send(from, core.snapshot_reply(meta.index, meta.size, true, false), core.after_holding(meta.index));
    return;
  }
  if (crc32c(chunk.bytes.view()) != chunk.crc32c) {
    mark<"consensus.chunk_damaged">();
    return;  // as good as lost
  }
  if (!take_up(from, chunk, core, out)) return;
  in_->from = from;
  if (in_->stage != Stage::kReceiving || chunk.offset != in_->handed || (chunk.bytes.empty() && meta.size != 0)) {
    return reply(core, in_->handed, out);
  }
  append(chunk, core, out);
}

// Whether the chunk belongs to the transfer under way, which it may begin or replace.
template <class Core, class Out>
bool SnapshotReceiver<Core, Out>::take_up(NodeId from, const Chunk& chunk, Core& core, Out& out) {
  if (in_ && same(in_->meta, chunk.meta)) return true;
  if (in_) {
    const bool newer = core.reign_of(chunk) > in_->reign || chunk.meta.index > in_->meta.index;
    if (in_->stage == Stage::kOffered || !newer) return false;
  }
  if (chunk.offset != 0) {
    out.send(from, core.snapshot_reply(chunk.meta.index, 0, false, false), core.after_promise());
    return false;
  }
  if (in_) {
    mark<"consensus.snapshot_replaced">();
    out.blob(BlobDrop{in_->meta.blob});
  }
  in_ = Incoming{.meta = chunk.meta, .reign = core.reign_of(chunk), .from = from};
  in_->meta.blob = core.name_blob();
  out.blob(BlobCreate{in_->meta.blob});
  return true;
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::append(const Chunk& chunk, Core& core, Out& out) {
  Incoming& in = *in_;
  if (!chunk.bytes.empty()) {
    in.crc = crc32c(chunk.bytes.view(), in.crc);
    in.handed += chunk.bytes.size();
    out.blob(BlobAppend{in.meta.blob, chunk.bytes});
  }
  if (in.handed < in.meta.size) return;
  if (in.crc != in.meta.crc32c) {
    mark<"consensus.snapshot_damaged">();
    return give_up(core, /*drop=*/true, out);
  }
  in.stage = Stage::kSealing;
  out.blob(BlobSeal{in.meta.blob});
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::on_blob(const BlobAnswer& answer, Core& core, Out& out) {
  if (!in_) return;
  if (const auto* appended = std::get_if<BlobAppended>(&answer); appended && uses(appended->id)) {
    reply(core, appended->size, out);
  } else if (const auto* sealed = std::get_if<BlobSealed>(&answer); sealed && uses(sealed->id)) {
    if (in_->stage != Stage::kSealing) return;
    if (in_->meta.index <= core.commit) {
      mark<"consensus.snapshot_overtaken">();
      out.blob(BlobDrop{in_->meta.blob});
      return finish(core, out);
    }
    in_->stage = Stage::kOffered;
    core.loading = true;
    out.raise(SnapshotReceived{in_->meta});
  } else if (const auto* failed = std::get_if<BlobFailed>(&answer); failed && uses(failed->id)) {
    if (in_->stage == Stage::kOffered) return;  // the owner finds out, and refuses
    give_up(core, /*drop=*/false, out);
  }
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::loaded(Index index, Core& core, Out& out) {
  if (!offered() || in_->meta.index != index) return;
  core.loading = false;
  core.install(in_->meta, out);
  finish(core, out);
}

template <class Core, class Out>
void SnapshotReceiver<Core, Out>::refused(Index index, Core& core, Out& out) {
  if (!offered() || in_->meta.index != index) return;
  core.loading = false;
  give_up(core, /*drop=*/true, out);
}

}  // namespace holdfast::consensus
