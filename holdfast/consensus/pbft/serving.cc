// State for others: batches behind what they have, or the latest snapshot. Members only are served, each within a budget,
// or one read of a snapshot at a time: a few bytes must not be enough to keep this replica hashing and sending much.
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

// Newcomers are members of the epoch that they fetch the beginning of.
bool Replica::Impl::may_ask(NodeId from) const { return group().is_member(from) && from != self(); }

// What is left of the asker's budget may be overdrawn by one answer. Who has none left asks again (Replica::ask_again).
bool Replica::Impl::spend(Step& s, NodeId from, uint64_t bytes) {
  Served& served = serving[from];
  if (served.since == Time() || s.now - served.since >= config.resend_interval) {
    served.since = s.now;
    served.bytes = 0;
  }
  if (served.bytes >= config.serve_bytes) {
    mark<"pbft.asks_too_much">();
    return false;
  }
  served.bytes += bytes;
  return true;
}

void Replica::Impl::on(Step& s, NodeId from, const FetchState& m) {
  if (!may_ask(from) || m.executed.value() > kMaxNumber) return;
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
    if (spend(s, from, bytes)) send(s, from, part);
    return;
  }
  if (!snapshot && m.snapshot && m.epoch == 0 && group().epoch() == 0) {
    // Nobody needs more than the order itself to begin from nothing.
    return send(s, from, SnapshotOffer{.cert = {judge.base(), {}}, .core = {.configuration = group().configuration()}});
  }
  if (!snapshot || (snapshot->meta.seq <= m.executed && !m.snapshot)) return;
  if (!spend(s, from, offer_part_bytes())) return;
  mark<"pbft.snapshot_offered">();
  offer_snapshot(s, from);
}

// One read under way for each asker. Who asks anew meanwhile takes back what it asked for last.
void Replica::Impl::on(Step& s, NodeId from, const FetchChunk& m) {
  if (!may_ask(from)) return;
  // A read whose answer has not come for so long was lost with its blob.
  const Duration lost = config.resend_interval * 30;
  ChunkRead& read = chunks[from];
  read.wanted = m;
  if (!read.under_way || s.now - read.since > lost) read_chunk(s, from);
}

void Replica::Impl::read_chunk(Step& s, NodeId to) {
  ChunkRead& read = chunks[to];
  read.under_way.reset();
  const auto m = std::exchange(read.wanted, std::nullopt);
  if (!m || !snapshot || m->seq != snapshot->meta.seq || m->offset >= snapshot->meta.size) return;
  read.under_way = BlobRead{snapshot->meta.blob, m->offset, config.transfer_bytes};
  read.since = s.now;
  s.out.blob(*read.under_way);
}

void Replica::Impl::serve_chunk(Step& s, const BlobAnswer& answer) {
  const auto* data = std::get_if<BlobData>(&answer);
  const auto* failed = std::get_if<BlobFailed>(&answer);
  for (auto& [to, read] : chunks) {
    if (!read.under_way) continue;
    if (data != nullptr && read.under_way->id == data->id && read.under_way->offset == data->offset) {
      if (snapshot && data->id == snapshot->meta.blob && may_ask(to)) {
        send(s, to, Chunk{snapshot->meta.seq, data->offset, data->bytes});
      }
      return read_chunk(s, to);
    }
    // Unreadable here; whoever asks goes on to another member.
    if (failed != nullptr && read.under_way->id == failed->id) read.under_way.reset();
  }
}

}  // namespace holdfast::pbft
