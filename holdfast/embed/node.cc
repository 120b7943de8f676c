#include "holdfast/embed/node.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "holdfast/embed/node_impl.h"
#include "holdfast/embed/options.h"
#include "holdfast/runtime/url.h"

namespace holdfast {
namespace {

// While a stop is under way, the machine is asked this often whether it is done.
constexpr Duration kStopPoll = Duration::millis(20);

}  // namespace

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
  for (Request& r : late) r.done(gone());
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
  request.done(gone());
}

Status Node::Impl::gone() const {
  if (result.ok()) return absl::FailedPreconditionError("this member has stopped");
  return absl::FailedPreconditionError(fmt::format("this member has stopped: {}", std::string(result.message())));
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
    for (Request& r : taken) r.done(gone());
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
    const Status why = absl::FailedPreconditionError(stop->what);
    if (starting) {
      must_stop = why;
    } else {
      asio::post(loop, [this, why] { finish(why); });
    }
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
  if (reason == runtime::Refusal::kEngine || reason == runtime::Refusal::kCluster) return on_stranger(peer, reason);
  if (reason != runtime::Refusal::kRemoved) return;
  spdlog::error("node.removed member={} says={}", options.id, peer.value());
  say_removed.insert(peer);
  if (say_removed.size() >= believed()) finish(was_removed_from(options));
}

// As in a member of the store: whom more than half of the others refuse is on the wrong side, or there is no right one.
void Node::Impl::on_stranger(NodeId peer, runtime::Refusal reason) {
  const bool engine = reason == runtime::Refusal::kEngine;
  spdlog::error("node.{} member={} peer={} mine={}", engine ? "other_engine" : "other_group", options.id, peer.value(),
                engine ? options.engine : options.group);
  strangers.insert(peer);
  if (2 * strangers.size() <= others()) return;
  finish(engine ? wrong_engine(options, strangers.size(), others()) : wrong_group(options, strangers.size(), others()));
}

size_t Node::Impl::others() const { return std::max(core->members().size(), options.members.size()) - 1; }

// Over PBFT more must say so than may lie.
size_t Node::Impl::believed() const { return options.engine == "pbft" ? others() / 3 + 1 : 1; }

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
  if (!runtime::parse_peer_url(url_of(member.address)).ok()) {
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
