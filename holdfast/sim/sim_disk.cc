#include "holdfast/sim/sim_disk.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"

namespace holdfast::sim {
namespace {

Status io_error(std::string_view what, std::string_view name, std::string_view error = "EIO") {
  return absl::InternalError(std::string(what) + " " + std::string(name) + ": " + std::string(error) + " (simulated)");
}

Status no_space(std::string_view name) {
  return absl::ResourceExhaustedError("write " + std::string(name) + ": ENOSPC (simulated)");
}

Status not_found(std::string_view what, std::string_view name) {
  return absl::NotFoundError(std::string(what) + " " + std::string(name) + ": ENOENT (simulated)");
}

void place(std::string& content, uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
  content.replace(offset, bytes.size(), bytes);
}

// How many of eight unsynced things survive. All, none and some are all worth seeing often.
uint64_t survivors_of_8(Random& random) {
  if (random.chance(1, 4)) return random.chance(1, 2) ? 8 : 0;
  return random.below(9);
}

}  // namespace

class SimFile final : public stable::File {
 public:
  SimFile(SimDisk& disk, uint64_t inode, std::string name)
      : disk_(disk), inode_(inode), name_(std::move(name)), boot_(disk.boot_) {}

  Status write(uint64_t offset, const Chain& bytes) override {
    return dead() ? SimDisk::no_power() : disk_.write(inode_, name_, offset, bytes);
  }
  Status sync() override { return dead() ? SimDisk::no_power() : disk_.sync(inode_, name_); }
  StatusOr<Slice> read(uint64_t offset, uint64_t length) override {
    if (dead()) return SimDisk::no_power();
    return disk_.read(inode_, name_, offset, length);
  }
  StatusOr<uint64_t> size() override {
    if (dead()) return SimDisk::no_power();
    return disk_.inodes_.at(inode_).cache.size();
  }
  Status allocate(uint64_t size) override {
    if (dead()) return SimDisk::no_power();
    return disk_.set_length(inode_, name_, std::max<uint64_t>(size, disk_.inodes_.at(inode_).cache.size()));
  }
  Status truncate(uint64_t size) override {
    return dead() ? SimDisk::no_power() : disk_.set_length(inode_, name_, size);
  }

 private:
  // Also when the file was removed: nobody here writes to a file without a name.
  bool dead() const { return !disk_.powered_ || boot_ != disk_.boot_ || !disk_.inodes_.contains(inode_); }

  SimDisk& disk_;
  uint64_t inode_;
  std::string name_;
  uint64_t boot_;
};

SimDisk::SimDisk(uint64_t seed, std::string path) : path_(std::move(path)), random_(seed) {}
SimDisk::~SimDisk() = default;

Status SimDisk::no_power() { return absl::UnavailableError("the file is gone or the power is off (simulated crash)"); }

Status SimDisk::begin_change(bool* last) {
  *last = false;
  if (!powered_) return no_power();
  *last = ++operations_ == crash_at_;
  return absl::OkStatus();
}

Status SimDisk::end_change(bool last) {
  if (!last) return absl::OkStatus();
  crash();
  return no_power();
}

bool SimDisk::strikes(DiskFault fault, std::string_view name) {
  for (auto it = armed_.begin(); it != armed_.end(); ++it) {
    if (it->fault != fault || name.substr(0, it->prefix.size()) != it->prefix) continue;
    if (--it->count == 0) armed_.erase(it);
    return true;
  }
  return false;
}

void SimDisk::arm(DiskFault fault, uint64_t count, std::string prefix) {
  ensure(count > 0, "a fault is armed for at least one operation");
  armed_.push_back({fault, count, std::move(prefix)});
}

// --- Directory -------------------------------------------------------------------------------------------------------

StatusOr<std::unique_ptr<stable::File>> SimDisk::create(std::string_view name) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  if (strikes(DiskFault::kReadOnly, name)) return io_error("create", name, "EROFS");
  if (strikes(DiskFault::kNoSpace, name)) return no_space(name);
  if (exists(name)) return absl::AlreadyExistsError("create " + std::string(name) + ": EEXIST (simulated)");
  const uint64_t inode = next_inode_++;
  inodes_[inode];
  entries_[std::string(name)] = inode;
  changes_.push_back({"", std::string(name), inode});
  if (Status s = end_change(last); !s.ok()) return s;
  return std::make_unique<SimFile>(*this, inode, std::string(name));
}

StatusOr<std::unique_ptr<stable::File>> SimDisk::open(std::string_view name) {
  if (!powered_) return no_power();
  const auto it = entries_.find(name);
  if (it == entries_.end()) return not_found("open", name);
  return std::make_unique<SimFile>(*this, it->second, std::string(name));
}

Status SimDisk::rename(std::string_view from, std::string_view to) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  if (strikes(DiskFault::kReadOnly, from)) return io_error("rename", from, "EROFS");
  const auto it = entries_.find(from);
  if (it == entries_.end()) return not_found("rename", from);
  changes_.push_back({std::string(from), std::string(to), it->second});
  apply(changes_.back(), entries_);
  return end_change(last);
}

Status SimDisk::remove(std::string_view name) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  if (strikes(DiskFault::kReadOnly, name)) return io_error("remove", name, "EROFS");
  const auto it = entries_.find(name);
  if (it == entries_.end()) return not_found("remove", name);
  changes_.push_back({std::string(name), "", it->second});
  apply(changes_.back(), entries_);
  return end_change(last);
}

Status SimDisk::sync_dir() {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  if (Status s = end_change(last); !s.ok()) return s;
  if (strikes(DiskFault::kDirectorySyncLies, "")) return absl::OkStatus();
  const bool fails = strikes(DiskFault::kDirectorySyncFails, "");
  if (fails) {
    medium_entries_ = surviving_entries(random_);
  } else {
    for (const DirectoryChange& c : changes_) apply(c, medium_entries_);
  }
  changes_.clear();
  collect();
  return fails ? io_error("sync of the directory", path_) : absl::OkStatus();
}

StatusOr<std::vector<std::string>> SimDisk::list() {
  if (!powered_) return no_power();
  std::vector<std::string> names;
  for (const auto& [name, inode] : entries_) names.push_back(name);
  return names;
}

void SimDisk::apply(const DirectoryChange& change, Entries& entries) {
  const auto old = entries.find(change.name);
  if (old != entries.end() && old->second == change.inode) entries.erase(old);
  if (!change.to.empty()) entries[change.to] = change.inode;
}

// Forgets the files that no entry can name any more.
void SimDisk::collect() {
  std::map<uint64_t, Inode> kept;
  for (const Entries* entries : {&entries_, &medium_entries_}) {
    for (const auto& [name, inode] : *entries) {
      if (auto node = inodes_.extract(inode)) kept.insert(std::move(node));
    }
  }
  inodes_ = std::move(kept);
}

// --- Files -----------------------------------------------------------------------------------------------------------

Status SimDisk::need_space(std::string_view name, uint64_t before, uint64_t after) {
  if (after <= before) return absl::OkStatus();
  if (strikes(DiskFault::kNoSpace, name)) return no_space(name);
  uint64_t used = after - before;
  for (const auto& [entry, inode] : entries_) used += inodes_.at(inode).cache.size();
  return used > capacity_ ? no_space(name) : absl::OkStatus();
}

void SimDisk::set_cache_length(Inode& file, uint64_t size) {
  if (file.cache.size() == size) return;
  if (!file.length_changed) file.shortest = file.cache.size();
  file.length_changed = true;
  file.shortest = std::min(file.shortest, size);
  file.cache.resize(size, '\0');
}

void SimDisk::put(Inode& file, uint64_t offset, std::string_view bytes, bool reaches_medium) {
  const uint64_t end = offset + bytes.size();
  if (end > file.cache.size()) set_cache_length(file, end);
  file.cache.replace(offset, bytes.size(), bytes);
  if (!reaches_medium) return;
  for (uint64_t sector = offset / kSectorBytes; sector * kSectorBytes < end; ++sector) {
    file.unsynced.push_back({sector, file.cache.substr(sector * kSectorBytes, kSectorBytes)});
  }
}

Status SimDisk::write(uint64_t inode, std::string_view name, uint64_t offset, const Chain& bytes) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  Inode& file = inodes_.at(inode);
  if (strikes(DiskFault::kReadOnly, name)) return io_error("write", name, "EROFS");
  if (Status s = need_space(name, file.cache.size(), offset + bytes.size()); !s.ok()) return s;
  const Slice flat = bytes.flatten();
  std::string_view content = flat.view();
  const bool fails = strikes(DiskFault::kWriteError, name);
  if (fails) content = content.substr(0, random_.below(content.size() + 1));
  if (strikes(DiskFault::kMisdirectedWrite, name)) {
    put(file, offset, content, false);
    const uint64_t wrong = random_.below(file.cache.size() / kSectorBytes + 1) * kSectorBytes;
    place(file.medium, wrong, content);
  } else {
    put(file, offset, content, !strikes(DiskFault::kLostWrite, name));
  }
  if (Status s = end_change(last); !s.ok()) return s;
  return fails ? io_error("write", name) : absl::OkStatus();
}

Status SimDisk::sync(uint64_t inode, std::string_view name) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  if (Status s = end_change(last); !s.ok()) return s;
  Inode& file = inodes_.at(inode);
  if (strikes(DiskFault::kSyncLies, name)) return absl::OkStatus();
  const bool fails = strikes(DiskFault::kSyncFails, name);
  if (fails) {
    file.medium = survivor(file, random_);
  } else {
    for (const SectorVersion& v : file.unsynced) place(file.medium, v.sector * kSectorBytes, v.bytes);
    file.medium.resize(file.cache.size(), '\0');
  }
  file.unsynced.clear();
  file.length_changed = false;
  return fails ? io_error("sync", name) : absl::OkStatus();
}

Status SimDisk::set_length(uint64_t inode, std::string_view name, uint64_t size) {
  bool last;
  if (Status s = begin_change(&last); !s.ok()) return s;
  Inode& file = inodes_.at(inode);
  if (strikes(DiskFault::kReadOnly, name)) return io_error("resize", name, "EROFS");
  if (Status s = need_space(name, file.cache.size(), size); !s.ok()) return s;
  set_cache_length(file, size);
  return end_change(last);
}

StatusOr<Slice> SimDisk::read(uint64_t inode, std::string_view name, uint64_t offset, uint64_t length) {
  if (!powered_) return no_power();
  const Inode& file = inodes_.at(inode);
  if (strikes(DiskFault::kReadError, name)) return io_error("read", name);
  if (strikes(DiskFault::kMisdirectedRead, name)) offset += kSectorBytes * (1 + random_.below(8));
  if (offset >= file.cache.size()) return Slice();
  return Slice::copy_of(std::string_view(file.cache).substr(offset, length));
}

// --- Crashes ---------------------------------------------------------------------------------------------------------

// What of a file is on the medium after a power failure.
std::string SimDisk::survivor(const Inode& file, Random& random) {
  std::string content = file.medium;
  const uint64_t survive = survivors_of_8(random);
  std::map<uint64_t, std::vector<const std::string*>> versions;
  for (const SectorVersion& v : file.unsynced) versions[v.sector].push_back(&v.bytes);
  for (const auto& [sector, candidates] : versions) {
    if (!random.chance(survive, 8)) continue;
    // Mostly the newest; an older one when the medium took them in another order.
    const size_t pick = random.chance(3, 4) ? candidates.size() - 1 : random.below(candidates.size());
    std::string_view bytes = *candidates[pick];
    if (random.chance(1, 16)) bytes = bytes.substr(0, random.below(bytes.size() + 1));
    place(content, sector * kSectorBytes, bytes);
  }
  uint64_t length = file.medium.size();
  if (file.length_changed) {
    const uint64_t low = std::min<uint64_t>(file.shortest, file.medium.size());
    const uint64_t high = std::max<uint64_t>(file.medium.size(), file.cache.size());
    const uint64_t lengths[] = {file.medium.size(), file.cache.size(), low + random.below(high - low + 1)};
    length = lengths[random.below(3)];
  }
  content.resize(length, '\0');
  return content;
}

SimDisk::Entries SimDisk::surviving_entries(Random& random) const {
  Entries entries = medium_entries_;
  const uint64_t survive = survivors_of_8(random);
  for (const DirectoryChange& c : changes_) {
    if (random.chance(survive, 8)) apply(c, entries);
  }
  return entries;
}

DiskImage SimDisk::legal_image(Random& random) const {
  DiskImage image;
  for (const auto& [name, inode] : surviving_entries(random)) image.files[name] = survivor(inodes_.at(inode), random);
  return image;
}

DiskImage SimDisk::current_image() const {
  DiskImage image;
  for (const auto& [name, inode] : entries_) image.files[name] = inodes_.at(inode).cache;
  return image;
}

void SimDisk::restart(Random& random) { load(legal_image(random)); }

void SimDisk::load(const DiskImage& image) {
  ++boot_;
  powered_ = true;
  crash_at_ = 0;
  inodes_.clear();
  entries_.clear();
  changes_.clear();
  for (const auto& [name, content] : image.files) {
    const uint64_t inode = next_inode_++;
    inodes_[inode] = Inode{content, content, {}, false, 0};
    entries_[name] = inode;
  }
  medium_entries_ = entries_;
}

// --- Damage ----------------------------------------------------------------------------------------------------------

SimDisk::Inode& SimDisk::there(std::string_view name) {
  const auto it = entries_.find(name);
  ensure(it != entries_.end(), "damage is done to a file that is there");
  return inodes_.at(it->second);
}

uint64_t SimDisk::size_of(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? 0 : inodes_.at(it->second).cache.size();
}

void SimDisk::flip_bit(std::string_view name, uint64_t offset, int bit) {
  Inode& file = there(name);
  for (std::string* content : {&file.medium, &file.cache}) {
    if (offset < content->size()) (*content)[offset] = static_cast<char>((*content)[offset] ^ (1 << (bit & 7)));
  }
}

void SimDisk::overwrite(std::string_view name, uint64_t offset, std::string_view bytes) {
  Inode& file = there(name);
  for (std::string* content : {&file.medium, &file.cache}) {
    if (offset >= content->size()) continue;
    const std::string_view fits = bytes.substr(0, content->size() - offset);
    content->replace(offset, fits.size(), fits);
  }
}

void SimDisk::zero(std::string_view name, uint64_t offset, uint64_t length) {
  const uint64_t size = there(name).cache.size();
  if (offset < size) overwrite(name, offset, std::string(std::min(length, size - offset), '\0'));
}

void SimDisk::resize(std::string_view name, uint64_t size, Random& random) {
  Inode& file = there(name);
  std::string content = file.cache.substr(0, size);
  while (content.size() < size) content += static_cast<char>(random.below(256));
  file = Inode{content, content, {}, false, 0};
}

void SimDisk::restore_file(std::string_view name, const DiskImage& image) {
  const auto old = image.files.find(std::string(name));
  if (old == image.files.end()) {
    entries_.erase(std::string(name));
    medium_entries_.erase(std::string(name));
    return;
  }
  const uint64_t inode = next_inode_++;
  inodes_[inode] = Inode{old->second, old->second, {}, false, 0};
  entries_[std::string(name)] = medium_entries_[std::string(name)] = inode;
}

}  // namespace holdfast::sim
