// Arbitrary messages, operations and entries to a replica in a fail-stop group, and to one over PBFT whose members sign
// anything: whatever comes, no invariant breaks, and nothing is applied that cannot be read.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/replica/fail_stop_replica.h"

namespace holdfast::replica {
namespace {

struct Received {
  uint8_t from = 0;
  Wire wire;
};
struct Framed {
  uint8_t from = 0;
  FailStopFrame frame;
};
struct InOrder {  // a message that the channel takes, whatever its number
  uint8_t from = 0;
  flooding::LogMessage message;
};
struct Operated {  // by a client of PBFT: bytes of any kind
  Slice operation;
};
struct Passed {
  uint16_t millis = 0;
};
using Input = std::variant<Received, Framed, InOrder, Operated, Passed>;

Config config(EngineKind engine) {
  Config c;
  c.engine = engine;
  c.consensus.self = NodeId(1);
  c.incarnation_hint = 1;
  pbft::Configuration members;
  for (uint64_t n = 1; n <= 4; ++n) {
    c.bootstrap.voters.push_back(NodeId(n));
    members.members.push_back({NodeId(n), pbft::Notary::key_of(NodeId(n))});
  }
  c.byzantine = ByzantineConfig{.configuration = members};
  c.byzantine->authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(1), NodeId(1));
  return c;
}

class Program {
 public:
  Program()
      : fail_stop_(std::make_unique<FailStopReplica>(config(EngineKind::kFlooding))),
        byzantine_(std::make_unique<ByzantineReplica>(config(EngineKind::kPbft))),
        authority_(pbft::Notary(1), NodeId(2)),
        client_(client_config(), authority_) {
    each([&](Replica& r, Replica::Out& out) { r.start(now_, out); });
  }

  void run(codec::Reader& r) {
    while (r.ok() && r.remaining() > 0) {
      Input input;
      codec::read(r, input);
      if (r.ok()) std::visit([&](const auto& i) { on(i); }, input);
    }
  }

 private:
  void on(const Received& i) {
    each([&](Replica& r, Replica::Out& out) { r.on_message(now_, NodeId(i.from % 6), i.wire, out); });
  }
  void on(const Framed& i) { on(Received{i.from, i.frame}); }
  void on(const InOrder& i) {
    const uint8_t from = i.from % 4;
    on(Received{from, FailStopFrame{1, 0, ++taken_[from], {i.message}}});
  }
  void on(const Operated& i) {
    pbft::Client::Out out;
    (void)client_.submit(++last_, i.operation);
    client_.on_time(now_, out);
    for (const auto& s : out.sent) {
      if (s.to == NodeId(1)) on(Received{2, s.wire});
    }
  }
  void on(const Passed& i) {
    now_ = now_ + Duration::millis(i.millis);
    each([&](Replica& r, Replica::Out& out) { r.on_time(now_, out); });
  }
  static pbft::ClientConfig client_config() {
    pbft::ClientConfig c;
    c.self = NodeId(2);
    c.configuration = config(EngineKind::kPbft).byzantine->configuration;
    c.incarnation = 1;
    return c;
  }

  // One step of both, and what their owners and disks do then.
  template <class Step>
  void each(Step&& step) {
    settle(*fail_stop_, fail_stop_out_, step);
    settle(*byzantine_, byzantine_out_, step);
  }
  template <class Step>
  void settle(Replica& r, Replica::Out& out, Step&& step) {
    step(r, out);
    drain(r, out);
    r.on_stable(now_, out.next_seq() - 1, out);
    drain(r, out);
    r.check_invariants();
  }
  void drain(Replica& r, Replica::Out& out) {
    const auto events = std::move(out.raised);
    out.clear();
    for (const auto& e : events) {
      const auto* apply = std::get_if<Apply>(&e.event);
      if ((apply != nullptr && apply->wants_answer) || std::holds_alternative<Question>(e.event)) r.answer(Slice());
      if (std::holds_alternative<DigestWanted>(e.event)) r.state_is({});
    }
    while (r.answered()) {
      r.on_answers(now_, out);
      drain(r, out);
    }
  }

  std::unique_ptr<Replica> fail_stop_, byzantine_;
  Replica::Out fail_stop_out_, byzantine_out_;
  pbft::FastAuthority authority_;
  pbft::Client client_;
  Time now_ = Time::at_millis(1);
  uint64_t taken_[4] = {}, last_ = 0;
};

}  // namespace
}  // namespace holdfast::replica

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::codec::Reader r(holdfast::Slice::copy_of(std::string_view(reinterpret_cast<const char*>(data), size)));
  holdfast::replica::Program().run(r);
  return 0;
}
