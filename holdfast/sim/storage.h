// The stable storage of one simulated node, as its host drives it: records are appended, written in batches, and become
// stable by a sync; blobs beside them. What a crash leaves is decided by the implementation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/base/status.h"
#include "holdfast/model/outbox.h"

namespace holdfast::sim {

struct RecoveredStorage {
  std::vector<std::pair<BlobId, uint64_t>> blobs;    // sealed ones, with their sizes
  std::vector<std::pair<StableSeq, Slice>> records;  // in order, without gaps
  StableSeq last;                                    // the number of the last record, also when it is not kept any more
};

class NodeStorage {
 public:
  virtual ~NodeStorage() = default;

  // Opens after a start or a crash. An error refuses the start.
  virtual StatusOr<RecoveredStorage> recover() = 0;

  virtual void append(StableSeq seq, Chain record) = 0;
  virtual bool pending() const = 0;  // appended and not yet written
  // Writes what is pending, or the first part of it; it is stable once sync() has returned. After an error the node
  // must stop.
  virtual Status write() = 0;
  // Returns the highest stable number.
  virtual StatusOr<StableSeq> sync() = 0;
  virtual void release(StableSeq first_needed) = 0;

  // No answer for a drop or a create.
  virtual std::optional<BlobAnswer> blob(const BlobRequest& request) = 0;

  // The power has failed in the midst of an operation: the process is to go down with it.
  virtual bool lost_power() const { return false; }
  // The process died. What was not stable may be lost, in part or whole.
  virtual void crash() = 0;
  // The disk is replaced by an empty one.
  virtual void wipe() = 0;
};

// Storage without a disk format: keeps every synced record and, after a crash, a random part of the unsynced ones,
// always a prefix. For simulations whose subject is the protocol, not the disk.
class MemoryStorage : public NodeStorage {
 public:
  explicit MemoryStorage(Random random) : random_(random) {}

  StatusOr<RecoveredStorage> recover() override;
  void append(StableSeq seq, Chain record) override { pending_.emplace_back(seq, record.flatten()); }
  bool pending() const override { return !pending_.empty(); }
  Status write() override;
  StatusOr<StableSeq> sync() override;
  void release(StableSeq first_needed) override;
  std::optional<BlobAnswer> blob(const BlobRequest& request) override;
  void crash() override;
  void wipe() override;

 private:
  using Records = std::vector<std::pair<StableSeq, Slice>>;
  Random random_;
  Records pending_, written_, stable_;
  StableSeq last_;
  std::map<BlobId, std::string> open_;
  std::map<BlobId, Slice> sealed_;
};

}  // namespace holdfast::sim
