// stable::Disk over a directory of a POSIX file system.
//
// While a PosixDisk lives it holds an exclusive lock (flock on the file LOCK, which names the holder's process), so
// that no second process can open the same directory. Different files may be used by different threads at once, and so
// may the directory's operations; one File belongs to one thread.
//
// Every error names the path, the operation and the errno, and says what can be done. Codes: kResourceExhausted
// (ENOSPC, EDQUOT), kNotFound (ENOENT), kAlreadyExists (EEXIST), kFailedPrecondition (locked by another process),
// kPermissionDenied (EACCES, EPERM), else kInternal.
#pragma once

#include <memory>
#include <string>

#include "holdfast/stable/disk.h"

namespace holdfast::runtime {

class PosixDisk final : public stable::Disk {
 public:
  // Opens the directory, making it (mode 0700) and its missing parents durably when they are not there, and locks it.
  static StatusOr<std::unique_ptr<PosixDisk>> open_directory(const std::string& path);
  ~PosixDisk() override;
  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;

  StatusOr<std::unique_ptr<stable::File>> create(std::string_view name) override;
  StatusOr<std::unique_ptr<stable::File>> open(std::string_view name) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Status sync_dir() override;
  // Regular files only, without the lock.
  StatusOr<std::vector<std::string>> list() override;
  std::string path() const override { return path_; }

 private:
  PosixDisk(std::string path, int dir) : path_(std::move(path)), dir_(dir) {}
  Status lock();
  std::string full(std::string_view name) const { return path_ + "/" + std::string(name); }
  StatusOr<std::unique_ptr<stable::File>> open_file(std::string_view name, int flags, const char* what);

  std::string path_;
  int dir_ = -1;
  int lock_ = -1;
};

// The status for `error` (an errno) of `operation` on `path`.
Status posix_error(int error, std::string_view operation, std::string_view path);

}  // namespace holdfast::runtime
