// Recovery of the log over any bytes: no crash, no assertion; a refused log is left as it was; an accepted one can be
// continued and opened again with all that was replayed; inspection and recovery agree.
//
// The first byte chooses: the rest is the body of a segment behind a good header, or edits of a good log of several
// segments, some of which make the checksums right again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/sim/sim_disk.h"
#include "holdfast/stable/wal.h"
#include "holdfast/stable/wal_inspect.h"

namespace {

using namespace holdfast;          // NOLINT: a program of one page
using namespace holdfast::stable;  // NOLINT

const WalOptions kOptions{{1, 1}, 2048, 512, 1, 1};

void append(Wal& wal, size_t bytes) {
  const std::vector<PendingRecord> batch = {{wal.last_written() + 1, Chain(Slice::take(std::string(bytes, 'r')))}};
  ensure(wal.write(batch).ok() && wal.sync().ok(), "a sound disk takes a record");
}

StatusOr<std::unique_ptr<Wal>> open(sim::SimDisk& disk, std::vector<std::string>& records) {
  records.clear();
  return Wal::open(disk, kOptions, [&](StableSeq, Slice bytes) {
    records.push_back(bytes.str());
    return absl::OkStatus();
  });
}

const sim::DiskImage& good_log() {
  static const sim::DiskImage image = [] {
    sim::SimDisk disk(1);
    std::vector<std::string> none;
    auto wal = open(disk, none);
    for (size_t i = 0; i < 9; ++i) append(**wal, i * 60);
    (*wal)->release(StableSeq(2));
    ensure((*wal)->close().ok(), "a sound disk takes the end");
    return disk.current_image();
  }();
  return image;
}

void check(const sim::DiskImage& image) {
  sim::SimDisk disk(1);
  disk.load(image);
  const auto report = verify_wal(disk);
  ensure(disk.current_image() == image, "inspection changes nothing");
  dump_wal(disk, {}, [](const WalItem&) { return absl::OkStatus(); }).IgnoreError();
  std::vector<std::string> records, again;
  auto wal = open(disk, records);
  if (!wal.ok()) {
    ensure(disk.current_image() == image, "a refused log is left as it was");
    return;
  }
  ensure(!report.ok() || report->ok(), "what recovery accepts, inspection accepts");
  append(**wal, 100);
  records.push_back(std::string(100, 'r'));
  auto reopened = open(disk, again);
  ensure(reopened.ok() && again == records, "an accepted log goes on");
}

// A frame header with a right checksum over whatever it says.
void plant_frame(std::string& file, size_t at, std::string_view says) {
  const auto segment = wal::decode_segment_header(file);
  if (!segment.ok() || says.size() < 5) return;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(says[i]); };
  wal::FrameHeader h{StableSeq(byte(0)), StableSeq(byte(1)), StableSeq(byte(2)), 9, byte(3), byte(4), 0, 0};
  const uint64_t offset = at / 512 * 512;
  if (offset < 512 || offset + 512 > file.size()) return;
  const auto bytes = wal::encode(h, segment->salt, offset);
  file.replace(offset, bytes.size(), bytes.data(), bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  sim::DiskImage image = good_log();
  if (data[0] % 4 == 0) {
    auto& [name, file] = *image.files.begin();
    const std::string body(rest);
    const std::string only =
        file.substr(0, 512) + body + std::string(body.size() < 1536 ? 1536 - body.size() : 0, '\0');
    image.files = {{std::string(name), only}};
    check(image);
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& [name, file] : image.files) names.push_back(name);
  for (; rest.size() >= 4; rest.remove_prefix(4)) {
    std::string& file = image.files[names[static_cast<uint8_t>(rest[0]) % names.size()]];
    if (file.empty()) continue;
    const size_t at = static_cast<uint8_t>(rest[1]) * file.size() / 256;
    switch (static_cast<uint8_t>(rest[2]) % 5) {
      case 0:
        file[at] = static_cast<char>(file[at] ^ rest[3]);
        break;
      case 1:
        file.replace(at, std::min<size_t>(512, file.size() - at), std::min<size_t>(512, file.size() - at), '\0');
        break;
      case 2:
        file.resize(at);
        break;
      case 3:
        if (file.size() < 100'000) file += std::string(at, rest[3]);
        break;
      default:
        plant_frame(file, at, rest.substr(3));
        break;
    }
  }
  check(image);
  return 0;
}
