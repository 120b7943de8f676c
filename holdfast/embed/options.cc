#include "holdfast/embed/options.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "holdfast/runtime/url.h"

namespace holdfast {

Status check(const NodeOptions& o) {
  if (o.id == 0) return invalid("NodeOptions::id is 0; give every member a number of its own, from 1");
  if (o.data_dir.empty()) return invalid("NodeOptions::data_dir is empty; name a directory, one per member");
  if (o.heartbeat_ms <= 0 || o.election_timeout_ms < 3 * o.heartbeat_ms) {
    return invalid("election_timeout_ms must be at least three times heartbeat_ms, which must be positive");
  }
  if (o.request_timeout_ms <= 0 || o.snapshot_count == 0) {
    return invalid("request_timeout_ms and snapshot_count must be positive");
  }
  std::vector<uint64_t> ids;
  for (const GroupMember& m : o.members) {
    if (m.id == 0) return invalid("a member has the id 0");
    if (const auto url = runtime::parse_url(url_of(m.address)); !url.ok()) {
      return invalid(fmt::format("the address of member {}, \"{}\", is not host:port", m.id, m.address));
    }
    ids.push_back(m.id);
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return invalid("two members have the same id");
  const bool named = std::binary_search(ids.begin(), ids.end(), o.id);
  if (!o.joins && !named) return invalid(fmt::format("member {} is not among NodeOptions::members", o.id));
  if (o.joins && o.listen.empty() && !named) {
    return invalid("NodeOptions::listen is empty, and this member is not among NodeOptions::members");
  }
  return absl::OkStatus();
}

}  // namespace holdfast
