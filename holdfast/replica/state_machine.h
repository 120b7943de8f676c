// A state machine that can be replicated (Schneider, "Implementing Fault-Tolerant Services Using the State Machine
// Approach", ACM Computing Surveys 22(4), 1990): what users of the embedding API write.
//
// The one rule is determinism: the same commands in the same order give the same state and the same answers on every
// member, on every start, in every version that runs at the same time. So nothing but the state, the command and the
// Moment may decide: no clock, no randomness, no address, no iteration over an unordered container, no environment.
//
// Over PBFT more hangs on it, because what a member says is compared with what the others say:
//   - An answer (of apply and of query) that differs from the others' counts as a lie, and is not believed.
//   - An answer has 8 MiB at most, and so have all answers to commands that a member bundled. A larger one is lost,
//     although the command was applied.
//   - Every few dozen batches all members sign the digest of their states. Who differs throws its state away and
//   fetches
//     the others'; when more than a third differ, the group gets no further. So digest() is a function of the state
//     alone, whatever led to it: equal after restore() of an image as it was before, no addresses, no padding bytes, no
//     order of insertion, no counters of this process.
//   - restore() may be given what a liar has made up, before it is found out: it must refuse nonsense, and never crash.
//     On an error the machine may be anything; it is then given an image of its own again.
//
// Thread rule: every method is called by one thread at a time, the member's own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/replica/image_reader.h"

namespace holdfast {

// When a command is applied, the same at every member.
struct Moment {
  uint64_t index = 0;   // its position in the log: grows with every command
  int64_t time_ms = 0;  // log time: never falls, never runs ahead of real time; counts from the group's first start
};

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Applies a command; the answer goes to who submitted it. A command that makes no sense is answered, not refused by
  // other means: it is in the log already.
  virtual std::string apply(const Moment& moment, std::string_view command) = 0;
  // Answers a question and changes nothing.
  virtual std::string query(std::string_view question) const = 0;

  // The whole state in bytes.
  virtual std::string save() const = 0;
  // Becomes the state that save() (or image()) gave, of this version or an older one. On an error the member stops and
  // says it; over PBFT it goes on with the state it had, or fetches another.
  virtual Status restore(std::string_view image) = 0;

  // Over PBFT only: a digest of the whole state, the same for equal states whatever their history, and such that nobody
  // can find two states with one digest. Wanted every few thousand commands; the default is that of save(), whose cost
  // grows with the state. Then save() must be a function of the state alone, too.
  virtual crypto::Digest digest() const;

  // For large states: the state as it is now, read while commands go on being applied. Without it the bytes of save()
  // are taken in one piece, for which the member stands still.
  virtual std::unique_ptr<ImageReader> image() const;
};

}  // namespace holdfast
