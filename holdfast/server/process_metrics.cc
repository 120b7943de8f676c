#include "holdfast/server/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace holdfast::server {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Pages of /proc/self/statm: 0 is the whole size, 1 the resident part.
double memory_bytes(int which) {
  unsigned long pages[2] = {0, 0};
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  const int read = std::fscanf(file, "%lu %lu", &pages[0], &pages[1]);
  std::fclose(file);
  return read == 2 ? static_cast<double>(pages[which]) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
}

double open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  double count = -1;  // the directory itself
  while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] != '.';
  ::closedir(directory);
  return count;
}

double max_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(runtime::Metrics& metrics) {
  using Kind = runtime::Metrics::Kind;
  const double start = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  metrics.computed(Kind::kCounter, "process_cpu_seconds_total", "Processor time, user and system.", cpu_seconds);
  metrics.computed(Kind::kGauge, "process_resident_memory_bytes", "Memory in use.", [] { return memory_bytes(1); });
  metrics.computed(Kind::kGauge, "process_virtual_memory_bytes", "Address space.", [] { return memory_bytes(0); });
  metrics.computed(Kind::kGauge, "process_open_fds", "Open descriptors.", open_descriptors);
  metrics.computed(Kind::kGauge, "process_max_fds", "Descriptors that may be open.", max_descriptors);
  metrics.computed(Kind::kGauge, "process_start_time_seconds", "When the process started, in Unix time.",
                   [start] { return start; });
}

}  // namespace holdfast::server
