// Images: taken while the store goes on, loaded in pieces, refused when they are not what a store wrote.
#include <gtest/gtest.h>

#include <cstring>

#include "holdfast/base/random.h"
#include "holdfast/store/image.h"
#include "holdfast/store/store.h"

namespace holdfast::store {
namespace {

Slice s(std::string_view text) { return Slice::copy_of(text); }

PutRequest put(std::string_view key, std::string_view value, int64_t lease = 0) {
  PutRequest r;
  r.key = s(key);
  r.value = s(value);
  r.lease = LeaseId(lease);
  return r;
}

std::string image_of(const Store& store) {
  std::string image;
  const auto reader = store.snapshot();
  while (reader->read(4096, image)) {
  }
  return image;
}

StatusOr<Store> store_of(std::string_view image) {
  const auto loader = Store::load(Limits{});
  if (const Status status = loader->add(image); !status.ok()) return status;
  return loader->finish();
}

// A store with something of everything, compacted, with garbage both collected and not.
Store sample() {
  Store store{Limits{}};
  store.apply(
      SetMembers{{{NodeId(1), "one", {"http://a:1"}, {"http://a:2"}, false}, {NodeId(2), "", {}, {}, true}}, {}});
  store.apply(AlarmRequest{AlarmAction::kActivate, NodeId(2), AlarmType::kNoSpace});
  store.apply(AlarmRequest{AlarmAction::kDeactivate, NodeId(2), AlarmType::kNoSpace});
  store.apply(AlarmRequest{AlarmAction::kActivate, NodeId(2), AlarmType::kNoSpace});
  store.apply(AlarmRequest{AlarmAction::kDeactivate, NodeId(2), AlarmType::kNone});
  store.apply(Tick{12'345});
  store.apply(LeaseGrantRequest{60, LeaseId(7)});
  store.apply(LeaseGrantRequest{30, LeaseId(-9)});
  for (int i = 0; i < 5; ++i) store.apply(put("a", "v" + std::to_string(i), i % 2 == 0 ? 7 : 0));
  store.apply(put("b", "b"));
  store.apply(DeleteRangeRequest{s("b"), {}, false});
  store.apply(put("c", "c", -9));
  store.apply(CompactRequest{Revision(5)});
  store.collect_garbage(2);
  store.apply(AlarmRequest{AlarmAction::kActivate, NodeId(1), AlarmType::kNoSpace});
  return store;
}

TEST(SnapshotTest, RestoresEverything) {
  const Store store = sample();
  const auto restored = store_of(image_of(store));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->state_hash(), store.state_hash());
  EXPECT_EQ(restored->next_expiry_ms(), store.next_expiry_ms());
  EXPECT_EQ(restored->bytes_in_use(), store.bytes_in_use());
  EXPECT_TRUE(image_of(*restored) == image_of(store));
}

TEST(SnapshotTest, EmptyStore) {
  const Store store{Limits{}};
  const auto restored = store_of(image_of(store));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->state_hash(), store.state_hash());
}

TEST(SnapshotTest, ManyFramesInAnySlices) {
  Store store{Limits{}};
  for (int i = 0; i < 3000; ++i) {
    store.apply(LeaseGrantRequest{60, LeaseId(i + 1)});
    store.apply(put("key" + std::to_string(i), std::string(100, 'x'), i + 1));
  }
  store.apply(put("large", std::string(300'000, 'y')));
  std::string image;
  {
    const auto reader = store.snapshot();
    size_t longest = 0, before = 0;
    bool more = true;
    while (more) {
      before = image.size();
      more = reader->read(1, image);
      longest = std::max(longest, image.size() - before);
    }
    EXPECT_LT(longest, 350'000u);
  }
  EXPECT_TRUE(image == image_of(store));
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    const auto loader = Store::load(Limits{});
    for (size_t at = 0; at < image.size(); at += piece) {
      ASSERT_TRUE(loader->add(std::string_view(image).substr(at, piece)).ok());
    }
    const auto restored = loader->finish();
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(restored->state_hash(), store.state_hash());
  }
}

TEST(SnapshotTest, IsThatOfItsMomentWhateverHappensMeanwhile) {
  Store store = sample();
  const std::string expected = image_of(store);
  const uint64_t hash = store.state_hash();
  std::string image;
  auto reader = store.snapshot();
  int64_t i = 0;
  store.apply(AlarmRequest{AlarmAction::kDeactivate, {}, AlarmType::kNone});
  do {
    ++i;
    store.apply(put("a", "later" + std::to_string(i)));
    store.apply(put("new" + std::to_string(i), "x"));
    store.apply(DeleteRangeRequest{s("c"), {}, false});
    store.apply(Tick{100'000 * i});
    store.apply(CompactRequest{store.revision() - 1});
    EXPECT_FALSE(store.collect_garbage(100)) << "collection waits for the image";
  } while (reader->read(1, image));
  EXPECT_TRUE(image == expected);
  EXPECT_NE(store.state_hash(), hash);
  reader = nullptr;
  while (store.collect_garbage(100)) {
  }
  const auto restored = store_of(image);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->state_hash(), hash);
}

TEST(SnapshotTest, EveryDamagedByteIsNoticed) {
  const std::string image = image_of(sample());
  for (size_t i = 0; i < image.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = image;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      EXPECT_FALSE(store_of(damaged).ok()) << "byte " << i;
    }
    EXPECT_FALSE(store_of(std::string_view(image).substr(0, i)).ok()) << "cut at byte " << i;
  }
  EXPECT_EQ(store_of(image + "x").status().code(), StatusCode::kDataLoss);
}

std::string frame(const ImagePart& part) {
  const Slice body = codec::encode(part).flatten();
  const auto n = static_cast<uint32_t>(body.size());
  std::string out(4, '\0');
  std::memcpy(out.data(), &n, 4);
  return out + body.str();
}
std::string image_with(const std::vector<ImagePart>& parts) {
  std::string out(kImageMagic);
  for (const ImagePart& p : parts) out += frame(p);
  return out;
}
std::string refusal(const std::vector<ImagePart>& parts) {
  return std::string(store_of(image_with(parts)).status().message());
}

TEST(SnapshotTest, ImpossibleStatesAreRefused) {
  const ImageHeader header{Revision(10), Revision(5), 1000, {}, {}};
  const auto version = [](std::string_view key, int64_t mod, int64_t create, int64_t number, int64_t lease = 0) {
    ImageVersion v;
    v.key = s(key);
    v.mod = Revision(mod);
    v.create = Revision(create);
    v.version = number;
    v.lease = LeaseId(lease);
    return v;
  };
  const auto versions = [&](std::vector<ImageVersion> all) { return refusal({header, ImageVersions{std::move(all)}}); };
  const auto complains = [](const std::string& message, std::string_view of) {
    return message.find(of) != std::string::npos;
  };
  const auto impossible = [&](std::vector<ImageVersion> all) {
    return complains(versions(std::move(all)), "a version is impossible");
  };
  const auto possible = [&](std::vector<ImageVersion> all) {
    return complains(versions(std::move(all)), "ends early");
  };
  EXPECT_TRUE(possible({version("a", 3, 2, 2), version("a", 6, 2, 3)}));
  EXPECT_TRUE(possible({version("a", 5, 0, 0), version("b", 6, 6, 1), version("a", 7, 7, 1)}));
  EXPECT_TRUE(impossible({version("", 6, 6, 1)}));
  EXPECT_TRUE(impossible({version("a", 1, 1, 1)})) << "revision 1 is the empty store's";
  EXPECT_TRUE(impossible({version("a", 11, 11, 1)})) << "beyond the image's revision";
  EXPECT_TRUE(impossible({version("a", 6, 6, 2)}));
  EXPECT_TRUE(impossible({version("a", 6, 4, 2)})) << "what it was before is missing";
  EXPECT_TRUE(impossible({version("a", 4, 4, 2)}));
  EXPECT_TRUE(impossible({version("a", 4, 3, 1)}));
  EXPECT_TRUE(impossible({version("a", 6, 7, 1)}));
  EXPECT_TRUE(impossible({version("a", 6, 6, -1)}));
  EXPECT_TRUE(impossible({version("a", 4, 0, 0)})) << "a tombstone that a compaction removes";
  EXPECT_TRUE(impossible({version("a", 6, 0, 0)})) << "nothing to delete";
  EXPECT_TRUE(impossible({version("a", 5, 0, 0), version("a", 6, 0, 0)}));
  EXPECT_TRUE(impossible({version("a", 5, 0, 0, 7)})) << "a tombstone with a lease";
  EXPECT_TRUE(impossible({version("a", 3, 3, 1), version("a", 4, 3, 2)})) << "garbage";
  EXPECT_TRUE(impossible({version("a", 3, 3, 1), version("a", 6, 3, 3)})) << "a gap";
  EXPECT_TRUE(impossible({version("a", 3, 3, 1), version("a", 6, 6, 1)}));
  EXPECT_TRUE(complains(versions({version("a", 7, 7, 1), version("b", 6, 6, 1)}), "not in order"));
  EXPECT_TRUE(complains(versions({version("a", 7, 7, 1), version("b", 7, 7, 1)}), "not in order"));

  const auto leases = [&](std::vector<ImageLease> all) { return refusal({header, ImageLeases{std::move(all)}}); };
  EXPECT_TRUE(complains(leases({{LeaseId(1), 10, 11'001}}), "ends early"));
  EXPECT_TRUE(complains(leases({{LeaseId(1), 10, 11'002}}), "times are impossible"));
  EXPECT_TRUE(complains(leases({{LeaseId(1), 0, 500}}), "times are impossible"));
  EXPECT_TRUE(complains(leases({{LeaseId(1), 10, -1}}), "times are impossible"));
  EXPECT_TRUE(complains(leases({{LeaseId(1), kMaxLeaseTtlSeconds + 1, 1}}), "times are impossible"));
  EXPECT_TRUE(complains(leases({{LeaseId(0), 10, 500}}), "not in order"));
  EXPECT_TRUE(complains(leases({{LeaseId(2), 10, 500}, {LeaseId(1), 10, 500}}), "not in order"));

  EXPECT_TRUE(complains(refusal({ImageHeader{Revision(0), {}, 0, {}, {}}}), "impossible"));
  EXPECT_TRUE(complains(refusal({ImageHeader{Revision(3), Revision(4), 0, {}, {}}}), "impossible"));
  EXPECT_TRUE(complains(refusal({ImageHeader{Revision(3), Revision(2), -1, {}, {}}}), "impossible"));
  EXPECT_TRUE(complains(refusal({ImageHeader{Revision(3), {}, 0, {{NodeId(2)}, {NodeId(2)}}, {}}}), "not in order"));
  EXPECT_TRUE(complains(refusal({header, header}), "a header stands in the middle"));
  EXPECT_TRUE(complains(refusal({ImageLeases{}}), "wrong place"));
  EXPECT_TRUE(complains(refusal({header, ImageVersions{}, ImageLeases{}}), "wrong place"));
  EXPECT_TRUE(complains(refusal({header, ImageEnd{1, 0, {}}}), "missing"));
  EXPECT_TRUE(complains(refusal({header, ImageEnd{0, 0, {}}}), "another hash"));
  EXPECT_TRUE(complains(refusal({header, ImageVersions{{version("a", 6, 6, 1, 7)}}, ImageEnd{0, 1, {}}}),
                        "lease does not exist"));
  EXPECT_TRUE(complains(std::string(store_of("HFSTORE9").status().message()), "does not begin"));
  EXPECT_TRUE(
      complains(std::string(store_of(std::string(kImageMagic) + "\xff\xff\xff\xff").status().message()), "longer"));
}

TEST(SnapshotTest, AnImageOfANewerVersionIsNamedAsSuch) {
  std::string image = image_with({ImageHeader{Revision(1), {}, 0, {}, {}}});
  image += std::string("\x05\0\0\0\x09\0\0\0\0", 9);  // a part with the unknown tag 9
  EXPECT_EQ(store_of(image).status().code(), StatusCode::kUnimplemented);
}

TEST(SnapshotTest, ErrorsStickAndAStoreIsTakenOnce) {
  const std::string image = image_of(sample());
  const auto loader = Store::load(Limits{});
  EXPECT_FALSE(loader->add("garbage!").ok());
  EXPECT_FALSE(loader->add(image).ok());
  EXPECT_EQ(loader->finish().status().code(), StatusCode::kDataLoss);
  const auto good = Store::load(Limits{});
  EXPECT_TRUE(good->add(image).ok());
  EXPECT_TRUE(good->finish().ok());
  EXPECT_FALSE(good->finish().ok());
}

}  // namespace
}  // namespace holdfast::store
