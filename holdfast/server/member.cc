#include "holdfast/server/member.h"

#include <chrono>
#include <exception>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/post.hpp>

#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/at_start.h"
#include "holdfast/runtime/clock.h"
#include "holdfast/runtime/sockets.h"
#include "holdfast/server/member_impl.h"
#include "holdfast/server/member_join.h"
#include "holdfast/server/member_key.h"

namespace holdfast::server {
namespace {

// How long clients may take to read their last answers.
constexpr int kDrainRounds = 100;
constexpr std::chrono::milliseconds kDrainRound{5};

// After OK and what `status` says, in the words of the member.
Status at(std::string_view doing, const Status& status) {
  return Status(status.code(), fmt::format("{}: {}", doing, std::string(status.message())));
}

}  // namespace

Member::Impl::Impl(const MemberConfig& c)
    : config_(c),
      incarnation_(runtime::wall_clock_micros()),
      leader_changes_(metrics_.counter("holdfast_raft_leader_changes_total", "Times a leader was seen to be another.")),
      is_leader_(metrics_.gauge("holdfast_raft_is_leader", "1 while this member leads.")),
      has_leader_(metrics_.gauge("holdfast_raft_has_leader", "1 while this member knows a leader.")),
      term_(metrics_.gauge("holdfast_raft_term", "The current term.")) {}

Member::Impl::~Impl() { close_all(); }

void Member::Impl::close_all() {
  finished_ = true;
  told_ = nullptr;
  clients_.reset();
  if (host_ == nullptr) return;
  const Status closed = host_->close();
  if (!closed.ok() && result_.ok()) result_ = closed;
}

// --- Start -----------------------------------------------------------------------------------------------------------

Status Member::Impl::open_directories() {
  const std::string dir = data_dir_of(config_);
  const std::string wal_dir = wal_dir_of(config_);
  if (Status s = check_directories(config_); !s.ok()) return s;
  struct Place {
    std::string path;
    std::unique_ptr<runtime::PosixDisk>* disk;
  };
  for (const Place& p : {Place{dir, &data_disk_}, Place{wal_dir, &wal_disk_}, Place{dir + "/snapshots", &blob_disk_}}) {
    auto disk = runtime::PosixDisk::open_directory(p.path);
    if (!disk.ok()) return disk.status();
    *p.disk = *std::move(disk);
  }
  return absl::OkStatus();
}

Status Member::Impl::find_identity() {
  auto stored = load_identity(*data_disk_);
  if (!stored.ok()) return stored.status();
  fresh_ = !stored->has_value();
  if (!fresh_) {
    file_ = **stored;
  } else {
    const AskMembers ask = ask_others(config_);
    const Wait wait = [](Duration pause) { std::this_thread::sleep_for(std::chrono::nanoseconds(pause.nanos())); };
    const bool existing = config_.initial_cluster_state == ClusterState::kExisting;
    // A member of a Byzantine cluster believes nobody who it is: that follows from the flags, also after a lost disk.
    const bool byzantine = replica::is_byzantine(config_.engine);
    const bool joins = joins_group(config_);
    auto found = joins                    ? join_group(config_, ask, wait)
                 : existing && !byzantine ? join_cluster(config_, ask, wait)
                                          : found_cluster(config_, ask);
    if (!found.ok()) return found.status();
    file_ = *std::move(found);
    file_.wal_dir = wal_dir_to_note(config_);
    file_.engine = config_.engine;
    if (!joins) file_.disk_lost = existing && byzantine;
  }
  identity_ = {file_.cluster_id, file_.member_id, config_.name};
  if (Status s = check_flags_against_identity(); !s.ok()) return s;
  if (!replica::is_byzantine(config_.engine)) return absl::OkStatus();
  auto byzantine = byzantine_config(config_, file_);
  if (!byzantine.ok()) return byzantine.status();
  byzantine_ = *std::move(byzantine);
  return absl::OkStatus();
}

Status Member::Impl::check_flags_against_identity() {
  if (!is_noted_wal_dir(config_, file_.wal_dir)) {
    return absl::FailedPreconditionError(
        fmt::format("the log of this member is in {}, says {}/{}, but --wal-dir says {}; start it with its own log",
                    file_.wal_dir, data_disk_->path(), kIdentityFile, wal_dir_of(config_)));
  }
  if (fresh_) return absl::OkStatus();
  if (file_.engine != config_.engine) {
    const std::string_view theirs = replica::name_of(file_.engine), asked = replica::name_of(config_.engine);
    return absl::FailedPreconditionError(fmt::format(
        "the log of this member was written by {}, says {}/{}, but --consensus={} was asked for. Start it with "
        "--consensus={}; a cluster keeps the engine it was founded with. To change over, found a new cluster with "
        "--consensus={} in empty directories and copy the keys (etcdctl make-mirror) while both run",
        theirs, data_disk_->path(), kIdentityFile, asked, theirs, asked));
  }
  const auto log = stable::Wal::identity(*wal_disk_);
  if (!log.ok()) return log.status();
  if (!log->has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("the log of this member is missing from {}; restore it, or remove the member from the cluster "
                    "(holdfast member remove "
                    "{:x}) and add it again with an empty data directory: without its log it has forgotten its votes",
                    wal_disk_->path(), file_.member_id.value()));
  }
  for (const store::Member& m : file_.members) {
    if (m.id != file_.member_id) continue;
    if (m.peer_urls != config_.initial_advertise_peer_urls) {
      spdlog::warn(
          "member.peer_urls_differ what=\"the flags of the first start count; use member update to change them\"");
    }
  }
  return absl::OkStatus();
}

service::Config Member::Impl::service_config() const {
  service::Config c;
  c.replica.engine = config_.engine;
  c.replica.byzantine = byzantine_;
  c.replica.consensus.self = file_.member_id;
  c.replica.consensus.seed = runtime::random_seed();
  c.replica.consensus.heartbeat_interval = config_.heartbeat_interval;
  c.replica.consensus.election_timeout = config_.election_timeout;
  c.replica.consensus.read_mode = config_.read_mode;
  c.replica.consensus.max_clock_drift_ppm = config_.max_clock_drift_ppm;
  c.replica.consensus.catch_up_entries = config_.snapshot_catchup_entries;
  c.replica.incarnation_hint = incarnation_;
  c.replica.snapshot_count = config_.snapshot_count;
  c.limits.max_txn_ops = config_.max_txn_ops;
  // etcd's minimum: one and a half election timeouts, in whole seconds.
  c.limits.min_lease_ttl_seconds = (config_.election_timeout.millis() * 3 / 2 + 999) / 1000;
  if (config_.quota_backend_bytes > 0) c.limits.quota_bytes = config_.quota_backend_bytes;
  c.watch.max_fragment_bytes = config_.max_request_bytes + (size_t{512} << 10);
  c.watch.progress_interval = config_.watch_progress_notify_interval;
  c.name = config_.name;
  c.client_urls = config_.advertise_client_urls;
  c.bootstrap = file_.bootstrap;
  c.request_timeout = Duration::seconds(5) + config_.election_timeout * 2;
  c.max_request_bytes = config_.max_request_bytes;
  return c;
}

Status Member::Impl::listen(const MakeClients& make_clients) {
  runtime::PeerConfig peer;
  peer.cluster_id = file_.cluster_id;
  peer.self = file_.member_id;
  peer.incarnation = incarnation_;
  peer.engine = replica::name_of(config_.engine);
  for (const std::string& text : config_.listen_peer_urls) peer.listen.push_back(*runtime::parse_url(text));
  peer.advertise_urls = config_.initial_advertise_peer_urls;
  peer.max_frame_bytes = (size_t{16} << 20) + 2 * config_.max_request_bytes;
  peer.max_queue_bytes = peer.max_frame_bytes * 2;
  peer.ping_interval = config_.election_timeout / 2;
  if (Status s = host_->listen(std::move(peer)); !s.ok()) return at("--listen-peer-urls", s);

  auto clients = make_clients(loop_, *this, config_, metrics_);
  if (!clients.ok()) return clients.status();
  clients_ = *std::move(clients);
  if (told_ == nullptr) told_ = clients_.get();
  return absl::OkStatus();
}

Status Member::Impl::recover() {
  runtime::NodeStorage storage{wal_disk_.get(), blob_disk_.get(), {}};
  storage.wal.identity = {file_.cluster_id, file_.member_id.value()};
  storage.wal.segment_bytes = config_.wal_segment_bytes;
  storage.wal.writer = runtime::random_seed();
  if (Status s = host_->recover(storage); !s.ok()) return s;
  if (fresh_) {
    if (Status s = save_identity(*data_disk_, file_); !s.ok()) return s;
  }
  std::vector<runtime::PeerMember> hints;
  for (const store::Member& m : file_.members) hints.push_back(to_peer(m));
  host_->peers().add_hints(hints);
  spdlog::info("member.recovered name={} member={:x} cluster={:x} consensus={} data_dir={} records_upto={}",
               config_.name, file_.member_id.value(), file_.cluster_id, replica::name_of(config_.engine),
               data_disk_->path(), host_->stable().value());
  return absl::OkStatus();
}

void Member::Impl::register_metrics() {
  using Kind = runtime::Metrics::Kind;
  const auto gauge = [this](const char* name, const char* help, auto value) {
    metrics_.computed(Kind::kGauge, name, help, [this, value] { return static_cast<double>(value(*service_)); });
  };
  gauge("holdfast_raft_commit_index", "The last committed entry.",
        [](const auto& s) { return s.replica().commit_index().value(); });
  gauge("holdfast_raft_applied_index", "The last applied entry.",
        [](const auto& s) { return s.replica().applied_index().value(); });
  metrics_
      .gauge("holdfast_consensus_info", "What keeps the log.",
             {{"engine", std::string(replica::name_of(config_.engine))}})
      .set(1);
  gauge("holdfast_store_revision", "The revision of the store.",
        [](const auto& s) { return s.store().revision().value(); });
  gauge("holdfast_store_bytes", "Bytes held by the store.", [](const auto& s) { return s.store().bytes_held(); });
  gauge("holdfast_store_bytes_in_use", "Bytes of the store that compaction keeps.",
        [](const auto& s) { return s.store().bytes_in_use(); });
  gauge("holdfast_members", "Members of the cluster, as applied here.",
        [](const auto& s) { return s.store().members().size(); });
}

StatusOr<std::unique_ptr<Member>> Member::start(const MemberConfig& config, const MakeClients& make_clients) {
  if (Status s = check(config); !s.ok()) return s;
  try {
    auto impl = std::make_unique<Impl>(config);
    if (Status s = impl->open_directories(); !s.ok()) return s;
    if (Status s = impl->find_identity(); !s.ok()) return s;
    impl->service_ = std::make_unique<service::Service>(impl->service_config());
    impl->host_ =
        std::make_unique<runtime::NodeHost<service::Service>>(impl->loop_, *impl->service_, *impl, impl->metrics_);
    impl->register_metrics();
    if (Status s = impl->listen(make_clients); !s.ok()) return s;
    if (Status s = impl->recover(); !s.ok()) return s;
    impl->host_->start();
    return std::unique_ptr<Member>(new Member(std::move(impl)));
  } catch (const std::exception& e) {  // of Asio, the threads and the allocator
    return absl::ResourceExhaustedError(fmt::format("the member cannot start: {}", e.what()));
  }
}

// --- Life ------------------------------------------------------------------------------------------------------------

Status Member::Impl::run() {
  try {
    loop_.run();
  } catch (const std::exception& e) {
    if (result_.ok()) result_ = absl::InternalError(fmt::format("the event loop failed: {}", e.what()));
  }
  close_all();
  if (result_.ok()) {
    spdlog::info("member.stopped member={:x}", file_.member_id.value());
  } else {
    spdlog::error("member.stopped member={:x} why=\"{}\"", file_.member_id.value(), std::string(result_.message()));
  }
  return result_;
}

void Member::Impl::begin_stop() {
  if (stopping_ || finished_) return;
  stopping_ = true;
  spdlog::info("member.stopping member={:x}", file_.member_id.value());
  const Time now = runtime::now();
  stop_deadline_ = now + config_.election_timeout * 2 + Duration::seconds(1);
  host_->hurry();
  step([](service::Service& service, Time t, service::Service::Out& out) { service.stop(t, out); });
}

void Member::Impl::finish(Status why) {
  if (finished_) return;
  finished_ = true;
  result_ = std::move(why);
  host_->halt();
  if (told_ != nullptr) told_->on_stopped(result_.ok() ? "the member stops" : std::string(result_.message()));
  drain_clients(kDrainRounds);
}

// Until the clients have read what was left for them, or have taken too long.
void Member::Impl::drain_clients(int rounds_left) {
  if (rounds_left == 0 || told_ == nullptr || told_->drained()) {
    work_.reset();
    loop_.stop();
    return;
  }
  drain_timer_.expires_after(kDrainRound);
  drain_timer_.async_wait([this, rounds_left](const asio::error_code&) { drain_clients(rounds_left - 1); });
}

Member::Member(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Member::~Member() = default;
Status Member::run() { return impl_->run(); }
void Member::stop() {
  asio::post(impl_->loop_, [impl = impl_.get()] { impl->begin_stop(); });
}
Backend& Member::backend() { return *impl_; }
asio::io_context& Member::loop() { return impl_->loop_; }
runtime::Metrics& Member::metrics() { return impl_->metrics_; }

}  // namespace holdfast::server
