// One command or read at a time against a store of realistic size.
#include <benchmark/benchmark.h>

#include <string>

#include "holdfast/base/random.h"
#include "holdfast/store/store.h"
#include "holdfast/store/watch.h"

namespace holdfast::store {
namespace {

constexpr int64_t kKeys = 100'000;

Slice key(int64_t i) {
  std::string text = std::to_string(i);
  return Slice::copy_of("/registry/pods/namespace/" + std::string(9 - text.size(), '0') + text);
}

PutRequest put(int64_t i, const Slice& value) {
  PutRequest r;
  r.key = key(i);
  r.value = value;
  return r;
}

Store filled(int64_t keys, const Slice& value) {
  Store store{Limits{}};
  for (int64_t i = 0; i < keys; ++i) store.apply(put(i, value));
  return store;
}

// Requests made beforehand, so that making them is not measured.
std::vector<Command> puts(size_t count, const Slice& value) {
  Random random(1);
  std::vector<Command> out;
  for (size_t i = 0; i < count; ++i) out.emplace_back(put(static_cast<int64_t>(random.below(kKeys)), value));
  return out;
}

// Compacts now and then, as a running store does; its cost is part of the put's.
void keep_small(Store& store) {
  if (store.revision() - store.compact_revision() > 300'000) {
    store.apply(CompactRequest{store.revision() - 100'000});
  }
  store.collect_garbage(4);
}

void BM_Put(benchmark::State& state) {
  const Slice value = Slice::copy_of(std::string(static_cast<size_t>(state.range(0)), 'v'));
  Store store = filled(kKeys, value);
  const std::vector<Command> commands = puts(1 << 16, value);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.apply(commands[i++ % commands.size()]));
    keep_small(store);
  }
}
BENCHMARK(BM_Put)->Arg(16)->Arg(256)->Arg(4096)->Arg(100'000);

void BM_PutKeepingDigest(benchmark::State& state) {
  const Slice value = Slice::copy_of(std::string(static_cast<size_t>(state.range(0)), 'v'));
  Store store = filled(kKeys, value);
  store.keep_digest();
  const std::vector<Command> commands = puts(1 << 16, value);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.apply(commands[i++ % commands.size()]));
    keep_small(store);
  }
}
BENCHMARK(BM_PutKeepingDigest)->Arg(16)->Arg(256)->Arg(4096)->Arg(100'000);

// Kept, and worked out from scratch.
void BM_StateDigest(benchmark::State& state) {
  Store store = filled(state.range(0), Slice::copy_of(std::string(256, 'v')));
  store.keep_digest();
  for (auto _ : state) benchmark::DoNotOptimize(store.state_digest());
}
BENCHMARK(BM_StateDigest)->Arg(1000)->Arg(kKeys);
void BM_AuditedDigest(benchmark::State& state) {
  const Store store = filled(state.range(0), Slice::copy_of(std::string(256, 'v')));
  for (auto _ : state) benchmark::DoNotOptimize(store.audited_digest());
}
BENCHMARK(BM_AuditedDigest)->Arg(1000)->Arg(kKeys);

void BM_PutNewKeyWithLease(benchmark::State& state) {
  Store store{Limits{}};
  store.apply(LeaseGrantRequest{60, LeaseId(1)});
  const Slice value = Slice::copy_of(std::string(64, 'v'));
  int64_t i = 0;
  for (auto _ : state) {
    PutRequest r = put(i++, value);
    r.lease = LeaseId(1);
    benchmark::DoNotOptimize(store.apply(r));
  }
}
BENCHMARK(BM_PutNewKeyWithLease);

void BM_PointRange(benchmark::State& state) {
  const Store store = filled(kKeys, Slice::copy_of(std::string(256, 'v')));
  Random random(2);
  std::vector<RangeRequest> reads(1 << 16);
  for (RangeRequest& r : reads) r.key = key(static_cast<int64_t>(random.below(kKeys)));
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store.range(reads[i++ % reads.size()]));
}
BENCHMARK(BM_PointRange);

void BM_RangeOf(benchmark::State& state) {
  const Store store = filled(kKeys, Slice::copy_of(std::string(256, 'v')));
  RangeRequest r;
  r.key = key(1000);
  r.range_end = key(1000 + state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(store.range(r));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RangeOf)->Arg(100)->Arg(10'000);

// A compare-and-swap, as clients write it.
void BM_Txn(benchmark::State& state) {
  const Slice value = Slice::copy_of(std::string(256, 'v'));
  Store store = filled(kKeys, value);
  Random random(3);
  std::vector<Command> commands;
  for (int i = 0; i < 1 << 14; ++i) {
    const auto k = static_cast<int64_t>(random.below(kKeys));
    TxnRequest t;
    t.compare.resize(1);
    t.compare[0].key = key(k);
    t.compare[0].target = CompareTarget::kMod;
    t.compare[0].result = CompareResult::kGreater;
    t.success.emplace_back(put(k, value));
    RangeRequest r;
    r.key = key(k);
    t.failure.emplace_back(r);
    commands.emplace_back(std::move(t));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.apply(commands[i++ % commands.size()]));
    keep_small(store);
  }
}
BENCHMARK(BM_Txn);

// Watchers of other keys must cost next to nothing; those of the key itself, about one event each.
void watched_put(benchmark::State& state, int64_t others, int64_t same, int64_t ranges) {
  const Slice value = Slice::copy_of(std::string(64, 'v'));
  Store store = filled(1000, value);
  WatchHub hub({}, 1);
  const Time now;
  uint64_t streams = 0;
  const auto watch = [&](Slice begin, Slice end) {
    const StreamId stream(++streams);
    WatchCreateRequest r;
    r.key = std::move(begin);
    r.range_end = std::move(end);
    hub.open(stream);
    hub.request(now, stream, r, store);
    hub.take(stream, 10);
  };
  for (int64_t i = 0; i < others; ++i) watch(key(1000 + i), {});
  for (int64_t i = 0; i < ranges; ++i) watch(key(1000 + i), key(1000 + 2 * i + 1));
  for (int64_t i = 0; i < same; ++i) watch(key(7), {});
  const Command command = put(7, value);
  for (auto _ : state) {
    store.apply(command);
    hub.applied(now, store);
    for (const StreamId stream : hub.ready()) benchmark::DoNotOptimize(hub.take(stream, 10));
    keep_small(store);
  }
  state.SetItemsProcessed(state.iterations() * std::max<int64_t>(same, 1));
}
void BM_PutBesideWatchers(benchmark::State& state) { watched_put(state, state.range(0), 0, 0); }
BENCHMARK(BM_PutBesideWatchers)->Arg(1)->Arg(100'000);
void BM_PutBesideRangeWatchers(benchmark::State& state) { watched_put(state, 0, 0, state.range(0)); }
BENCHMARK(BM_PutBesideRangeWatchers)->Arg(100'000);
void BM_WatchFanOut(benchmark::State& state) { watched_put(state, 0, state.range(0), 0); }
BENCHMARK(BM_WatchFanOut)->Arg(1)->Arg(1000)->Arg(100'000);

void BM_Image(benchmark::State& state) {
  const Store store = filled(kKeys, Slice::copy_of(std::string(256, 'v')));
  int64_t bytes = 0;
  for (auto _ : state) {
    std::string image;
    const auto reader = store.snapshot();
    while (reader->read(size_t{256} << 10, image)) {
    }
    bytes += static_cast<int64_t>(image.size());
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_Image)->Unit(benchmark::kMillisecond);

void BM_Load(benchmark::State& state) {
  const Store store = filled(kKeys, Slice::copy_of(std::string(256, 'v')));
  std::string image;
  {
    const auto reader = store.snapshot();
    while (reader->read(size_t{1} << 20, image)) {
    }
  }
  for (auto _ : state) {
    const auto loader = Store::load(Limits{});
    for (size_t at = 0; at < image.size(); at += size_t{256} << 10) {
      const Status status = loader->add(std::string_view(image).substr(at, size_t{256} << 10));
      if (!status.ok()) state.SkipWithError("the image is refused");
    }
    benchmark::DoNotOptimize(loader->finish());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(image.size()));
}
BENCHMARK(BM_Load)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast::store
