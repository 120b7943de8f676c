// The device under stable storage: one directory of files. The rooms that write (write-ahead log, blobs) know only
// this; runtime/ has the POSIX one, sim/ one that loses, tears and rots.
//
// Crash semantics that callers must assume (and the simulator exercises):
//  - A write is durable only once sync() of its file has returned OK after it. Before that any subset of the unsynced
//    sectors (512 bytes) may be on the medium, in any order, in part or not at all.
//  - A file's existence under its name (create, rename, remove) is durable only after sync_dir().
//  - After sync() or a write has failed, nothing is known about the unsynced data, and a later successful sync() proves
//    nothing (the page cache may have dropped it). Callers must stop using the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"

namespace holdfast::stable {

class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at `offset` (short writes are continued). kResourceExhausted: no space; else kInternal.
  virtual Status write(uint64_t offset, const Chain& bytes) = 0;
  virtual Status sync() = 0;  // data and size
  // Reads up to `length` bytes; fewer at the end of the file.
  virtual StatusOr<Slice> read(uint64_t offset, uint64_t length) = 0;
  virtual StatusOr<uint64_t> size() = 0;
  // Reserves space so that later writes below `size` cannot fail for lack of it; extends the file with zeros.
  virtual Status allocate(uint64_t size) = 0;
  virtual Status truncate(uint64_t size) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual StatusOr<std::unique_ptr<File>> create(std::string_view name) = 0;  // kAlreadyExists when there
  virtual StatusOr<std::unique_ptr<File>> open(std::string_view name) = 0;    // read and write; kNotFound
  virtual Status rename(std::string_view from, std::string_view to) = 0;      // replaces `to`
  virtual Status remove(std::string_view name) = 0;
  virtual Status sync_dir() = 0;
  virtual StatusOr<std::vector<std::string>> list() = 0;  // sorted
  // Where the directory is, for messages.
  virtual std::string path() const = 0;
};

}  // namespace holdfast::stable
