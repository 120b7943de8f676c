// Arbitrary messages to a lieutenant of each protocol, between its rounds: whatever comes, it stays within its
// invariants, remembers no more than it may, and decides once, at the end of its last round.
#include <cstddef>
#include <cstdint>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/consensus/generals/oral.h"
#include "holdfast/consensus/generals/written.h"

namespace holdfast::generals {
namespace {

struct Told {
  uint8_t from = 0;
  OralGeneral::Wire wire;
};
struct Handed {
  uint8_t from = 0;
  WrittenGeneral::Wire wire;
};
// A message of the right shape from few bytes: genuine signatures, by keys that everybody has.
struct Signed {
  uint8_t from = 0;
  bool attack = false;
  std::vector<uint8_t> chain;
};
struct Passed {
  uint8_t tenths = 0;
};
using Input = std::variant<Told, Handed, Signed, Passed>;

crypto::Identity identity_of(uint64_t n) {
  crypto::Seed seed;
  seed.bytes.fill(static_cast<uint8_t>(n));
  return crypto::Identity(seed);
}

void run(std::string_view bytes) {
  codec::Reader r(Slice::copy_of(bytes));
  const Config config{NodeId(2), {NodeId(1), NodeId(2), NodeId(3), NodeId(4)}, 1};
  std::map<NodeId, crypto::PublicKey> keys;
  for (const NodeId g : config.generals) keys.emplace(g, identity_of(g.value()).public_key());
  OralGeneral oral(config);
  WrittenGeneral writing(config, identity_of(2), keys);
  OralGeneral::Out oral_out;
  WrittenGeneral::Out written_out;
  Time now;
  oral.begin(now, Order::kRetreat, oral_out);
  writing.begin(now, Order::kRetreat, written_out);
  while (r.ok() && r.remaining() > 0) {
    Input input;
    codec::read(r, input);
    if (!r.ok()) break;
    if (const auto* told = std::get_if<Told>(&input)) {
      oral.on_message(now, NodeId(told->from % 6), told->wire, oral_out);
    } else if (const auto* handed = std::get_if<Handed>(&input)) {
      writing.on_message(now, NodeId(handed->from % 6), handed->wire, written_out);
    } else if (const auto* good = std::get_if<Signed>(&input)) {
      Written m{good->attack ? Order::kAttack : Order::kRetreat, {}};
      std::vector<NodeId> signers;
      for (const uint8_t s : good->chain) {
        if (signers.size() == 4) break;
        signers.push_back(NodeId(s % 6));
        m.chain.push_back({signers.back(), identity_of(s % 6).sign(statement(config.battle, m.order, signers))});
      }
      writing.on_message(now, NodeId(good->from % 6), m, written_out);
    } else {
      now = now + Duration::millis(std::get<Passed>(input).tenths * 100);
      oral.on_time(now, oral_out);
      writing.on_time(now, written_out);
    }
    oral.check_invariants();
    writing.check_invariants();
    ensure(oral.state().told.size() <= 1 + 2, "it remembers what it may be told, once");
  }
  ensure(oral_out.raised.size() == (oral.deadline() == Time::never() ? 1u : 0u), "OM decides once, at the end");
  ensure(written_out.raised.size() == (writing.deadline() == Time::never() ? 1u : 0u), "SM decides once, at the end");
}

}  // namespace
}  // namespace holdfast::generals

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::generals::run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
