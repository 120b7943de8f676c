#include "holdfast/server/member_identity.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "holdfast/base/checksum.h"
#include "holdfast/replica/engine_name.h"

namespace holdfast::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

// Into 1 .. 2^63-1: some clients keep identities in signed integers.
uint64_t identity_from(uint64_t hash) {
  const uint64_t id = hash >> 1;
  return id == 0 ? 1 : id;
}

// Length-prefixed, so that no two lists give the same bytes.
void append(std::string& bytes, std::string_view part) {
  bytes += std::to_string(part.size());
  bytes += ':';
  bytes += part;
}

std::string hex(uint64_t id) { return fmt::format("{:016x}", id); }

std::optional<uint64_t> unhex(const json& value) {
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.get_ref<const std::string&>();
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return std::nullopt;
  return id;
}

Json members_json(const std::vector<store::Member>& members) {
  Json out = Json::array();
  for (const store::Member& m : members) {
    out.push_back({{"id", hex(m.id.value())},
                   {"name", m.name},
                   {"peer_urls", m.peer_urls},
                   {"client_urls", m.client_urls},
                   {"learner", m.is_learner}});
  }
  return out;
}

std::optional<std::vector<std::string>> strings(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json& v : value) {
    if (!v.is_string()) return std::nullopt;
    out.push_back(v.get<std::string>());
  }
  return out;
}

const json& field(const json& object, const char* name) {
  static const json kNone;
  const auto it = object.find(name);
  return it == object.end() ? kNone : *it;
}

std::optional<std::vector<store::Member>> members_of(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<store::Member> out;
  for (const json& v : value) {
    if (!v.is_object()) return std::nullopt;
    const auto id = unhex(field(v, "id"));
    const auto peers = strings(field(v, "peer_urls"));
    const auto clients = strings(field(v, "client_urls"));
    const json& name = field(v, "name");
    const json& learner = field(v, "learner");
    if (!id || !peers || !clients || !name.is_string() || !learner.is_boolean()) return std::nullopt;
    out.push_back({NodeId(*id), name.get<std::string>(), *peers, *clients, learner.get<bool>()});
  }
  return out;
}

StatusOr<replica::EngineKind> engine_of(const json& value) {
  if (value.is_null()) return replica::EngineKind::kRaft;
  if (!value.is_string()) return absl::DataLossError("\"consensus\" is not a name");
  const std::string& name = value.get_ref<const std::string&>();
  if (const auto engine = replica::engine_named(name)) return *engine;
  return absl::UnimplementedError(fmt::format(
      "its log was written by \"{}\", and this program knows {}; use a newer program", name, replica::engine_names()));
}

// A directory's path as it is compared: absolute, without "." and "..", without a slash at the end.
fs::path place(const fs::path& dir) {
  const fs::path path = fs::absolute(dir).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// The path of `inner` relative to `outer`, when it is below it. Both are places.
std::optional<fs::path> inside_of(const fs::path& outer, const fs::path& inner) {
  const fs::path relative = inner.lexically_relative(outer);
  const bool below = !relative.empty() && relative != "." && *relative.begin() != "..";
  return below ? std::optional(relative) : std::nullopt;
}

template <class Ours>
Status check_directory(const std::string& path, std::string_view flag, Ours&& ours) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::OkStatus();
  fs::directory_iterator at(path, error);
  if (error) {
    return absl::FailedPreconditionError(
        fmt::format("the directory {} cannot be read: {}; choose another with {}", path, error.message(), flag));
  }
  for (; at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (ours(name)) continue;
    if (name == "member" || name.ends_with(".wal")) {
      return absl::FailedPreconditionError(fmt::format(
          "the directory {} was written by etcd, whose files holdfast does not read; choose another with {}, "
          "and copy the keys with etcdctl make-mirror while both run",
          path, flag));
    }
    return absl::FailedPreconditionError(fmt::format(
        "the directory {} holds \"{}\", which is not holdfast's; nothing was touched. Choose with {} an empty "
        "directory, or one that does not exist",
        path, name, flag));
  }
  return absl::OkStatus();
}

}  // namespace

NodeId member_id_of(const std::vector<std::string>& peer_urls, const std::string& token) {
  std::vector<std::string> sorted = peer_urls;
  std::sort(sorted.begin(), sorted.end());
  std::string bytes = "member";
  append(bytes, token);
  for (const std::string& url : sorted) append(bytes, url);
  return NodeId(identity_from(hash64(bytes)));
}

uint64_t cluster_id_of(const std::vector<NodeId>& members, const std::string& token) {
  std::vector<NodeId> sorted = members;
  std::sort(sorted.begin(), sorted.end());
  std::string bytes = "cluster";
  append(bytes, token);
  for (const NodeId id : sorted) append(bytes, hex(id.value()));
  return identity_from(hash64(bytes));
}

std::vector<store::Member> bootstrap_members(const std::vector<InitialMember>& cluster, const std::string& token) {
  std::vector<store::Member> out;
  for (const InitialMember& m : cluster) {
    out.push_back({member_id_of(m.peer_urls, token), m.name, m.peer_urls, {}, false});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

std::string to_json(const MemberIdentity& identity) {
  const Json out = {{"format", kFormat},
                    {"cluster_id", hex(identity.cluster_id)},
                    {"member_id", hex(identity.member_id.value())},
                    {"name", identity.name},
                    {"wal_dir", identity.wal_dir},
                    {"consensus", std::string(replica::name_of(identity.engine))},
                    {"disk_lost", identity.disk_lost},
                    {"bootstrap", members_json(identity.bootstrap)},
                    {"members", members_json(identity.members)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<MemberIdentity> parse_identity(std::string_view text) {
  const json in = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!in.is_object()) return absl::DataLossError("it is not JSON");
  const json& format = field(in, "format");
  if (!format.is_number_integer()) return absl::DataLossError("it has no \"format\"");
  if (format.get<int64_t>() != kFormat) {
    return absl::UnimplementedError(fmt::format(
        "it has format {}, and this program knows format {}; use a newer program", format.get<int64_t>(), kFormat));
  }
  const auto cluster = unhex(field(in, "cluster_id"));
  const auto member = unhex(field(in, "member_id"));
  const auto bootstrap = members_of(field(in, "bootstrap"));
  const auto members = members_of(field(in, "members"));
  const json& name = field(in, "name");
  const json& wal_dir = field(in, "wal_dir");
  if (!cluster || !member || !bootstrap || !members || !name.is_string() || !wal_dir.is_string()) {
    return absl::DataLossError("a field is missing or malformed");
  }
  const StatusOr<replica::EngineKind> engine = engine_of(field(in, "consensus"));
  if (!engine.ok()) return engine.status();
  const json& disk_lost = field(in, "disk_lost");
  MemberIdentity out{*cluster,   NodeId(*member), name.get<std::string>(), wal_dir.get<std::string>(),
                     *bootstrap, *members};
  out.engine = *engine;
  out.disk_lost = disk_lost.is_boolean() && disk_lost.get<bool>();
  return out;
}

StatusOr<std::optional<MemberIdentity>> load_identity(stable::Disk& disk) {
  StatusOr<std::unique_ptr<stable::File>> file = disk.open(kIdentityFile);
  if (absl::IsNotFound(file.status())) return std::optional<MemberIdentity>();
  if (!file.ok()) return file.status();
  const StatusOr<Slice> bytes = (*file)->read(0, uint64_t{1} << 20);
  if (!bytes.ok()) return bytes.status();
  StatusOr<MemberIdentity> identity = parse_identity(bytes->view());
  if (!identity.ok()) {
    return Status(
        identity.status().code(),
        fmt::format("{}/{} cannot be used: {}; restore it from a backup, or remove this member from the cluster and "
                    "add it again with an empty data directory",
                    disk.path(), kIdentityFile, std::string(identity.status().message())));
  }
  return std::optional<MemberIdentity>(*std::move(identity));
}

Status save_identity(stable::Disk& disk, const MemberIdentity& identity) {
  const std::string temporary = std::string(kIdentityFile) + ".tmp";
  if (Status s = disk.remove(temporary); !s.ok() && !absl::IsNotFound(s)) return s;
  StatusOr<std::unique_ptr<stable::File>> file = disk.create(temporary);
  if (!file.ok()) return file.status();
  if (Status s = (*file)->write(0, Chain(Slice::take(to_json(identity)))); !s.ok()) return s;
  if (Status s = (*file)->sync(); !s.ok()) return s;
  if (Status s = disk.rename(temporary, kIdentityFile); !s.ok()) return s;
  return disk.sync_dir();
}

std::string wal_dir_to_note(const MemberConfig& config) {
  const fs::path wal = place(wal_dir_of(config));
  const std::optional<fs::path> inside = inside_of(place(data_dir_of(config)), wal);
  return inside ? inside->string() : wal.string();
}

bool is_noted_wal_dir(const MemberConfig& config, const std::string& noted) {
  return place(place(data_dir_of(config)) / noted) == place(wal_dir_of(config));
}

Status check_data_dir(const std::string& path, std::string_view log) {
  return check_directory(path, "--data-dir", [log](std::string_view name) {
    constexpr std::string_view kOurs[] = {"IDENTITY",  "IDENTITY.tmp", "LOCK",      "wal",
                                          "snapshots", "member.key",   "lost+found"};
    return name == log || std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
  });
}

Status check_wal_dir(const std::string& path) {
  return check_directory(path, "--wal-dir", [](std::string_view name) {
    return name.starts_with("wal-") || name.starts_with("spare-") || name == "LOCK" || name == "lost+found";
  });
}

Status check_directories(const MemberConfig& config) {
  const fs::path data = place(data_dir_of(config)), wal = place(wal_dir_of(config));
  const std::optional<fs::path> log = inside_of(data, wal);
  if (wal == data || log == "snapshots" || inside_of(wal, data)) {
    return absl::InvalidArgumentError(fmt::format(
        "--wal-dir={} would hold other things than the log: it is, or contains, the data directory {} or that of the "
        "snapshots; name a directory of its own, or leave it out",
        wal.string(), data.string()));
  }
  const Status s = check_data_dir(data_dir_of(config), log ? log->begin()->string() : "wal");
  return s.ok() ? check_wal_dir(wal_dir_of(config)) : s;
}

}  // namespace holdfast::server
