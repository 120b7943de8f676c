// For tests: a disk whose syncs wait until the test lets them go on, and fail when it says so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/stable/disk.h"

namespace holdfast::runtime {

// What the test holds in its hand: when a sync goes on, and how many there were.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  int waiting = 0;
  std::atomic<int> syncs{0};
  std::atomic<int> failing_syncs{0};
  std::atomic<int> failing_writes{0};
  std::atomic<bool> full{false};  // there is no room for more files

  void pass() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    --waiting;
  }
  void set(bool value) {
    const std::lock_guard lock(mutex);
    open = value;
    changed.notify_all();
  }
  void await_waiting() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting > 0; });
  }
};

class GatedFile : public stable::File {
 public:
  GatedFile(std::unique_ptr<stable::File> file, Gate& gate) : file_(std::move(file)), gate_(gate) {}
  Status write(uint64_t offset, const Chain& bytes) override {
    if (gate_.failing_writes > 0) {
      --gate_.failing_writes;
      return absl::ResourceExhaustedError("write of the-disk/file: no space left on device");
    }
    return file_->write(offset, bytes);
  }
  Status sync() override {
    ++gate_.syncs;
    gate_.pass();
    if (gate_.failing_syncs > 0) {
      --gate_.failing_syncs;
      return absl::InternalError("fsync of the-disk/file: input/output error");
    }
    return file_->sync();
  }
  StatusOr<Slice> read(uint64_t offset, uint64_t length) override { return file_->read(offset, length); }
  StatusOr<uint64_t> size() override { return file_->size(); }
  Status allocate(uint64_t size) override {
    if (gate_.full) return absl::ResourceExhaustedError("allocate the-disk/file: no space left on device");
    return file_->allocate(size);
  }
  Status truncate(uint64_t size) override { return file_->truncate(size); }

 private:
  std::unique_ptr<stable::File> file_;
  Gate& gate_;
};

class GatedDisk : public stable::Disk {
 public:
  GatedDisk(stable::Disk& disk, Gate& gate) : disk_(disk), gate_(gate) {}
  StatusOr<std::unique_ptr<stable::File>> create(std::string_view name) override { return wrap(disk_.create(name)); }
  StatusOr<std::unique_ptr<stable::File>> open(std::string_view name) override { return wrap(disk_.open(name)); }
  Status rename(std::string_view from, std::string_view to) override { return disk_.rename(from, to); }
  Status remove(std::string_view name) override { return disk_.remove(name); }
  Status sync_dir() override { return disk_.sync_dir(); }
  StatusOr<std::vector<std::string>> list() override { return disk_.list(); }
  std::string path() const override { return disk_.path(); }

 private:
  StatusOr<std::unique_ptr<stable::File>> wrap(StatusOr<std::unique_ptr<stable::File>> file) {
    if (!file.ok()) return file.status();
    return std::unique_ptr<stable::File>(std::make_unique<GatedFile>(*std::move(file), gate_));
  }
  stable::Disk& disk_;
  Gate& gate_;
};

}  // namespace holdfast::runtime
