// Streaming a snapshot to a follower (Raft paper, section 7): chunks are read through the blob effect, checksummed each
// and as a whole, sent a few ahead of the replies, and taken up where the follower says it stands: after a loss, a new
// connection, a restart or a change of leader.
//
// Shared by the engines. What these functions need of them:
//   Core      config, snapshot() (the latest), after_promise() (what anything said in the name of the present term
//             waits for), chunk(meta, offset, bytes, crc): the message that carries a chunk
//   Progress  node(), heard_at(), accepted(index, now), snapshot(): an optional SnapshotSending; begin_snapshot(),
//             end_snapshot()
//   Reply     index, received, installed, refused
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::consensus {

// A snapshot on its way to one follower, read through the blob effect and sent in chunks, a few ahead of the replies.
struct SnapshotSending {
  static constexpr size_t kChunksAhead = 4;

  SnapshotMeta meta;
  uint64_t received = 0;       // bytes the follower is known to have in order
  uint64_t next = 0;           // the offset to read next
  std::deque<uint64_t> asked;  // offsets whose bytes were asked of the blob
  Time progressed;             // when the follower last came further, or was asked again
  bool settled = false;        // the follower has said where to begin
  bool paused = false;         // it failed: to be begun anew
};

}  // namespace holdfast::consensus

namespace holdfast::consensus::snapshot_sender {

// A follower that was not heard for this many election timeouts loses its transfer, and the blob is let go.
inline constexpr int64_t kPatience = 10;

inline Duration silence(const Config& config) {
  return std::max(config.heartbeat_interval * 2, config.election_timeout / 2);
}

template <class Core, class Progress, class Out>
void send_chunk(const Core& core, Progress& to, uint64_t offset, Slice bytes, Out& out) {
  const uint32_t crc = crc32c(bytes.view());
  out.send(to.node(), core.chunk(to.snapshot()->meta, offset, std::move(bytes), crc), core.after_promise());
}

// Reads on as far as the window allows. Until the follower has said where it stands, one chunk is all.
template <class Out>
void pump(const Config& config, SnapshotSending& s, Out& out) {
  const uint64_t chunk = config.snapshot_chunk_bytes;
  const uint64_t ahead = s.settled ? chunk * SnapshotSending::kChunksAhead : 1;
  while (s.next < s.meta.size && s.next - s.received < ahead) {
    out.blob(BlobRead{s.meta.blob, s.next, std::min(chunk, s.meta.size - s.next)});
    s.asked.push_back(s.next);
    s.next += std::min(chunk, s.meta.size - s.next);
  }
}

// Nothing more is read until the restart, which begins anew.
inline void pause(Time now, SnapshotSending& s) {
  s.asked.clear();
  s.paused = true;
  s.progressed = now;
}

template <class Core, class Progress, class Out>
void restart(Time now, const Core& core, Progress& to, Out& out) {
  SnapshotSending& s = *to.snapshot();
  if (s.paused) s.received = 0;
  if (s.received == 0) s.meta = core.snapshot();
  s.paused = false;
  s.next = s.received = std::min(s.received, s.meta.size);
  s.asked.clear();
  s.settled = false;
  s.progressed = now;
  if (s.next == s.meta.size) {
    send_chunk(core, to, s.next, Slice(), out);  // nothing to read: only the question
  } else {
    pump(core.config, s, out);
  }
}

// The follower needs entries that are no longer in memory. Nothing is begun for one that is not heard.
template <class Core, class Progress, class Out>
void begin(Time now, const Core& core, Progress& to, Out& out) {
  if (to.heard_at() + core.config.election_timeout < now) return;
  mark<"consensus.snapshot_sent">();
  to.begin_snapshot(SnapshotSending{.meta = core.snapshot()});
  restart(now, core, to, out);
}

// Bytes that were asked for have come; they may concern several followers, or none.
template <class Core, class Progress, class Out>
void on_data(const Core& core, const BlobData& data, Progress& to, Out& out) {
  if (!to.snapshot() || to.snapshot()->meta.blob != data.id) return;
  SnapshotSending& s = *to.snapshot();
  const auto asked = std::find(s.asked.begin(), s.asked.end(), data.offset);
  if (asked == s.asked.end()) return;
  s.asked.erase(asked);
  send_chunk(core, to, data.offset, data.bytes, out);
}

// The blob cannot be read: the transfer waits, then tries with the latest snapshot.
template <class Progress>
void on_failed(Time now, const BlobFailed& failed, Progress& to) {
  if (!to.snapshot() || to.snapshot()->meta.blob != failed.id) return;
  mark<"consensus.snapshot_unreadable">();
  pause(now, *to.snapshot());
}

// Whether some follower is being sent the blob.
template <class Progress>
bool uses(const std::vector<Progress>& all, BlobId id) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Progress& p) { return p.snapshot() && p.snapshot()->meta.blob == id; });
}

// An answer about a blob, for all followers.
template <class Core, class Progress, class Out>
void on_blob(Time now, const BlobAnswer& answer, const Core& core, std::vector<Progress>& all, Out& out) {
  for (Progress& p : all) {
    if (const auto* data = std::get_if<BlobData>(&answer)) {
      on_data(core, *data, p, out);
    } else if (const auto* failed = std::get_if<BlobFailed>(&answer)) {
      on_failed(now, *failed, p);
    }
  }
}

// True when the follower has installed the snapshot and goes on with entries.
template <class Core, class Reply, class Progress, class Out>
bool on_reply(Time now, const Core& core, const Reply& reply, Progress& to, Out& out) {
  if (!to.snapshot() || reply.index != to.snapshot()->meta.index) return false;
  SnapshotSending& s = *to.snapshot();
  if (reply.installed) {
    to.accepted(reply.index, now);
    to.end_snapshot();
    return true;
  }
  if (reply.refused) {
    mark<"consensus.snapshot_refused">();
    pause(now, s);
    return false;
  }
  if (s.paused || reply.received > s.meta.size) return false;
  if (!s.settled) {
    if (reply.received > 0 && s.received == 0) mark<"consensus.snapshot_resumed">();
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
  pump(core.config, s, out);
  return false;
}

// Asks a silent follower where it stands; gives up on one that is gone for long. Idempotent, safe to call early.
template <class Core, class Progress, class Out>
void on_time(Time now, const Core& core, Progress& to, Out& out) {
  if (!to.snapshot() || now < to.snapshot()->progressed + silence(core.config)) return;
  if (to.heard_at() + core.config.election_timeout * kPatience < now) {
    to.end_snapshot();
    return;
  }
  restart(now, core, to, out);
}

template <class Core, class Progress>
Time deadline(const Core& core, const Progress& to) {
  return to.snapshot() ? to.snapshot()->progressed + silence(core.config) : Time::never();
}

}  // namespace holdfast::consensus::snapshot_sender
