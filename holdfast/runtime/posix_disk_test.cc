// The POSIX disk on a real file system.
#include "holdfast/runtime/posix_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "holdfast/stable/wal.h"

namespace holdfast::runtime {
namespace {

using testing::HasSubstr;

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest() {
    std::string pattern = testing::TempDir() + "holdfast-disk-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~PosixDiskTest() override { std::filesystem::remove_all(root_); }
  std::unique_ptr<PosixDisk> open() {
    auto disk = PosixDisk::open_directory(root_ + "/data");
    EXPECT_TRUE(disk.ok()) << disk.status();
    return *std::move(disk);
  }

  std::string root_;
};

Chain chain(std::string_view bytes) { return Chain(Slice::copy_of(bytes)); }

TEST_F(PosixDiskTest, FilesAreWrittenReadAndListed) {
  const auto disk = open();
  auto file = disk->create("b");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->allocate(8192).ok());
  ASSERT_TRUE((*file)->write(100, chain("hello")).ok());
  ASSERT_TRUE((*file)->sync().ok());
  EXPECT_EQ((*file)->size().value(), 8192u);
  EXPECT_EQ((*file)->read(98, 9)->view(), std::string_view("\0\0hello\0\0", 9));
  EXPECT_EQ((*file)->read(8190, 100)->size(), 2u);
  EXPECT_TRUE((*file)->read(9000, 1)->empty());
  ASSERT_TRUE((*file)->truncate(103).ok());
  EXPECT_EQ((*file)->read(100, 100)->view(), "hel");
  ASSERT_TRUE(disk->create("a").ok());
  ASSERT_TRUE(disk->sync_dir().ok());
  EXPECT_EQ(disk->list().value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(disk->rename("a", "c").ok());
  ASSERT_TRUE(disk->remove("b").ok());
  EXPECT_EQ(disk->list().value(), std::vector<std::string>{"c"});
}

TEST_F(PosixDiskTest, AChainOfManyPiecesArrivesWhole) {
  const auto disk = open();
  auto file = disk->create("f");
  Chain many;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i) + std::string(static_cast<size_t>(i % 7), '.');
    many.push(Slice::copy_of(piece));
    expected += piece;
  }
  ASSERT_TRUE((*file)->write(0, many).ok());
  EXPECT_EQ((*file)->read(0, 1 << 20)->view(), expected);
}

TEST_F(PosixDiskTest, ErrorsSayWhatWhereAndWhatToDo) {
  const auto disk = open();
  const Status missing = disk->open("nothing").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(missing.message(), HasSubstr(root_ + "/data/nothing: ENOENT"));
  ASSERT_TRUE(disk->create("x").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(disk->create("x").status()));
  const Status full = posix_error(ENOSPC, "write", "/some/file");
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(full.message(), HasSubstr("write /some/file: ENOSPC"));
  EXPECT_THAT(full.message(), HasSubstr("free space"));
  EXPECT_TRUE(absl::IsInternal(posix_error(EIO, "sync", "f")));
}

TEST_F(PosixDiskTest, ASpaceThatIsNotThereCannotBeReserved) {
  const auto disk = open();
  auto file = disk->create("f");
  const Status s = (*file)->allocate(uint64_t{1} << 60);
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(s.message(), HasSubstr("reserve space for"));
}

TEST_F(PosixDiskTest, ADirectoryThatCannotBeOneIsRefused) {
  std::ofstream(root_ + "/file") << "x";
  EXPECT_TRUE(absl::IsFailedPrecondition(PosixDisk::open_directory(root_ + "/file").status()));
  EXPECT_FALSE(PosixDisk::open_directory(root_ + "/file/below").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(PosixDisk::open_directory("").status()));
  EXPECT_TRUE(PosixDisk::open_directory(root_ + "/made/with/parents/").ok());
}

TEST_F(PosixDiskTest, ASecondHolderIsRefusedAndNamed) {
  auto disk = open();
  const Status second = PosixDisk::open_directory(root_ + "/data").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(second.message(), HasSubstr("in use by process " + std::to_string(::getpid())));
  disk.reset();
  EXPECT_TRUE(PosixDisk::open_directory(root_ + "/data").ok());
}

TEST_F(PosixDiskTest, AnotherProcessIsRefusedToo) {
  const auto disk = open();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(absl::IsFailedPrecondition(PosixDisk::open_directory(root_ + "/data").status()) ? 7 : 1);
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 7);
}

TEST_F(PosixDiskTest, TheLogLivesOnARealFileSystem) {
  stable::WalOptions options;
  options.identity = {5, 6};
  options.segment_bytes = uint64_t{1} << 20;
  for (uint64_t start = 0; start < 3; ++start) {
    const auto disk = open();
    uint64_t replayed = 0;
    auto wal = stable::Wal::open(*disk, options, [&](StableSeq seq, Slice bytes) {
      EXPECT_EQ(bytes.view().substr(0, 8), "payload ");
      EXPECT_EQ(bytes.size(), 8 + (seq.value() * 37) % 9000);
      ++replayed;
      return absl::OkStatus();
    });
    ASSERT_TRUE(wal.ok()) << wal.status();
    EXPECT_EQ(replayed, start * 600);
    for (uint64_t i = 0; i < 200; ++i) {
      std::vector<stable::PendingRecord> batch;
      for (uint64_t k = 0; k < 3; ++k) {
        const StableSeq seq = (*wal)->last_written() + 1 + k;
        batch.push_back({seq, chain("payload " + std::string((seq.value() * 37) % 9000, 'x'))});
      }
      ASSERT_TRUE((*wal)->write(batch).ok());
      ASSERT_TRUE((*wal)->sync().ok());
    }
  }
}

}  // namespace
}  // namespace holdfast::runtime
