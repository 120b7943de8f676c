// Arbitrary messages to one PBFT replica and to one client, rightly coded by members and clients that may all be
// faulty, between their own doings. Whatever comes, they stay within their invariants, and the replica recovers from
// its own records. Messages come as bytes through the codec, or field by field from values that are likely to hurt.
#include <cstddef>
#include <cstdint>

#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/member_testing.h"
#include "holdfast/consensus/pbft/notary.h"

namespace holdfast::pbft {
namespace {

class Program {
 public:
  explicit Program(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint8_t byte() { return done() ? 0 : static_cast<uint8_t>(bytes_[at_++]); }
  std::string_view rest(size_t most) { return bytes_.substr(at_, most); }
  void skip(size_t n) { at_ += std::min(n, bytes_.size() - at_); }

  // Mostly small, sometimes at the edges.
  uint64_t number() {
    const uint8_t b = byte();
    if (b < 200) return b % 10;
    const uint64_t edges[] = {~uint64_t{0}, kMaxNumber, kMaxNumber + 1, uint64_t{1} << 63, byte() * 256u, 101};
    return edges[b % 6];
  }

  template <class T>
  void fill(T& v, int depth = 0) {
    if constexpr (std::is_same_v<T, bool>) {
      v = byte() % 2 == 1;
    } else if constexpr (std::is_integral_v<T>) {
      v = static_cast<T>(number());
    } else if constexpr (is_strong<T>) {
      v = T(number());
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(byte() % (static_cast<int>(last_value(T{})) + 1));
    } else if constexpr (std::is_same_v<T, Slice>) {
      Batch batch;
      if (byte() % 2 == 0 && depth < 2) fill(batch.stamp_ms);
      v = byte() % 2 == 0 ? codec::encode_flat(batch) : Slice::copy_of(std::string(byte() % 8, 'x'));
    } else if constexpr (is_fixed_bytes<T>) {
      v = T{};
      if (byte() % 4 == 0) v.bytes[0] = byte();
    } else if constexpr (codec::internal::is_vector<T>) {
      v.resize(byte() % 5);
      for (auto& e : v) fill(e, depth + 1);
    } else if constexpr (reflect::internal::is_optional<T>) {
      if (byte() % 2 == 0) fill(v.emplace(), depth + 1);
    } else {
      std::apply([&](auto&... f) { (fill(f, depth + 1), ...); }, reflect::tie(v));
    }
  }
  template <size_t... I>
  Message message(std::index_sequence<I...>) {
    Message m;
    const size_t which = byte() % sizeof...(I);
    ((which == I ? fill(m.template emplace<I>()) : void()), ...);
    return m;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

struct Scene {
  Scene() {
    for (uint64_t i = 1; i <= 4; ++i) configuration.members.push_back({NodeId(i), Notary::key_of(NodeId(i))});
    configuration.clients.push_back({NodeId(101), Notary::key_of(NodeId(101))});
    for (uint64_t i : {1, 2, 3, 4, 101}) {
      authorities.emplace(NodeId(i), std::make_unique<FastAuthority>(notary, NodeId(i)));
    }
  }
  FastAuthority& authority(NodeId id) { return *authorities.at(id); }
  Packet seal(NodeId from, NodeId to, const Message& m) {
    return Envelope(m).seal(1, from, to, Notary::key_of(to), authority(from));
  }
  // Half of the signed messages are signed rightly, so that they get past that check.
  void sign(Program& program, NodeId from, Message& m) {
    if (byte_even(program)) return;
    if (auto* p = std::get_if<Prepare>(&m)) p->signature = authority(from).sign(text_of(1, p->vote));
    if (auto* c = std::get_if<CheckpointVote>(&m)) c->signature = authority(from).sign(text_of(1, c->checkpoint));
    if (auto* v = std::get_if<SignedViewChange>(&m)) {
      v->change.from = from;
      v->signature = authority(from).sign(text_of(1, v->change));
    }
    if (auto* n = std::get_if<SignedNewView>(&m)) n->signature = authority(from).sign(text_of(1, n->view));
    if (auto* s = std::get_if<Submit>(&m)) {
      s->request.request.id.client = from;
      s->request.signature = authority(from).sign(text_of(1, s->request.request));
    }
  }
  static bool byte_even(Program& program) { return program.byte() % 2 == 0; }
  Notary notary{1};
  Configuration configuration;
  std::map<NodeId, std::unique_ptr<FastAuthority>> authorities;
};

Message next(Program& program) {
  if (program.byte() % 4 != 0) return program.message(std::make_index_sequence<std::variant_size_v<Message>>{});
  const size_t size = std::min<size_t>(program.byte(), 200);
  codec::Reader r(Slice::copy_of(program.rest(size)));
  program.skip(size);
  Message m;
  codec::read(r, m);
  return r.ok() ? m : Message();
}

void run(std::string_view bytes) {
  Program program(bytes);
  Scene scene;
  const NodeId self(1 + program.byte() % 4u);
  const Config config{.self = self,
                      .cluster = 1,
                      .configuration = scene.configuration,
                      .beginning = program.byte() % 4 == 0 ? Beginning::kLostDisk : Beginning::kNew,
                      .checkpoint_interval = 2,
                      .window = 4,
                      .client_window = 4,
                      .transfer_bytes = 16};
  TestMember::Hooks hooks{.transmit = [](NodeId, const Packet&) {}};
  hooks.wants_snapshot = [] { return true; };
  TestMember member(config, scene.authority(self), hooks);
  Client client({.self = NodeId(101), .cluster = 1, .configuration = scene.configuration, .incarnation = 1},
                scene.authority(NodeId(101)));
  Client::Out out;
  Time now = Time::at_millis(1000);
  member.start(now);
  uint64_t tokens = 0;
  while (!program.done()) {
    now = now + Duration::millis(program.byte() % 100);
    const uint64_t pick = program.byte() % 5u;
    const NodeId from(pick == 0 ? 101 : pick);
    switch (program.byte() % 10) {
      case 0:
        member.tick(now);
        break;
      case 1:
        member.sync(now, 1 + program.byte() % 4);
        break;
      case 2:
        member.work_blobs(now);
        break;
      case 3:
        member.crash(program.byte() % 4);
        member.start(now);
        break;
      case 4:
        (void)client.submit(++tokens, Slice::copy_of("a"));
        (void)client.read(now, ++tokens, Slice::copy_of("?"), out);
        client.on_time(now, out);
        client.check_invariants();
        break;
      case 5:
        client.on_message(now, from, scene.seal(from, NodeId(101), next(program)), out);
        client.check_invariants();
        break;
      default: {
        Message m = next(program);
        scene.sign(program, from, m);
        member.receive(now, from, scene.seal(from, self, m));
      }
    }
    out.clear();
  }
}

}  // namespace
}  // namespace holdfast::pbft

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::pbft::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
