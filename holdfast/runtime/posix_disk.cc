#include "holdfast/runtime/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include "holdfast/base/mark.h"

namespace holdfast::runtime {
namespace {

constexpr const char* kLockName = "LOCK";

// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call&& call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

const char* advice_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free space on that file system, or raise the quota, then start again";
    case EIO:
      return "the device fails: check it, and replace it or this member";
    case EROFS:
      return "the file system is mounted read-only, often after a device error: check it and remount";
    case EACCES:
    case EPERM:
      return "give the user of this process access to it";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files";
    case ENOENT:
      return "check the path";
    default:
      return "check the file system";
  }
}

StatusCode code_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return StatusCode::kResourceExhausted;
    case ENOENT:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
      return StatusCode::kPermissionDenied;
    default:
      return StatusCode::kInternal;
  }
}

Status sync_directory(int dir, const std::string& path) {
  if (uninterrupted([&] { return ::fsync(dir); }) != 0) return posix_error(errno, "sync directory", path);
  return absl::OkStatus();
}

Status sync_directory_at(const std::string& path) {
  const int dir = uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (dir < 0) return posix_error(errno, "open directory", path);
  Status s = sync_directory(dir, path);
  ::close(dir);
  return s;
}

// Makes the directory and its missing parents, each durable in its own parent.
Status make_directories(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) == 0) {
    if (S_ISDIR(st.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(path + " is there, but it is not a directory; name another one");
  }
  if (errno != ENOENT) return posix_error(errno, "stat", path);
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (Status s = make_directories(parent); !s.ok()) return s;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return posix_error(errno, "make directory", path);
  return sync_directory_at(parent);
}

class PosixFile final : public stable::File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status write(uint64_t offset, const Chain& bytes) override;
  Status sync() override {
    if (uninterrupted([&] { return ::fdatasync(fd_); }) != 0) return posix_error(errno, "sync", path_);
    return absl::OkStatus();
  }
  StatusOr<Slice> read(uint64_t offset, uint64_t length) override;
  StatusOr<uint64_t> size() override {
    struct stat st;
    if (::fstat(fd_, &st) != 0) return posix_error(errno, "stat", path_);
    return static_cast<uint64_t>(st.st_size);
  }
  Status allocate(uint64_t size) override {
    int error;
    do {
      error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));  // does not set errno
    } while (error == EINTR);
    return error == 0 ? absl::OkStatus() : posix_error(error, "reserve space for", path_);
  }
  Status truncate(uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) != 0) {
      return posix_error(errno, "truncate", path_);
    }
    return absl::OkStatus();
  }

 private:
  int fd_;
  std::string path_;
};

Status PosixFile::write(uint64_t offset, const Chain& bytes) {
  std::array<iovec, 64> pieces;
  const auto& parts = bytes.parts();
  size_t part = 0, skip = 0;  // the next byte to write is at `skip` in `part`
  while (part < parts.size()) {
    int n = 0;
    for (size_t p = part; p < parts.size() && n < static_cast<int>(pieces.size()); ++p, ++n) {
      const size_t from = p == part ? skip : 0;
      // The interface of writev lacks const; it does not write.
      pieces[static_cast<size_t>(n)] = {const_cast<char*>(parts[p].data()) + from, parts[p].size() - from};
    }
    const ssize_t wrote = uninterrupted([&] { return ::pwritev(fd_, pieces.data(), n, static_cast<off_t>(offset)); });
    if (wrote < 0) return posix_error(errno, "write", path_);
    if (wrote == 0) return posix_error(EIO, "write (no progress)", path_);
    offset += static_cast<uint64_t>(wrote);
    size_t left = static_cast<size_t>(wrote);
    while (left > 0 && left >= parts[part].size() - skip) {
      left -= parts[part].size() - skip;
      ++part;
      skip = 0;
    }
    if (left > 0) mark<"posix_disk.short_write">();
    skip += left;
  }
  return absl::OkStatus();
}

StatusOr<Slice> PosixFile::read(uint64_t offset, uint64_t length) {
  StatusOr<uint64_t> size = this->size();
  if (!size.ok()) return size.status();
  if (offset >= *size) return Slice();
  length = std::min(length, *size - offset);
  Block* block = Block::allocate(length);
  uint64_t have = 0;
  while (have < length) {
    const ssize_t n = uninterrupted(
        [&] { return ::pread(fd_, block->data() + have, length - have, static_cast<off_t>(offset + have)); });
    if (n < 0) {
      const int error = errno;
      block->release();
      return posix_error(error, "read", path_);
    }
    if (n == 0) break;
    have += static_cast<uint64_t>(n);
  }
  return Slice::adopt(block, {block->data(), have});
}

}  // namespace

Status posix_error(int error, std::string_view operation, std::string_view path) {
  const char* name = strerrorname_np(error);
  return Status(code_for(error), std::string(operation) + " " + std::string(path) + ": " +
                                     (name != nullptr ? name : std::to_string(error)) + " (" + strerrordesc_np(error) +
                                     "); " + advice_for(error));
}

StatusOr<std::unique_ptr<PosixDisk>> PosixDisk::open_directory(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the data directory's path is empty; name a directory");
  std::string clean = path;
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  if (Status s = make_directories(clean); !s.ok()) return s;
  const int dir = uninterrupted([&] { return ::open(clean.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (dir < 0) return posix_error(errno, "open directory", clean);
  std::unique_ptr<PosixDisk> disk(new PosixDisk(std::move(clean), dir));
  if (Status s = disk->lock(); !s.ok()) return s;
  return disk;
}

PosixDisk::~PosixDisk() {
  if (lock_ >= 0) ::close(lock_);
  if (dir_ >= 0) ::close(dir_);
}

Status PosixDisk::lock() {
  const std::string file = full(kLockName);
  lock_ = uninterrupted([&] { return ::openat(dir_, kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
  if (lock_ < 0) return posix_error(errno, "open", file);
  if (uninterrupted([&] { return ::flock(lock_, LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return posix_error(errno, "lock", file);
    char text[32] = {};
    const ssize_t n = ::pread(lock_, text, sizeof text - 1, 0);
    std::string holder(text, static_cast<size_t>(std::max<ssize_t>(n, 0)));
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return absl::FailedPreconditionError("the directory " + path_ + " is in use by process " +
                                         (holder.empty() ? "(unknown)" : holder) +
                                         "; stop that process, or give this one another directory");
  }
  // The number only informs: an old one that could not be replaced locks nobody out.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0) mark<"posix_disk.lock_unnamed">();
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<stable::File>> PosixDisk::open_file(std::string_view name, int flags, const char* what) {
  const std::string relative(name);
  const int fd = uninterrupted([&] { return ::openat(dir_, relative.c_str(), O_RDWR | O_CLOEXEC | flags, 0600); });
  if (fd < 0) return posix_error(errno, what, full(name));
  return std::make_unique<PosixFile>(fd, full(name));
}

StatusOr<std::unique_ptr<stable::File>> PosixDisk::create(std::string_view name) {
  return open_file(name, O_CREAT | O_EXCL, "create");
}
StatusOr<std::unique_ptr<stable::File>> PosixDisk::open(std::string_view name) { return open_file(name, 0, "open"); }

Status PosixDisk::rename(std::string_view from, std::string_view to) {
  const std::string a(from), b(to);
  if (::renameat(dir_, a.c_str(), dir_, b.c_str()) != 0) return posix_error(errno, "rename to " + b, full(from));
  return absl::OkStatus();
}

Status PosixDisk::remove(std::string_view name) {
  const std::string relative(name);
  if (::unlinkat(dir_, relative.c_str(), 0) != 0) return posix_error(errno, "remove", full(name));
  return absl::OkStatus();
}

Status PosixDisk::sync_dir() { return sync_directory(dir_, path_); }

StatusOr<std::vector<std::string>> PosixDisk::list() {
  DIR* stream = ::opendir(path_.c_str());
  if (stream == nullptr) return posix_error(errno, "list", path_);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    struct stat st;
    if (name != kLockName && ::fstatat(dir_, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
      names.push_back(name);
    }
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return posix_error(error, "list", path_);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace holdfast::runtime
