#include "holdfast/embed/options.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "holdfast/replica/engine_name.h"
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
  const auto engine = replica::engine_named(o.engine);
  if (!engine || replica::is_byzantine(*engine)) {
    return invalid(fmt::format("NodeOptions::engine is \"{}\"; it must be raft or paxos", o.engine));
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

replica::MachineConfig machine_config(const NodeOptions& options, uint64_t seed, uint64_t incarnation) {
  replica::MachineConfig c;
  if (!options.joins) {
    for (const GroupMember& m : options.members) c.members.push_back({NodeId(m.id), m.address});
  }
  c.request_timeout = Duration::millis(options.request_timeout_ms);
  c.replica.engine = *replica::engine_named(options.engine);
  c.replica.consensus.self = NodeId(options.id);
  c.replica.consensus.seed = seed;
  c.replica.consensus.heartbeat_interval = Duration::millis(options.heartbeat_ms);
  c.replica.consensus.election_timeout = Duration::millis(options.election_timeout_ms);
  c.replica.incarnation_hint = incarnation;
  c.replica.snapshot_count = options.snapshot_count;
  return c;
}

Status wrong_engine(const NodeOptions& options, size_t refuse, size_t others) {
  return absl::FailedPreconditionError(
      fmt::format("this member's NodeOptions::engine is {}, but {} of the other {} run something else and refuse it; "
                  "start all members of a group with the same engine",
                  options.engine, refuse, others));
}

namespace {

Status note_engine(stable::Disk& directory, const std::string& engine) {
  const std::string temporary = fmt::format("{}.tmp", kEngineFile);
  if (Status s = directory.remove(temporary); !s.ok() && !absl::IsNotFound(s)) return s;
  StatusOr<std::unique_ptr<stable::File>> file = directory.create(temporary);
  if (!file.ok()) return file.status();
  if (Status s = (*file)->write(0, Chain(Slice::take(engine + "\n"))); !s.ok()) return s;
  if (Status s = (*file)->sync(); !s.ok()) return s;
  if (Status s = directory.rename(temporary, kEngineFile); !s.ok()) return s;
  return directory.sync_dir();
}

}  // namespace

Status claim_engine(stable::Disk& directory, bool has_log, const std::string& engine) {
  std::string noted = has_log ? "raft" : "";
  StatusOr<std::unique_ptr<stable::File>> file = directory.open(kEngineFile);
  if (file.ok()) {
    const StatusOr<Slice> bytes = (*file)->read(0, 64);
    if (!bytes.ok()) return bytes.status();
    noted = bytes->view().substr(0, bytes->view().find('\n'));
    if (!replica::engine_named(noted)) {
      return absl::DataLossError(
          fmt::format("{}/{} names no engine that this program knows", directory.path(), kEngineFile));
    }
  } else if (!absl::IsNotFound(file.status())) {
    return file.status();
  }
  if (noted == engine) return absl::OkStatus();
  if (noted.empty()) return note_engine(directory, engine);
  return absl::FailedPreconditionError(fmt::format(
      "the log in {} was written by {}, but NodeOptions::engine is {}; a group keeps the engine that it was "
      "founded with, so start it with {}, or another group in empty directories",
      directory.path(), noted, engine, noted));
}

}  // namespace holdfast
