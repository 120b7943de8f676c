// The pump: the one interpreter of outboxes, in both worlds. Only the platform under it differs.
//
// A platform supplies (all called from the pump's thread, none may call back into the pump):
//   void append(StableSeq seq, Chain record)       write behind all earlier ones; report by Pump::on_stable
//   void release(StableSeq first_needed)           earlier records may be discarded
//   void transmit(NodeId to, Chain message)        may lose it
//   void raise(Event)                              the core's owner
//   void blob(BlobRequest)                         answer by Pump::on_blob
//
// The write-ahead rule is enforced here and nowhere else: what waits for a record is held until on_stable has covered
// it. Held effects are bounded by what the core has in flight.
#pragma once

#include <map>
#include <utility>

#include "holdfast/base/codec.h"
#include "holdfast/base/planted.h"
#include "holdfast/model/outbox.h"

namespace holdfast::host {

// What became of bytes from the network.
enum class Received { kDelivered, kSkipped, kMalformed };

template <class Core, class Platform>
class Pump {
 public:
  using Out = typename Core::Out;
  using Wire = typename Out::Wire;
  using Record = typename Out::Record;
  using Event = typename Out::Event;

  Pump(Core& core, Platform& platform) : core_(core), platform_(platform) {}

  // --- Recovery: recover_blob() for each sealed blob, then replay() each record in order, then start(). ---
  void recover_blob(BlobId id, uint64_t size) {
    if constexpr (requires { core_.recover_blob(id, size); }) core_.recover_blob(id, size);
  }
  // kUnimplemented: written by a newer version; kDataLoss: malformed. Either way the node must not start.
  Status replay(StableSeq seq, Slice bytes) {
    StatusOr<Record> record = codec::decode<Record>(std::move(bytes));
    if (!record.ok()) return record.status();
    core_.replay(seq, *record);
    out_.continue_at(seq + 1);
    stable_ = seq;
    return absl::OkStatus();
  }
  void start(Time now) {
    core_.start(now, out_);
    drain();
  }

  // --- Inputs ---
  Received on_message(Time now, NodeId from, Slice bytes) {
    StatusOr<Wire> wire = codec::decode<Wire>(std::move(bytes));
    if (!wire.ok()) return absl::IsUnimplemented(wire.status()) ? Received::kSkipped : Received::kMalformed;
    core_.on_message(now, from, *wire, out_);
    drain();
    return Received::kDelivered;
  }
  void on_stable(Time now, StableSeq upto) {
    ensure(upto < out_.next_seq(), "only records that were appended become stable");
    if (upto <= stable_) return;
    stable_ = upto;
    let_go();
    core_.on_stable(now, upto, out_);
    drain();
  }
  void on_blob(Time now, const BlobAnswer& answer) {
    if constexpr (requires { core_.on_blob(now, answer, out_); }) {
      core_.on_blob(now, answer, out_);
      drain();
    }
  }
  void on_time(Time now) {
    core_.on_time(now, out_);
    drain();
  }
  // Any other input of this core: step([&](Out& out) { core.propose(now, x, out); }).
  template <class Step>
  void step(Step&& step) {
    step(out_);
    drain();
  }

  Time deadline() const { return core_.deadline(); }
  StableSeq stable() const { return stable_; }

 private:
  void drain() {
    for (auto& p : out_.persisted) platform_.append(p.seq, codec::encode(p.record));
    for (auto& s : out_.sent) {
      if (s.after <= stable_ || planted<"WAL">()) {
        platform_.transmit(s.to, codec::encode(s.wire));
      } else {
        held_sends_.emplace(s.after, std::move(s));
      }
    }
    for (auto& b : out_.blobs) platform_.blob(std::move(b));
    if (out_.released != StableSeq{}) platform_.release(out_.released);
    for (auto& e : out_.raised) {
      if (e.after <= stable_ || planted<"WAL">()) {
        platform_.raise(std::move(e.event));
      } else {
        held_events_.emplace(e.after, std::move(e));
      }
    }
    out_.clear();
#ifdef HOLDFAST_CHECK_INVARIANTS
    core_.check_invariants();
#endif
  }
  void let_go() {
    for (auto it = held_sends_.begin(); it != held_sends_.end() && it->first <= stable_; it = held_sends_.erase(it)) {
      platform_.transmit(it->second.to, codec::encode(it->second.wire));
    }
    for (auto it = held_events_.begin(); it != held_events_.end() && it->first <= stable_;
         it = held_events_.erase(it)) {
      platform_.raise(std::move(it->second.event));
    }
  }

  Core& core_;
  Platform& platform_;
  Out out_;
  StableSeq stable_;
  std::multimap<StableSeq, typename Out::Sent> held_sends_;
  std::multimap<StableSeq, typename Out::Raised> held_events_;
};

}  // namespace holdfast::host
