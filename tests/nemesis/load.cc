#include "tests/nemesis/load.h"

#include "tests/nemesis/wire.h"

namespace holdfast::nemesis {
namespace {

constexpr size_t kClients = 8;
constexpr size_t kWatchers = 4;  // beside the one that watches everything
constexpr milliseconds kPatience{2500};
// So many operations on one key and no more can be searched for an order in reasonable time.
constexpr int kSecondsPerKey = 5;

std::vector<std::unique_ptr<Endpoint>> connect(const std::vector<std::string>& addresses) {
  std::vector<std::unique_ptr<Endpoint>> out;
  for (const std::string& address : addresses) out.push_back(std::make_unique<Endpoint>(address));
  return out;
}

sim::WorkloadConfig workload(int seconds) {
  sim::WorkloadConfig config = sim::WorkloadConfig::plain();
  config.keys = 8 + static_cast<size_t>(seconds / kSecondsPerKey);
  config.think = Duration::millis(12);
  // Left to the nemesis: the leader must not move, nor the history be forgotten, hundreds of times.
  config.weights[static_cast<size_t>(sim::Ask::kCompact)] = 0;
  config.weights[static_cast<size_t>(sim::Ask::kMoveLeader)] = 0;
  return config;
}

// A family of keys of the workload, or all of them.
store::WatchCreateRequest some_range(Random& random) {
  const char* const families[] = {"r/", "t/", "d/", "l/"};
  const std::string family = families[random.below(4)];
  store::WatchCreateRequest request = everything(store::Revision(random.chance(1, 2) ? 2 : 0));
  if (random.chance(3, 4)) {
    request.key = Slice::copy_of(family);
    request.range_end = Slice::take(family.substr(0, 1) + "0");
  }
  request.prev_kv = random.chance(1, 3);
  request.no_put = random.chance(1, 10);
  request.no_delete = !request.no_put && random.chance(1, 10);
  return request;
}

}  // namespace

store::WatchCreateRequest everything(store::Revision from) {
  store::WatchCreateRequest request;
  request.key = Slice::unowned(std::string_view("\0", 1));
  request.range_end = request.key;
  request.start_revision = from;
  request.progress_notify = true;
  return request;
}

// --- Watches ---

Watcher::Watcher(const std::vector<std::string>& endpoints, uint64_t number, store::WatchCreateRequest request,
                 Random random, Record& record)
    : number_(number), request_(std::move(request)), random_(random), record_(record) {
  position_ = request_.start_revision ? request_.start_revision.value() - 1 : 0;
  thread_ = std::thread([this, endpoints] { run(endpoints); });
}

Watcher::~Watcher() {
  finish(store::Revision(), Time());
  join();
}

void Watcher::finish(store::Revision last, Time deadline) {
  last_ = last.value();
  deadline_ = deadline.nanos();
}

void Watcher::join() {
  if (thread_.joinable()) thread_.join();
}

bool Watcher::over() const { return position_ >= last_ || now().nanos() >= deadline_; }

void Watcher::run(const std::vector<std::string>& endpoints) {
  const std::vector<std::unique_ptr<Endpoint>> members = connect(endpoints);
  while (!over()) {
    const size_t member = random_.below(members.size());
    if (members[member]->connected()) session(*members[member], member);
    if (!over()) std::this_thread::sleep_for(milliseconds(random_.between(1, 100)));
  }
}

void Watcher::session(Endpoint& endpoint, size_t member) {
  check::WatchSession session;
  session.client = number_;
  session.member = name_of(member);
  session.request = request_;
  session.request.start_revision = store::Revision(position_ == 0 ? 0 : position_ + 1);
  grpc::ClientContext context;
  set_deadline(context, milliseconds(random_.between(500, 5000)));
  if (random_.chance(1, 2)) context.AddMetadata("hasleader", "true");
  const auto stream = endpoint.watch().Watch(&context);
  pb::WatchRequest wire;
  *wire.mutable_create_request() = to_wire(session.request);
  pb::WatchRequest ask;
  ask.mutable_progress_request();
  bool open = stream->Write(wire);
  // Asked for before it can be given: a progress notice must not overtake the events that are due.
  if (open && random_.chance(1, 3)) open = stream->Write(ask);
  for (pb::WatchResponse got; open && stream->Read(&got);) {
    store::WatchResponse response = from_wire(got);
    take(response);
    const bool canceled = response.canceled;
    session.received.push_back({now(), std::move(response)});
    if (canceled || over()) break;
    if (random_.chance(1, 8)) open = stream->Write(ask);
  }
  context.TryCancel();
  stream->Finish();
  record_.add(std::move(session));
}

void Watcher::take(const store::WatchResponse& r) {
  if (r.created && position_ == 0) position_ = r.revision.value();
  if (!r.events.empty() && !r.fragment) position_ = r.events.back().kv.mod_revision.value();
  if (r.events.empty() && !r.created && !r.canceled && r.revision.value() > position_) position_ = r.revision.value();
  if (r.compact_revision.value() > position_) position_ = r.compact_revision.value();
}

// --- Calls ---

Load::Load(const std::vector<std::string>& endpoints, uint64_t seed, int seconds, Record& record) : record_(record) {
  Random random(seed);
  for (uint64_t client = 1; client <= kClients; ++client) {
    clients_.emplace_back(
        [this, client, endpoints, seconds, fork = random.fork()] { loop(client, endpoints, workload(seconds), fork); });
  }
  for (uint64_t i = 0; i <= kWatchers; ++i) {
    store::WatchCreateRequest request = i == 0 ? everything(store::Revision(2)) : some_range(random);
    watchers_.push_back(
        std::make_unique<Watcher>(endpoints, kClients + 1 + i, std::move(request), random.fork(), record_));
  }
}

Load::~Load() { stop_calls(); }

void Load::loop(uint64_t client, const std::vector<std::string>& endpoints, sim::WorkloadConfig config, Random random) {
  const std::vector<std::unique_ptr<Endpoint>> members = connect(endpoints);
  sim::Asker asker(config, client, random.fork());
  size_t member = random.below(members.size());
  while (!stop_) {
    if (random.chance(1, 50)) member = random.below(members.size());
    const store::Request request = asker.next({});
    const StatusOr<store::Response> response = record_.call(client, member, *members[member], request, kPatience);
    const bool failed = !response.ok() || std::holds_alternative<store::Refused>(*response);
    if (response.ok()) asker.learn(request, *response);
    if (failed && random.chance(1, 2)) member = random.below(members.size());
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(random.between(1000, config.think.nanos() * (failed ? 4 : 1))));
  }
}

void Load::stop_calls() {
  stop_ = true;
  for (std::thread& client : clients_) client.join();
  clients_.clear();
}

bool Load::stop_watches(store::Revision last, Time deadline) {
  for (const auto& watcher : watchers_) watcher->finish(last, deadline);
  bool complete = true;
  for (const auto& watcher : watchers_) {
    watcher->join();
    complete &= watcher->position() >= last;
  }
  return complete;
}

// --- The record ---

Time now() {
  static const auto begin = std::chrono::steady_clock::now();
  return Time::at_nanos(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
}

StatusOr<store::Response> Record::call(uint64_t client, size_t member, Endpoint& endpoint,
                                       const store::Request& request, milliseconds timeout) {
  size_t place = 0;
  {
    const std::lock_guard lock(mutex_);
    place = history_.size();
    check::Operation& op = history_.emplace_back();
    op.id = place + 1;
    op.client = client;
    op.member = name_of(member);
    op.called = now();
    op.request = request;
  }
  StatusOr<store::Response> response = endpoint.call(request, timeout);
  const Time returned = now();
  if (response.ok()) {
    const std::lock_guard lock(mutex_);
    history_[place].returned = returned;
    history_[place].response = *response;
  }
  return response;
}

void Record::add(check::WatchSession session) {
  const std::lock_guard lock(mutex_);
  sessions_.push_back(std::move(session));
}

}  // namespace holdfast::nemesis
