// Rounds by a general's own clock: the paper's assumption A3, the absence of a message can be detected.
#pragma once

#include "holdfast/consensus/generals/types.h"

namespace holdfast::generals {

class Rounds {
 public:
  Rounds(uint32_t count, Duration length) : count_(count), length_(length) {}

  void begin(Time now) {
    current_ = 1;
    ends_ = now + length_;
  }
  bool begun() const { return current_ > 0; }
  bool over() const { return current_ > count_; }
  // Under way, from 1; zero before they begin, one more than there are when all are over.
  uint32_t current() const { return current_; }
  Time deadline() const { return begun() && !over() ? ends_ : Time::never(); }
  // Ends the round under way if its time has come.
  bool end_one(Time now) {
    if (deadline() > now || deadline() == Time::never()) return false;
    ++current_;
    ends_ = ends_ + length_;
    return true;
  }

 private:
  uint32_t count_;
  Duration length_;
  uint32_t current_ = 0;
  Time ends_ = Time::never();
};

}  // namespace holdfast::generals
