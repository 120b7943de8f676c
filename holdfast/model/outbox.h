// The outbox: everything a protocol core wants done, as values. See docs/architecture.md, "The core contract".
//
// A core appends, its host drains after every step. Nothing here calls back into the core. The write-ahead rule of
// every protocol is visible in the line that sends:
//
//   const StableSeq promised = out.persist(Prepared{txn, coordinator});
//   out.send(coordinator, Vote{txn, true}, /*after=*/promised);
//
// Guarantees of the host (host/pump.h):
//  1. Records become stable in the order of their numbers; on_stable(upto) is called once they have, in any batching.
//  2. A send or event with `after = s` happens only when every record up to s is stable. Those with equal or no
//     condition keep their order within one (destination, kind).
//  3. After a crash every record up to the last one reported stable is replayed in order, possibly followed by more
//     that were written but never reported, and possibly preceded by some that were released.
//  4. Sends may be lost, repeated, delayed and reordered, unless the protocol runs over a `link/`.
//  5. Events are raised at least once over a crash: a core that resumes from its records may raise them again.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast {

// --- Blobs: large stable objects, written in slices, immutable once sealed (snapshots, checkpoints). -----------------

// Starts a new, empty blob. An unsealed blob does not survive a crash.
struct BlobCreate {
  BlobId id;
};
// Appends; answered by BlobAppended when written (not yet stable), for back-pressure.
struct BlobAppend {
  BlobId id;
  Slice bytes;
};
// Makes the blob stable under its name, all or nothing (write, sync, rename, sync of the directory); answered by
// BlobSealed. From then on it is reported by recover_blob() after every restart until it is dropped.
struct BlobSeal {
  BlobId id;
};
// Forgets a blob, sealed or not.
struct BlobDrop {
  BlobId id;
};
// Reads `length` bytes at `offset` of a sealed blob (fewer at its end); answered by BlobData.
struct BlobRead {
  BlobId id;
  uint64_t offset = 0;
  uint64_t length = 0;
};
using BlobRequest = std::variant<BlobCreate, BlobAppend, BlobSeal, BlobDrop, BlobRead>;

struct BlobAppended {
  BlobId id;
  uint64_t size = 0;  // bytes of the blob so far
};
struct BlobSealed {
  BlobId id;
  uint64_t size = 0;
};
struct BlobData {
  BlobId id;
  uint64_t offset = 0;
  Slice bytes;
};
// The request failed and the blob is unusable for it: unreadable, or (on append and seal) given up and dropped.
struct BlobFailed {
  BlobId id;
  std::string what;
};
using BlobAnswer = std::variant<BlobAppended, BlobSealed, BlobData, BlobFailed>;

// --- The outbox ------------------------------------------------------------------------------------------------------

template <class WireT, class RecordT, class EventT>
class Outbox {
 public:
  using Wire = WireT;      // what it may send
  using Record = RecordT;  // what it may make stable
  using Event = EventT;    // what it may tell its owner

  struct Persisted {
    StableSeq seq;
    Record record;
  };
  struct Sent {
    NodeId to;
    Wire wire;
    StableSeq after;
  };
  struct Raised {
    Event event;
    StableSeq after;
  };

  // Appends a record to the node's stream and returns its number.
  StableSeq persist(Record record) {
    const StableSeq seq = next_;
    ++next_;
    persisted.push_back({seq, std::move(record)});
    return seq;
  }
  void send(NodeId to, Wire wire, StableSeq after = {}) { sent.push_back({to, std::move(wire), after}); }
  void raise(Event event, StableSeq after = {}) { raised.push_back({std::move(event), after}); }
  void blob(BlobRequest request) { blobs.push_back(std::move(request)); }
  // No record with a number below `first_needed` will be needed by a recovery. Monotone; advisory: they may still be
  // replayed.
  void release(StableSeq first_needed) {
    if (first_needed > released) released = first_needed;
  }

  // The number the next record will get.
  StableSeq next_seq() const { return next_; }
  // For hosts: where the stream continues after recovery. For parents: where a child's stream stands.
  void continue_at(StableSeq next) {
    ensure(next >= next_, "stable record numbers never go back");
    next_ = next;
  }

  bool empty() const {
    return persisted.empty() && sent.empty() && raised.empty() && blobs.empty() && released == StableSeq{};
  }
  // Drops all effects; numbering goes on.
  void clear() {
    persisted.clear();
    sent.clear();
    raised.clear();
    blobs.clear();
    released = {};
  }

  // The effects, in order within each kind. Hosts and parents drain them; cores only append.
  std::vector<Persisted> persisted;
  std::vector<Sent> sent;
  std::vector<Raised> raised;
  std::vector<BlobRequest> blobs;
  StableSeq released;

 private:
  StableSeq next_{1};
};

// Runs one step of a child core inside its parent's step, and absorbs the child's effects into the parent's outbox:
// wires and records are converted by the parent's types, events are returned for the parent to act on. The child's
// records get their places in the parent's one stream, so `after` conditions mean the same for both.
//
//   auto events = absorb(out, child_out, [&](Raft::Out& o) { raft_.on_time(now, o); });
template <class ParentOut, class ChildOut, class Step>
std::vector<typename ChildOut::Raised> absorb(ParentOut& out, ChildOut& child, Step&& step) {
  ensure(child.empty(), "a child's outbox is drained before its next step");
  child.continue_at(out.next_seq());
  step(child);
  for (auto& p : child.persisted) {
    const StableSeq seq = out.persist(typename ParentOut::Record(std::move(p.record)));
    ensure(seq == p.seq, "a child's record keeps its number in the parent's stream");
  }
  for (auto& s : child.sent) out.send(s.to, typename ParentOut::Wire(std::move(s.wire)), s.after);
  for (auto& b : child.blobs) out.blob(std::move(b));
  if (child.released != StableSeq{}) out.release(child.released);
  auto events = std::move(child.raised);
  child.clear();
  return events;
}

}  // namespace holdfast
