#include "holdfast/sim/sim_progress.h"

#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <cstdio>
#include <new>

#include <absl/strings/str_cat.h>

#include "holdfast/base/assert.h"

namespace holdfast::sim {
namespace {

// Real time: progress is for whoever waits.
int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

struct SimProgress::Shared {
  std::atomic<uint64_t> done{0}, failures{0};
  std::atomic<int64_t> told_ms{0};
};

SimProgress::SimProgress(uint64_t seeds, Duration interval, std::ostream& err)
    : seeds_(seeds), interval_ms_(interval.millis()), err_(err), began_ms_(now_ms()) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ensure(memory != MAP_FAILED, "a page of memory for the progress of the run");
  shared_ = new (memory) Shared;
}

SimProgress::~SimProgress() { munmap(shared_, sizeof(Shared)); }

int64_t SimProgress::elapsed_ms() const { return now_ms() - began_ms_; }
uint64_t SimProgress::done() const { return shared_->done; }
uint64_t SimProgress::failures() const { return shared_->failures; }

void SimProgress::finished(bool failed) {
  if (failed) ++shared_->failures;
  const uint64_t done = ++shared_->done;
  if (interval_ms_ == 0 || done == seeds_) return;
  const int64_t now = elapsed_ms();
  int64_t told = shared_->told_ms;
  // The process that wins the exchange writes.
  if (now - told < interval_ms_ || !shared_->told_ms.compare_exchange_strong(told, now)) return;
  err_ << progress_text(done, seeds_, shared_->failures, now) << std::endl;
}

std::string progress_text(uint64_t done, uint64_t seeds, uint64_t failures, int64_t elapsed_ms) {
  const double seconds = static_cast<double>(elapsed_ms > 0 ? elapsed_ms : 1) / 1000;
  const double rate = static_cast<double>(done) / seconds;
  const double left = done == 0 ? 0 : static_cast<double>(seeds - done) / rate;
  char times[64];
  std::snprintf(times, sizeof times, "%.1f per second, %.0f %s to go", rate, left < 200 ? left : left / 60,
                left < 200 ? "s" : "min");
  return absl::StrCat(done, " of ", seeds, " seeds, ", failures, " failed, ", times);
}

}  // namespace holdfast::sim
