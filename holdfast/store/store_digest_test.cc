// The digest of a store's state: of the state alone and of all of it, kept up to date as it is worked out from scratch.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "holdfast/store/random_commands_test_kit.h"
#include "holdfast/store/store_test_kit.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {
namespace {

std::string image_of(const Store& store) {
  std::string image;
  const auto reader = store.snapshot();
  while (reader->read(10'000, image)) {
  }
  return image;
}

Store loaded(const Store& store) {
  const auto loader = Store::load(Limits{});
  EXPECT_TRUE(loader->add(image_of(store)).ok());
  auto restored = loader->finish();
  EXPECT_TRUE(restored.ok());
  return std::move(*restored);
}

// Changes bytes that a store holds, as a failing memory would.
void rot(const Slice& held) { const_cast<char*>(held.data())[held.size() / 2] ^= 0x10; }  // NOLINT: on purpose

// One store keeps its digest from some moment on, collects garbage, and is replaced by what was loaded from its image;
// its twin is left alone and works its digest out each time. The image of a state is one sequence of bytes, so digests
// must be equal exactly when images are.
TEST(StoreDigest, IsThatOfTheStateWhateverItsHistory) {
  std::map<std::string, crypto::Digest> by_image;
  std::map<crypto::Digest, std::string> by_digest;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCommands commands(seed);
    Random random(seed + 1000);
    Store kept{Limits{}}, twin{Limits{}};
    for (int i = 0; i < 150; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      const Command c = commands.command(twin.revision().value(), twin.compact_revision().value(), twin.clock_ms());
      kept.apply(c);
      twin.apply(c);
      if (random.chance(1, 15)) kept.keep_digest();
      if (random.chance(1, 4)) kept.collect_garbage(1 + random.below(6));
      if (random.chance(1, 60)) {
        kept = loaded(kept);
      }
      if (random.chance(1, 3)) continue;  // several compactions between two digests
      const crypto::Digest digest = kept.state_digest();
      ASSERT_EQ(digest, kept.audited_digest());
      ASSERT_EQ(digest, twin.state_digest());
      const std::string image = image_of(twin);
      ASSERT_EQ(by_image.emplace(image, digest).first->second, digest);
      ASSERT_EQ(by_digest.emplace(digest, image).first->second, image);
    }
  }
  EXPECT_GT(by_image.size(), 1000u);
}

class StoreDigestTest : public StoreTest {
 protected:
  StoreDigestTest() { store_.keep_digest(); }
  // Applies a command that changes the state: the digest is another one, and another than every one before it.
  void changes(const Command& command) {
    store_.apply(command);
    const crypto::Digest digest = store_.state_digest();
    EXPECT_TRUE(seen_.insert(digest).second) << print(command);
    EXPECT_EQ(digest, store_.audited_digest()) << print(command);
  }
  // What changes nothing, or nothing that can be observed.
  void changes_nothing(const Command& command) {
    const crypto::Digest before = store_.state_digest();
    store_.apply(command);
    EXPECT_EQ(store_.state_digest(), before) << print(command);
  }

  std::set<crypto::Digest> seen_;
};

TEST_F(StoreDigestTest, CoversEverythingThatCommandsCanObserve) {
  changes(SetMembers{{{NodeId(1), "", {"http://a:1"}, {}, false}, {NodeId(2), "", {}, {}, false}}, {}});
  changes(SetMembers{{{NodeId(1), "", {"http://a:1"}, {}, false}, {NodeId(2), "", {}, {}, true}}, {}});
  changes(Publish{NodeId(1), "one", {}});
  changes(Publish{NodeId(1), "one", {"http://a:2"}});
  changes(MemberUpdateRequest{NodeId(1), {"http://b:1"}});
  changes(Tick{1});
  changes(LeaseGrantRequest{60, LeaseId(7)});
  changes(LeaseGrantRequest{60, LeaseId(8)});
  changes(Tick{1000});
  changes(LeaseRenew{{LeaseId(7)}});
  changes(put("a", "1"));
  changes(put("a", "1"));
  changes(put("a", "1", 7));
  changes(put("a", "1", 8));
  changes(del("a"));
  changes(CompactRequest{Revision(3)});
  changes(CompactRequest{Revision(6)});
  changes(LeaseRevokeRequest{LeaseId(7)});
  changes(AlarmRequest{AlarmAction::kActivate, NodeId(1), AlarmType::kNoSpace});
  changes(AlarmRequest{AlarmAction::kActivate, NodeId(2), AlarmType::kNoSpace});
  changes(AlarmRequest{AlarmAction::kActivate, NodeId(2), AlarmType::kCorrupt});
  changes_nothing(put("a", "refused"));
  changes_nothing(Tick{999});
  changes_nothing(LeaseRenew{{LeaseId(99)}});
}

// Fields are told from their neighbours.
TEST_F(StoreDigestTest, TellsKeysFromValues) {
  Store other{Limits{}};
  store_.apply(put("ab", "c"));
  other.apply(put("a", "bc"));
  EXPECT_NE(store_.state_digest(), other.state_digest());
}

// Equal states by different ways: leases granted in another order, and one that came and went in between.
TEST_F(StoreDigestTest, ForgetsHowTheStateCameAbout) {
  Store other{Limits{}};
  for (const int64_t id : {1, 2, 3}) store_.apply(LeaseGrantRequest{10, LeaseId(id)});
  for (const int64_t id : {3, 9, 1, 2}) other.apply(LeaseGrantRequest{10, LeaseId(id)});
  EXPECT_NE(store_.state_digest(), other.state_digest());
  other.apply(LeaseRevokeRequest{LeaseId(9)});
  EXPECT_EQ(store_.state_digest(), other.state_digest());
}

TEST_F(StoreDigestTest, DoesNotSeeTheCollectionOfGarbage) {
  for (int i = 0; i < 10; ++i) store_.apply(put("a", std::to_string(i)));
  store_.apply(del("a"));
  store_.apply(put("b", "1"));
  store_.apply(CompactRequest{Revision(13)});
  const crypto::Digest before = store_.state_digest();
  EXPECT_EQ(before, loaded(store_).state_digest());
  int slices = 0;
  for (bool more = true; more; ++slices) {
    more = store_.collect_garbage(1);
    ASSERT_EQ(store_.state_digest(), before);
    ASSERT_EQ(store_.audited_digest(), before);
  }
  EXPECT_GT(slices, 5);
}

TEST_F(StoreDigestTest, TheAuditSeesAFlippedByte) {
  store_.apply(put("small", "some value"));
  store_.apply(put("old", "one"));
  store_.apply(put("old", "two"));
  store_.apply(put("large", std::string(kShareBytes, 'x')));
  const crypto::Digest before = store_.state_digest();
  RangeRequest then = get("old");
  then.revision = Revision(3);
  for (const RangeRequest& of : {get("small"), then, get("large")}) {
    const KeyValue kv = read(of).kvs.at(0);
    for (const Slice& bytes : {kv.value, kv.key}) {
      rot(bytes);
      EXPECT_NE(store_.audited_digest(), before) << kv.key.view();
      EXPECT_EQ(store_.state_digest(), before) << "what is kept does not look";
      rot(bytes);
    }
  }
  EXPECT_EQ(store_.audited_digest(), before);
}

// What rotted and was then compacted away was subtracted as something that had never been added: that shows for ever.
TEST_F(StoreDigestTest, RotThatWasCompactedAwayShows) {
  Store sound{Limits{}};
  for (Store* store : {&store_, &sound}) {
    store->apply(put("a", "first"));
    store->apply(put("a", "second"));
  }
  RangeRequest then = get("a");
  then.revision = Revision(2);
  rot(read(then).kvs.at(0).value);
  for (Store* store : {&store_, &sound}) store->apply(CompactRequest{Revision(3)});
  EXPECT_NE(store_.state_digest(), sound.state_digest());
  EXPECT_EQ(store_.audited_digest(), sound.state_digest()) << "the data that is left is sound";
}

// Whoever changes this changes what members of different versions agree upon.
// In slices, while everything changes: no false alarm, and no pass that ends without seeing what has rotted.
TEST(StoreAudit, FindsRotAndNothingElseWhileTheStoreChanges) {
  size_t passes = 0, rotten = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCommands commands(seed);
    Random random(seed + 1000);
    Store store{Limits{}};
    store.keep_digest();
    for (int i = 0; i < 300; ++i) {
      store.apply(commands.command(store.revision().value(), store.compact_revision().value(), store.clock_ms()));
      if (random.chance(1, 4)) store.collect_garbage(1 + random.below(6));
      const std::optional<bool> sound = store.audit(1 + random.below(8), 1 + random.below(100));
      ASSERT_TRUE(sound.value_or(true)) << "step " << i;
      passes += sound.has_value();
    }
    RangeRequest all;
    all.key = Slice::unowned("\x01");
    all.range_end = Slice::unowned(std::string_view("\0", 1));
    const auto held = std::get<RangeResponse>(store.range(all)).kvs;
    if (held.empty() || held[seed % held.size()].value.empty()) continue;
    rot(held[seed % held.size()].value);
    std::optional<bool> sound;
    for (int complete = 0; complete < 2 && sound.value_or(true); complete += sound.has_value()) {
      sound = store.audit(3, 1000);
    }
    EXPECT_EQ(sound, std::optional(false));
    ++rotten;
  }
  EXPECT_GT(passes, 500u);
  EXPECT_GT(rotten, 20u);
}

TEST_F(StoreDigestTest, KnownAnswers) {
  EXPECT_EQ(to_hex(store_.state_digest().view()), "7b1d31236da240906d072ee3a380093f0e898136d5a91cf4642845613238776c");
  store_.apply(SetMembers{{{NodeId(1), "", {"http://a:1"}, {}, false}}, {}});
  store_.apply(LeaseGrantRequest{60, LeaseId(7)});
  store_.apply(put("a", "1", 7));
  store_.apply(put("b", "2"));
  store_.apply(del("b"));
  EXPECT_EQ(to_hex(store_.state_digest().view()), "4f06dc61d03e80afe9b5ab90279c55c55c5a107d60445b1535b8ff65f38ffc88");
}

}  // namespace
}  // namespace holdfast::store
