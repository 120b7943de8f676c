#include "holdfast/consensus/raft/snapshot_receiver.h"

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"

namespace holdfast::raft {
namespace {

bool same(const SnapshotMeta& a, const SnapshotMeta& b) {
  return a.index == b.index && a.term == b.term && a.size == b.size && a.crc32c == b.crc32c;
}

}  // namespace

void SnapshotReceiver::reply(const Core& core, uint64_t received, Out& out) const {
  out.send(in_->from, SnapshotReply{.term = core.term(), .index = in_->meta.index, .received = received},
           core.ledger.after_term());
}

void SnapshotReceiver::give_up(const Core& core, bool drop, Out& out) {
  out.send(in_->from, SnapshotReply{.term = core.term(), .index = in_->meta.index, .refused = true},
           core.ledger.after_term());
  if (drop) out.blob(BlobDrop{in_->meta.blob});
  in_.reset();
}

void SnapshotReceiver::finish(const Core& core, Out& out) {
  out.send(in_->from,
           SnapshotReply{.term = core.term(), .index = in_->meta.index, .received = in_->meta.size, .installed = true},
           core.ledger.after_holding(in_->meta.index));
  in_.reset();
}

void SnapshotReceiver::on_chunk(NodeId from, const SnapshotChunk& chunk, Core& core, Out& out) {
  const SnapshotMeta& meta = chunk.meta;
  if (!meta.index || meta.index > kMaxIndex || meta.term > chunk.term || meta.membership.voters.empty() ||
      !well_formed(meta.membership) || chunk.offset > meta.size || chunk.bytes.size() > meta.size - chunk.offset) {
    mark<"raft.nonsense">();
    return;
  }
  if (meta.index <= core.commit) {
    out.send(from, SnapshotReply{.term = core.term(), .index = meta.index, .received = meta.size, .installed = true},
             core.ledger.after_holding(meta.index));
    return;
  }
  if (crc32c(chunk.bytes.view()) != chunk.crc32c) {
    mark<"raft.chunk_damaged">();
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
bool SnapshotReceiver::take_up(NodeId from, const SnapshotChunk& chunk, Core& core, Out& out) {
  if (in_ && same(in_->meta, chunk.meta)) return true;
  if (in_) {
    const bool newer = chunk.term > in_->term || chunk.meta.index > in_->meta.index;
    if (in_->stage == Stage::kOffered || !newer) return false;
  }
  if (chunk.offset != 0) {
    out.send(from, SnapshotReply{.term = core.term(), .index = chunk.meta.index}, core.ledger.after_term());
    return false;
  }
  if (in_) {
    mark<"raft.snapshot_replaced">();
    out.blob(BlobDrop{in_->meta.blob});
  }
  in_ = Incoming{.meta = chunk.meta, .term = chunk.term, .from = from};
  in_->meta.blob = core.name_blob();
  out.blob(BlobCreate{in_->meta.blob});
  return true;
}

void SnapshotReceiver::append(const SnapshotChunk& chunk, Core& core, Out& out) {
  Incoming& in = *in_;
  if (!chunk.bytes.empty()) {
    in.crc = crc32c(chunk.bytes.view(), in.crc);
    in.handed += chunk.bytes.size();
    out.blob(BlobAppend{in.meta.blob, chunk.bytes});
  }
  if (in.handed < in.meta.size) return;
  if (in.crc != in.meta.crc32c) {
    mark<"raft.snapshot_damaged">();
    return give_up(core, /*drop=*/true, out);
  }
  in.stage = Stage::kSealing;
  out.blob(BlobSeal{in.meta.blob});
}

void SnapshotReceiver::on_blob(const BlobAnswer& answer, Core& core, Out& out) {
  if (!in_) return;
  if (const auto* appended = std::get_if<BlobAppended>(&answer); appended && uses(appended->id)) {
    reply(core, appended->size, out);
  } else if (const auto* sealed = std::get_if<BlobSealed>(&answer); sealed && uses(sealed->id)) {
    if (in_->stage != Stage::kSealing) return;
    if (in_->meta.index <= core.commit) {
      mark<"raft.snapshot_overtaken">();
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

void SnapshotReceiver::loaded(Index index, Core& core, Out& out) {
  if (!offered() || in_->meta.index != index) return;
  core.loading = false;
  core.install(in_->meta, out);
  finish(core, out);
}

void SnapshotReceiver::refused(Index index, Core& core, Out& out) {
  if (!offered() || in_->meta.index != index) return;
  core.loading = false;
  give_up(core, /*drop=*/true, out);
}

}  // namespace holdfast::raft
