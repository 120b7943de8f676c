#include "holdfast/cli/local_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/key_file.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

// Why a listener could not be opened on this port of loopback; 0 when it could.
int bind_error(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(fd, 1) == 0;
  const int error = free ? 0 : errno;
  close(fd);
  return error;
}

struct Settings {
  int members = 0;
  int base_port = 0;
  replica::EngineKind engine = replica::EngineKind::kRaft;
  std::string token;              // empty: the file is of before it was kept
  std::vector<std::string> keys;  // likewise; and there are none but with PBFT
};

// Those of the members, and the administrator's. `count` of them, or none at all; else nothing.
std::optional<std::vector<std::string>> keys_in(const Json& json, int count) {
  std::vector<std::string> keys;
  if (!json.contains("keys")) return keys;
  if (!json["keys"].is_array() || static_cast<int>(json["keys"].size()) != count) return std::nullopt;
  for (const Json& key : json["keys"]) {
    if (!key.is_string() || !crypto::PublicKey::from(from_hex(key.get<std::string>()).value_or(""))) return std::nullopt;
    keys.push_back(key.get<std::string>());
  }
  return keys;
}

// Nothing when the directory holds no cluster yet.
StatusOr<std::optional<Settings>> read_settings(const fs::path& file) {
  std::ifstream in(file);
  if (!in) return std::optional<Settings>();
  const Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* name, int most) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    const bool fits = found != json.end() && found->is_number_unsigned() && *found <= most;
    return fits ? found->get<int>() : 0;
  };
  Settings settings{number("members", LocalCluster::kMaxMembers), number("base_port", 65'535)};
  const int last_port = settings.base_port + 2 * settings.members - 1;
  const Json engine = json.is_object() && json.contains("consensus") ? json["consensus"] : Json("raft");
  const auto kind = engine.is_string() ? replica::engine_named(engine.get<std::string>()) : std::nullopt;
  settings.engine = kind.value_or(settings.engine);
  const Json token = json.is_object() && json.contains("token") ? json["token"] : Json("");
  if (token.is_string()) settings.token = token.get<std::string>();
  const auto keys = json.is_object() ? keys_in(json, settings.members + 1) : std::nullopt;
  settings.keys = keys.value_or(settings.keys);
  const bool whole = settings.members > 0 && settings.base_port > 0 && last_port <= 65'535 && kind &&
                     token.is_string() && keys;
  if (whole) return std::optional(settings);
  return absl::FailedPreconditionError(
      cat(file.string(), " cannot be read as a cluster's description; name another directory with --dir"));
}

// What was asked for is not what is there.
Status differs(const LocalCluster::Options& options, const Settings& settings, const std::string& directory) {
  if (options.members != 0 && options.members != settings.members) {
    return absl::FailedPreconditionError(cat(directory, " holds a cluster of ", settings.members, " members, not ",
                                             options.members, "; leave -n out, or name another directory with --dir"));
  }
  if (options.base_port > 0 && options.base_port != settings.base_port) {
    return absl::FailedPreconditionError(cat(directory, " holds a cluster at ports from ", settings.base_port,
                                             " on, which its members know each other by; leave --base-port out, or ",
                                             "name another directory with --dir"));
  }
  if (options.engine && options.engine != settings.engine) {
    return absl::FailedPreconditionError(
        cat(directory, " holds a cluster that runs ", replica::name_of(settings.engine), ", not ",
            replica::name_of(*options.engine), "; leave --consensus out, or name another directory with --dir"));
  }
  return absl::OkStatus();
}

// What an attempt to found a cluster leaves behind when it fails, or is cut off.
bool is_of_a_founding(const std::string& name) {
  if (name == "LOCK" || name == "administrator.key") return true;
  return name.size() == 6 && name[0] == 'm' && name[1] >= '1' && name[1] <= '9' && name.ends_with(".key");
}

// Nothing is put between what somebody else keeps there.
Status check_ours_or_empty(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error) || fs::exists(directory / "cluster.json", error)) return absl::OkStatus();
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (is_of_a_founding(name)) continue;
    return absl::FailedPreconditionError(
        cat(directory.string(), " holds other things (", name, ") and no cluster: there is no cluster.json; name an ",
            "empty or a new directory with --dir, or that of a cluster"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int> find_free_ports(int count) {
  constexpr int kFirst = 10'000, kLast = 32'000;
  // Start at a place that depends on the process, so that several clusters at once do not compete for the same ports.
  const int start = kFirst + static_cast<int>(getpid()) * 37 % (kLast - kFirst - 2 * count);
  for (int tries = 0, base = start; tries < 2'000; ++tries, base += count) {
    if (base + count > kLast) base = kFirst;
    int free = 0;
    while (free < count && bind_error(static_cast<uint16_t>(base + free)) == 0) ++free;
    if (free == count) return base;
  }
  return std::nullopt;
}

StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::open(const Options& options) {
  auto cluster = std::unique_ptr<LocalCluster>(new LocalCluster);
  std::error_code error;
  cluster->directory_ = fs::absolute(options.directory, error).lexically_normal().string();
  if (Status status = check_ours_or_empty(cluster->directory_); !status.ok()) return status;
  if (Status status = cluster->claim_directory(); !status.ok()) return status;
  if (Status status = cluster->settle(options); !status.ok()) return status;
  return cluster;
}

LocalCluster::~LocalCluster() {
  members_.clear();
  if (lock_ >= 0) close(lock_);
}

Status LocalCluster::claim_directory() {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return absl::FailedPreconditionError(cat("cannot make ", directory_, ": ", error.message()));
  const std::string file = directory_ + "/LOCK";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return absl::FailedPreconditionError(cat("cannot write to ", directory_, ": ", std::strerror(errno)));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      cat(directory_, " is used by another `holdfast up`; stop that one, or name another directory with --dir"));
}

Status LocalCluster::settle(const Options& options) {
  const fs::path file = fs::path(directory_) / "cluster.json";
  const StatusOr<std::optional<Settings>> found_there = read_settings(file);
  if (!found_there.ok()) return found_there.status();
  was_there_ = found_there->has_value();
  if (!was_there_) {
    if (Status status = found(options, file); !status.ok()) return status;
  } else {
    const Settings& settings = **found_there;
    if (Status status = differs(options, settings, directory_); !status.ok()) return status;
    founded_members_ = settings.members;
    base_port_ = settings.base_port;
    engine_ = settings.engine;
    token_ = settings.token.empty() ? directory_ : settings.token;
    keys_ = settings.keys;
    if (Status status = check_ports(); !status.ok()) return status;
    if (replica::is_byzantine(engine_) && keys_.empty()) {
      if (Status status = read_keys(); !status.ok()) return status;
    }
  }
  for (int number = 1; number <= founded_members_; ++number) {
    std::vector<std::string> args = member_flags(number);
    args.insert(args.end(), options.flags.begin(), options.flags.end());
    members_.emplace_back(LocalMember::Spec{options.program, std::move(args), cat(directory_, "/m", number, ".log")});
  }
  return absl::OkStatus();
}

Status LocalCluster::found(const Options& options, const std::string& file) {
  engine_ = options.engine.value_or(engine_);
  const int least = replica::is_byzantine(engine_) ? 4 : 1;
  founded_members_ = options.members == 0 ? std::max(least, 3) : options.members;
  if (founded_members_ < least) {
    return absl::InvalidArgumentError(cat("--consensus=", replica::name_of(engine_), " needs at least ", least,
                                          " members, of which one may lie; write -n ", least));
  }
  base_port_ = options.base_port < 0 ? kDefaultBasePort : options.base_port;
  if (base_port_ == 0) {
    const std::optional<int> base = find_free_ports(2 * founded_members_);
    if (!base) return absl::UnavailableError("no free ports were found; name some with --base-port");
    base_port_ = *base;
  }
  // cluster.json comes last: what fails before leaves nothing settled, and the next attempt chooses anew.
  if (Status status = check_ports(); !status.ok()) return status;
  token_ = directory_;
  if (replica::is_byzantine(engine_)) {
    if (Status status = make_keys(); !status.ok()) return status;
  }
  Json settings = {{"members", founded_members_},
                   {"base_port", base_port_},
                   {"consensus", std::string(replica::name_of(engine_))},
                   {"token", token_}};
  if (!keys_.empty()) settings["keys"] = keys_;
  std::ofstream out(file);
  out << settings.dump() << "\n";
  if (!out.flush()) return absl::FailedPreconditionError(cat("cannot write ", file));
  return absl::OkStatus();
}

std::string LocalCluster::key_file(int number) const {
  return cat(directory_, "/", number > founded_members_ ? "administrator" : cat("m", number), ".key");
}

// Those that are there are kept: an attempt that was cut off made them.
Status LocalCluster::make_keys() {
  for (int number = 1; number <= founded_members_ + 1; ++number) {
    StatusOr<crypto::PublicKey> key = runtime::make_key_file(key_file(number));
    if (absl::IsAlreadyExists(key.status())) {
      const StatusOr<crypto::Seed> seed = runtime::read_key_file(key_file(number));
      if (!seed.ok()) return seed.status();
      key = crypto::Identity(*seed).public_key();
    }
    if (!key.ok()) return key.status();
    keys_.push_back(to_hex(key->view()));
  }
  return absl::OkStatus();
}

// Of a cluster whose cluster.json does not keep the public ones. A new key would be that of another member.
Status LocalCluster::read_keys() {
  for (int number = 1; number <= founded_members_ + 1; ++number) {
    const StatusOr<crypto::Seed> seed = runtime::read_key_file(key_file(number));
    if (!seed.ok()) return seed.status();
    keys_.push_back(to_hex(crypto::Identity(*seed).public_key().view()));
  }
  return absl::OkStatus();
}

std::string LocalCluster::peer_url(int number) const {
  const std::string key = keys_.empty() ? "" : cat(keys_[static_cast<size_t>(number) - 1], "@");
  return cat("http://", key, "127.0.0.1:", peer_port(number));
}

std::vector<std::string> LocalCluster::member_flags(int number) const {
  std::vector<std::string> cluster;
  for (int i = 1; i <= founded_members_; ++i) cluster.push_back(cat("m", i, "=", peer_url(i)));
  const std::string client = cat("http://127.0.0.1:", client_port(number));
  std::vector<std::string> flags = {"serve",
                                    cat("--name=m", number),
                                    cat("--data-dir=", directory_, "/m", number),
                                    cat("--listen-peer-urls=http://127.0.0.1:", peer_port(number)),
                                    cat("--initial-advertise-peer-urls=", peer_url(number)),
                                    cat("--listen-client-urls=", client),
                                    cat("--advertise-client-urls=", client),
                                    cat("--initial-cluster=", join(cluster, ",")),
                                    cat("--initial-cluster-token=", token_),
                                    cat("--consensus=", replica::name_of(engine_))};
  if (!keys_.empty()) {
    flags.push_back(cat("--member-key-file=", key_file(number)));
    flags.push_back(cat("--administrator-key=", keys_.back()));
  }
  return flags;
}

Status LocalCluster::check_ports() const {
  for (int number = 1; number <= founded_members_; ++number) {
    for (const uint16_t port : {client_port(number), peer_port(number)}) {
      const int error = bind_error(port);
      if (error == 0) continue;
      const std::string what =
          error == EADDRINUSE ? "is in use by another program" : cat("cannot be used: ", std::strerror(error));
      const std::string advice =
          was_there_
              ? "stop that program, or use another directory (--dir) with other ports"
              : "stop that program, or choose other ports with --base-port=N, or any free ones with --base-port=0";
      return absl::UnavailableError(
          cat("port ", port, " of 127.0.0.1, wanted for member ", number, ", ", what, "; ", advice));
    }
  }
  return absl::OkStatus();
}

std::string LocalCluster::endpoint(int number) const { return cat("127.0.0.1:", client_port(number)); }

std::vector<std::string> LocalCluster::endpoints() const {
  std::vector<std::string> out;
  for (int number = 1; number <= size(); ++number) out.push_back(endpoint(number));
  return out;
}

Status LocalCluster::start_all() {
  for (LocalMember& member : members_) {
    if (member.running()) continue;
    if (Status status = member.start(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<std::string> LocalCluster::stop_all(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (const LocalMember& member : members_) {
    member.signal(SIGCONT);
    member.signal(SIGTERM);
  }
  std::vector<std::string> endings;
  for (int number = 1; number <= size(); ++number) {
    LocalMember& one = member(number);
    if (!one.running()) continue;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    std::optional<std::string> ended = one.wait(std::max(left, std::chrono::milliseconds(0)));
    if (!ended) {
      one.signal(SIGKILL);
      ended = cat("did not stop in time: ", one.wait(std::chrono::seconds(10)).value_or("still runs"));
    }
    endings.push_back(cat("member ", number, " ", *ended));
  }
  return endings;
}

}  // namespace holdfast::cli
