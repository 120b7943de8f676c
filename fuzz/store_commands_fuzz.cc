// Arbitrary bytes as commands from a log and as requests from clients. Nothing may stop the member; two stores that
// apply the same commands stay equal whatever is done to one of them that nobody may see.
#include <cstddef>
#include <cstdint>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/store/store.h"
#include "holdfast/store/watch.h"

namespace holdfast::store {
namespace {

using Input = std::variant<Command, Request, WatchRequest>;

Store restored(const Store& store) {
  std::string image;
  {
    const auto reader = store.snapshot();
    while (reader->read(1000, image)) {
    }
  }
  const auto loader = Store::load(Limits{});
  ensure(loader->add(image).ok(), "what a store writes can be loaded");
  StatusOr<Store> loaded = loader->finish();
  ensure(loaded.ok() && loaded->state_hash() == store.state_hash(), "a loaded store has the state of its image");
  return *std::move(loaded);
}

void run(std::string_view bytes) {
  codec::Reader r(Slice::copy_of(bytes));
  Store a{Limits{}}, b{Limits{}};
  WatchConfig config;
  config.max_queued_responses = 3;
  WatchHub hub(config, 1);
  const StreamId stream(1);
  hub.open(stream);
  Time now;
  for (int n = 0; r.ok() && r.remaining() > 0; ++n) {
    Input input;
    codec::read(r, input);
    if (!r.ok()) break;
    now = now + Duration::seconds(1);
    if (auto* command = std::get_if<Command>(&input)) {
      const Response one = a.apply(*command), two = b.apply(*command);
      ensure(codec::encode(one).flatten() == codec::encode(two).flatten(), "equal stores answer equally");
      hub.applied(now, a);
    } else if (auto* request = std::get_if<Request>(&input)) {
      admit(*request, a.limits());
      a.has_room(*request);
      if (const auto* range = std::get_if<RangeRequest>(request)) a.range(*range);
      if (const auto* txn = std::get_if<TxnRequest>(request); txn != nullptr && is_read_only(*txn)) a.read_txn(*txn);
      if (const auto* ttl = std::get_if<LeaseTimeToLiveRequest>(request)) a.lease_time_to_live(*ttl, n);
      if (const auto* hash = std::get_if<HashKvRequest>(request)) a.hash_kv(*hash);
    } else {
      hub.request(now, stream, std::get<WatchRequest>(input), a);
    }
    a.collect_garbage(2);
    hub.work(now, a);
    if (n % 3 == 0) hub.take(stream, 2);
    if (n % 16 == 15) {
      a = restored(a);
      hub.store_replaced(a);
    }
    ensure(a.state_hash() == b.state_hash(), "what nobody may see leaves no trace");
  }
}

}  // namespace
}  // namespace holdfast::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::store::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
