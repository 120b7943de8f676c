// Arbitrary messages, commands and notices to one process of a fail-stop group: whatever comes, it stays within its
// invariants, decides at most once per slot, and says nothing that it would not itself take for plausible.
#include <cstddef>
#include <cstdint>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/flooding/flooding_log.h"

namespace holdfast::flooding {
namespace {

struct Received {
  uint8_t from = 0;
  Message message;
};
struct ReceivedInSlot {
  uint8_t from = 0;
  LogMessage message;
};
struct Wanted {
  Slice value;
};
struct Noticed {
  uint8_t node = 0;
};
struct NextStep {};
using Input = std::variant<Received, ReceivedInSlot, Wanted, Noticed, NextStep>;

void run(std::string_view bytes) {
  codec::Reader r(Slice::copy_of(bytes));
  const std::vector<NodeId> group = {NodeId(1), NodeId(2), NodeId(3)};
  Flooding one(Config{NodeId(2), group, bytes.size() % 2 == 0 ? Agreement::kCorrect : Agreement::kUniform, NodeId(1)});
  LogConfig config{NodeId(2), group};
  config.max_waiting = 5;
  FloodingLog log(config);
  Flooding::Out out;
  FloodingLog::Out log_out;
  one.start(Time(), out);
  log.start(Time(), log_out);
  size_t decisions = 0;
  uint64_t delivered = 0;
  while (r.ok() && r.remaining() > 0) {
    Input input;
    codec::read(r, input);
    if (!r.ok()) break;
    if (const auto* m = std::get_if<Received>(&input)) {
      one.on_message(Time(), NodeId(m->from % 5), m->message, out);
    } else if (const auto* s = std::get_if<ReceivedInSlot>(&input)) {
      log.on_message(Time(), NodeId(s->from % 5), s->message, log_out);
    } else if (const auto* w = std::get_if<Wanted>(&input)) {
      (void)one.propose(Time(), w->value, out);
      (void)log.submit(Time(), w->value, log_out);
    } else if (std::holds_alternative<NextStep>(input)) {
      one.on_time(Time(), out);
    } else {
      const NodeId node(std::get<Noticed>(input).node % 5);
      one.on_crash(Time(), node, out);
      log.on_crash(Time(), node, log_out);
    }
    while (log.deadline() <= Time()) log.on_time(Time(), log_out);
    one.check_invariants();
    log.check_invariants();
    decisions += out.raised.size();
    ensure(decisions <= 1, "a process decides once");
    for (const auto& e : log_out.raised) {
      const auto* d = std::get_if<Delivered>(&e.event);
      ensure(d == nullptr || d->slot > delivered, "slots are delivered in order");
      if (d != nullptr) delivered = d->slot;
    }
    out.clear();
    log_out.clear();
  }
}

}  // namespace
}  // namespace holdfast::flooding

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::flooding::run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
