#include "holdfast/embed/node.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "holdfast/base/checksum.h"
#include "holdfast/embed/options.h"
#include "holdfast/replica/machine.h"
#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"
#include "holdfast/runtime/url.h"

namespace holdfast {
namespace {

using replica::Machine;
using Host = runtime::NodeHost<Machine>;

// While a stop is under way, the machine is asked this often whether it is done.
constexpr Duration kStopPoll = Duration::millis(20);

uint64_t wall_clock_micros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) ^ device();
}

}  // namespace

struct Node::Impl final : Host::Owner {
  enum class Kind { kSubmit, kQuery, kAdd, kRemove };
  struct Request {
    Kind kind = Kind::kSubmit;
    std::string bytes;
    GroupMember member;
    Done done;
  };

  Impl(NodeOptions o, std::unique_ptr<StateMachine> m) : options(std::move(o)), machine(std::move(m)) {}
  ~Impl() override {
    if (thread.joinable()) {
      begin_stop();
      thread.join();
    }
  }

  // --- Start ---
  Status open();
  Status listen();
  uint64_t cluster_id() const { return hash64("holdfast group " + options.group) >> 1 | 1; }
  std::string own_address() const;

  // --- Life; the node's thread ---
  void run();
  void put(Request request);
  void take_requests();
  void finish(Status why);
  void publish();
  void show_members();
  void begin_stop() {
    asio::post(loop, [this] {
      if (stopping || host->halted()) return;
      stopping = true;
      host->hurry();
      host->step([](Machine& m, Time now, Machine::Out& out) { m.stop(now, out); });
    });
  }
  void on_event(replica::MachineEvent event) override;
  void on_log_failed(const Status& why) override { finish(why); }
  Time on_turn(Time now) override;
  bool was_removed(NodeId id) const override { return core->replica().was_removed(id); }
  void on_peer_refused(NodeId peer, runtime::Refusal reason) override;
  std::vector<runtime::PeerMember> peer_members() const override;
  void on_engine_refused(NodeId peer);

  const NodeOptions options;
  std::unique_ptr<StateMachine> machine;
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  runtime::Metrics metrics;
  std::unique_ptr<runtime::PosixDisk> data_disk, log_disk, blob_disk;
  std::unique_ptr<Machine> core;
  std::unique_ptr<Host> host;
  std::thread thread;

  // The node's thread's own.
  std::map<uint64_t, Done> waiting;
  uint64_t last_call = 0;
  bool stopping = false;
  Status result;
  std::vector<replica::MachineMember> met;  // as given to the transport
  std::set<NodeId> other_engine;            // who refuses this member because it runs another engine

  // Shared.
  mutable std::mutex mutex;
  std::condition_variable ended_wake;
  std::vector<Request> requests;
  bool taking = false;  // take_requests() is on its way
  bool ended = false;
  std::vector<GroupMember> members_now;
  bool leads_now = false;
  uint64_t leader_now = 0;
};

// --- Start -----------------------------------------------------------------------------------------------------------

std::string Node::Impl::own_address() const {
  if (!options.listen.empty()) return options.listen;
  for (const GroupMember& m : options.members) {
    if (m.id == options.id) return m.address;
  }
  return {};
}

Status Node::Impl::open() {
  for (const auto& [name, disk] : {std::pair("/wal", &log_disk), std::pair("/snapshots", &blob_disk)}) {
    auto opened = runtime::PosixDisk::open_directory(options.data_dir + name);
    if (!opened.ok()) return opened.status();
    *disk = *std::move(opened);
  }
  auto directory = runtime::PosixDisk::open_directory(options.data_dir);
  if (!directory.ok()) return directory.status();
  data_disk = *std::move(directory);
  const auto log = stable::Wal::identity(*log_disk);
  if (!log.ok()) return log.status();
  if (Status s = claim_engine(*data_disk, log->has_value(), options.engine); !s.ok()) return s;
  core = std::make_unique<Machine>(machine_config(options, random_seed(), wall_clock_micros()), *machine);
  host = std::make_unique<Host>(loop, *core, *this, metrics);
  if (Status s = listen(); !s.ok()) return s;
  runtime::NodeStorage storage{log_disk.get(), blob_disk.get(), {}};
  storage.wal.identity = {cluster_id(), options.id};
  storage.wal.writer = random_seed();
  if (Status s = host->recover(storage); !s.ok()) return s;
  std::vector<runtime::PeerMember> hints;
  for (const GroupMember& m : options.members) hints.push_back({NodeId(m.id), "", {url_of(m.address)}, {}, false});
  host->peers().add_hints(hints);
  host->start();
  publish();
  return absl::OkStatus();
}

Status Node::Impl::listen() {
  runtime::PeerConfig peer;
  peer.cluster_id = cluster_id();
  peer.self = NodeId(options.id);
  peer.incarnation = wall_clock_micros();
  peer.engine = options.engine;
  const auto url = runtime::parse_url(url_of(own_address()));
  if (!url.ok()) return invalid(fmt::format("NodeOptions::listen, \"{}\", is not host:port", own_address()));
  peer.listen = {*url};
  peer.advertise_urls = {url_of(own_address())};
  peer.ping_interval = Duration::millis(options.election_timeout_ms) / 2;
  return host->listen(std::move(peer));
}

StatusOr<std::unique_ptr<Node>> Node::start(const NodeOptions& options, std::unique_ptr<StateMachine> machine) {
  if (machine == nullptr) return invalid("Node::start needs a state machine");
  if (Status s = check(options); !s.ok()) return s;
  try {
    auto impl = std::make_unique<Impl>(options, std::move(machine));
    if (Status s = impl->open(); !s.ok()) return s;
    impl->thread = std::thread([i = impl.get()] { i->run(); });
    return std::unique_ptr<Node>(new Node(std::move(impl)));
  } catch (const std::exception& e) {  // of Asio, the threads and the allocator
    return absl::ResourceExhaustedError(fmt::format("the node cannot start: {}", e.what()));
  }
}

// --- Life ------------------------------------------------------------------------------------------------------------

void Node::Impl::run() {
  try {
    loop.run();
  } catch (const std::exception& e) {
    if (result.ok()) result = absl::InternalError(fmt::format("the node's event loop failed: {}", e.what()));
  }
  const Status closed = host->close();
  if (!closed.ok() && result.ok()) result = closed;
  std::vector<Request> late;
  {
    const std::lock_guard lock(mutex);
    ended = true;
    late.swap(requests);
    leads_now = false;
  }
  for (auto& [call, done] : std::exchange(waiting, {})) done(absl::CancelledError("this member has stopped"));
  for (Request& r : late) r.done(absl::FailedPreconditionError("this member has stopped"));
  ended_wake.notify_all();
}

void Node::Impl::finish(Status why) {
  if (host->halted()) return;
  result = std::move(why);
  if (!result.ok()) spdlog::error("node.stops member={} why=\"{}\"", options.id, std::string(result.message()));
  host->halt();
  work.reset();
  loop.stop();
}

void Node::Impl::put(Request request) {
  {
    const std::lock_guard lock(mutex);
    if (!ended) {
      requests.push_back(std::move(request));
      if (!std::exchange(taking, true)) asio::post(loop, [this] { take_requests(); });
      return;
    }
  }
  request.done(absl::FailedPreconditionError("this member has stopped"));
}

// All that have gathered in one step: one append, one read round.
void Node::Impl::take_requests() {
  std::vector<Request> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(requests);
    taking = false;
  }
  if (host->halted()) {
    for (Request& r : taken) r.done(absl::FailedPreconditionError("this member has stopped"));
    return;
  }
  host->step([&](Machine& m, Time now, Machine::Out& out) {
    for (Request& r : taken) {
      const uint64_t call = ++last_call;
      waiting[call] = std::move(r.done);
      switch (r.kind) {
        case Kind::kSubmit:
          m.submit(now, call, std::move(r.bytes), out);
          break;
        case Kind::kQuery:
          m.query(now, call, std::move(r.bytes), out);
          break;
        case Kind::kAdd:
          m.add_member(now, call, {NodeId(r.member.id), r.member.address}, out);
          break;
        case Kind::kRemove:
          m.remove_member(now, call, NodeId(r.member.id), out);
          break;
      }
    }
  });
}

void Node::Impl::on_event(replica::MachineEvent event) {
  if (auto* answer = std::get_if<replica::Answer>(&event)) {
    const auto found = waiting.find(answer->call);
    if (found == waiting.end()) return;
    const Done done = std::move(found->second);
    waiting.erase(found);
    answer->status.ok() ? done(std::move(answer->bytes)) : done(answer->status);
  } else if (std::holds_alternative<replica::MembersChanged>(event)) {
    show_members();  // whoever is answered after this sees them
  } else if (const auto* stop = std::get_if<replica::MustStop>(&event)) {
    asio::post(loop, [this, what = stop->what] { finish(absl::FailedPreconditionError(what)); });
  }
}

Time Node::Impl::on_turn(Time now) {
  publish();
  if (!stopping) return Time::never();
  if (core->stopped(now)) finish(absl::OkStatus());
  return now + kStopPoll;
}

// What other threads may see, and whom to be connected to.
void Node::Impl::publish() {
  const std::vector<replica::MachineMember>& members = core->members();
  const bool changed = !members.empty() && members != met;
  if (changed) {
    met = members;
    show_members();
    host->peers().set_members(peer_members());
  }
  const std::lock_guard lock(mutex);
  leads_now = core->replica().leads();
  leader_now = core->replica().leader().value();
}

void Node::Impl::show_members() {
  const std::lock_guard lock(mutex);
  members_now.clear();
  for (const replica::MachineMember& m : core->members()) members_now.push_back({m.id.value(), m.address});
}

std::vector<runtime::PeerMember> Node::Impl::peer_members() const {
  std::vector<runtime::PeerMember> out;
  for (const replica::MachineMember& m : core->members()) {
    out.push_back({m.id, "", {url_of(m.address)}, {}, false});
  }
  return out;
}

void Node::Impl::on_peer_refused(NodeId peer, runtime::Refusal reason) {
  if (reason == runtime::Refusal::kEngine) return on_engine_refused(peer);
  if (reason != runtime::Refusal::kRemoved) return;
  spdlog::error("node.removed member={} says={}", options.id, peer.value());
  finish(absl::FailedPreconditionError("this member was removed from its group; its directory is of no further use"));
}

// As in a member of the store: whom more than half of the others refuse is on the wrong side, or there is no right one.
void Node::Impl::on_engine_refused(NodeId peer) {
  other_engine.insert(peer);
  spdlog::error("node.other_engine member={} peer={} mine={}", options.id, peer.value(), options.engine);
  const size_t others = std::max(core->members().size(), options.members.size()) - 1;
  if (2 * other_engine.size() > others) finish(wrong_engine(options, other_engine.size(), others));
}

// --- The face --------------------------------------------------------------------------------------------------------

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

void Node::submit(std::string command, Done done) {
  impl_->put({Impl::Kind::kSubmit, std::move(command), {}, std::move(done)});
}
void Node::query(std::string question, Done done) {
  impl_->put({Impl::Kind::kQuery, std::move(question), {}, std::move(done)});
}

namespace {

// A callback that keeps a promise, and the future of it.
template <class T, class Convert>
std::pair<Node::Done, std::future<T>> promised(Convert convert) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  return {[promise, convert](Node::Result r) { promise->set_value(convert(std::move(r))); }, std::move(future)};
}

}  // namespace

std::future<Node::Result> Node::submit(std::string command) {
  auto [done, future] = promised<Result>([](Result r) { return r; });
  submit(std::move(command), std::move(done));
  return std::move(future);
}
std::future<Node::Result> Node::query(std::string question) {
  auto [done, future] = promised<Result>([](Result r) { return r; });
  query(std::move(question), std::move(done));
  return std::move(future);
}
std::future<Status> Node::add_member(const GroupMember& member) {
  auto [done, future] = promised<Status>([](Result r) { return r.status(); });
  if (!runtime::parse_url(url_of(member.address)).ok()) {
    done(invalid(fmt::format("the address of member {}, \"{}\", is not host:port", member.id, member.address)));
  } else {
    impl_->put({Impl::Kind::kAdd, {}, member, std::move(done)});
  }
  return std::move(future);
}
std::future<Status> Node::remove_member(uint64_t id) {
  auto [done, future] = promised<Status>([](Result r) { return r.status(); });
  impl_->put({Impl::Kind::kRemove, {}, {id, {}}, std::move(done)});
  return std::move(future);
}

std::vector<GroupMember> Node::members() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->members_now;
}
bool Node::leads() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->leads_now;
}
uint64_t Node::leader() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->leader_now;
}

void Node::stop() { impl_->begin_stop(); }
Status Node::wait() {
  std::unique_lock lock(impl_->mutex);
  impl_->ended_wake.wait(lock, [this] { return impl_->ended; });
  return impl_->result;
}

}  // namespace holdfast
