// Arbitrary messages to one member of a group that watches itself, for each detector, between its own doings. Whatever
// comes, it stays within its invariants and bounds. Messages come as bytes through the codec, or field by field from
// values that are likely to hurt.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/detect/agent.h"

namespace holdfast::detect {
namespace {

class Program {
 public:
  explicit Program(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint8_t byte() { return done() ? 0 : static_cast<uint8_t>(bytes_[at_++]); }
  std::string_view take(size_t most) {
    const std::string_view taken = bytes_.substr(std::min(at_, bytes_.size()), most);
    at_ += taken.size();
    return taken;
  }
  uint64_t number() {
    const uint8_t b = byte();
    if (b < 200) return b % 12;
    switch (b % 4) {
      case 0:
        return ~uint64_t{0};
      case 1:
        return uint64_t{1} << 62;
      case 2:
        return (uint64_t{1} << 62) - byte();
      default:
        return byte() * 256u + byte();
    }
  }

  template <class T>
  void fill(T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      v = byte() % 2 == 1;
    } else if constexpr (std::is_integral_v<T>) {
      v = static_cast<T>(number());
    } else if constexpr (is_strong<T>) {
      v = T(number());
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(byte() % (static_cast<int>(last_value(T{})) + 1));
    } else if constexpr (std::is_same_v<T, Slice>) {
      v = Slice::copy_of(std::string(byte() % 40 * 10, 'x'));
    } else if constexpr (codec::internal::is_vector<T>) {
      v.resize(byte() % 5);
      for (auto& e : v) fill(e);
    } else if constexpr (codec::internal::is_variant<T>) {
      alternative(v, std::make_index_sequence<std::variant_size_v<T>>{});
    } else {
      std::apply([&](auto&... f) { (fill(f), ...); }, reflect::tie(v));
    }
  }

 private:
  template <class V, size_t... I>
  void alternative(V& v, std::index_sequence<I...>) {
    const size_t which = byte() % sizeof...(I);
    ((which == I ? fill(v.template emplace<I>()) : void()), ...);
  }

  std::string_view bytes_;
  size_t at_ = 0;
};

AgentWire decoded(Program& program) {
  const auto wire = codec::decode<AgentWire>(Slice::copy_of(program.take(program.byte())));
  if (!wire.ok()) return {};
  const auto again = codec::decode<AgentWire>(codec::encode_flat(*wire));
  ensure(again.ok() && print(*again) == print(*wire), "a message survives the round trip");
  return *wire;
}

void run(std::string_view bytes) {
  Program program(bytes);
  AgentConfig config;
  config.self = NodeId(1);
  config.kind = static_cast<DetectorKind>(program.byte() % 4);
  config.seed = 5;
  config.boot = program.number();
  config.meta = Slice::copy_of("self");
  config.seeds = {NodeId(1), NodeId(2), NodeId(3)};
  Agent agent(config);
  Agent::Out out;
  Time now = Time::at_millis(1);
  agent.start(now, out);
  while (!program.done()) {
    for (const auto& s : out.sent) {
      ensure(codec::encode(s.wire).size() <= config.max_message_bytes, "every message fits into a datagram");
    }
    out.clear();
    agent.check_invariants();
    now = now + Duration::millis(program.byte() * 10);
    AgentWire wire;
    switch (program.byte() % 8) {
      case 0:
        agent.on_message(now, NodeId(program.number()), decoded(program), out);
        break;
      case 1:
      case 2:
        agent.on_time(now, out);
        break;
      case 3:
        if (program.byte() > 250) agent.leave(now, out);
        (void)agent.fellows(now);
        break;
      default:
        program.fill(wire);
        agent.on_message(now, NodeId(program.number() % 6), wire, out);
    }
  }
}

}  // namespace
}  // namespace holdfast::detect

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::detect::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
