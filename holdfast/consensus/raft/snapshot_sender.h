// Streaming a snapshot to a follower (paper, section 7): chunks are read through the blob effect, checksummed each and
// as a whole, sent a few ahead of the replies, and taken up where the follower says it stands: after a loss, a new
// connection, a restart or a change of leader.
#pragma once

#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/progress.h"

namespace holdfast::raft::snapshot_sender {

// The follower needs entries that are no longer in memory. Nothing is begun for one that is not heard.
void begin(Time now, const Core& core, Progress& to, Out& out);

// Bytes that were asked for have come; they may concern several followers, or none.
void on_data(const Core& core, const BlobData& data, Progress& to, Out& out);
// The blob cannot be read: the transfer waits, then tries with the latest snapshot.
void on_failed(Time now, const BlobFailed& failed, Progress& to);
// True when the follower has installed the snapshot and goes on with entries.
bool on_reply(Time now, const Core& core, const SnapshotReply& reply, Progress& to, Out& out);

// Asks a silent follower where it stands; gives up on one that is gone for long. Idempotent, safe to call early.
void on_time(Time now, const Core& core, Progress& to, Out& out);
Time deadline(const Core& core, const Progress& to);

}  // namespace holdfast::raft::snapshot_sender
