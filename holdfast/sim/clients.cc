#include "holdfast/sim/clients.h"

#include "holdfast/base/mark.h"

namespace holdfast::sim {
namespace {

constexpr Duration kWatchBeat = Duration::millis(250);
constexpr Duration kWatchPatience = Duration::millis(1000);

}  // namespace

ClientBase::ClientBase(World& world, Net& net, uint64_t number, MemberList members)
    : world_(world), net_(net), number_(number), members_(std::move(members)), random_(world.stream("client", number)) {
  net_.attach(endpoint(), [this](NodeId from, Slice bytes) {
    StatusOr<ClientWire> wire = codec::decode<ClientWire>(std::move(bytes));
    ensure(wire.ok(), "a member's message to a client is well formed");
    receive(from, *wire);
  });
}

NodeId ClientBase::any_member() {
  const std::vector<NodeId> all = members_();
  return all.empty() ? NodeId() : all[random_.below(all.size())];
}

// --- Calls ---

void Caller::call(NodeId member, store::Request request, bool has_leader, Duration patience, Done done) {
  ensure(!busy(), "a client makes one call at a time");
  current_ = recorder_.begin(number(), member, request);
  at_ = member;
  request_ = request;
  done_ = std::move(done);
  say(member, ClientCall{current_, has_leader, std::move(request)});
  world_.after(patience, [this, id = current_] {
    if (current_ != id) return;
    if (random_.chance(1, 2)) say(at_, ClientAbandon{id});
    finish(nullptr);
  });
}

void Caller::connection_lost(NodeId member) {
  if (busy() && at_ == member) finish(nullptr);
}

void Caller::receive(NodeId, const ClientWire& wire) {
  const auto* answer = std::get_if<ClientAnswer>(&wire);
  if (answer == nullptr || answer->id != current_) return;  // too late
  recorder_.end(current_, answer->response);
  finish(&answer->response);
}

void Caller::finish(const store::Response* response) {
  current_ = 0;
  const Done done = std::move(done_);
  const store::Request request = std::move(request_);
  done(request, response);
}

LoopClient::LoopClient(World& world, Net& net, uint64_t number, MemberList members, Recorder& recorder,
                       const WorkloadConfig& config)
    : Caller(world, net, number, std::move(members), recorder),
      config_(config),
      asker_(config, number, world.stream("asker", number)) {}

void LoopClient::next() {
  if (!running_) return;
  const std::vector<NodeId> members = members_();
  if (!member_ || members.empty() || random_.chance(1, 20)) member_ = any_member();
  if (!member_) return world_.after(config_.patience, [this] { next(); });
  call(member_, asker_.next(members), random_.chance(1, 2), config_.patience,
       [this](const store::Request& request, const store::Response* response) {
         const bool failed = response == nullptr || std::holds_alternative<store::Refused>(*response);
         if (response != nullptr) asker_.learn(request, *response);
         if (failed && random_.chance(1, 2)) member_ = any_member();
         const int64_t most = config_.think.nanos() * (failed ? 4 : 1);
         world_.after(Duration::nanos(random_.between(1000, most)), [this] { next(); });
       });
}

// --- Watches ---

WatchClient::WatchClient(World& world, Net& net, uint64_t number, MemberList members, Recorder& recorder)
    : ClientBase(world, net, number, std::move(members)), recorder_(recorder) {
  const char* const families[] = {"r/", "t/", "d/", "l/"};
  const std::string family = families[random_.below(4)];
  create_.key = Slice::copy_of(random_.chance(1, 3) ? std::string(1, '\0') : family);
  create_.range_end = create_.key.size() == 1 ? create_.key : Slice::take(family.substr(0, 1) + "0");
  create_.prev_kv = random_.chance(1, 3);
  create_.no_put = random_.chance(1, 12);
  create_.no_delete = !create_.no_put && random_.chance(1, 12);
  next_ = store::Revision(random_.chance(1, 2) ? 2 : 0);
}

void WatchClient::start() {
  running_ = true;
  open();
  world_.after(kWatchBeat, [this] { beat(); });
}

void WatchClient::stop(const std::function<bool(NodeId)>& serves) {
  running_ = false;
  if (session_ != nullptr && !reopening_) session_->complete = serves(session_->member);
}

void WatchClient::open() {
  reopening_ = false;
  if (!running_) return;
  const NodeId member = any_member();
  if (!member) return reopen(kWatchPatience);
  if (session_ != nullptr) say(session_->member, WatchClose{stream_});
  session_ = &recorder_.watch();
  session_->client = number();
  session_->member = member;
  session_->request = create_;
  session_->request.start_revision = next_;
  ++stream_;
  received_ = 0;
  heard_ = world_.now();
  say(member, WatchOpen{stream_, session_->request});
}

void WatchClient::reopen(Duration delay) {
  if (reopening_ || !running_) return;
  mark<"sim.watch.resumed">();
  reopening_ = true;
  world_.after(delay, [this] { open(); });
}

void WatchClient::beat() {
  if (!running_) return;
  if (world_.now() - heard_ > kWatchPatience) reopen(Duration::millis(1));
  if (session_ != nullptr) say(session_->member, WatchAsk{stream_, store::WatchProgressRequest{}});
  world_.after(kWatchBeat, [this] { beat(); });
}

void WatchClient::connection_lost(NodeId member) {
  if (session_ != nullptr && session_->member == member) reopen(Duration::millis(random_.between(1, 200)));
}

void WatchClient::receive(NodeId, const ClientWire& wire) {
  const auto* answer = std::get_if<WatchAnswer>(&wire);
  if (answer == nullptr || answer->stream != stream_ || session_ == nullptr || reopening_) return;
  if (answer->number != received_ + 1) return reopen(Duration::millis(1));  // the connection lost something
  ++received_;
  heard_ = world_.now();
  const store::WatchResponse& r = answer->response;
  session_->received.push_back({world_.now(), r});
  if (r.created && !next_) next_ = r.revision + 1;
  if (!r.events.empty() && !r.fragment) next_ = r.events.back().kv.mod_revision + 1;
  if (r.events.empty() && !r.created && !r.canceled && r.revision >= next_) next_ = r.revision + 1;
  if (!r.canceled) return;
  mark<"sim.watch.cancelled">();
  if (r.compact_revision && next_ <= r.compact_revision) next_ = r.compact_revision + 1;
  reopen(Duration::millis(5));
}

}  // namespace holdfast::sim
