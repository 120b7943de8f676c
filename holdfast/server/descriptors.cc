#include "holdfast/server/descriptors.h"

#include <sys/resource.h>

namespace holdfast::server {
namespace {

// The log's and the snapshots' files, the listening sockets, and the connections of the other members.
constexpr size_t kReserve = 512;

}  // namespace

size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  return static_cast<size_t>(raised ? limit.rlim_cur : before);
}

size_t connections_within(size_t limit) { return limit > 2 * kReserve ? limit - kReserve : limit / 2; }

}  // namespace holdfast::server
