// What a replica that lags, has lost its disk, or has rotted is fetching, and from whom.
#pragma once

#include <optional>
#include <vector>

#include "holdfast/consensus/pbft/content.h"
#include "holdfast/consensus/pbft/messages.h"

namespace holdfast::pbft {

struct Transfer {
  bool active = false;
  size_t sender = 0;  // place among the members
  bool good = false;  // what it sent last was proven: the next transfer begins with it
  bool repeated = false;  // it was asked twice for what comes next
  Time asked;         // when it last heard something useful, or asked
  Time since;         // when the sender's turn began, or what it sent was last proven
  uint64_t misled = 0;  // senders in a row that were given up in the midst of what they sent

  // Batches behind what is executed, of one checkpoint interval, not proven yet.
  std::vector<ContentPtr> parts;
  uint64_t parts_bytes = 0;
  Seq parts_behind;  // what was executed when the first of them came
  Seq proven_end;    // the last place that was proven and is still to be executed; none: zero

  // A snapshot on its way: into `blob`, `received` bytes so far.
  std::optional<SnapshotOffer> offer;
  BlobId blob;
  uint64_t received = 0;
  bool writing = false;  // the last chunk is not written yet
  bool loading = false;  // the owner has it

  Seq executed_before;  // at the last tick: whether anything moves by itself
};

}  // namespace holdfast::pbft
