// The store against the naive one: random commands of every kind, compared answer by answer; and everything that must
// not be observable (garbage collection, images, restoring) done at random moments.
#include <gtest/gtest.h>

#include "holdfast/base/print.h"
#include "holdfast/store/naive_store_test_kit.h"
#include "holdfast/store/random_commands_test_kit.h"
#include "holdfast/store/store.h"

namespace holdfast::store {
namespace {

std::string image_of(const Store& store, size_t slice = 1000) {
  std::string image;
  const auto reader = store.snapshot();
  while (reader->read(slice, image)) {
  }
  return image;
}

StatusOr<Store> store_of(std::string_view image, size_t piece = 777) {
  const auto loader = Store::load(Limits{});
  for (; !image.empty(); image.remove_prefix(std::min(piece, image.size()))) {
    if (const Status s = loader->add(image.substr(0, piece)); !s.ok()) return s;
  }
  return loader->finish();
}

class Comparison {
 public:
  explicit Comparison(uint64_t seed) : commands_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      apply();
      read();
      if (commands_.some(10)) compare_history();
      disturb();
    }
    reader_ = nullptr;
    ASSERT_EQ(store_.state_hash(), twin_.state_hash());
    ASSERT_TRUE(image_of(store_) == image_of(twin_)) << "the image of a state is one sequence of bytes";
  }

 private:
  void apply() {
    const Command c = commands_.command(naive_.revision(), naive_.compacted(), naive_.clock());
    const std::string expected = print(naive_.apply(c));
    ASSERT_EQ(print(store_.apply(c)), expected) << print(c);
    ASSERT_EQ(print(twin_.apply(c)), expected);
    ASSERT_EQ(print(store_.last_events()), print(naive_.last_events())) << print(c);
    ASSERT_EQ(store_.revision().value(), naive_.revision());
    ASSERT_EQ(store_.compact_revision().value(), naive_.compacted());
    ASSERT_EQ(store_.clock_ms(), naive_.clock());
  }
  void read() {
    const RangeRequest r = commands_.range();
    ASSERT_EQ(print(store_.range(r)), print(naive_.range(r))) << print(r);
    const TxnRequest t = commands_.read_only_txn();
    if (std::get<AlarmResponse>(store_.alarms(AlarmType::kCorrupt)).alarms.empty()) {
      ASSERT_EQ(print(store_.read_txn(t)), print(naive_.read_txn(t))) << print(t);
    }
    const LeaseId id = commands_.lease();
    ASSERT_EQ(print(store_.lease_time_to_live({id, true}, 0)), print(Response(naive_.time_to_live(id))));
    std::vector<int64_t> ids;
    const auto leases = std::get<LeaseLeasesResponse>(store_.lease_leases());
    for (const LeaseId l : leases.leases) ids.push_back(l.value());
    ASSERT_EQ(ids, naive_.lease_ids());
  }
  void compare_history() {
    Random& random = commands_.random();
    const int64_t after = random.between(std::max<int64_t>(naive_.compacted() - 1, 0), naive_.revision());
    const int64_t upto = random.between(after, naive_.revision() + 1);
    const auto got = store_.history(Revision(after), Revision(upto), 1 + random.below(10));
    ASSERT_EQ(print(got.events), print(naive_.history(after, got.upto.value())));
    ASSERT_LE(got.upto.value(), upto);
    ASSERT_TRUE(got.upto.value() > after || std::min(upto, naive_.revision()) == after);
    const Slice key = commands_.key();
    const int64_t at = random.between(naive_.compacted() - 1, naive_.revision());
    const auto state = naive_.state(at);
    const auto it = state.find(key.str());
    const bool there = at >= naive_.compacted() && it != state.end();
    ASSERT_EQ(print(store_.at(key, Revision(at))), there ? print(it->second) : "-");
    ASSERT_EQ(print(store_.hash_kv({Revision(at)})), print(twin_.hash_kv({Revision(at)})));
  }
  // What nobody may be able to see.
  void disturb() {
    Random& random = commands_.random();
    if (random.chance(1, 3)) store_.collect_garbage(1 + random.below(5));
    if (random.chance(1, 5)) {
      ASSERT_EQ(store_.state_hash(), twin_.state_hash());
    }
    if (reader_ != nullptr) {
      if (reader_->read(random.below(100), image_)) return;
      reader_ = nullptr;
      ASSERT_TRUE(image_ == image_then_) << "an image is that of the moment it was asked for";
      auto restored = store_of(image_, 1 + random.below(200));
      ASSERT_TRUE(restored.ok()) << restored.status();
      ASSERT_EQ(restored->state_hash(), hash_then_);
      ASSERT_TRUE(image_of(*restored) == image_);
    } else if (random.chance(1, 20)) {
      image_then_ = image_of(twin_);
      hash_then_ = store_.state_hash();
      image_.clear();
      reader_ = store_.snapshot();
    } else if (random.chance(1, 30)) {
      auto restored = store_of(image_of(store_, 1 + random.below(5000)));
      ASSERT_TRUE(restored.ok()) << restored.status();
      store_ = std::move(*restored);
      ASSERT_EQ(store_.state_hash(), twin_.state_hash());
    }
  }

  RandomCommands commands_;
  NaiveStore naive_{Limits{}};
  Store store_{Limits{}};  // collected, imaged and restored at random
  Store twin_{Limits{}};   // left alone
  std::unique_ptr<Store::SnapshotReader> reader_;
  std::string image_, image_then_;
  uint64_t hash_then_ = 0;
};

TEST(StoreModelTest, AgreesWithTheNaiveStore) {
  for (uint64_t seed = 1; seed <= 150 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Comparison(seed).run(200);
  }
}

TEST(StoreModelTest, AgreesOverALongTime) {
  for (uint64_t seed = 1001; seed <= 1004 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Comparison(seed).run(1200);
  }
}

}  // namespace
}  // namespace holdfast::store
