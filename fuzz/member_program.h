// For fuzz targets of engines of consensus: a program of bytes that drives one member through arbitrary messages and
// its own doings. Messages come as bytes through the codec, or field by field from values that are likely to hurt; half
// of the latter are made plausible by the engine's `repair`, so that they get past the first checks.
//
//   struct Engine { using Member = TestMember; static void repair(Program&, const Raft&, Message&); };
//   drive<Engine>(bytes);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "holdfast/consensus/test_member.h"

namespace holdfast::consensus {

class Program {
 public:
  explicit Program(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint8_t byte() { return done() ? 0 : static_cast<uint8_t>(bytes_[at_++]); }
  bool coin() { return byte() % 2 == 1; }
  std::string_view take(size_t most) {
    const std::string_view taken = bytes_.substr(at_, most);
    at_ += taken.size();
    return taken;
  }
  // Mostly small, rarely at the edges: a term at the edge is the end of all progress.
  uint64_t number() {
    const uint8_t b = byte();
    if (b < 250) return b % 12;
    switch (b % 6) {
      case 0:
        return ~uint64_t{0};
      case 1:
        return uint64_t{1} << 62;
      case 2:
        return (uint64_t{1} << 62) - byte();
      case 3:
        return uint64_t{1} << 63;
      default:
        return byte() * 256u + byte();
    }
  }
  // Mostly one of the other members, 2 and 3.
  NodeId node() {
    const uint8_t b = byte() % 8;
    return NodeId(b == 7 ? number() % 6 : 2 + b % 2);
  }

  template <class T>
  void fill(T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      v = coin();
    } else if constexpr (std::is_integral_v<T>) {
      v = static_cast<T>(number());
    } else if constexpr (is_strong<T>) {
      v = T(number());
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(byte() % (static_cast<int>(last_value(T{})) + 1));
    } else if constexpr (std::is_same_v<T, Slice>) {
      v = Slice::copy_of(std::string(byte() % 8, 'x'));
    } else if constexpr (codec::internal::is_vector<T>) {
      v.resize(byte() % 5);
      for (auto& e : v) fill(e);
    } else {
      std::apply([&](auto&... f) { (fill(f), ...); }, reflect::tie(v));
    }
  }
  // One of the alternatives, filled.
  template <class... M>
  std::variant<M...> any_of(std::type_identity<std::variant<M...>>) {
    std::variant<M...> v;
    const size_t which = byte() % sizeof...(M);
    size_t i = 0;
    ((which == i++ ? fill(v.template emplace<M>()) : void()), ...);
    return v;
  }
  template <class Message>
  Message decoded() {
    codec::Reader r(Slice::copy_of(take(std::min<size_t>(byte(), 200))));
    Message m;
    codec::read(r, m);
    return r.ok() ? m : Message();
  }

  Membership membership() {
    Membership m;
    const uint8_t bits = byte();
    for (uint64_t i = 0; i < 4; ++i) {
      if ((bits >> i) & 1) m.voters.push_back(NodeId(i + 1));
      if ((bits >> (i + 4)) & 1) m.outgoing.push_back(NodeId(i + 1));
    }
    if (m.voters.empty()) m.voters.push_back(NodeId(2));
    return m;
  }
  // A membership entry that can be read.
  void repair(Entry& e) {
    if (e.kind == EntryKind::kMembership) e.data = codec::encode_flat(MembershipEntry{membership(), Slice()});
  }
  // A piece of a snapshot that can be loaded.
  template <class Chunk>
  void repair_chunk(Chunk& chunk) {
    const Slice whole = codec::encode_flat(Image{chunk.meta.index, 7, Slice()});
    chunk.meta.membership = membership();
    chunk.meta.size = whole.size();
    chunk.meta.crc32c = crc32c(whole.view());
    chunk.offset = std::min<uint64_t>(chunk.offset, whole.size());
    chunk.bytes = whole.sub(chunk.offset, std::min<size_t>(byte() % 8, whole.size() - chunk.offset));
    chunk.crc32c = crc32c(chunk.bytes.view());
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

template <class Member>
void own_doing(Program& program, Member& member, Time now) {
  auto& core = member.core();
  using Out = typename Member::Out;
  switch (program.byte() % 16) {
    case 0:
      member.crash(program.byte() % 4);
      return member.start(now);
    case 1:
      return member.release();
    case 2:
    case 3:
      return member.take_snapshot(now);
    case 4:
      return member.step([&](Out& out) { (void)core.transfer_leadership(now, NodeId(program.byte() % 4), out); });
    case 5:
    case 6:
      return member.step([&](Out& out) {
        Change change;
        program.fill(change);
        (void)core.change_membership(now, {change}, Slice(), out);
      });
    case 7:
    case 8:
      return member.step([&](Out& out) { core.read_index(now, program.byte(), out); });
    default:
      return member.step([&](Out& out) { (void)core.propose(now, {Slice::copy_of("v")}, out); });
  }
}

// Whatever comes, the member stays within its invariants, delivers in order and recovers from its own records.
template <class Engine>
void drive(std::string_view bytes) {
  using Member = typename Engine::Member;
  using Message = typename Member::Message;
  Program program(bytes);
  const Membership voters{.voters = {NodeId(1), NodeId(2), NodeId(3)}};
  Config config{.self = NodeId(1),
                .seed = 1,
                .heartbeat_interval = Duration::millis(10),
                .election_timeout = Duration::millis(100),
                .snapshot_chunk_bytes = 4,
                .catch_up_entries = program.byte() % 4u};
  if (program.coin()) config.read_mode = ReadMode::kLease;
  typename Member::Hooks hooks;
  hooks.transmit = [](NodeId, const Message&) {};
  hooks.raise = [](const Event&) {};
  hooks.persisted = [](StableSeq, const typename Member::Record&) {};
  Member member(config, program.byte() % 4 == 0 ? Membership{} : voters, hooks);
  Time now = Time::at_millis(1);
  member.start(now);
  while (!program.done()) {
    now = now + Duration::millis(program.byte() % 20);
    switch (program.byte() % 8) {
      case 0:
        member.receive(now, program.node(), program.decoded<Message>());
        break;
      case 1:
        if (const Time due = member.core().deadline(); program.coin() && due != Time::never()) now = std::max(now, due);
        member.tick(now);
        break;
      case 2:
        member.sync(now, 1 + program.byte() % 4);
        break;
      case 3:
        member.work_blobs(now);
        break;
      case 4:
        own_doing(program, member, now);
        break;
      default: {
        const NodeId from = program.node();
        Message m = program.any_of(std::type_identity<Message>());
        if (program.coin()) Engine::repair(program, from, std::as_const(member).core(), m);
        member.receive(now, from, m);
      }
    }
  }
}

}  // namespace holdfast::consensus
