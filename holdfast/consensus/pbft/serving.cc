// State for others: batches behind what they have, or the latest snapshot.
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

void Replica::Impl::on(Step& s, NodeId from, const FetchState& m) {
  if (group().key(from) == nullptr || m.executed.value() > kMaxNumber || from == self()) return;
  const Seq first = m.executed + 1;
  const auto cert = certs.lower_bound(first);
  auto batch = history.find(first);
  if (!m.snapshot && batch != history.end() && cert != certs.end() && m.epoch == cert->second.checkpoint.epoch) {
    LogPart part{.first = first};
    const Seq end = cert->first;
    uint64_t bytes = 0;
    for (; batch != history.end() && batch->first <= end && bytes < config.transfer_bytes; ++batch) {
      bytes += batch->second->bytes.size() + 16;
      part.batches.push_back(batch->second->bytes);
    }
    if (first + part.batches.size() == end + 1) part.cert = cert->second;
    return send(s, from, part);
  }
  if (!snapshot && m.snapshot && m.epoch == 0 && group().epoch() == 0) {
    // Nobody needs more than the order itself to begin from nothing.
    return send(s, from, SnapshotOffer{.cert = {judge.base(), {}}, .core = {.configuration = group().configuration()}});
  }
  if (!snapshot || (snapshot->meta.seq <= m.executed && !m.snapshot)) return;
  mark<"pbft.snapshot_offered">();
  SnapshotOffer offer{.cert = snapshot->cert, .core = snapshot->core, .size = snapshot->meta.size};
  for (const EpochLink& link : snapshot->links) {
    if (link.cert.checkpoint.epoch >= m.epoch) offer.links.push_back(link);
  }
  send(s, from, offer);
}

void Replica::Impl::on(Step& s, NodeId from, const FetchChunk& m) {
  if (group().key(from) == nullptr || from == self()) return;
  if (!snapshot || m.seq != snapshot->meta.seq || m.offset >= snapshot->meta.size) return;
  // One at a time for each: who asks anew takes back what was asked before.
  const bool reading = chunks.contains(from) && chunks[from].offset == m.offset && chunks[from].seq == m.seq;
  chunks[from] = m;
  if (!reading) s.out.blob(BlobRead{snapshot->meta.blob, m.offset, config.transfer_bytes});
}

void Replica::Impl::serve_chunk(Step& s, const BlobAnswer& answer) {
  if (!snapshot) return chunks.clear();
  if (const auto* data = std::get_if<BlobData>(&answer); data != nullptr && data->id == snapshot->meta.blob) {
    for (auto at = chunks.begin(); at != chunks.end();) {
      const auto here = at++;
      if (here->second.seq != snapshot->meta.seq) {
        chunks.erase(here);
      } else if (here->second.offset == data->offset) {
        send(s, here->first, Chunk{snapshot->meta.seq, data->offset, data->bytes});
        chunks.erase(here);
      }
    }
  } else if (const auto* failed = std::get_if<BlobFailed>(&answer); failed != nullptr) {
    // Unreadable here; whoever asks goes on to another member.
    if (failed->id == snapshot->meta.blob) chunks.clear();
  }
}

}  // namespace holdfast::pbft
