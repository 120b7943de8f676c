#include "holdfast/cli/read_only_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "holdfast/cli/text.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast::cli {
namespace {

Status refused() { return absl::PermissionDeniedError("this disk is open for reading only"); }

class ReadOnlyFile final : public stable::File {
 public:
  ReadOnlyFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~ReadOnlyFile() override { close(fd_); }
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  StatusOr<Slice> read(uint64_t offset, uint64_t length) override {
    const StatusOr<uint64_t> available = size();
    if (!available.ok()) return available.status();
    std::string bytes(std::min(length, *available - std::min(offset, *available)), '\0');
    size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t n = pread(fd_, bytes.data() + have, bytes.size() - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return runtime::posix_error(errno, "read", path_);
      if (n == 0) break;
      have += static_cast<size_t>(n);
    }
    bytes.resize(have);
    return Slice::take(std::move(bytes));
  }
  StatusOr<uint64_t> size() override {
    struct stat info {};
    if (fstat(fd_, &info) != 0) return runtime::posix_error(errno, "stat", path_);
    return static_cast<uint64_t>(info.st_size);
  }
  Status write(uint64_t, const Chain&) override { return refused(); }
  Status sync() override { return refused(); }
  Status allocate(uint64_t) override { return refused(); }
  Status truncate(uint64_t) override { return refused(); }

 private:
  const int fd_;
  const std::string path_;
};

class ReadOnlyDisk final : public stable::Disk {
 public:
  explicit ReadOnlyDisk(std::string path) : path_(std::move(path)) {}

  StatusOr<std::unique_ptr<stable::File>> open(std::string_view name) override {
    const std::string full = cat(path_, "/", name);
    const int fd = ::open(full.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return runtime::posix_error(errno, "open", full);
    return std::make_unique<ReadOnlyFile>(fd, full);
  }
  StatusOr<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
      if (it->is_regular_file(error) && it->path().filename() != "LOCK") names.push_back(it->path().filename());
    }
    if (error) return runtime::posix_error(error.value(), "list", path_);
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string path() const override { return path_; }
  StatusOr<std::unique_ptr<stable::File>> create(std::string_view) override { return refused(); }
  Status rename(std::string_view, std::string_view) override { return refused(); }
  Status remove(std::string_view) override { return refused(); }
  Status sync_dir() override { return refused(); }

 private:
  const std::string path_;
};

}  // namespace

StatusOr<std::unique_ptr<stable::Disk>> open_read_only(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return runtime::posix_error(errno, "stat", path);
  if (!S_ISDIR(info.st_mode)) return absl::FailedPreconditionError(cat(path, " is not a directory"));
  if (access(path.c_str(), R_OK | X_OK) != 0) return runtime::posix_error(errno, "read", path);
  return std::make_unique<ReadOnlyDisk>(path);
}

}  // namespace holdfast::cli
