// Clients that write under load and remember what they were told, and the check of what is there afterwards.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "holdfast/base/status.h"

namespace holdfast::cli {

class Client;

// One attempt to write a key that nobody else ever writes.
struct Attempt {
  using Clock = std::chrono::steady_clock;
  enum class Outcome {
    kAcknowledged,  // the store said that it is done
    kRefused,       // certainly not done, now or later
    kUnknown,       // no answer, or one that leaves it open
  };
  std::string key, value;
  Outcome outcome = Outcome::kUnknown;
  int64_t revision = 0;  // when acknowledged
  std::string answer;    // what it was told when it was not acknowledged
  Clock::time_point began, ended;
};

// They ask to be refused at once where no leader is known.
class Writers {
 public:
  // Every writer has connections of its own. Keys start with `prefix`; every attempt ends within `timeout`.
  Writers(std::vector<std::string> endpoints, std::string prefix, int count, std::chrono::milliseconds timeout);
  ~Writers();  // stops them

  void start();
  void stop();
  std::vector<Attempt> attempts() const;  // in the order in which they ended

 private:
  void write(int writer);

  const std::vector<std::string> endpoints_;
  const std::string prefix_;
  const int count_;
  const std::chrono::milliseconds timeout_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<Attempt> attempts_;
  std::vector<std::thread> threads_;
};

struct LoadFigures {
  size_t acknowledged = 0, refused = 0, unknown = 0;
  size_t refused_by_member = 0;                 // the other refused ones met nobody
  std::string refusal;                          // what a member said last
  double per_second = 0;                        // acknowledged
  std::chrono::microseconds median{0}, p99{0};  // of the acknowledged ones
};
// Of the attempts that began in [from, to).
LoadFigures figures(const std::vector<Attempt>& attempts, Attempt::Clock::time_point from,
                    Attempt::Clock::time_point to);

// The longest time in [from, to) without any acknowledgement. `to` itself ends the last gap.
std::chrono::milliseconds longest_pause(const std::vector<Attempt>& attempts, Attempt::Clock::time_point from,
                                        Attempt::Clock::time_point to);

struct Verdict {
  size_t present = 0;  // acknowledged and there, with value and revision
  size_t unknown_done = 0, unknown_not_done = 0;
  std::vector<std::string> wrong;  // each a sentence; empty when all is well
};
// Reads everything below `prefix` at one revision and compares.
StatusOr<Verdict> verify(Client& client, const std::string& prefix, const std::vector<Attempt>& attempts);

}  // namespace holdfast::cli
