// Encoding and decoding of a vote, a put and an AppendEntries with 16 entries of 256 bytes: our codec against protobuf
// (with an arena that is reused, its fastest way). Both start from a filled value and end with contiguous bytes, or
// start from bytes and end with a value. docs/benchmarks.md has figures and the command.
#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>

#include <string>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/raft/types.h"
#include "shapes.pb.h"

namespace {

using namespace holdfast;  // NOLINT: a program of one page

struct Put {
  Slice key;
  Slice value;
  int64_t lease = 0;
  bool prev_kv = false;
};
using Ours = std::variant<raft::VoteReply, raft::AppendEntries, Put>;
using Theirs = bench::Message;

constexpr size_t kEntries = 16, kEntryBytes = 256;
const std::string kPayload(kEntryBytes, 'p');

enum Shape { kVote, kPut, kAppend };

Ours our_value(Shape shape) {
  const Slice payload = Slice::copy_of(kPayload);
  if (shape == kVote) return raft::VoteReply{raft::Term(7), true, false};
  if (shape == kPut) return Put{Slice::copy_of("a/key/of/usual/length"), payload, 0, false};
  raft::AppendEntries append{raft::Term(7), raft::Index(123'456), raft::Term(6), raft::Index(123'450), {}};
  for (uint64_t i = 1; i <= kEntries; ++i) {
    append.entries.push_back({raft::Index(123'456 + i), raft::Term(7), raft::EntryKind::kCommand, payload});
  }
  return append;
}

void fill(Theirs& message, Shape shape) {
  if (shape == kVote) {
    auto* vote = message.mutable_vote_reply();
    vote->set_term(7);
    vote->set_granted(true);
  } else if (shape == kPut) {
    message.mutable_put()->set_key("a/key/of/usual/length");
    message.mutable_put()->set_value(kPayload);
  } else {
    auto* append = message.mutable_append_entries();
    append->set_term(7);
    append->set_prev_index(123'456);
    append->set_prev_term(6);
    append->set_commit(123'450);
    for (uint64_t i = 1; i <= kEntries; ++i) {
      auto* entry = append->add_entries();
      entry->set_index(123'456 + i);
      entry->set_term(7);
      entry->set_kind(1);
      entry->set_data(kPayload);
    }
  }
}

void report(benchmark::State& state, size_t bytes) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.counters["size"] = static_cast<double>(bytes);
}

void encode_ours(benchmark::State& state, Shape shape) {
  const Ours value = our_value(shape);
  size_t bytes = 0;
  for (auto _ : state) {
    const Slice encoded = codec::encode_flat(value);
    bytes = encoded.size();
    benchmark::DoNotOptimize(encoded.data());
  }
  report(state, bytes);
}

void encode_protobuf(benchmark::State& state, Shape shape) {
  Theirs value;
  fill(value, shape);
  size_t bytes = 0;
  for (auto _ : state) {
    std::string encoded;
    value.SerializeToString(&encoded);
    bytes = encoded.size();
    benchmark::DoNotOptimize(encoded.data());
  }
  report(state, bytes);
}

void decode_ours(benchmark::State& state, Shape shape) {
  const Slice encoded = codec::encode_flat(our_value(shape));
  for (auto _ : state) {
    const auto value = codec::decode<Ours>(encoded);
    if (!value.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(value->index());
  }
  report(state, encoded.size());
}

void decode_protobuf(benchmark::State& state, Shape shape) {
  Theirs filled;
  fill(filled, shape);
  const std::string encoded = filled.SerializeAsString();
  google::protobuf::Arena arena;
  for (auto _ : state) {
    auto* value = google::protobuf::Arena::CreateMessage<Theirs>(&arena);
    if (!value->ParseFromString(encoded)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(value->kind_case());
    arena.Reset();
  }
  report(state, encoded.size());
}

BENCHMARK_CAPTURE(encode_ours, vote, kVote);
BENCHMARK_CAPTURE(encode_protobuf, vote, kVote);
BENCHMARK_CAPTURE(decode_ours, vote, kVote);
BENCHMARK_CAPTURE(decode_protobuf, vote, kVote);
BENCHMARK_CAPTURE(encode_ours, put, kPut);
BENCHMARK_CAPTURE(encode_protobuf, put, kPut);
BENCHMARK_CAPTURE(decode_ours, put, kPut);
BENCHMARK_CAPTURE(decode_protobuf, put, kPut);
BENCHMARK_CAPTURE(encode_ours, append_16x256, kAppend);
BENCHMARK_CAPTURE(encode_protobuf, append_16x256, kAppend);
BENCHMARK_CAPTURE(decode_ours, append_16x256, kAppend);
BENCHMARK_CAPTURE(decode_protobuf, append_16x256, kAppend);

}  // namespace
