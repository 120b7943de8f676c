#include "holdfast/consensus/raft/snapshot_sender.h"

#include <algorithm>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"

namespace holdfast::raft::snapshot_sender {
namespace {

// A follower that was not heard for this many election timeouts loses its transfer, and the blob is let go.
constexpr int64_t kPatience = 10;

Duration silence(const Core& core) {
  return std::max(core.config.heartbeat_interval * 2, core.config.election_timeout / 2);
}

void send_chunk(const Core& core, Progress& to, uint64_t offset, Slice bytes, Out& out) {
  const uint32_t crc = crc32c(bytes.view());
  out.send(to.node(), SnapshotChunk{core.term(), to.snapshot()->meta, offset, std::move(bytes), crc},
           core.ledger.after_term());
}

// Reads on as far as the window allows. Until the follower has said where it stands, one chunk is all.
void pump(const Core& core, Progress& to, Out& out) {
  SnapshotSending& s = *to.snapshot();
  const uint64_t chunk = core.config.snapshot_chunk_bytes;
  const uint64_t ahead = s.settled ? chunk * SnapshotSending::kChunksAhead : 1;
  while (s.next < s.meta.size && s.next - s.received < ahead) {
    out.blob(BlobRead{s.meta.blob, s.next, std::min(chunk, s.meta.size - s.next)});
    s.asked.push_back(s.next);
    s.next += std::min(chunk, s.meta.size - s.next);
  }
}

// Nothing more is read until the restart, which begins anew.
void pause(Time now, SnapshotSending& s) {
  s.asked.clear();
  s.paused = true;
  s.progressed = now;
}

void restart(Time now, const Core& core, Progress& to, Out& out) {
  SnapshotSending& s = *to.snapshot();
  if (s.paused) s.received = 0;
  if (s.received == 0) s.meta = core.ledger.snapshot();
  s.paused = false;
  s.next = s.received = std::min(s.received, s.meta.size);
  s.asked.clear();
  s.settled = false;
  s.progressed = now;
  if (s.next == s.meta.size) {
    send_chunk(core, to, s.next, Slice(), out);  // nothing to read: only the question
  } else {
    pump(core, to, out);
  }
}

}  // namespace

void begin(Time now, const Core& core, Progress& to, Out& out) {
  if (to.heard_at() + core.config.election_timeout < now) return;
  mark<"raft.snapshot_sent">();
  to.begin_snapshot(SnapshotSending{.meta = core.ledger.snapshot()});
  restart(now, core, to, out);
}

void on_data(const Core& core, const BlobData& data, Progress& to, Out& out) {
  if (!to.snapshot() || to.snapshot()->meta.blob != data.id) return;
  SnapshotSending& s = *to.snapshot();
  const auto asked = std::find(s.asked.begin(), s.asked.end(), data.offset);
  if (asked == s.asked.end()) return;
  s.asked.erase(asked);
  send_chunk(core, to, data.offset, data.bytes, out);
}

void on_failed(Time now, const BlobFailed& failed, Progress& to) {
  if (!to.snapshot() || to.snapshot()->meta.blob != failed.id) return;
  mark<"raft.snapshot_unreadable">();
  pause(now, *to.snapshot());
}

bool on_reply(Time now, const Core& core, const SnapshotReply& reply, Progress& to, Out& out) {
  if (!to.snapshot() || reply.index != to.snapshot()->meta.index) return false;
  SnapshotSending& s = *to.snapshot();
  if (reply.installed) {
    to.accepted(reply.index, now);
    to.end_snapshot();
    return true;
  }
  if (reply.refused) {
    mark<"raft.snapshot_refused">();
    pause(now, s);
    return false;
  }
  if (s.paused || reply.received > s.meta.size) return false;
  if (!s.settled) {
    if (reply.received > 0 && s.received == 0) mark<"raft.snapshot_resumed">();
    s.settled = true;
    s.received = s.next = reply.received;
    s.asked.clear();
  } else if (reply.received > s.received) {
    s.received = reply.received;
    s.next = std::max(s.next, s.received);
  } else {
    return false;
  }
  s.progressed = now;
  pump(core, to, out);
  return false;
}

void on_time(Time now, const Core& core, Progress& to, Out& out) {
  if (!to.snapshot() || now < to.snapshot()->progressed + silence(core)) return;
  if (to.heard_at() + core.config.election_timeout * kPatience < now) {
    to.end_snapshot();
    return;
  }
  restart(now, core, to, out);
}

Time deadline(const Core& core, const Progress& to) {
  return to.snapshot() ? to.snapshot()->progressed + silence(core) : Time::never();
}

}  // namespace holdfast::raft::snapshot_sender
