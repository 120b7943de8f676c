// What the tests of the log share: a simulated disk, small segments, and shorthands.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "holdfast/sim/sim_disk.h"
#include "holdfast/stable/wal.h"

namespace holdfast::stable {

struct WalKit {
  struct Opened {
    StatusOr<std::unique_ptr<Wal>> wal = absl::UnknownError("not opened");
    StableSeq first;  // the number of records[0]
    std::vector<std::string> records;
  };

  Opened open(Disk& on) {
    Opened o;
    ++options.writer;
    o.wal = Wal::open(on, options, [&](StableSeq seq, Slice bytes) {
      if (o.records.empty()) o.first = seq;
      EXPECT_EQ(seq, o.first + o.records.size()) << "a gap in what is replayed";
      o.records.push_back(bytes.str());
      return absl::OkStatus();
    });
    return o;
  }
  Opened open() { return open(disk); }

  void write(Opened& log, const std::vector<std::string>& records) {
    ASSERT_TRUE(log.wal.ok()) << log.wal.status();
    std::vector<PendingRecord> batch;
    for (const std::string& r : records) {
      batch.push_back({(*log.wal)->last_written() + 1 + batch.size(), Chain(Slice::copy_of(r))});
    }
    const Status s = (*log.wal)->write(batch);
    ASSERT_TRUE(s.ok()) << s;
  }

  void power_failure() {
    disk.crash();
    disk.restart(random);
  }

  // Different for every n, and of the given size.
  static std::string text(int n, size_t size) {
    std::string t = std::to_string(n) + ":";
    while (t.size() < size) t += static_cast<char>('a' + (static_cast<size_t>(n) * 7 + t.size()) % 26);
    return t;
  }

  Random random{7};
  sim::SimDisk disk{11, "the-disk"};
  WalOptions options{{1, 1}, 8192, 512, 1, 0};
};

}  // namespace holdfast::stable
