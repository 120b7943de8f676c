// How far a run over many seeds has come. Shared by the processes that work on it: made before they are forked.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "holdfast/model/types.h"

namespace holdfast::sim {

class SimProgress {
 public:
  // Writes a line to `err` about every `interval` of real time; never when it is zero.
  SimProgress(uint64_t seeds, Duration interval, std::ostream& err);
  ~SimProgress();
  SimProgress(const SimProgress&) = delete;
  SimProgress& operator=(const SimProgress&) = delete;

  void finished(bool failed);  // one seed
  uint64_t done() const;
  uint64_t failures() const;

 private:
  struct Shared;
  int64_t elapsed_ms() const;

  const uint64_t seeds_;
  const int64_t interval_ms_;
  std::ostream& err_;
  const int64_t began_ms_;
  Shared* shared_;
};

// "1200 of 5000 seeds, 0 failed, 85 per second, 45 s to go"
std::string progress_text(uint64_t done, uint64_t seeds, uint64_t failures, int64_t elapsed_ms);

}  // namespace holdfast::sim
