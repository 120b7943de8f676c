// The bytes of the write-ahead log: segment header, frame header, record header, file names. Pure.
//
// docs/formats/wal.md has the byte tables. In short: a segment file is a header block and then frames. A frame is what
// one write puts into one segment; it starts at a block boundary and is padded to the next with zeros, so a block that
// was synced is never written again while it is needed. A frame carries records with consecutive numbers.
//
// What makes a frame or record believable is a CRC-32C that also covers two values that are not stored with it: the
// segment's salt (new each time a file is reused) and its position in the file. A stale frame of an earlier life of the
// file, or one that a misdirected write put in the wrong place or file, therefore never checks. Frames are chained:
// each names the checksum of the one before it, so what an earlier process left behind its torn tail never continues
// the frames of a later one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast::stable::wal {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint32_t kMinBlockBytes = 512;
inline constexpr uint32_t kMaxBlockBytes = 1u << 20;
inline constexpr uint64_t kMaxSegmentBytes = uint64_t{4} << 30;
// A record longer than this is refused by the writer and never believed by a reader.
inline constexpr uint64_t kMaxRecordBytes = uint64_t{1} << 30;
// No log gets this far; a greater number is not believed, so that none can overflow.
inline constexpr StableSeq kMaxSeq{uint64_t{1} << 62};

inline constexpr size_t kSegmentHeaderBytes = 88;
inline constexpr size_t kFrameHeaderBytes = 56;
inline constexpr size_t kRecordHeaderBytes = 16;

// Whose log it is.
struct Identity {
  uint64_t cluster = 0;
  uint64_t node = 0;
  constexpr bool operator==(const Identity&) const = default;
};

struct SegmentHeader {
  uint64_t number = 0;  // from 1, consecutive
  StableSeq first_seq;  // of the first record this segment may hold; all earlier ones were stable when it was made
  uint64_t segment_bytes = 0;
  uint32_t block_bytes = 0;
  Identity identity;
  uint64_t salt = 0;
  StableSeq released;  // no record below this was needed when the segment was made
  constexpr bool operator==(const SegmentHeader&) const = default;
};

struct FrameHeader {
  StableSeq first_seq;      // of the first record; with no records, of the next one
  StableSeq stable;         // every record up to this one had been synced, successfully, when the frame was written
  StableSeq released;       // no record below this one was needed when the frame was written
  uint64_t writer = 0;      // distinguishes the process that wrote it, as far as its host could
  uint32_t body_bytes = 0;  // of the records with their headers, without padding
  uint32_t records = 0;
  uint32_t previous = 0;  // the checksum of the frame before it in the segment; 0 in the first one
  uint32_t crc = 0;       // of the header; set by encoding and decoding
  constexpr bool operator==(const FrameHeader&) const = default;
};

struct RecordHeader {
  StableSeq seq;
  uint32_t length = 0;
  uint32_t crc = 0;
};

// The header's bytes, without the zeros that fill its block.
std::array<char, kSegmentHeaderBytes> encode(const SegmentHeader& header);
// kDataLoss: not a header, or a damaged one. kUnimplemented: written by a version that this one does not know.
StatusOr<SegmentHeader> decode_segment_header(std::string_view bytes);

// Sets header.crc.
std::array<char, kFrameHeaderBytes> encode(FrameHeader& header, uint64_t salt, uint64_t offset);
// None when `bytes` (kFrameHeaderBytes of them, at file position `offset`) are not a frame header of this segment.
std::optional<FrameHeader> decode_frame_header(std::string_view bytes, uint64_t salt, uint64_t offset);

std::array<char, kRecordHeaderBytes> encode_record_header(StableSeq seq, const Chain& payload, uint64_t salt,
                                                          uint64_t offset);
RecordHeader decode_record_header(std::string_view bytes);
// The checksum that a record at `offset` must carry.
uint32_t record_crc(StableSeq seq, std::string_view payload, uint64_t salt, uint64_t offset);

// The salt of a segment's life. `seed` differs between processes where the host can supply that.
uint64_t make_salt(const Identity& identity, uint64_t number, StableSeq first_seq, uint64_t seed);

constexpr uint64_t round_up(uint64_t n, uint64_t block) { return (n + block - 1) / block * block; }

// "wal-" and "spare-" with 16 hexadecimal digits. Names sort as their numbers do.
std::string segment_name(uint64_t number);
std::string spare_name(uint64_t number);
std::optional<uint64_t> parse_segment_name(std::string_view name);
std::optional<uint64_t> parse_spare_name(std::string_view name);

}  // namespace holdfast::stable::wal
