#include "holdfast/embed/options.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/model/tolerance.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/key_file.h"
#include "holdfast/runtime/member_keys.h"
#include "holdfast/runtime/url.h"

namespace holdfast {

namespace {

replica::EngineKind kind_of(const NodeOptions& o) { return *replica::machine_engine_named(o.engine); }

runtime::KeyTerms key_terms(const NodeOptions& o) {
  return {fmt::format("NodeOptions::engine = \"{}\"", o.engine), "\"pbft\"", "address",
          "addresses are written KEY@HOST:PORT", "NodeOptions::key_file"};
}

runtime::NamedMember named(const GroupMember& m) { return {fmt::format("member {}", m.id), {url_of(m.address)}}; }

Status check_times(const NodeOptions& o) {
  if (o.heartbeat_ms <= 0 || o.election_timeout_ms < 3 * o.heartbeat_ms) {
    return invalid("election_timeout_ms must be at least three times heartbeat_ms, which must be positive");
  }
  if (o.request_timeout_ms <= 0 || o.snapshot_count == 0) {
    return invalid("request_timeout_ms and snapshot_count must be positive");
  }
  if (o.crash_timeout_ms < 5 * o.heartbeat_ms) {
    return invalid("crash_timeout_ms must be at least five times heartbeat_ms, and longer than any pause of a process");
  }
  return absl::OkStatus();
}

Status check_members(const NodeOptions& o) {
  std::vector<uint64_t> ids;
  std::vector<runtime::NamedMember> members;
  for (const GroupMember& m : o.members) {
    if (m.id == 0) return invalid("a member has the id 0");
    if (const auto url = runtime::parse_peer_url(url_of(m.address)); !url.ok()) {
      const bool key = m.address.find('@') != std::string::npos;
      return invalid(fmt::format("the address of member {}, \"{}\", is not {}", m.id, m.address,
                                 key ? "KEY@host:port, where KEY are 64 digits of 0-9 and a-f" : "host:port"));
    }
    ids.push_back(m.id);
    members.push_back(named(m));
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return invalid("two members have the same id");
  const bool known = std::binary_search(ids.begin(), ids.end(), o.id);
  if (!o.joins && !known) return invalid(fmt::format("member {} is not among NodeOptions::members", o.id));
  if (o.joins && o.listen.empty() && !known) {
    return invalid("NodeOptions::listen is empty, and this member is not among NodeOptions::members");
  }
  return runtime::check_member_keys(replica::is_byzantine(kind_of(o)), members, key_terms(o));
}

}  // namespace

Status check(const NodeOptions& o) {
  if (o.id == 0) return invalid("NodeOptions::id is 0; give every member a number of its own, from 1");
  if (o.data_dir.empty()) return invalid("NodeOptions::data_dir is empty; name a directory, one per member");
  const auto engine = replica::machine_engine_named(o.engine);
  if (!engine) {
    return invalid(
        fmt::format("NodeOptions::engine is \"{}\"; it must be {}", o.engine, replica::machine_engine_names()));
  }
  const bool fixed = replica::is_byzantine(*engine) || *engine == replica::EngineKind::kFlooding;
  if (o.joins && fixed) {
    return invalid(
        fmt::format("NodeOptions::joins is set, but nobody joins a group over {}: its members are those it "
                    "was founded with",
                    o.engine));
  }
  if (o.disk_lost && !replica::is_byzantine(*engine)) {
    return invalid(fmt::format(
        "NodeOptions::disk_lost is for pbft; over {} a member without its disk {}", o.engine,
        fixed ? "is out for good" : "is removed (remove_member), and another joins in its place under a new id"));
  }
  if (Status s = check_times(o); !s.ok()) return s;
  return check_members(o);
}

std::string advice_on_size(const NodeOptions& o) {
  const replica::EngineKind kind = kind_of(o);
  const size_t n = o.members.size();
  if (kind == replica::EngineKind::kFlooding || n < 2 || o.joins) return {};
  const Bound bound = replica::is_byzantine(kind) ? Bound::kThird : Bound::kMinority;
  const size_t survives = tolerated(bound, n);
  size_t fewer = n;
  while (fewer > 1 && tolerated(bound, fewer - 1) == survives) --fewer;
  if (fewer == n) return {};
  return fmt::format("{} members over {} survive the failure of {}, as {} would, with less work", n, o.engine, survives,
                     fewer);
}

std::string listen_address(const NodeOptions& o) {
  if (!o.listen.empty()) return o.listen;
  for (const GroupMember& m : o.members) {
    if (m.id == o.id) return m.address;
  }
  return {};
}

uint64_t cluster_id(const NodeOptions& o) {
  std::string text = "holdfast group " + o.group;
  const replica::EngineKind kind = kind_of(o);
  if (replica::is_byzantine(kind) || kind == replica::EngineKind::kFlooding) {
    std::vector<std::string> members;
    for (const GroupMember& m : o.members) members.push_back(fmt::format("\n{} {}", m.id, m.address));
    std::sort(members.begin(), members.end());
    for (const std::string& m : members) text += m;
  }
  return hash64(text) >> 1 | 1;
}

namespace {

StatusOr<replica::ByzantineConfig> byzantine_config(const NodeOptions& o) {
  replica::ByzantineConfig out;
  out.cluster = cluster_id(o);
  out.request_timeout = Duration::millis(o.election_timeout_ms);
  out.beginning = o.disk_lost ? pbft::Beginning::kLostDisk : pbft::Beginning::kNew;
  for (const GroupMember& m : o.members) {
    const auto key = runtime::key_in({url_of(m.address)});
    ensure(key.ok() && key->has_value(), "the members over PBFT have keys");
    out.configuration.members.push_back({NodeId(m.id), **key});
    if (m.id != o.id) continue;
    const std::string path = o.key_file.empty() ? o.data_dir + "/member.key" : o.key_file;
    const StatusOr<crypto::Seed> seed = runtime::read_member_key(path, named(m), key_terms(o));
    if (!seed.ok()) return seed.status();
    out.seed = *seed;
  }
  std::sort(out.configuration.members.begin(), out.configuration.members.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

}  // namespace

StatusOr<replica::MachineConfig> machine_config(const NodeOptions& o, uint64_t seed, uint64_t incarnation) {
  replica::MachineConfig c;
  if (!o.joins) {
    for (const GroupMember& m : o.members) c.members.push_back({NodeId(m.id), m.address});
  }
  c.request_timeout = Duration::millis(o.request_timeout_ms);
  c.replica.engine = kind_of(o);
  c.replica.crash_timeout = Duration::millis(o.crash_timeout_ms);
  // What waits for a member that has crashed goes on once that is noticed.
  if (c.replica.engine == replica::EngineKind::kFlooding)
    c.request_timeout = c.request_timeout + c.replica.crash_timeout;
  if (replica::is_byzantine(c.replica.engine)) {
    StatusOr<replica::ByzantineConfig> byzantine = byzantine_config(o);
    if (!byzantine.ok()) return byzantine.status();
    c.replica.byzantine = *std::move(byzantine);
  }
  c.replica.consensus.self = NodeId(o.id);
  c.replica.consensus.seed = seed;
  c.replica.consensus.heartbeat_interval = Duration::millis(o.heartbeat_ms);
  c.replica.consensus.election_timeout = Duration::millis(o.election_timeout_ms);
  c.replica.incarnation_hint = incarnation;
  c.replica.snapshot_count = o.snapshot_count;
  return c;
}

Status wrong_engine(const NodeOptions& options, size_t refuse, size_t others) {
  return absl::FailedPreconditionError(
      fmt::format("this member's NodeOptions::engine is {}, but {} of the other {} run something else and refuse it; "
                  "start all members of a group with the same engine",
                  options.engine, refuse, others));
}

Status wrong_group(const NodeOptions& options, size_t refuse, size_t others) {
  return absl::FailedPreconditionError(
      fmt::format("{} of the other {} are of another group than this member, and refuse it; give all members of a "
                  "group the same NodeOptions::group and engine{}",
                  refuse, others,
                  options.engine == "pbft"       ? ", and the same members with the same keys"
                  : options.engine == "flooding" ? ", and the same members"
                                                 : ""));
}

Status wrong_directory(const NodeOptions& o) {
  const bool members = o.engine == "pbft" || o.engine == "flooding";
  return absl::FailedPreconditionError(fmt::format(
      "{} is the directory of another member, or of one of another group; give this member its own, or correct "
      "NodeOptions::id and group{}",
      o.data_dir, members ? fmt::format(" (over {} the members and their keys are for good, too)", o.engine) : ""));
}

Status was_removed_from(const NodeOptions& o) {
  return absl::FailedPreconditionError(
      o.engine == "flooding" ? "the others took this member for crashed, and go on without it; in a fail-stop group "
                               "that is for good. Found "
                               "a new group, or use an engine whose members come back (raft, paxos, pbft)"
                             : "this member was removed from its group; its directory is of no further use");
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
    if (!replica::machine_engine_named(noted)) {
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
