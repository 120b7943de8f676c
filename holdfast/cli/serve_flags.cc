#include "holdfast/cli/serve_flags.h"

#include <algorithm>
#include <optional>
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

constexpr Support kFixed = Support::kFixed;
constexpr Support kFull = Support::kFull;
constexpr Support kOwn = Support::kOwn;
constexpr ValueKind kText = ValueKind::kText;
constexpr ValueKind kNumber = ValueKind::kNumber;
constexpr ValueKind kBool = ValueKind::kBool;
constexpr ValueKind kDuration = ValueKind::kDuration;

constexpr std::string_view kNoTls = "TLS is not supported yet: keep members and clients on a network you trust";
constexpr std::string_view kNoAuth = "users and roles are not supported yet";
constexpr std::string_view kNoDiscovery =
    "discovery services are not supported: list the members in --initial-cluster instead";
constexpr std::string_view kNoTracing = "distributed tracing is not supported yet";
constexpr std::string_view kNoBackend =
    "it tunes etcd's database file, which Holdfast does not have: data lives in memory, a log and snapshots";
constexpr std::string_view kNoHashCheck = "periodic comparison of the members' data is not supported yet";
constexpr std::string_view kNoProxy = "proxies are not supported: let clients talk to the members";
constexpr std::string_view kNoProxyTuning = "it tunes a proxy, and proxies are not supported; remove it";
constexpr std::string_view kObsolete = "etcd itself has given up this flag; remove it";
constexpr std::string_view kNoV2 = "the v2 API is not supported: use a v3 client";
constexpr std::string_view kLogs = "the log goes to standard error, one line each: let the service manager keep it";

constexpr ServeFlag kFlags[] = {
    // Member.
    {"name", kFull, kText, "default", "This member's name, as in --initial-cluster."},
    {"data-dir", kFull, kText, "${name}.holdfast", "Directory for everything this member keeps."},
    {"wal-dir", kFull, kText, "", "Directory for the log alone, to give it a disk of its own; empty: in --data-dir."},
    {"snapshot-count", kFull, kNumber, "10000",
     "Applied entries after which a snapshot is written, if they have as many bytes as the last one."},
    {"snapshot-catchup-entries", kFull, kNumber, "5000",
     "Entries kept behind a snapshot, for members that lag a little."},
    {"heartbeat-interval", kFull, kNumber, "100", "Milliseconds between two heartbeats of the leader."},
    {"election-timeout", kFull, kNumber, "1000",
     "Milliseconds without a heartbeat after which an election starts; at least 5 heartbeats, at most 50000."},
    {"listen-peer-urls", kFull, kText, "http://localhost:2380", "Where to listen for other members."},
    {"listen-client-urls", kFull, kText, "http://localhost:2379", "Where to listen for clients."},
    {"max-request-bytes", kFull, kNumber, "1572864", "Largest request a client may send, in bytes."},
    {"max-txn-ops", kFull, kNumber, "128", "Most operations in one transaction."},
    {"quota-backend-bytes", kFull, kNumber, "0",
     "Size of the data, in bytes, from which on writes are refused; 0 stands for 2 GiB."},
    {"watch-progress-notify-interval", kFull, kDuration, "10m",
     "How often a silent watch that asked for it is told how far it is."},
    {"log-level", kFull, kText, "info", "Least severe messages to log: debug, info, warn or error."},
    // Clustering.
    {"initial-advertise-peer-urls", kFull, kText, "http://localhost:2380",
     "This member's peer URLs, as the others reach it; by default --listen-peer-urls."},
    {"initial-cluster", kFull, kText, "${name}=${initial-advertise-peer-urls}",
     "The members to start with: NAME=URL,NAME=URL,..."},
    {"initial-cluster-state", kFull, kText, "new",
     "'new' to found a cluster, 'existing' to join one. With pbft 'existing' says of a member that --initial-cluster "
     "names that it lost its disk, and of any other that it was added; --initial-cluster names the founders."},
    {"initial-cluster-token", kFull, kText, "etcd-cluster", "Keeps clusters founded from equal flags apart."},
    {"advertise-client-urls", kFull, kText, "http://localhost:2379",
     "This member's client URLs, as clients reach it; by default --listen-client-urls."},
    {"experimental-snapshot-catchup-entries", kFull, kNumber, "5000", "Older name of --snapshot-catchup-entries."},
    {"experimental-watch-progress-notify-interval", kFull, kDuration, "10m",
     "Older name of --watch-progress-notify-interval."},
    // Holdfast's own.
    {"consensus", kOwn, kText, "raft",
     "What keeps the members in step: raft, paxos or pbft; the same at all of them, for the cluster's whole life. With "
     "pbft "
     "up to a third of the members, four at least, may lie; each has a key, and its peer URL carries the public one."},
    {"member-key-file", kOwn, kText, "${data-dir}/member.key",
     "With --consensus=pbft: this member's private key, as `holdfast key new FILE` makes it."},
    {"administrator-key", kOwn, kText, "",
     "With --consensus=pbft: the public key that may change the membership; the same at all members; empty: nobody "
     "may."},
    // Accepted for what Holdfast does anyway.
    {"config-file", kFixed, kText, "", "configuration files are not supported yet: give flags or ETCD_... variables"},
    {"initial-election-tick-advance", kFixed, kBool, "true", "elections are never delayed on start; remove it"},
    {"listen-client-http-urls", kFixed, kText, "", "HTTP and gRPC share --listen-client-urls; name the URL there"},
    {"max-snapshots", kFixed, kNumber, "5|0|2|3|4", "Holdfast keeps exactly two snapshots; remove it"},
    {"max-wals", kFixed, kNumber, "5|0", "Holdfast keeps exactly the log segments it needs; remove it"},
    {"backend-bbolt-freelist-type", kFixed, kText, "map", kNoBackend},
    {"backend-batch-interval", kFixed, kDuration, "0s|100ms", kNoBackend},
    {"backend-batch-limit", kFixed, kNumber, "0|10000", kNoBackend},
    {"max-concurrent-streams", kFixed, kNumber, "4294967295",
     "a connection may have 16384 streams, which cannot be changed yet; remove it"},
    {"grpc-keepalive-min-time", kFixed, kDuration, "5s", "only etcd's default is supported yet; remove it"},
    {"grpc-keepalive-interval", kFixed, kDuration, "2h", "only etcd's default is supported yet; remove it"},
    {"grpc-keepalive-timeout", kFixed, kDuration, "20s", "only etcd's default is supported yet; remove it"},
    {"socket-reuse-port", kFixed, kBool, "false", "two processes on one port are not supported; remove it"},
    {"socket-reuse-address", kFixed, kBool, "false|true", "it takes true or false"},
    {"raft-read-timeout", kFixed, kDuration, "5s", "Holdfast derives it from --election-timeout; remove it"},
    {"raft-write-timeout", kFixed, kDuration, "5s", "Holdfast derives it from --election-timeout; remove it"},
    {"discovery", kFixed, kText, "", kNoDiscovery},
    {"discovery-fallback", kFixed, kText, "exit", kNoDiscovery},
    {"discovery-proxy", kFixed, kText, "", kNoDiscovery},
    {"discovery-srv", kFixed, kText, "", kNoDiscovery},
    {"discovery-srv-name", kFixed, kText, "", kNoDiscovery},
    {"discovery-endpoints", kFixed, kText, "", kNoDiscovery},
    {"discovery-token", kFixed, kText, "", kNoDiscovery},
    {"discovery-dial-timeout", kFixed, kDuration, "2s", kNoDiscovery},
    {"discovery-request-timeout", kFixed, kDuration, "5s", kNoDiscovery},
    {"discovery-keepalive-time", kFixed, kDuration, "2s", kNoDiscovery},
    {"discovery-keepalive-timeout", kFixed, kDuration, "6s", kNoDiscovery},
    {"discovery-insecure-transport", kFixed, kBool, "true", kNoDiscovery},
    {"discovery-insecure-skip-tls-verify", kFixed, kBool, "false", kNoDiscovery},
    {"discovery-cert", kFixed, kText, "", kNoDiscovery},
    {"discovery-key", kFixed, kText, "", kNoDiscovery},
    {"discovery-cacert", kFixed, kText, "", kNoDiscovery},
    {"discovery-user", kFixed, kText, "", kNoDiscovery},
    {"discovery-password", kFixed, kText, "", kNoDiscovery},
    {"strict-reconfig-check", kFixed, kBool, "true",
     "changes that would cost the quorum are always refused; remove it"},
    {"pre-vote", kFixed, kBool, "true", "pre-vote is always on: without it a returning member disturbs the cluster"},
    {"auto-compaction-retention", kFixed, kText, "0|0s|0h|0m",
     "automatic compaction is not supported yet: run `etcdctl compaction REVISION` from a timer, and use 0 here"},
    {"auto-compaction-mode", kFixed, kText, "periodic|revision", "it takes periodic or revision"},
    {"enable-v2", kFixed, kBool, "false", kNoV2},
    {"v2-deprecation", kFixed, kText, "write-only|write-only-drop-data|gone", kNoV2},
    // Security.
    {"cert-file", kFixed, kText, "", kNoTls},
    {"key-file", kFixed, kText, "", kNoTls},
    {"client-cert-file", kFixed, kText, "", kNoTls},
    {"client-key-file", kFixed, kText, "", kNoTls},
    {"client-cert-auth", kFixed, kBool, "false", kNoTls},
    {"client-crl-file", kFixed, kText, "", kNoTls},
    {"client-cert-allowed-hostname", kFixed, kText, "", kNoTls},
    {"trusted-ca-file", kFixed, kText, "", kNoTls},
    {"auto-tls", kFixed, kBool, "false", kNoTls},
    {"peer-cert-file", kFixed, kText, "", kNoTls},
    {"peer-key-file", kFixed, kText, "", kNoTls},
    {"peer-client-cert-file", kFixed, kText, "", kNoTls},
    {"peer-client-key-file", kFixed, kText, "", kNoTls},
    {"peer-client-cert-auth", kFixed, kBool, "false", kNoTls},
    {"peer-trusted-ca-file", kFixed, kText, "", kNoTls},
    {"peer-auto-tls", kFixed, kBool, "false", kNoTls},
    {"peer-crl-file", kFixed, kText, "", kNoTls},
    {"peer-cert-allowed-cn", kFixed, kText, "", kNoTls},
    {"peer-cert-allowed-hostname", kFixed, kText, "", kNoTls},
    {"peer-skip-client-san-verification", kFixed, kBool, "false", kNoTls},
    {"self-signed-cert-validity", kFixed, kNumber, "1", kNoTls},
    {"cipher-suites", kFixed, kText, "", kNoTls},
    {"tls-min-version", kFixed, kText, "TLS1.2", kNoTls},
    {"tls-max-version", kFixed, kText, "", kNoTls},
    {"cors", kFixed, kText, "*|", "origins cannot be restricted yet: put a proxy in front, or restrict the network"},
    {"host-whitelist", kFixed, kText, "*|", "host names cannot be restricted yet: restrict the network instead"},
    {"auth-token", kFixed, kText, "simple", kNoAuth},
    {"auth-token-ttl", kFixed, kNumber, "300", kNoAuth},
    {"bcrypt-cost", kFixed, kNumber, "10", kNoAuth},
    // Profiling, monitoring, logging.
    {"enable-pprof", kFixed, kBool, "false", "there is no Go profile to serve: use perf(1) on the process"},
    {"metrics", kFixed, kText, "basic", "only the basic metrics are served, at /metrics of the client URLs"},
    {"listen-metrics-urls", kFixed, kText, "", "metrics are served at /metrics of --listen-client-urls"},
    {"logger", kFixed, kText, "zap", "log lines have one format; remove it"},
    {"log-outputs", kFixed, kText, "default|stderr", kLogs},
    {"log-format", kFixed, kText, "console", "lines are plain text; use --log-format=console"},
    {"enable-log-rotation", kFixed, kBool, "false", kLogs},
    {"log-rotation-config-json", kFixed, kText,
     R"({"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false})", kLogs},
    {"disable-log-sampling", kFixed, kBool, "false|true", "it takes true or false"},
    {"debug", kFixed, kBool, "false", "use --log-level=debug"},
    {"log-package-levels", kFixed, kText, "", "use --log-level"},
    {"enable-distributed-tracing", kFixed, kBool, "false", kNoTracing},
    {"distributed-tracing-address", kFixed, kText, "localhost:4317", kNoTracing},
    {"distributed-tracing-service-name", kFixed, kText, "etcd", kNoTracing},
    {"distributed-tracing-instance-id", kFixed, kText, "", kNoTracing},
    {"distributed-tracing-sampling-rate", kFixed, kNumber, "0", kNoTracing},
    // The rest.
    {"enable-grpc-gateway", kFixed, kBool, "false", "the JSON gateway is not supported yet: clients must speak gRPC"},
    {"corrupt-check-time", kFixed, kDuration, "0s", kNoHashCheck},
    {"compact-hash-check-time", kFixed, kDuration, "1m", kNoHashCheck},
    {"compaction-batch-limit", kFixed, kNumber, "1000", "compaction is paced by Holdfast itself; remove it"},
    {"compaction-sleep-interval", kFixed, kDuration, "10ms", "compaction is paced by Holdfast itself; remove it"},
    {"downgrade-check-time", kFixed, kDuration, "5s", "downgrades are not supported; remove it"},
    {"warning-apply-duration", kFixed, kDuration, "100ms", "only etcd's default is supported yet; remove it"},
    {"warning-unary-request-duration", kFixed, kDuration, "300ms", "only etcd's default is supported yet; remove it"},
    {"memory-mlock", kFixed, kBool, "false", "memory cannot be locked yet: run on a machine without swap"},
    {"bootstrap-defrag-threshold-megabytes", kFixed, kNumber, "0", kNoBackend},
    {"max-learners", kFixed, kNumber, "1", "one learner at a time is supported; remove it"},
    {"feature-gates", kFixed, kText, "", "etcd's feature gates do not exist here; remove it"},
    {"force-new-cluster", kFixed, kBool, "false",
     "a lost majority cannot be cut away yet: restore the data directories of the lost members"},
    {"unsafe-no-fsync", kFixed, kBool, "false", "Holdfast never acknowledges what is not on disk; remove it"},
    // Experimental names that etcd 3.6 still takes.
    {"experimental-initial-corrupt-check", kFixed, kBool, "false", kNoHashCheck},
    {"experimental-corrupt-check-time", kFixed, kDuration, "0s", kNoHashCheck},
    {"experimental-compact-hash-check-enabled", kFixed, kBool, "false", kNoHashCheck},
    {"experimental-compact-hash-check-time", kFixed, kDuration, "1m", kNoHashCheck},
    {"experimental-compaction-batch-limit", kFixed, kNumber, "1000",
     "compaction is paced by Holdfast itself; remove it"},
    {"experimental-compaction-sleep-interval", kFixed, kDuration, "10ms",
     "compaction is paced by Holdfast itself; remove it"},
    {"experimental-enable-lease-checkpoint", kFixed, kBool, "false|true",
     "it takes true or false; Holdfast never starts a lease afresh when the leader changes"},
    {"experimental-enable-lease-checkpoint-persist", kFixed, kBool, "false|true",
     "it takes true or false; Holdfast never starts a lease afresh when the leader changes"},
    {"experimental-peer-skip-client-san-verification", kFixed, kBool, "false", kNoTls},
    {"experimental-downgrade-check-time", kFixed, kDuration, "5s", "downgrades are not supported; remove it"},
    {"experimental-memory-mlock", kFixed, kBool, "false", "memory cannot be locked yet: run on a machine without swap"},
    {"experimental-warning-apply-duration", kFixed, kDuration, "100ms",
     "only etcd's default is supported yet; remove it"},
    {"experimental-warning-unary-request-duration", kFixed, kDuration, "300ms",
     "only etcd's default is supported yet; remove it"},
    {"experimental-txn-mode-write-with-shared-buffer", kFixed, kBool, "true|false", kNoBackend},
    {"experimental-bootstrap-defrag-threshold-megabytes", kFixed, kNumber, "0", kNoBackend},
    {"experimental-backend-bbolt-freelist-type", kFixed, kText, "map|array", kNoBackend},
    {"experimental-stop-grpc-service-on-defrag", kFixed, kBool, "false|true",
     "it takes true or false; Holdfast has no pause for defragmentation"},
    {"experimental-max-learners", kFixed, kNumber, "1", "one learner at a time is supported; remove it"},
    {"experimental-set-member-localaddr", kFixed, kBool, "false", "the local address cannot be chosen yet; remove it"},
    {"experimental-enable-v2v3", kFixed, kText, "", kNoV2},
    {"experimental-enable-distributed-tracing", kFixed, kBool, "false", kNoTracing},
    {"experimental-distributed-tracing-address", kFixed, kText, "localhost:4317", kNoTracing},
    {"experimental-distributed-tracing-service-name", kFixed, kText, "etcd", kNoTracing},
    {"experimental-distributed-tracing-instance-id", kFixed, kText, "", kNoTracing},
    {"experimental-distributed-tracing-sampling-rate", kFixed, kNumber, "0", kNoTracing},
    // Given up by etcd, still found in old unit files.
    {"proxy", kFixed, kText, "off", kNoProxy},
    {"proxy-failure-wait", kFixed, kNumber, "5000", kNoProxyTuning},
    {"proxy-refresh-interval", kFixed, kNumber, "30000", kNoProxyTuning},
    {"proxy-dial-timeout", kFixed, kNumber, "1000", kNoProxyTuning},
    {"proxy-write-timeout", kFixed, kNumber, "5000", kNoProxyTuning},
    {"proxy-read-timeout", kFixed, kNumber, "0", kNoProxyTuning},
    {"cluster-active-size", kFixed, kText, "", kObsolete},
    {"cluster-remove-delay", kFixed, kText, "", kObsolete},
    {"cluster-sync-interval", kFixed, kText, "", kObsolete},
    {"config", kFixed, kText, "", kObsolete},
    {"force", kFixed, kText, "", kObsolete},
    {"max-result-buffer", kFixed, kText, "", kObsolete},
    {"max-retry-attempts", kFixed, kText, "", kObsolete},
    {"peer-heartbeat-interval", kFixed, kText, "", kObsolete},
    {"peer-election-timeout", kFixed, kText, "", kObsolete},
    {"retry-interval", kFixed, kText, "", kObsolete},
    {"snapshot", kFixed, kText, "", kObsolete},
    {"v", kFixed, kText, "", kObsolete},
    {"vv", kFixed, kText, "", kObsolete},
};

std::optional<bool> boolean(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

bool same_value(ValueKind kind, std::string_view a, std::string_view b) {
  if (kind == ValueKind::kBool) return boolean(a).has_value() && boolean(a) == boolean(b);
  if (kind == ValueKind::kNumber) {
    return parse_number<uint64_t>(a).has_value() && parse_number<uint64_t>(a) == parse_number<uint64_t>(b);
  }
  if (kind == ValueKind::kDuration) {
    return parse_duration(a).has_value() && parse_duration(a) == parse_duration(b);
  }
  return a == b;
}

}  // namespace

std::span<const ServeFlag> serve_flags() { return kFlags; }

const ServeFlag* find_serve_flag(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFlags), std::end(kFlags), [&](const auto& f) { return f.name == name; });
  return found == std::end(kFlags) ? nullptr : found;
}

bool is_accepted(const ServeFlag& flag, std::string_view value) {
  for (std::string_view accepted : split(flag.value, '|')) {
    if (same_value(flag.kind, value, accepted)) return true;
  }
  return false;
}

std::string environment_name(std::string_view prefix, std::string_view flag) {
  std::string name = cat(prefix, "_", flag);
  for (char& c : name) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

}  // namespace holdfast::cli
