// Blobs over a Disk: the stable side of BlobRequest and BlobAnswer (model/outbox.h).
//
// A blob is a file. While it is written it has a temporary name; sealing it syncs it, gives it its final name and syncs
// the directory, so after a crash a blob is there whole or not at all. Its bytes are its owner's: a checksum over them
// belongs into the owner's format (stable/snapshot_codec.h has one). File names: docs/formats/blob.md.
//
// Guarantees:
//  1. A blob that was reported sealed is there, with its size, after every restart, until it is dropped.
//  2. A blob that was not sealed is gone after a restart. One whose seal was not reported (crash, or BlobFailed because
//     the directory could not be synced) may be there, and is whole then.
//  3. A blob for which a write or sync has failed is given up: its file is removed, and no later sync of it is
//  believed.
//     Other blobs, and a log on the same disk, go on.
//  4. A drop is durable when handle() returns, unless the device fails; then the blob may be there again later.
//
// Not thread-safe. Calls block for the disk. Blob and log may share a Disk (and then its sync_dir).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/model/outbox.h"
#include "holdfast/stable/disk.h"

namespace holdfast::stable {

class BlobStore {
 public:
  // Finds the sealed blobs and removes what is left of the others. Errors: the device's.
  static StatusOr<std::unique_ptr<BlobStore>> open(Disk& disk);

  // The sealed blobs, by identity, with their sizes: Pump::recover_blob takes them.
  std::vector<std::pair<BlobId, uint64_t>> sealed() const;

  // Carries out one request. At most one answer: BlobAppended, BlobSealed, BlobData as model/outbox.h says; BlobFailed
  // for any request that could not be done, also one that makes no sense (append to a blob that is not being written,
  // read of one that is not sealed, create of one that is there).
  std::optional<BlobAnswer> handle(const BlobRequest& request);

 private:
  struct Writing {
    std::unique_ptr<File> file;
    uint64_t size = 0;
  };
  struct Sealed {
    std::unique_ptr<File> file;  // opened by the first read
    uint64_t size = 0;
  };

  explicit BlobStore(Disk& disk) : disk_(disk) {}
  std::optional<BlobAnswer> on(const BlobCreate& r);
  std::optional<BlobAnswer> on(const BlobAppend& r);
  std::optional<BlobAnswer> on(const BlobSeal& r);
  std::optional<BlobAnswer> on(const BlobDrop& r);
  std::optional<BlobAnswer> on(const BlobRead& r);
  // Forgets an unsealed blob and removes its file.
  BlobAnswer give_up(BlobId id, const std::string& name, const Status& why);

  Disk& disk_;
  std::map<BlobId, Writing> writing_;
  std::map<BlobId, Sealed> sealed_;
};

// "blob-" and 16 hexadecimal digits; a temporary one ends with ".tmp".
std::string blob_name(BlobId id);
std::string temporary_blob_name(BlobId id);

}  // namespace holdfast::stable
