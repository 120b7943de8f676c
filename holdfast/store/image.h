// The parts of a store's image (docs/formats/store-snapshot.md).
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/store/api.h"

namespace holdfast::store {

inline constexpr std::string_view kImageMagic = "HFSTORE1";
// A frame is closed as soon as its content has reached this size, so a frame holds one item at least.
inline constexpr size_t kImageFrameBytes = size_t{32} << 10;
inline constexpr size_t kImageFrameLeases = 1024;
// A longer frame cannot have been written.
inline constexpr size_t kImageMaxFrame = size_t{1} << 30;

struct ImageHeader {
  Revision revision;
  Revision compact_revision;
  int64_t clock_ms = 0;
  std::vector<Member> members;      // by id
  std::vector<AlarmMember> alarms;  // by (alarm, member)
};
struct ImageLease {
  LeaseId id;
  int64_t ttl_seconds = 0;
  int64_t expiry_ms = 0;  // log time
};
struct ImageLeases {
  std::vector<ImageLease> leases;  // by id
};
struct ImageVersion {
  Slice key;
  Revision mod;
  uint32_t sub = 0;
  Revision create;  // 0: a tombstone, as are the next two
  int64_t version = 0;
  LeaseId lease;
  Slice value;
};
struct ImageVersions {
  std::vector<ImageVersion> versions;  // by (mod, sub)
};
struct ImageEnd {
  uint64_t leases = 0;
  uint64_t versions = 0;
  codec::Fixed64 state_hash;
};
using ImagePart = std::variant<ImageHeader, ImageLeases, ImageVersions, ImageEnd>;

}  // namespace holdfast::store
