// Linearizable reads by rounds of heartbeats, and by leases (Ongaro's dissertation, section 6.4).
//
// A read goes three ways: the member that was asked keeps the caller's token (AskedReads); the leader, itself or
// through a message, keeps who waits for the confirmation of which round (LeaderReads); rounds of heartbeats (Rounds)
// confirm that no newer leader can have committed anything the leader does not know.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/types.h"

namespace holdfast::consensus {

// Numbered rounds of heartbeats and when each was sent. A quorum's echo of a round proves that this member led at the
// time it was sent. Round 0 is no round: nobody answers it.
class Rounds {
 public:
  uint64_t current() const { return current_; }
  uint64_t begin(Time now);
  // A quorum has echoed `round` or later ones.
  void confirm(uint64_t round);
  uint64_t confirmed() const { return confirmed_; }
  // When the latest confirmed round was sent. None yet: none.
  std::optional<Time> confirmed_at() const { return confirmed_at_; }

 private:
  struct Sent {
    uint64_t round;
    Time at;
  };
  uint64_t current_ = 0;
  uint64_t confirmed_ = 0;
  std::optional<Time> confirmed_at_;
  std::deque<Sent> open_;
};

// How long after a confirmed round was sent its leader may answer reads without asking (6.4.1). Voters
// refuse other candidates for an election timeout of their own clocks since they heard the round; a clock that runs
// faster by the drift bound d measures it in election_timeout / (1 + d) >= election_timeout * (1 - d).
Duration lease_length(const Config& config);

// One batch of reads of one member, as the leader knows it.
struct ReadBatch {
  NodeId origin;
  uint64_t batch = 0;
};

// The leader's reads: at most one round is under way for them, the others wait for the next.
class LeaderReads {
 public:
  static constexpr size_t kMaxWaiting = 1 << 16;

  // False: too many wait.
  bool add(ReadBatch read);
  bool waiting() const { return !waiting_.empty(); }
  bool under_way() const { return !under_way_.empty(); }
  // The reads that wait are confirmed by `round`, at `commit`.
  void start(uint64_t round, Index commit);
  // The reads under way are answered at `commit` at least.
  void raise(Index commit);
  // What `round` confirms.
  struct Answer {
    ReadBatch read;
    Index index;
  };
  std::vector<Answer> confirm(uint64_t round);
  // Everything, unanswered.
  std::vector<ReadBatch> drain();

 private:
  struct Group {
    uint64_t round;
    Index index;
    std::vector<ReadBatch> reads;
  };
  std::vector<ReadBatch> waiting_;
  std::deque<Group> under_way_;
};

// The reads that this member was asked for, in batches. Batches are numbered apart from the callers' tokens, and never
// twice over all starts of the member, so that a late or repeated answer cannot meet a newer read. An answer to a batch
// is one to all earlier batches too: what was committed when the later was asked for was so for them.
class AskedReads {
 public:
  // `start` is the number of a stable record of this start; nothing that names a batch leaves before it is stable.
  void start(StableSeq start) { next_ = start.value() << 32; }
  // A new batch with one token; its number.
  uint64_t open(uint64_t token, Time deadline);
  // One more token for the newest batch.
  void join(uint64_t token) { batches_.back().tokens.push_back(token); }
  bool none() const { return batches_.empty(); }
  uint64_t newest() const { return batches_.back().number; }
  Time deadline() const { return batches_.empty() ? Time::never() : batches_.front().deadline; }

  // Raise ReadReady for the tokens of `number` and of all before it; ReadFailed for those whose time is over.
  template <class Out>
  void answer(uint64_t number, Index index, Out& out);
  template <class Out>
  void expire(Time now, Out& out);

 private:
  struct Batch {
    uint64_t number;
    Time deadline;
    absl::InlinedVector<uint64_t, 2> tokens;
  };
  std::deque<Batch> batches_;  // in order of number and of deadline
  uint64_t next_ = 0;
};

template <class Out>
void AskedReads::answer(uint64_t number, Index index, Out& out) {
  if (batches_.empty() || number < batches_.front().number || number > batches_.back().number) {
    mark<"consensus.read_answered_twice">();
    return;
  }
  for (; !batches_.empty() && batches_.front().number <= number; batches_.pop_front()) {
    for (uint64_t token : batches_.front().tokens) out.raise(ReadReady{token, index});
  }
}

template <class Out>
void AskedReads::expire(Time now, Out& out) {
  for (; !batches_.empty() && batches_.front().deadline <= now; batches_.pop_front()) {
    mark<"consensus.read_expired">();
    for (uint64_t token : batches_.front().tokens) out.raise(ReadFailed{token});
  }
}

}  // namespace holdfast::consensus
