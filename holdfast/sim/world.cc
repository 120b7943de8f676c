#include "holdfast/sim/world.h"

#include <algorithm>

namespace holdfast::sim {

Random World::stream(std::string_view purpose, uint64_t number) const {
  return Random(hash_combine(hash_combine(seed_, hash64(purpose)), number));
}

void World::at(Time when, Action action) {
  if (when == Time::never()) return;
  queue_.push_back({std::max(when, now_), next_sequence_++, std::move(action)});
  std::push_heap(queue_.begin(), queue_.end(), later);
}

bool World::step() {
  if (queue_.empty()) return false;
  std::pop_heap(queue_.begin(), queue_.end(), later);
  Due due = std::move(queue_.back());
  queue_.pop_back();
  now_ = due.when;
  ++events_;
  due.action();
  return true;
}

void World::run_until(Time until) {
  run_until(until, [] { return false; });
}

bool World::run_until(Time until, const std::function<bool()>& done) {
  while (!violated()) {
    if (done()) return true;
    if (queue_.empty() || queue_.front().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    step();
  }
  return false;
}

void World::violate(std::string oracle, std::string explanation) {
  trace_.note(now_, NodeId{}, "violation", explanation);
  violations_.push_back({now_, std::move(oracle), std::move(explanation)});
}

}  // namespace holdfast::sim
