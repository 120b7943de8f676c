#include "holdfast/replica/snapshot_loader.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"

namespace holdfast::replica {
namespace {

constexpr uint32_t kMaxHeaderBytes = 64u << 20;

}  // namespace

Status SnapshotLoader::add(const BlobData& data, std::string& image) {
  if (data.offset != at_) return absl::OkStatus();  // the answer to an earlier read
  if (data.bytes.empty() || data.bytes.size() > meta_.size - at_) {
    return absl::DataLossError(
        absl::StrCat("the snapshot has not the ", meta_.size, " bytes its record says (at byte ", at_, ")"));
  }
  crc_ = crc32c(data.bytes.view(), crc_);
  at_ += data.bytes.size();
  std::vector<Slice> raw;
  if (Status s = decoder_.add(data.bytes, raw); !s.ok()) return s;
  for (const Slice& r : raw) {
    image_bytes_ += r.size();
    (header_ ? image : front_).append(r.view());
  }
  if (!header_) {
    if (Status s = take_header(image); !s.ok()) return s;
  }
  if (!complete()) return absl::OkStatus();
  if (Status s = decoder_.finish(); !s.ok()) return s;
  if (!header_) return absl::DataLossError("the snapshot ends inside its header");
  if (described_ && crc_ != meta_.crc32c)
    return absl::DataLossError("the snapshot's checksum is not the one its record says");
  return absl::OkStatus();
}

Status SnapshotLoader::take_header(std::string& image) {
  uint32_t length = 0;
  if (front_.size() < sizeof length) return absl::OkStatus();
  std::memcpy(&length, front_.data(), sizeof length);
  if (length > kMaxHeaderBytes) return absl::DataLossError("the snapshot's header claims an impossible length");
  if (front_.size() - sizeof length < length) return absl::OkStatus();
  StatusOr<ImageHeader> header = codec::decode<ImageHeader>(Slice::copy_of(front_.substr(sizeof length, length)));
  if (!header.ok()) return header.status();
  if (described_ && (header->index != meta_.index || header->term != meta_.term)) {
    return absl::DataLossError("the snapshot is of another place in the log than its record says");
  }
  image.append(front_, sizeof length + length);
  front_.clear();
  header_ = *std::move(header);
  return absl::OkStatus();
}

}  // namespace holdfast::replica
