// The arithmetic of the phi-accrual detector (Hayashibara, Defago, Yared, Katayama, "The phi Accrual Failure Detector",
// SRDS 2004, section 4): a window of inter-arrival times, and phi = -log10(P_later(t)), where P_later is the chance
// that a heartbeat comes later than t after the last one, for normally distributed inter-arrival times.
//
// Everything is computed in integers, so that decisions are the same on every compiler and processor: times in
// microseconds, the normalised distance y = (t - mean) / deviation in 65536ths, phi in millionths. -log10 of the normal
// distribution's tail is interpolated between exact values at steps of a quarter (error below 0.0034); beyond y = 12
// (phi = 32.7) it goes on as a straight line, so that phi grows without bound as accruement demands.
#pragma once

#include <cstdint>
#include <vector>

#include "holdfast/model/types.h"

namespace holdfast::detect {

// A level of suspicion in millionths: 1'000'000 means that a suspicion now is wrong with probability 1/10, 2'000'000
// with 1/100, and so on.
using MicroPhi = int64_t;
constexpr MicroPhi whole_phi(int64_t n) { return n * 1'000'000; }

// phi at the distance y (65536ths of a deviation from the mean); and the smallest y at which phi reaches `level`.
MicroPhi phi_at(int64_t y);
int64_t distance_of(MicroPhi level);

// The greatest integer whose square is at most x.
uint64_t integer_sqrt(uint64_t x);

// The last inter-arrival times of one peer's heartbeats.
class ArrivalWindow {
 public:
  // At most `capacity` > 0 times are kept. Until the first one, heartbeats are taken to come every `expected`.
  ArrivalWindow(size_t capacity, Duration expected, Duration min_deviation);

  // Times beyond an hour count as an hour.
  void add(Duration interval);
  Duration mean() const;
  // Never below the least deviation: a window of equal times must not condemn the first jitter.
  Duration deviation() const;
  size_t size() const { return micros_.size(); }

  // phi when the last heartbeat came `silence` ago.
  MicroPhi phi(Duration silence) const;
  // The shortest silence at which phi is at least `level`.
  Duration silence_at(MicroPhi level) const;

 private:
  size_t capacity_;
  int64_t expected_, min_deviation_;
  std::vector<int64_t> micros_;
  size_t next_ = 0;
  int64_t sum_ = 0;
  unsigned __int128 squares_ = 0;
};

}  // namespace holdfast::detect
