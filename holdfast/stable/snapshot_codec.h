// The snapshot file: any sequence of bytes, compressed and checksummed block by block. Pure, streaming in both
// directions. docs/formats/snapshot.md has the byte tables.
//
// Damage to any byte of the file, a missing end, and bytes behind the end are detected: every block carries a CRC-32C
// that also covers its position in the sequence; the end carries the totals and a digest of the whole content.
// Hostile input: memory is bounded by kMaxBlockBytes and its compressed bound, whatever the input claims.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"

namespace holdfast::stable {

inline constexpr uint32_t kSnapshotVersion = 1;
// Content bytes of a block: what the encoder fills, and the most that a decoder accepts.
inline constexpr size_t kSnapshotBlockBytes = size_t{256} << 10;
inline constexpr size_t kMaxSnapshotBlockBytes = size_t{1} << 20;

class SnapshotEncoder {
 public:
  struct Options {
    size_t block_bytes = kSnapshotBlockBytes;  // 1 to kMaxSnapshotBlockBytes
    int level = 1;                             // of zstd
  };
  SnapshotEncoder();
  explicit SnapshotEncoder(const Options& options);
  ~SnapshotEncoder();
  SnapshotEncoder(SnapshotEncoder&&) noexcept;
  SnapshotEncoder& operator=(SnapshotEncoder&&) noexcept;

  // Appends content; pushes what is ready of the file to `out`, in slices not much larger than a block.
  void add(const Slice& content, std::vector<Slice>& out);
  // Pushes the rest. Nothing may be added afterwards.
  void finish(std::vector<Slice>& out);

  uint64_t content_bytes() const;
  uint64_t file_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class SnapshotDecoder {
 public:
  SnapshotDecoder();
  ~SnapshotDecoder();
  SnapshotDecoder(SnapshotDecoder&&) noexcept;
  SnapshotDecoder& operator=(SnapshotDecoder&&) noexcept;

  // Takes the next bytes of the file, cut anywhere; pushes the content they complete to `out`. What was pushed has been
  // checked block by block; only after finish() is it known to be the whole. The first error sticks.
  //   kDataLoss       damaged, or not a snapshot file
  //   kUnimplemented  written by a newer version
  Status add(const Slice& encoded, std::vector<Slice>& out);
  // OK when the file has ended where it should and is what was written. kDataLoss otherwise.
  Status finish();

  uint64_t content_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::stable
