#include "bench/engines/group.h"

#include <algorithm>
#include <filesystem>

#include "bench/engines/member.h"
#include "bench/engines/meter.h"

namespace holdfast::bench {

Figures run(const Load& load, bool split) {
  std::filesystem::remove_all(load.directory);
  std::atomic<bool> counts{false};
  std::vector<std::unique_ptr<Member>> members;
  std::vector<uint16_t> ports;
  for (uint64_t id = 1; id <= load.members; ++id) {
    members.push_back(std::make_unique<Member>(load, id, counts));
    ports.push_back(members.back()->port());
  }
  for (auto& m : members) m->start(ports);
  std::this_thread::sleep_for(std::chrono::duration<double>(load.before_counting()));
  if (split) metering(true);
  const double cpu = process_cpu();
  const auto begin = Clock::now();
  counts = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));
  counts = false;
  Figures out;
  out.seconds = since(begin);
  out.cpu_seconds = process_cpu() - cpu;
  if (split) metering(false);
  for (auto& m : members) m->stop();
  for (auto& m : members) {
    out.requests += m->requests;
    out.failures += m->failures;
    out.latencies_ms.insert(out.latencies_ms.end(), m->latencies.begin(), m->latencies.end());
  }
  std::sort(out.latencies_ms.begin(), out.latencies_ms.end());
  members.clear();
  std::filesystem::remove_all(load.directory);
  return out;
}

}  // namespace holdfast::bench
