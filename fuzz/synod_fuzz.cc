// Arbitrary messages to one process of single-decree Paxos, between its own doings and restarts: whatever comes, it
// stays within its invariants, recovers from its own records, and forgets neither promise nor acceptance nor decision.
#include <cstddef>
#include <cstdint>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/consensus/synod/member.h"

namespace holdfast::synod {
namespace {

struct Received {
  uint8_t from = 0;
  Message message;
};
struct Wanted {
  Slice value;
};
struct Trusted {
  uint8_t leader = 0;
};
struct Passed {
  uint8_t tenths = 0;
};
struct Restarted {
  uint8_t unused = 0;
};
using Input = std::variant<Received, Wanted, Trusted, Passed, Restarted>;

void run(std::string_view bytes) {
  codec::Reader r(Slice::copy_of(bytes));
  const std::vector<NodeId> servers = {NodeId(1), NodeId(2), NodeId(3)};
  Config config{.self = NodeId(1), .acceptors = servers, .learners = servers};
  config.leadership = bytes.size() % 2 == 0 ? Leadership::kOracle : Leadership::kAnyone;
  config.accepts_to_all = bytes.size() % 3 == 0;
  auto member = std::make_unique<Member>(config);
  Out out;
  Time now;
  std::vector<Out::Persisted> disk;
  member->start(now, out);
  while (r.ok() && r.remaining() > 0) {
    Input input;
    codec::read(r, input);
    if (!r.ok()) break;
    const MemberState before = member->state();
    if (const auto* m = std::get_if<Received>(&input)) {
      member->on_message(now, NodeId(m->from % 5), m->message, out);
    } else if (const auto* w = std::get_if<Wanted>(&input)) {
      member->propose(now, w->value, out);
    } else if (const auto* t = std::get_if<Trusted>(&input)) {
      member->trust(now, NodeId(t->leader % 4), out);
    } else if (const auto* p = std::get_if<Passed>(&input)) {
      now = now + Duration::millis(p->tenths * 100);
      if (member->deadline() <= now) member->on_time(now, out);
    } else {
      member = std::make_unique<Member>(config);
      for (const auto& record : disk) member->replay(record.seq, record.record);
      member->start(now, out);
    }
    for (auto& record : out.persisted) disk.push_back(std::move(record));
    out.clear();
    member->check_invariants();
    const MemberState after = member->state();
    ensure(after.acceptor.promised >= before.acceptor.promised, "no promise is forgotten");
    ensure(!before.acceptor.accepted || after.acceptor.accepted, "no acceptance is forgotten");
    ensure(!before.learner.decided || after.learner.decided == before.learner.decided, "a decision stays");
  }
}

}  // namespace
}  // namespace holdfast::synod

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::synod::run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
