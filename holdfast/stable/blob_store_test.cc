#include "holdfast/stable/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/sim/sim_disk.h"

namespace holdfast::stable {
namespace {

using sim::DiskFault;
using sim::SimDisk;
using testing::HasSubstr;
using Sizes = std::vector<std::pair<BlobId, uint64_t>>;

class BlobStoreTest : public testing::Test {
 protected:
  void open() {
    auto opened = BlobStore::open(disk);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
  }
  void SetUp() override { open(); }
  void power_failure() {
    store.reset();
    disk.crash();
    disk.restart(random);
    open();
  }
  std::optional<BlobAnswer> append(BlobId id, std::string_view bytes) {
    return store->handle(BlobAppend{id, Slice::copy_of(bytes)});
  }
  // Creates, fills and seals.
  void make(BlobId id, std::string_view bytes) {
    EXPECT_FALSE(store->handle(BlobCreate{id}).has_value());
    append(id, bytes);
    const auto answer = store->handle(BlobSeal{id});
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(std::holds_alternative<BlobSealed>(*answer));
    EXPECT_EQ(std::get<BlobSealed>(*answer).size, bytes.size());
  }
  std::string read(BlobId id, uint64_t offset, uint64_t length) {
    const auto answer = store->handle(BlobRead{id, offset, length});
    if (!answer.has_value() || !std::holds_alternative<BlobData>(*answer)) return "(failed)";
    EXPECT_EQ(std::get<BlobData>(*answer).offset, offset);
    return std::get<BlobData>(*answer).bytes.str();
  }
  // The reason, when the request failed.
  std::string failure(const BlobRequest& request) {
    const auto answer = store->handle(request);
    if (!answer.has_value() || !std::holds_alternative<BlobFailed>(*answer)) return "(no failure)";
    return std::get<BlobFailed>(*answer).what;
  }

  Random random{3};
  SimDisk disk{5};
  std::unique_ptr<BlobStore> store;
};

TEST_F(BlobStoreTest, ASealedBlobSurvivesAPowerFailureAndCanBeReadInParts) {
  make(BlobId(7), "hello, blob");
  EXPECT_EQ(read(BlobId(7), 7, 100), "blob");
  power_failure();
  EXPECT_EQ(store->sealed(), (Sizes{{BlobId(7), 11}}));
  EXPECT_EQ(read(BlobId(7), 0, 5), "hello");
  EXPECT_EQ(read(BlobId(7), 11, 5), "");
}

TEST_F(BlobStoreTest, AppendsReportTheSizeSoFar) {
  store->handle(BlobCreate{BlobId(1)});
  EXPECT_EQ(std::get<BlobAppended>(*append(BlobId(1), "abc")).size, 3u);
  EXPECT_EQ(std::get<BlobAppended>(*append(BlobId(1), "de")).size, 5u);
}

TEST_F(BlobStoreTest, AnUnsealedBlobIsGoneAfterARestart) {
  store->handle(BlobCreate{BlobId(1)});
  append(BlobId(1), "half");
  open();  // the process alone restarts
  EXPECT_TRUE(store->sealed().empty());
  EXPECT_TRUE(disk.list()->empty());
}

TEST_F(BlobStoreTest, ADroppedBlobStaysDropped) {
  make(BlobId(1), "old");
  make(BlobId(2), "new");
  EXPECT_FALSE(store->handle(BlobDrop{BlobId(1)}).has_value());
  for (int i = 0; i < 5; ++i) {
    power_failure();
    EXPECT_EQ(store->sealed(), (Sizes{{BlobId(2), 3}}));
  }
  store->handle(BlobCreate{BlobId(3)});
  EXPECT_FALSE(store->handle(BlobDrop{BlobId(3)}).has_value());
  EXPECT_EQ(disk.list()->size(), 1u);
}

TEST_F(BlobStoreTest, AFailedSyncIsNeverTriedAgain) {  // S4
  store->handle(BlobCreate{BlobId(1)});
  append(BlobId(1), std::string(5000, 'x'));
  disk.arm(DiskFault::kSyncFails);
  EXPECT_THAT(failure(BlobSeal{BlobId(1)}), HasSubstr("EIO"));
  EXPECT_THAT(failure(BlobSeal{BlobId(1)}), HasSubstr("not being written"));
  EXPECT_TRUE(store->sealed().empty());
  make(BlobId(2), "others go on");
}

TEST_F(BlobStoreTest, AFullDiskFailsThatBlobOnlyAndGivesItsSpaceBack) {  // D8
  make(BlobId(1), std::string(1000, 'a'));
  disk.set_capacity(3000);
  store->handle(BlobCreate{BlobId(2)});
  append(BlobId(2), std::string(1500, 'b'));
  EXPECT_THAT(failure(BlobAppend{BlobId(2), Slice::copy_of(std::string(1000, 'b'))}), HasSubstr("ENOSPC"));
  make(BlobId(3), std::string(1900, 'c'));
  EXPECT_EQ(store->sealed(), (Sizes{{BlobId(1), 1000}, {BlobId(3), 1900}}));
}

TEST_F(BlobStoreTest, AnEntryLostAfterTheRenameCannotHappenToAReportedBlob) {  // D17, S10
  for (uint64_t seed = 0; seed < 100; ++seed) {
    disk.load({});
    open();
    make(BlobId(1), "whole");
    Random chance(seed);
    EXPECT_EQ(disk.legal_image(chance).files, (std::map<std::string, std::string>{{blob_name(BlobId(1)), "whole"}}));
  }
}

TEST_F(BlobStoreTest, ASealWhoseDirectorySyncFailsIsNotReported) {
  store->handle(BlobCreate{BlobId(1)});
  append(BlobId(1), "x");
  disk.arm(DiskFault::kDirectorySyncFails);
  EXPECT_THAT(failure(BlobSeal{BlobId(1)}), HasSubstr("EIO"));
  EXPECT_TRUE(store->sealed().empty());
}

TEST_F(BlobStoreTest, AReadErrorIsAnAnswer) {  // D6
  make(BlobId(1), "x");
  disk.arm(DiskFault::kReadError);
  EXPECT_THAT(failure(BlobRead{BlobId(1), 0, 1}), HasSubstr("EIO"));
  EXPECT_EQ(read(BlobId(1), 0, 1), "x");
}

TEST_F(BlobStoreTest, RequestsThatMakeNoSenseAreRefused) {
  EXPECT_THAT(failure(BlobAppend{BlobId(9), Slice::unowned("x")}), HasSubstr("b9: append to a blob that is not"));
  EXPECT_THAT(failure(BlobSeal{BlobId(9)}), HasSubstr("not being written"));
  EXPECT_THAT(failure(BlobRead{BlobId(9), 0, 1}), HasSubstr("not sealed"));
  EXPECT_FALSE(store->handle(BlobDrop{BlobId(9)}).has_value());
  make(BlobId(1), "x");
  EXPECT_THAT(failure(BlobCreate{BlobId(1)}), HasSubstr("there already"));
}

TEST_F(BlobStoreTest, ForeignFilesAreLeftAlone) {
  disk.load({{{"wal-0000000000000001", "log"}, {"notes.txt.tmp", "mine"}, {"blob-1", "not ours"}}});
  open();
  EXPECT_TRUE(store->sealed().empty());
  EXPECT_EQ(disk.list()->size(), 3u);
}

}  // namespace

}  // namespace holdfast::stable
