// The simulated disk: files in memory with the crash semantics that stable/disk.h states, and the storage faults of the
// catalogue (D1 to D21) by name. Deterministic: everything left to chance is drawn from the Random it is given.
//
// What is kept: for every file the content on the medium and, sector by sector, all that was written and not yet
// synced; for the directory the entries on the medium and the changes since its last sync.
//
// A power failure (`crash`, or the one armed by `crash_at`) leaves a legal image:
//  - of the unsynced writes any subset (D1, D2): each sector of 512 bytes holds any of its unsynced versions or the old
//    one, now and then a version of which only the first bytes arrived (D3); the length lies between the old and new;
//  - of the unsynced directory changes any subset (D17), in their order; a rename is atomic;
//  - whatever was synced.
// A crash of the process alone is nothing here: open the files again, what was written is still in the page cache.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/stable/disk.h"

namespace holdfast::sim {

inline constexpr uint64_t kSectorBytes = 512;

// Faults that change what an operation does. Each armed one strikes the next operations that it fits.
enum class DiskFault {
  kSyncFails,           // D4: error; what was unsynced is forgotten (any part may have arrived); a later sync succeeds
  kSyncLies,            // D5: success; what was unsynced stays so
  kReadError,           // D6
  kWriteError,          // D7: error; any first part may have been written
  kNoSpace,             // D8: of a write or allocation that needs space, or a create
  kReadOnly,            // D9: every change is refused
  kMisdirectedWrite,    // D12: the cache has it in place, the medium gets it elsewhere in the file
  kMisdirectedRead,     // D13
  kLostWrite,           // D14: success; the cache has it, the medium never gets it
  kDirectorySyncFails,  // D4 for sync_dir: error; changes are forgotten, any of them may have arrived
  kDirectorySyncLies,   // D17
};
constexpr DiskFault last_value(DiskFault) { return DiskFault::kDirectorySyncLies; }

// The files as they are on the medium. A value: keep it, compare it, put it into another disk (D19, D21, P7, P12).
struct DiskImage {
  std::map<std::string, std::string> files;
  bool operator==(const DiskImage&) const = default;
};

class SimDisk final : public stable::Disk {
 public:
  explicit SimDisk(uint64_t seed, std::string path = "sim");
  ~SimDisk() override;

  // --- stable::Disk. Files must not be used after the disk is gone; those opened before a restart fail. ---
  StatusOr<std::unique_ptr<stable::File>> create(std::string_view name) override;
  StatusOr<std::unique_ptr<stable::File>> open(std::string_view name) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Status sync_dir() override;
  StatusOr<std::vector<std::string>> list() override;
  std::string path() const override { return path_; }

  // --- Crashes ---
  // How many changing operations there were: create, write, allocate, truncate, sync, rename, remove, sync_dir.
  uint64_t operations() const { return operations_; }
  // The power fails in the middle of operation number `n`, counted as operations() from 1: it has reached the page
  // cache, not certainly the medium, and reports kUnavailable, as does everything later until restart(). 0: never.
  void crash_at(uint64_t n) { crash_at_ = n; }
  // The power fails now.
  void crash() { powered_ = false; }
  bool crashed() const { return !powered_; }
  // The power comes back: the disk holds one legal image, drawn from `random`. A disk that is still powered crashes
  // first.
  void restart(Random& random);
  // A legal image, as restart() would draw it, without changing the disk.
  DiskImage legal_image(Random& random) const;
  // What can be read now: what is left by a crash of the process alone.
  DiskImage current_image() const;
  // Replaces all content, synced; the power is on. Files opened before fail.
  void load(const DiskImage& image);

  // --- Faults ---
  // Strikes the next `count` operations that `fault` fits, on files whose names start with `prefix`.
  void arm(DiskFault fault, uint64_t count = 1, std::string prefix = "");
  void disarm() { armed_.clear(); }
  bool armed() const { return !armed_.empty(); }
  // D8 for good: the lengths of all files together cannot grow beyond this.
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }

  // --- Damage to a file that is there, on the medium and in the cache ---
  void flip_bit(std::string_view name, uint64_t offset, int bit);      // D10
  void zero(std::string_view name, uint64_t offset, uint64_t length);  // D11
  void overwrite(std::string_view name, uint64_t offset, std::string_view bytes);
  void resize(std::string_view name, uint64_t size, Random& random);  // D18: random bytes fill a longer one
  void restore_file(std::string_view name, const DiskImage& image);   // D19; removed when `image` lacks it
  bool exists(std::string_view name) const { return entries_.contains(name); }
  uint64_t size_of(std::string_view name) const;

 private:
  friend class SimFile;
  struct SectorVersion {
    uint64_t sector = 0;
    std::string bytes;
  };
  struct Inode {
    std::string medium;
    std::string cache;
    std::vector<SectorVersion> unsynced;  // in the order of writing
    bool length_changed = false;          // since the last sync
    uint64_t shortest = 0;                // then: the least length since
  };
  using Entries = std::map<std::string, uint64_t, std::less<>>;
  // Entry `name` (if it still means `inode`) goes, entry `to` comes; either may be empty.
  struct DirectoryChange {
    std::string name;
    std::string to;
    uint64_t inode = 0;
  };
  struct Armed {
    DiskFault fault;
    uint64_t count;
    std::string prefix;
  };

  static Status no_power();
  // Counts a changing operation; an error when there is no power. `*last` is set when the power fails with it.
  Status begin_change(bool* last);
  Status end_change(bool last);
  bool strikes(DiskFault fault, std::string_view name);
  Inode& there(std::string_view name);
  Status need_space(std::string_view name, uint64_t before, uint64_t after);
  Status write(uint64_t inode, std::string_view name, uint64_t offset, const Chain& bytes);
  Status sync(uint64_t inode, std::string_view name);
  Status set_length(uint64_t inode, std::string_view name, uint64_t size);
  StatusOr<Slice> read(uint64_t inode, std::string_view name, uint64_t offset, uint64_t length);
  static void set_cache_length(Inode& file, uint64_t size);
  static void put(Inode& file, uint64_t offset, std::string_view bytes, bool reaches_medium);
  static std::string survivor(const Inode& file, Random& random);
  static void apply(const DirectoryChange& change, Entries& entries);
  Entries surviving_entries(Random& random) const;
  void collect();

  std::string path_;
  Random random_;
  bool powered_ = true;
  uint64_t boot_ = 1;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;
  uint64_t capacity_ = ~uint64_t{0};
  uint64_t next_inode_ = 1;
  std::map<uint64_t, Inode> inodes_;
  Entries entries_;         // as seen
  Entries medium_entries_;  // as synced
  std::vector<DirectoryChange> changes_;
  std::vector<Armed> armed_;
};

}  // namespace holdfast::sim
