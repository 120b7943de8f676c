// Keeps an eye on a set of members: asks each, again and again, what it is, and notices what changes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::cli {

struct MemberView {
  bool reachable = false;
  uint64_t id = 0;
  uint64_t leader = 0;  // whom it takes for the leader; 0: nobody
  uint64_t term = 0;
  int64_t revision = 0;
  uint64_t applied = 0;
  double operations_per_second = 0;  // answered to clients

  bool leads() const { return reachable && leader != 0 && leader == id; }
};

// The number of the member that leads in the greatest term, counted from 1; 0 when none does.
int leader_of(const std::vector<MemberView>& views);

class ClusterWatch {
 public:
  ClusterWatch(std::vector<std::string> endpoints, std::chrono::milliseconds interval);
  ~ClusterWatch();

  std::vector<MemberView> views() const;
  // What was noticed since the last call: "member 2 leads in term 3".
  std::vector<std::string> take_events();

 private:
  void run();
  void notice(const std::vector<MemberView>& now);

  const std::vector<std::string> endpoints_;
  const std::chrono::milliseconds interval_;
  mutable std::mutex mutex_;
  std::vector<MemberView> views_;
  std::vector<std::string> events_;
  uint64_t last_leader_term_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The body of GET http://ENDPOINT/PATH; nothing on any error or after `timeout`.
std::optional<std::string> http_get(const std::string& endpoint, const std::string& path,
                                    std::chrono::milliseconds timeout);

// The sum of the samples of a counter in the text format of Prometheus whose labels contain `label`.
double sum_of_samples(std::string_view metrics, std::string_view name, std::string_view label);

}  // namespace holdfast::cli
