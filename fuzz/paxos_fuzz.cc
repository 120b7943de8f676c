// Arbitrary peer messages to one member, between its own doings. Whatever comes, it stays within its invariants,
// delivers in order and recovers from its own records. Messages come as bytes through the codec, or field by field from
// values that are likely to hurt.
#include <cstddef>
#include <cstdint>

#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {
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
    if (b < 200) return b % 12;
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
      v = Slice::copy_of(std::string(byte() % 8, 'x'));
    } else if constexpr (codec::internal::is_vector<T>) {
      v.resize(byte() % 5);
      for (auto& e : v) fill(e);
    } else {
      std::apply([&](auto&... f) { (fill(f), ...); }, reflect::tie(v));
    }
  }

  template <size_t... I>
  Message message(std::index_sequence<I...>) {
    Message m;
    const size_t which = byte() % sizeof...(I);
    ((which == I ? fill(m.template emplace<I>()) : void()), ...);
    repair(m);
    return m;
  }

 private:
  // Half of the messages are made plausible, so that they get past the first check.
  void repair(Message& m) {
    if (byte() % 2 == 0) return;
    if (auto* begin = std::get_if<Begin>(&m)) {
      Index index = begin->chosen;
      begin->ballot.node = NodeId(2 + byte() % 2);
      for (Entry& e : begin->entries) {
        e.index = ++index;
        begin->ballot.round = std::max(begin->ballot.round, e.term);
        if (e.kind == EntryKind::kMembership) e.data = codec::encode_flat(MembershipEntry{membership(), Slice()});
      }
    } else if (auto* last = std::get_if<Last>(&m)) {
      Index index = last->part;
      last->ballot.node = NodeId(1);
      for (Vote& v : last->votes) {
        v.entry.index = index;
        ++index;
        v.ballot.round = std::max(v.ballot.round, v.entry.term);
        if (v.entry.kind == EntryKind::kMembership)
          v.entry.data = codec::encode_flat(MembershipEntry{membership(), Slice()});
      }
    } else if (auto* chunk = std::get_if<SnapshotChunk>(&m)) {
      const Slice whole = codec::encode_flat(Image{chunk->meta.index, 7, Slice()});
      chunk->meta.membership = membership();
      chunk->meta.size = whole.size();
      chunk->meta.crc32c = crc32c(whole.view());
      chunk->offset = std::min<uint64_t>(chunk->offset, whole.size());
      chunk->bytes = whole.sub(chunk->offset, std::min<size_t>(byte() % 8, whole.size() - chunk->offset));
      chunk->crc32c = crc32c(chunk->bytes.view());
    }
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

  std::string_view bytes_;
  size_t at_ = 0;
};

Message decoded(Program& program) {
  const size_t size = std::min<size_t>(program.byte(), 200);
  codec::Reader r(Slice::copy_of(program.rest(size)));
  program.skip(size);
  Message m;
  codec::read(r, m);
  return r.ok() ? m : Message();
}

void own_doing(Program& program, TestMember& member, Time now) {
  Paxos& paxos = member.core();
  switch (program.byte() % 7) {
    case 0:
      return member.step([&](Paxos::Out& out) { (void)paxos.propose(now, {Slice::copy_of("v")}, out); });
    case 1:
      return member.step([&](Paxos::Out& out) { paxos.read_index(now, program.byte(), out); });
    case 2:
      return member.step([&](Paxos::Out& out) {
        Change change;
        program.fill(change);
        (void)paxos.change_membership(now, {change}, Slice(), out);
      });
    case 3:
      return member.step(
          [&](Paxos::Out& out) { (void)paxos.transfer_leadership(now, NodeId(program.byte() % 4), out); });
    case 4:
      return member.take_snapshot(now);
    case 5:
      return member.release();
    default:
      member.crash(program.byte() % 4);
      return member.start(now);
  }
}

void run(std::string_view bytes) {
  Program program(bytes);
  const Membership voters{.voters = {NodeId(1), NodeId(2), NodeId(3)}};
  Config config{.self = NodeId(1), .seed = 1, .snapshot_chunk_bytes = 4, .catch_up_entries = program.byte() % 4u};
  if (program.byte() % 2 == 1) config.read_mode = ReadMode::kLease;
  TestMember::Hooks hooks{[](NodeId, const Message&) {}, [](const Event&) {}, [](StableSeq, const Record&) {}};
  TestMember member(config, program.byte() % 4 == 0 ? Membership{} : voters, hooks);
  Time now = Time::at_millis(1);
  member.start(now);
  while (!program.done()) {
    now = now + Duration::millis(program.byte() % 100);
    switch (program.byte() % 8) {
      case 0:
        member.receive(now, NodeId(program.number() % 6), decoded(program));
        break;
      case 1:
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
      default:
        member.receive(now, NodeId(program.number() % 6),
                       program.message(std::make_index_sequence<std::variant_size_v<Message>>{}));
    }
  }
}

}  // namespace
}  // namespace holdfast::paxos

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::paxos::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
