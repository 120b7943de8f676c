#include "holdfast/stable/wal_format.h"

#include <bit>
#include <cstring>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/stable/names.h"

namespace holdfast::stable::wal {
namespace {

static_assert(std::endian::native == std::endian::little, "the log's integers are little endian, copied as they lie");

constexpr std::string_view kSegmentMagic("HOLDFWAL", 8);
constexpr uint32_t kFrameMagic = 0x6d724648;  // "HFrm"

template <class T>
void put(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
template <class T>
T get(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The start of every checksum in a segment: where the bytes belong.
uint32_t place_crc(uint64_t salt, uint64_t offset) {
  char place[16];
  put(place, salt);
  put(place + 8, offset);
  return crc32c(std::string_view(place, sizeof place));
}

uint32_t record_start_crc(StableSeq seq, uint32_t length, uint64_t salt, uint64_t offset) {
  char head[12];
  put(head, length);
  put(head + 4, seq.value());
  return crc32c(std::string_view(head, sizeof head), place_crc(salt, offset));
}

bool plausible(const SegmentHeader& h) {
  return h.number > 0 && h.number <= kMaxSeq.value() && h.first_seq > StableSeq{} && h.first_seq <= kMaxSeq && std::has_single_bit(h.block_bytes) &&
         h.block_bytes >= kMinBlockBytes && h.block_bytes <= kMaxBlockBytes && h.segment_bytes % h.block_bytes == 0 &&
         h.segment_bytes / h.block_bytes >= 2 && h.segment_bytes <= kMaxSegmentBytes;
}

}  // namespace

std::array<char, kSegmentHeaderBytes> encode(const SegmentHeader& h) {
  std::array<char, kSegmentHeaderBytes> out{};
  char* p = out.data();
  std::memcpy(p, kSegmentMagic.data(), 8);
  put(p + 8, kFormatVersion);
  put(p + 12, h.block_bytes);
  put(p + 16, h.segment_bytes);
  put(p + 24, h.number);
  put(p + 32, h.first_seq.value());
  put(p + 40, h.identity.cluster);
  put(p + 48, h.identity.node);
  put(p + 56, h.salt);
  put(p + 64, h.released.value());
  put(p + 72, uint64_t{0});
  put(p + 80, uint32_t{0});
  put(p + 84, crc32c(std::string_view(p, 84)));
  return out;
}

StatusOr<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes)
    return absl::DataLossError("the segment header is damaged: the file is too short for one");
  const char* p = bytes.data();
  if (bytes.substr(0, 8) != kSegmentMagic)
    return absl::DataLossError("the segment header is damaged: it does not begin as one does");
  if (get<uint32_t>(p + 84) != crc32c(bytes.substr(0, 84))) {
    return absl::DataLossError("the segment header is damaged: its checksum does not match");
  }
  if (const auto version = get<uint32_t>(p + 8); version != kFormatVersion) {
    return absl::UnimplementedError("the segment has format version " + std::to_string(version) +
                                    ", this program knows version " + std::to_string(kFormatVersion) +
                                    "; run the version of the program that wrote it, or a newer one");
  }
  SegmentHeader h;
  h.block_bytes = get<uint32_t>(p + 12);
  h.segment_bytes = get<uint64_t>(p + 16);
  h.number = get<uint64_t>(p + 24);
  h.first_seq = StableSeq(get<uint64_t>(p + 32));
  h.identity = {get<uint64_t>(p + 40), get<uint64_t>(p + 48)};
  h.salt = get<uint64_t>(p + 56);
  h.released = StableSeq(get<uint64_t>(p + 64));
  if (!plausible(h)) return absl::DataLossError("the segment header is damaged: it holds impossible sizes or numbers");
  return h;
}

std::array<char, kFrameHeaderBytes> encode(FrameHeader& h, uint64_t salt, uint64_t offset) {
  std::array<char, kFrameHeaderBytes> out{};
  char* p = out.data();
  put(p, kFrameMagic);
  put(p + 8, h.first_seq.value());
  put(p + 16, h.stable.value());
  put(p + 24, h.released.value());
  put(p + 32, h.writer);
  put(p + 40, h.body_bytes);
  put(p + 44, h.records);
  put(p + 48, h.previous);
  put(p + 52, uint32_t{0});
  h.crc = crc32c(std::string_view(p + 8, kFrameHeaderBytes - 8), place_crc(salt, offset));
  put(p + 4, h.crc);
  return out;
}

std::optional<FrameHeader> decode_frame_header(std::string_view bytes, uint64_t salt, uint64_t offset) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const char* p = bytes.data();
  if (get<uint32_t>(p) != kFrameMagic) return std::nullopt;
  FrameHeader h;
  h.crc = get<uint32_t>(p + 4);
  if (h.crc != crc32c(bytes.substr(8, kFrameHeaderBytes - 8), place_crc(salt, offset))) return std::nullopt;
  h.first_seq = StableSeq(get<uint64_t>(p + 8));
  h.stable = StableSeq(get<uint64_t>(p + 16));
  h.released = StableSeq(get<uint64_t>(p + 24));
  h.writer = get<uint64_t>(p + 32);
  h.body_bytes = get<uint32_t>(p + 40);
  h.records = get<uint32_t>(p + 44);
  h.previous = get<uint32_t>(p + 48);
  // A frame can be forged (the checksum is no signature), but it cannot make a reader compute with nonsense.
  if (h.body_bytes / kRecordHeaderBytes < h.records) return std::nullopt;
  if (h.first_seq > kMaxSeq) return std::nullopt;
  if (h.first_seq == StableSeq{} || h.stable >= h.first_seq || h.released > h.first_seq + h.records)
    return std::nullopt;
  return h;
}

std::array<char, kRecordHeaderBytes> encode_record_header(StableSeq seq, const Chain& payload, uint64_t salt,
                                                          uint64_t offset) {
  ensure(payload.size() <= kMaxRecordBytes, "a record's length was checked before it is encoded");
  std::array<char, kRecordHeaderBytes> out{};
  const auto length = static_cast<uint32_t>(payload.size());
  put(out.data(), crc32c(payload, record_start_crc(seq, length, salt, offset)));
  put(out.data() + 4, length);
  put(out.data() + 8, seq.value());
  return out;
}

RecordHeader decode_record_header(std::string_view bytes) {
  ensure(bytes.size() >= kRecordHeaderBytes, "a record header is decoded from enough bytes");
  return {StableSeq(get<uint64_t>(bytes.data() + 8)), get<uint32_t>(bytes.data() + 4), get<uint32_t>(bytes.data())};
}

uint32_t record_crc(StableSeq seq, std::string_view payload, uint64_t salt, uint64_t offset) {
  return crc32c(payload, record_start_crc(seq, static_cast<uint32_t>(payload.size()), salt, offset));
}

uint64_t make_salt(const Identity& identity, uint64_t number, StableSeq first_seq, uint64_t seed) {
  char parts[40];
  put(parts, identity.cluster);
  put(parts + 8, identity.node);
  put(parts + 16, number);
  put(parts + 24, first_seq.value());
  put(parts + 32, seed);
  return hash64(std::string_view(parts, sizeof parts));
}

std::string segment_name(uint64_t number) { return numbered_name("wal-", number); }
std::string spare_name(uint64_t number) { return numbered_name("spare-", number); }
std::optional<uint64_t> parse_segment_name(std::string_view name) { return parse_numbered("wal-", name); }
std::optional<uint64_t> parse_spare_name(std::string_view name) { return parse_numbered("spare-", name); }

}  // namespace holdfast::stable::wal
