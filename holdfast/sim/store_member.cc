#include "holdfast/sim/store_member.h"

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/sim/frame.h"

namespace holdfast::sim {
namespace {

// What a connection takes at once, and how long it is busy with it.
constexpr size_t kWatchBatch = 4;
constexpr Duration kWatchPace = Duration::millis(2);

std::unique_ptr<DiskStorage> make_storage(World& world, const StoreConfig& config, NodeId id) {
  DiskStorage::Options options;
  options.identity = {kClusterId, id.value()};
  options.segment_bytes = config.segment_bytes;
  options.power_failures = config.power_failures;
  return std::make_unique<DiskStorage>(options, world.stream("disk", id.value()));
}

}  // namespace

StoreMember::StoreMember(World& world, Net& net, const StoreConfig& config, NodeId id,
                         std::vector<store::Member> bootstrap, NodeId identity)
    : net_(net),
      config_(config),
      identity_(identity ? identity : id),
      bootstrap_(std::move(bootstrap)),
      storage_(nullptr),
      node_(
          world, net, id, [this](const NodeStart& start) { return make(start); },
          [this](service::Event e) { on_event(std::move(e)); },
          [&]() -> std::unique_ptr<NodeStorage> {
            auto storage = make_storage(world, config, id);
            storage_ = storage.get();
            return storage;
          }()) {
  node_.set_disk_pace(config.pace);
  node_.set_receiver([this](NodeId from, const Slice& bytes) { return receive(from, bytes); });
}

bool StoreMember::refuses() const {
  if (node_.life() == Life::kRefused) return true;
  return gave_up_ && (service() == nullptr || !service()->replica().started());
}

std::unique_ptr<service::Service> StoreMember::make(const NodeStart& start) {
  calls_.clear();
  streams_.clear();
  service::Config c;
  c.replica.engine = config_.engine;
  consensus::Config& r = c.replica.consensus;
  r.self = identity_;
  r.seed = start.seed;
  r.heartbeat_interval = config_.heartbeat;
  r.election_timeout = config_.election_timeout;
  r.read_mode = config_.read_mode;
  r.max_append_bytes = config_.max_append_bytes;
  r.snapshot_chunk_bytes = config_.snapshot_chunk_bytes;
  r.catch_up_entries = config_.catch_up_entries;
  if (config_.engine == replica::EngineKind::kPbft) c.replica.byzantine = byzantine();
  for (const store::Member& m : bootstrap_) {
    (m.is_learner ? c.replica.bootstrap.learners : c.replica.bootstrap.voters).push_back(m.id);
  }
  c.replica.incarnation_hint = start.wall_clock_micros;
  c.replica.snapshot_count = config_.snapshot_count;
  c.replica.snapshot_slice_bytes = config_.snapshot_chunk_bytes;
  c.replica.proposal_retry = config_.election_timeout;
  c.limits.min_lease_ttl_seconds = config_.min_lease_ttl_seconds;
  c.name = "m" + std::to_string(identity_.value());
  c.client_urls = {"http://" + c.name + ":2379"};
  c.bootstrap = bootstrap_;
  c.request_timeout = config_.request_timeout;
  return std::make_unique<service::Service>(c);
}

// Every member's identity follows from its number.
replica::ByzantineConfig StoreMember::byzantine() const {
  replica::ByzantineConfig c;
  c.cluster = kClusterId;
  c.request_timeout = config_.election_timeout;
  c.checkpoint_interval = config_.checkpoint_interval;
  c.whole_proposal_bytes = config_.whole_proposal_bytes;
  for (const store::Member& m : bootstrap_) c.configuration.members.push_back({m.id, pbft::Notary::key_of(m.id)});
  c.configuration.administrator = pbft::Notary::key_of(kAdministrator);
  // Signatures that only simulated members believe: real ones would take most of a run's time.
  c.authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(kClusterId), identity_);
  // Whoever comes without a record may have voted before, but for the first time of all.
  if (!node_.storage_trusted() && !forgets) c.beginning = pbft::Beginning::kLostDisk;
  return c;
}

bool StoreMember::receive(NodeId from, const Slice& bytes) {
  if (!is_client(from)) return false;
  StatusOr<ClientWire> wire = codec::decode<ClientWire>(bytes);
  ensure(wire.ok(), "a client's message is well formed");
  std::visit([&](const auto& m) { on(from, m); }, *wire);
  return true;
}

void StoreMember::on(NodeId client, const ClientCall& call) {
  const service::CallId id(next_call_++);
  calls_[id] = {client, call.id};
  node_.input([id, call](service::Service& s, Time now, service::Service::Out& out) {
    s.call(now, id, call.request, call.has_leader, out);
  });
}

void StoreMember::on(NodeId client, const ClientAbandon& abandon) {
  for (auto it = calls_.begin(); it != calls_.end(); ++it) {
    if (it->second != std::pair{client, abandon.id}) continue;
    mark<"sim.store.abandoned_call">();
    node_.input([id = it->first](service::Service& s, Time, service::Service::Out&) { s.cancel(id); });
    calls_.erase(it);
    return;
  }
}

store::StreamId StoreMember::find(NodeId client, uint64_t stream) const {
  for (const auto& [id, s] : streams_) {
    if (s.client == client && s.client_stream == stream) return id;
  }
  return {};
}

void StoreMember::on(NodeId client, const WatchOpen& open) {
  const store::StreamId id(next_stream_++);
  streams_[id] = {client, open.stream, 0, false};
  node_.input([id, create = open.create](service::Service& s, Time now, service::Service::Out& out) {
    s.watch_open(id);
    s.watch_request(now, id, store::WatchRequest(create), out);
  });
}

void StoreMember::on(NodeId client, const WatchAsk& ask) {
  const store::StreamId id = find(client, ask.stream);
  if (!id) return;
  node_.input([id, request = ask.request](service::Service& s, Time now, service::Service::Out& out) {
    s.watch_request(now, id, request, out);
  });
}

void StoreMember::on(NodeId client, const WatchClose& close) {
  const store::StreamId id = find(client, close.stream);
  if (!id) return;
  streams_.erase(id);
  node_.input([id](service::Service& s, Time, service::Service::Out&) { s.watch_close(id); });
}

void StoreMember::on_event(service::Event event) {
  if (auto* reply = std::get_if<service::Reply>(&event)) {
    const auto it = calls_.find(reply->call);
    if (it == calls_.end()) return;
    say(it->second.first, ClientAnswer{it->second.second, std::move(reply->response)});
    calls_.erase(it);
  } else if (auto* ready = std::get_if<service::WatchReady>(&event)) {
    const auto it = streams_.find(ready->stream);
    if (it == streams_.end() || it->second.taking) return;
    it->second.taking = true;
    node_.post([this, stream = ready->stream] { take(stream); });
  } else if (const auto* role = std::get_if<service::RoleChanged>(&event)) {
    show_role(*role);
  } else if (auto* stop = std::get_if<service::MustStop>(&event)) {
    mark<"sim.store.member_stopped_itself">();
    gave_up_ = service() != nullptr && !service()->replica().started();
    node_.stop_itself("must stop: " + stop->what);
  }
}

void StoreMember::show_role(const service::RoleChanged& role) {
  const std::string term = " term " + std::to_string(role.term.value());
  const bool leads = role.role == consensus::Role::kLeader;
  const bool stands = role.role == consensus::Role::kCandidate, tries = role.role == consensus::Role::kPreCandidate;
  node_.show("role", leads ? "leader" : stands || tries ? "candidate" : "");
  // On trial it has no term yet: it asks whether it would be elected.
  node_.show("state", leads                     ? "leads" + term
                      : stands                  ? "stands for" + term
                      : tries                   ? "stands on trial"
                      : role.leader != NodeId{} ? "follows " + to_text(role.leader) + "," + term
                                                : "follows nobody," + term);
}

void StoreMember::take(store::StreamId stream) {
  const auto it = streams_.find(stream);
  if (it == streams_.end() || node_.core() == nullptr) return;
  Stream& s = it->second;
  const std::vector<store::WatchResponse> responses = node_.core()->take_watch(stream, kWatchBatch);
  for (const store::WatchResponse& r : responses) say(s.client, WatchAnswer{s.client_stream, ++s.sent, r});
  if (responses.size() < kWatchBatch) {
    s.taking = false;
    return;
  }
  node_.post_after(kWatchPace, [this, stream] { take(stream); });
}

void StoreMember::say(NodeId client, const ClientWire& wire) {
  if (node_.sending()) net_.send(id(), client, codec::encode(wire).flatten());
}

}  // namespace holdfast::sim
