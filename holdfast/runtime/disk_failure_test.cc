// The log over real files on a device that fails: errors at every write and sync of a run, a full disk, short writes.
// Whatever the moment, the log stops, says why, and a restart finds everything that was acknowledged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "holdfast/runtime/posix_disk.h"
#include "holdfast/stable/wal.h"

namespace holdfast::runtime {
namespace {

using stable::Disk;
using stable::File;
using stable::PendingRecord;
using stable::Wal;
using testing::HasSubstr;

// What goes wrong, and at which of the operations that it can strike (counted from 1; 0: never).
struct Failures {
  uint64_t eio_at_write = 0;
  uint64_t half_at_write = 0;  // half of it is written, then EIO
  uint64_t eio_at_sync = 0;
  uint64_t no_space_at = 0;  // of allocations
  uint64_t writes = 0, syncs = 0, allocations = 0;
};

class FailingFile final : public File {
 public:
  FailingFile(std::unique_ptr<File> file, Failures& f) : file_(std::move(file)), f_(f) {}
  Status write(uint64_t offset, const Chain& bytes) override {
    ++f_.writes;
    if (f_.writes == f_.eio_at_write) return posix_error(EIO, "write", "injected");
    if (f_.writes == f_.half_at_write) {
      const Slice all = bytes.flatten();
      if (Status s = file_->write(offset, Chain(all.sub(0, all.size() / 2))); !s.ok()) return s;
      return posix_error(EIO, "write", "injected");
    }
    return file_->write(offset, bytes);
  }
  Status sync() override {
    if (++f_.syncs == f_.eio_at_sync) return posix_error(EIO, "sync", "injected");
    return file_->sync();
  }
  StatusOr<Slice> read(uint64_t offset, uint64_t length) override { return file_->read(offset, length); }
  StatusOr<uint64_t> size() override { return file_->size(); }
  Status allocate(uint64_t size) override {
    if (++f_.allocations == f_.no_space_at) return posix_error(ENOSPC, "reserve space for", "injected");
    return file_->allocate(size);
  }
  Status truncate(uint64_t size) override { return file_->truncate(size); }

 private:
  std::unique_ptr<File> file_;
  Failures& f_;
};

class FailingDisk final : public Disk {
 public:
  FailingDisk(Disk& disk, Failures& f) : disk_(disk), f_(f) {}
  StatusOr<std::unique_ptr<File>> create(std::string_view name) override { return wrap(disk_.create(name)); }
  StatusOr<std::unique_ptr<File>> open(std::string_view name) override { return wrap(disk_.open(name)); }
  Status rename(std::string_view from, std::string_view to) override { return disk_.rename(from, to); }
  Status remove(std::string_view name) override { return disk_.remove(name); }
  Status sync_dir() override { return disk_.sync_dir(); }
  StatusOr<std::vector<std::string>> list() override { return disk_.list(); }
  std::string path() const override { return disk_.path(); }

 private:
  StatusOr<std::unique_ptr<File>> wrap(StatusOr<std::unique_ptr<File>> file) {
    if (!file.ok()) return file;
    return std::make_unique<FailingFile>(*std::move(file), f_);
  }
  Disk& disk_;
  Failures& f_;
};

class DiskFailureTest : public testing::Test {
 protected:
  DiskFailureTest() {
    std::string pattern = testing::TempDir() + "holdfast-failing-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    options_.identity = {1, 1};
    options_.segment_bytes = 32 << 10;
  }
  ~DiskFailureTest() override { std::filesystem::remove_all(root_); }

  // Writes until something fails, over the failing disk; then opens the log as it is. The failure that stopped it.
  Status run(Failures failures) {
    const std::string directory = root_ + "/" + std::to_string(++runs_);
    uint64_t acknowledged = 0;
    Status stopped;
    {
      auto disk = PosixDisk::open_directory(directory);
      FailingDisk failing(**disk, failures);
      auto wal = Wal::open(failing, options_, [](StableSeq, Slice) { return absl::OkStatus(); });
      stopped = wal.status();
      for (uint64_t i = 1; i <= 20 && stopped.ok(); ++i) {
        const std::vector<PendingRecord> batch = {{StableSeq(i), Chain(Slice::take(std::string(i * 300, 'r')))}};
        stopped = (*wal)->write(batch);
        if (stopped.ok()) stopped = (*wal)->sync();
        if (stopped.ok()) acknowledged = i;
      }
      EXPECT_TRUE(stopped.ok() || !wal.ok() || (*wal)->sync() == stopped) << "a stopped log goes on";
    }
    auto disk = PosixDisk::open_directory(directory);
    uint64_t replayed = 0;
    auto wal = Wal::open(**disk, options_, [&](StableSeq seq, Slice bytes) {
      EXPECT_EQ(seq.value(), ++replayed);
      EXPECT_EQ(bytes.size(), seq.value() * 300);
      return absl::OkStatus();
    });
    EXPECT_TRUE(wal.ok()) << wal.status();
    EXPECT_GE(replayed, acknowledged) << "an acknowledged record is lost";
    return stopped;
  }

  std::string root_;
  stable::WalOptions options_;
  int runs_ = 0;
};

TEST_F(DiskFailureTest, AnErrorAtAnyWriteOrSyncStopsTheLogAndLosesNothing) {  // D4, D7
  for (uint64_t at = 1; at <= 24; at += at < 6 ? 1 : 3) {
    Failures write, half, sync;
    write.eio_at_write = half.half_at_write = sync.eio_at_sync = at;
    for (const Failures& f : {write, half, sync}) {
      const Status s = run(f);
      EXPECT_TRUE(absl::IsInternal(s)) << s;
      EXPECT_THAT(s.message(), HasSubstr("EIO"));
    }
  }
}

TEST_F(DiskFailureTest, AFullDiskStopsTheLogAndLosesNothing) {  // D8
  for (uint64_t at = 1; at <= 2; ++at) {
    Failures f;
    f.no_space_at = at;
    const Status s = run(f);
    EXPECT_TRUE(absl::IsResourceExhausted(s)) << s;
    EXPECT_THAT(s.message(), HasSubstr("ENOSPC"));
    EXPECT_THAT(s.message(), HasSubstr("free space"));
  }
}

TEST_F(DiskFailureTest, AShortWriteIsContinuedUntilTheErrorShows) {  // D7: the kernel cuts at the file size limit
  auto disk = PosixDisk::open_directory(root_ + "/data");
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto file = (*disk)->create("f");
    if (!file.ok()) ::_exit(1);
    Chain pieces;
    for (int i = 0; i < 5; ++i) pieces.push(Slice::take(std::string(300, static_cast<char>('a' + i))));
    const Status s = (*file)->write(0, pieces);
    const bool named = s.message().find("EFBIG") != std::string_view::npos;
    ::_exit(!s.ok() && named && (*file)->read(0, 5000)->view().substr(899, 3) == "cdd" ? 7 : 2);
  }
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 7);
  EXPECT_EQ(std::filesystem::file_size(root_ + "/data/f"), 1000u);
}

}  // namespace
}  // namespace holdfast::runtime
