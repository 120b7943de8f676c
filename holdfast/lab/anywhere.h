// A register that can be read and written at any process at any time, cut off or not: the other choice of the CAP
// theorem (Gilbert, Lynch, "Brewer's Conjecture and the Feasibility of Consistent, Available, Partition-Tolerant Web
// Services", 2002; lecture 003).
//
// Every process answers at once from what it has, and tells the others until they have answered; the write with the
// greatest stamp wins everywhere (last writer wins). Guarantees: every call is answered; once messages get through
// again, all processes hold the same value. Not promised: that a read sees what was written elsewhere, nor that an
// acknowledged write survives another one made at the same time.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"

namespace holdfast::lab::anywhere {

struct Stamp {
  uint64_t count = 0;  // greater than that of everything the writer had seen
  NodeId writer;
  auto operator<=>(const Stamp&) const = default;
};
struct Update {
  Slice value;
  Stamp stamp;
};
struct Received {
  Stamp stamp;
};
std::string to_text(const Update& m);
std::string to_text(const Received& m);
using Message = std::variant<Update, Received>;
using Record = std::variant<Update>;
struct Changed {
  Slice value;
};
using Event = std::variant<Changed>;

struct Config {
  NodeId self;
  std::vector<NodeId> all;
  Duration resend = Duration::millis(10);
};

class Register {
 public:
  using Out = Outbox<Message, Record, Event>;

  explicit Register(const Config& config) : config_(config) {}

  void replay(StableSeq, const Record& record) { now_ = std::get<Update>(record); }
  void start(Time now, Out& out) { tell_all(now, out); }
  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return missing_.empty() ? Time::never() : resend_at_; }
  void check_invariants() const {}

  void write(Time now, Slice value, Out& out);
  const Slice& read() const { return now_.value; }

 private:
  void tell_all(Time now, Out& out);

  const Config config_;
  Update now_;
  std::vector<NodeId> missing_;  // who has not said that it has the latest
  Time resend_at_;
};

}  // namespace holdfast::lab::anywhere
