#include "holdfast/stable/snapshot_codec.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"

namespace holdfast::stable {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's integers are little endian, copied as they lie");

constexpr std::string_view kMagic("HOLDFSNP", 8);
constexpr size_t kHeaderBytes = 16;
constexpr size_t kBlockHeaderBytes = 16;
constexpr size_t kEndBytes = 32;

enum BlockType : uint32_t { kZstd = 1, kPlain = 2, kEnd = 3 };

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
T get(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Covers the number of the block in the file, so that blocks cannot change places.
uint32_t block_crc(uint64_t number, std::string_view head, std::string_view stored) {
  std::string place;
  put(place, number);
  return crc32c(stored, crc32c(head, crc32c(place)));
}

struct Totals {
  uint64_t blocks = 0;
  uint64_t content = 0;
  uint64_t file = 0;  // bytes before the end block
  uint64_t digest = 0;

  void add(std::string_view raw, size_t stored) {
    ++blocks;
    content += raw.size();
    file += kBlockHeaderBytes + stored;
    digest = hash_combine(digest, hash64(raw));
  }
};

std::string file_header() {
  std::string out(kMagic);
  put(out, kSnapshotVersion);
  put(out, crc32c(out));
  return out;
}

std::string block(uint64_t number, BlockType type, size_t raw_bytes, std::string_view stored) {
  std::string out;
  out.reserve(kBlockHeaderBytes + stored.size());
  put(out, static_cast<uint32_t>(type));
  put(out, static_cast<uint32_t>(raw_bytes));
  put(out, static_cast<uint32_t>(stored.size()));
  put(out, block_crc(number, out, stored));
  out += stored;
  return out;
}

}  // namespace

// --- Encoder ---------------------------------------------------------------------------------------------------------

struct SnapshotEncoder::State {
  Options options;
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  std::string pending;
  Totals totals;
  bool started = false;
  bool finished = false;

  ~State() { ZSTD_freeCCtx(zstd); }

  void start(std::vector<Slice>& out) {
    if (started) return;
    started = true;
    totals.file = kHeaderBytes;
    out.push_back(Slice::take(file_header()));
  }
  void emit(std::string_view raw, std::vector<Slice>& out) {
    std::string packed(ZSTD_compressBound(raw.size()), '\0');
    const size_t n = ZSTD_compressCCtx(zstd, packed.data(), packed.size(), raw.data(), raw.size(), options.level);
    // Without gain, or when zstd is out of memory, the block goes as it is.
    const bool use = !ZSTD_isError(n) && n < raw.size();
    const std::string_view stored = use ? std::string_view(packed).substr(0, n) : raw;
    out.push_back(Slice::take(block(totals.blocks, use ? kZstd : kPlain, raw.size(), stored)));
    totals.add(raw, stored.size());
  }
};

SnapshotEncoder::SnapshotEncoder() : SnapshotEncoder(Options()) {}
SnapshotEncoder::SnapshotEncoder(const Options& options) : state_(std::make_unique<State>()) {
  ensure(options.block_bytes > 0 && options.block_bytes <= kMaxSnapshotBlockBytes, "a decoder will take the blocks");
  state_->options = options;
}
SnapshotEncoder::~SnapshotEncoder() = default;
SnapshotEncoder::SnapshotEncoder(SnapshotEncoder&&) noexcept = default;
SnapshotEncoder& SnapshotEncoder::operator=(SnapshotEncoder&&) noexcept = default;

void SnapshotEncoder::add(const Slice& content, std::vector<Slice>& out) {
  State& s = *state_;
  ensure(!s.finished, "nothing is added to a finished snapshot");
  s.start(out);
  std::string_view rest = content.view();
  while (!rest.empty()) {
    const size_t take = std::min(rest.size(), s.options.block_bytes - s.pending.size());
    if (s.pending.empty() && take == s.options.block_bytes) {
      s.emit(rest.substr(0, take), out);
    } else {
      s.pending += rest.substr(0, take);
      if (s.pending.size() == s.options.block_bytes) {
        s.emit(s.pending, out);
        s.pending.clear();
      }
    }
    rest.remove_prefix(take);
  }
}

void SnapshotEncoder::finish(std::vector<Slice>& out) {
  State& s = *state_;
  ensure(!s.finished, "a snapshot is finished once");
  s.start(out);
  if (!s.pending.empty()) s.emit(s.pending, out);
  s.pending.clear();
  s.finished = true;
  std::string end;
  put(end, s.totals.blocks);
  put(end, s.totals.content);
  put(end, s.totals.file);
  put(end, s.totals.digest);
  out.push_back(Slice::take(block(s.totals.blocks, kEnd, 0, end)));
  s.totals.file += kBlockHeaderBytes + kEndBytes;
}

uint64_t SnapshotEncoder::content_bytes() const { return state_->totals.content + state_->pending.size(); }
uint64_t SnapshotEncoder::file_bytes() const { return state_->totals.file; }

// --- Decoder ---------------------------------------------------------------------------------------------------------

struct SnapshotDecoder::State {
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
  std::string pending;  // of the header or block that is not complete yet
  size_t need = kHeaderBytes;
  bool header_done = false;
  bool ended = false;
  Totals totals;
  Status error;

  ~State() { ZSTD_freeDCtx(zstd); }

  Status damaged(std::string_view what) const {
    return absl::DataLossError("the snapshot file is damaged at block " + std::to_string(totals.blocks) +
                               ", content byte " + std::to_string(totals.content) + ": " + std::string(what) +
                               "; use another snapshot, or fetch one from another member");
  }

  // `pending` holds `need` bytes: a file header, a block header, or a block.
  Status step(std::vector<Slice>& out) {
    if (!header_done) return take_header();
    const auto type = get<uint32_t>(pending, 0);
    const auto raw = get<uint32_t>(pending, 4);
    const auto stored = get<uint32_t>(pending, 8);
    if (pending.size() == kBlockHeaderBytes) {
      if (Status s = plausible(type, raw, stored); !s.ok()) return s;
      need = kBlockHeaderBytes + stored;  // never 16: no block is empty
      return absl::OkStatus();
    }
    const std::string_view body = std::string_view(pending).substr(kBlockHeaderBytes);
    if (get<uint32_t>(pending, 12) != block_crc(totals.blocks, std::string_view(pending).substr(0, 12), body)) {
      return damaged("the block's checksum does not match");
    }
    Status s = type == kEnd ? take_end(body) : take_block(type, raw, body, out);
    pending.clear();
    need = kBlockHeaderBytes;
    return s;
  }

  Status take_header() {
    const std::string_view head = pending;
    if (head.substr(0, 8) != kMagic) return absl::DataLossError("the file does not begin as a snapshot file does");
    if (get<uint32_t>(head, 12) != crc32c(head.substr(0, 12))) return damaged("the header's checksum does not match");
    if (const auto version = get<uint32_t>(head, 8); version != kSnapshotVersion) {
      return absl::UnimplementedError("the snapshot file has format version " + std::to_string(version) +
                                      ", this program knows version " + std::to_string(kSnapshotVersion) +
                                      "; run the version of the program that wrote it, or a newer one");
    }
    header_done = true;
    totals.file = kHeaderBytes;
    pending.clear();
    need = kBlockHeaderBytes;
    return absl::OkStatus();
  }

  Status plausible(uint32_t type, uint32_t raw, uint32_t stored) const {
    const bool content = raw > 0 && raw <= kMaxSnapshotBlockBytes && stored > 0;
    if (type == kZstd && content && stored < raw) return absl::OkStatus();
    if (type == kPlain && content && stored == raw) return absl::OkStatus();
    if (type == kEnd && raw == 0 && stored == kEndBytes) return absl::OkStatus();
    return damaged("a block header holds an impossible type or length");
  }

  Status take_block(uint32_t type, uint32_t raw_bytes, std::string_view body, std::vector<Slice>& out) {
    std::string raw;
    if (type == kPlain) {
      raw = body;
    } else {
      raw.resize(raw_bytes);
      const size_t n = ZSTD_decompressDCtx(zstd, raw.data(), raw.size(), body.data(), body.size());
      if (ZSTD_isError(n) || n != raw.size()) return damaged("the block cannot be decompressed");
    }
    totals.add(raw, body.size());
    out.push_back(Slice::take(std::move(raw)));
    return absl::OkStatus();
  }

  Status take_end(std::string_view body) {
    if (get<uint64_t>(body, 0) != totals.blocks || get<uint64_t>(body, 8) != totals.content ||
        get<uint64_t>(body, 16) != totals.file || get<uint64_t>(body, 24) != totals.digest) {
      return damaged("the totals at the end do not match the content");
    }
    ended = true;
    return absl::OkStatus();
  }
};

SnapshotDecoder::SnapshotDecoder() : state_(std::make_unique<State>()) {}
SnapshotDecoder::~SnapshotDecoder() = default;
SnapshotDecoder::SnapshotDecoder(SnapshotDecoder&&) noexcept = default;
SnapshotDecoder& SnapshotDecoder::operator=(SnapshotDecoder&&) noexcept = default;

Status SnapshotDecoder::add(const Slice& encoded, std::vector<Slice>& out) {
  State& s = *state_;
  std::string_view rest = encoded.view();
  while (s.error.ok() && !rest.empty()) {
    if (s.ended) {
      s.error = s.damaged("bytes follow the end");
      break;
    }
    const size_t take = std::min(rest.size(), s.need - s.pending.size());
    s.pending += rest.substr(0, take);
    rest.remove_prefix(take);
    if (s.pending.size() == s.need) s.error = s.step(out);
  }
  return s.error;
}

Status SnapshotDecoder::finish() {
  State& s = *state_;
  if (s.error.ok() && !s.ended) s.error = s.damaged("the file ends early");
  return s.error;
}

uint64_t SnapshotDecoder::content_bytes() const { return state_->totals.content; }

}  // namespace holdfast::stable
