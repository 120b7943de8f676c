// Which way each request is served, and when it has waited long enough.

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/service/impl.h"

namespace holdfast::service {
namespace {

using store::Error;

template <class T, class... U>
bool is_one_of(const store::Request& r) {
  return std::holds_alternative<T>(r) || (std::holds_alternative<U>(r) || ...);
}

bool serializable(const store::Request& r) {
  if (const auto* range = std::get_if<store::RangeRequest>(&r)) return range->serializable;
  if (const auto* list = std::get_if<store::MemberListRequest>(&r)) return !list->linearizable;
  if (const auto* txn = std::get_if<store::TxnRequest>(&r)) {
    if (!store::is_read_only(*txn)) return false;
    const auto local = [](const store::RequestOp& op) { return std::get<store::RangeRequest>(op).serializable; };
    return std::all_of(txn->success.begin(), txn->success.end(), local) &&
           std::all_of(txn->failure.begin(), txn->failure.end(), local);
  }
  return false;
}

// The command that a writing request becomes.
std::optional<store::Command> command_of(const store::Request& request) {
  return std::visit(
      [](const auto& r) -> std::optional<store::Command> {
        if constexpr (std::is_constructible_v<store::Command, decltype(r)>) {
          return store::Command(r);
        } else {
          return std::nullopt;
        }
      },
      request);
}

}  // namespace

bool reads(const store::Request& r) {
  if (const auto* txn = std::get_if<store::TxnRequest>(&r)) return store::is_read_only(*txn);
  if (const auto* alarm = std::get_if<store::AlarmRequest>(&r)) return alarm->action == store::AlarmAction::kGet;
  return is_one_of<store::RangeRequest, store::LeaseTimeToLiveRequest, store::LeaseLeasesRequest,
                   store::MemberListRequest>(r);
}

void Service::Impl::call(Time t, CallId id, store::Request request, bool has_leader, Out& out) {
  ensure(id.value() != kOwnReadToken, "calls are numbered from 1");
  Error error = refusal(request, has_leader);
  if (error == Error::kNone) error = store::admit(request, config.limits);
  if (error != Error::kNone) return refuse(id, error, out);
  if (!store.has_room(request)) {
    mark<"service.quota_exceeded">();
    no_room = true;
    return refuse(id, Error::kNoSpace, out);
  }
  route(t, id, std::move(request), out);
}

// What can be refused at once.
Error Service::Impl::refusal(const store::Request& request, bool has_leader) const {
  if (dead || stopping) return Error::kStopped;
  const bool status = is_one_of<store::StatusRequest>(request);
  const bool learner = replica->membership().is_learner(config.replica.consensus.self);
  if (learner && !status && !(std::holds_alternative<store::RangeRequest>(request) && serializable(request))) {
    return Error::kNotSupportedForLearner;
  }
  if (has_leader && replica->leader() == NodeId{}) return Error::kNoLeader;
  if (status) return Error::kNone;
  if (calls.size() >= config.max_calls) {
    mark<"service.too_many_calls">();
    return Error::kTooManyRequests;
  }
  return Error::kNone;
}

void Service::Impl::route(Time t, CallId id, store::Request request, Out& out) {
  if (is_one_of<store::StatusRequest, store::HashKvRequest>(request)) {
    return out.raise(Reply{id, read(t, request)});
  }
  if (serializable(request)) {
    if (serializable_ready) return out.raise(Reply{id, read(t, request)});
    wait(t, id, std::move(request));
    return;  // answered when the service's own read is
  }
  if (reads(request)) return read_later(t, id, std::move(request));
  if (const auto* keep = std::get_if<store::LeaseKeepAliveRequest>(&request)) {
    keep_alives.push_back({id, keep->id});
    wait(t, id, std::move(request));
    return;
  }
  if (const auto* move = std::get_if<store::MoveLeaderRequest>(&request)) return move_leader(t, id, *move, out);
  if (is_one_of<store::MemberAddRequest, store::MemberRemoveRequest, store::MemberPromoteRequest>(request)) {
    return change_members(t, id, std::move(request), out);
  }
  if (auto* grant = std::get_if<store::LeaseGrantRequest>(&request);
      grant != nullptr && grant->id == store::LeaseId{}) {
    grant->id = store::LeaseId(static_cast<int64_t>(random.next() >> 1) | 1);
  }
  std::optional<store::Command> command = command_of(request);
  ensure(command.has_value(), "a request that is not read, moved or a member change is a command");
  write_later(t, id, std::move(request), *std::move(command), out);
}

Service::Impl::Call& Service::Impl::wait(Time t, CallId id, store::Request request) {
  const Time deadline = t + config.request_timeout;
  by_deadline.emplace_back(deadline, id);
  return calls[id] = Call{deadline, std::move(request)};
}

void Service::Impl::read_later(Time t, CallId id, store::Request request) {
  ask(id, wait(t, id, std::move(request)).request);
}

void Service::Impl::ask(CallId id, const store::Request& request) {
  replica->read(id.value(), byzantine() ? codec::encode_flat(request) : Slice());
}

void Service::Impl::write_later(Time t, CallId id, store::Request request, store::Command command, Out& out) {
  Slice bytes = codec::encode_flat(command);
  if (bytes.size() > config.max_request_bytes) return refuse(id, Error::kRequestTooLarge, out);
  if (call_bytes + bytes.size() > config.max_call_bytes) {
    mark<"service.too_many_call_bytes">();
    return refuse(id, Error::kTooManyRequests, out);
  }
  Call& c = wait(t, id, std::move(request));
  c.bytes = bytes.size();
  call_bytes += c.bytes;
  c.sequence = replica->propose(std::move(bytes));
  by_sequence[c.sequence] = id;
}

void Service::Impl::move_leader(Time t, CallId id, const store::MoveLeaderRequest& request, Out& out) {
  if (!replica->leads()) return refuse(id, Error::kNotLeader, out);
  if (request.target == config.replica.consensus.self) {
    return out.raise(Reply{id, store::MoveLeaderResponse{store.revision()}});
  }
  if (!replica->membership().is_voter(request.target)) return refuse(id, Error::kBadLeaderTransferee, out);
  if (moving_leader) refuse(*std::exchange(moving_leader, std::nullopt), Error::kTimeout, out);
  Status status;
  replica_step(t, out, [&](replica::Replica::Out& o) { status = replica->transfer_leadership(t, request.target, o); });
  if (!status.ok()) return refuse(id, Error::kBadLeaderTransferee, out);
  moving_leader = id;
  moving_to = request.target;
  wait(t, id, request);
}

// --- Reads
// ----------------------------------------------------------------------------------------------------------------

store::Response Service::Impl::read(Time t, const store::Request& request, size_t max_bytes) const {
  if (const auto* r = std::get_if<store::RangeRequest>(&request)) return store.range(*r, max_bytes);
  if (const auto* r = std::get_if<store::TxnRequest>(&request)) return store.read_txn(*r, max_bytes);
  if (const auto* r = std::get_if<store::LeaseTimeToLiveRequest>(&request)) {
    return store.lease_time_to_live(*r, std::max<int64_t>(0, (t - clock_advanced_at).millis()));
  }
  if (std::holds_alternative<store::LeaseLeasesRequest>(request)) return store.lease_leases();
  if (std::holds_alternative<store::MemberListRequest>(request)) return members_response();
  if (const auto* r = std::get_if<store::HashKvRequest>(&request)) return store.hash_kv(*r);
  if (const auto* r = std::get_if<store::AlarmRequest>(&request)) return store.alarms(r->alarm);
  ensure(std::holds_alternative<store::StatusRequest>(request), "every reading request is known here");
  return status();
}

store::Response Service::Impl::status() const {
  store::StatusResponse s;
  s.revision = store.revision();
  s.leader = replica->leader();
  s.raft_index = replica->commit_index().value();
  s.raft_term = replica->term().value();
  s.raft_applied_index = replica->applied_index().value();
  s.db_size = store.bytes_held();
  s.db_size_in_use = store.bytes_in_use();
  s.db_size_quota = config.limits.quota_bytes;
  s.is_learner = replica->membership().is_learner(config.replica.consensus.self);
  if (s.leader == NodeId{}) s.errors.push_back("etcdserver: no leader");
  const store::Response alarms = store.alarms();
  for (const store::AlarmMember& a : std::get<store::AlarmResponse>(alarms).alarms) {
    s.errors.push_back(absl::StrCat("memberID:", a.member.value(),
                                    " alarm:", a.alarm == store::AlarmType::kNoSpace ? "NOSPACE" : "CORRUPT"));
  }
  return s;
}

// Everything that was committed before this process began has been applied.
void Service::Impl::up_to_date(Time t, Out& out) {
  if (store.revision() < passed_on || std::exchange(serializable_ready, true)) return;
  std::vector<CallId> local;
  for (const auto& [id, c] : calls) {
    if (serializable(c.request)) local.push_back(id);
  }
  for (CallId id : local) finish(id, read(t, calls.at(id).request), out);
}

void Service::Impl::read_ready(Time t, uint64_t token, Out& out) {
  up_to_date(t, out);
  const auto it = calls.find(CallId(token));
  if (it == calls.end()) return;  // cancelled or expired meanwhile
  finish(it->first, read(t, it->second.request), out);
}

// Nothing was read, so it can be tried again for as long as the caller waits.
void Service::Impl::read_failed(Time t, uint64_t token) {
  mark<"service.read_retried">();
  read_retries.emplace(t + kReadRetry.pause(1), CallId(token));
}

void Service::Impl::retry_reads(Time t) {
  while (!read_retries.empty() && read_retries.begin()->first <= t) {
    const CallId id = read_retries.begin()->second;
    read_retries.erase(read_retries.begin());
    if (id.value() == kOwnReadToken) {
      replica->read(kOwnReadToken, Slice());
    } else if (const auto call = calls.find(id); call != calls.end()) {
      ask(id, call->second.request);
    }
  }
}

// --- Answers
// --------------------------------------------------------------------------------------------------------------

void Service::Impl::finish(CallId id, store::Response response, Out& out) {
  const auto it = calls.find(id);
  if (it == calls.end()) return;
  if (it->second.sequence != 0) by_sequence.erase(it->second.sequence);
  forget(it);
  out.raise(Reply{id, std::move(response)});
}

// Calls that are over leave their place in the queue of deadlines until its front comes to them.
void Service::Impl::forget(Calls::iterator call) {
  call_bytes -= call->second.bytes;
  if (call->second.held) {
    held_back.erase({std::visit([](const auto& r) { return r.revision; }, *call->second.held), call->first});
  }
  physical_compactions.erase(call->first);
  calls.erase(call);
  while (!by_deadline.empty() && calls.count(by_deadline.front().second) == 0) by_deadline.pop_front();
}

// Nobody waits for the call any longer. Its proposal is not offered to leaders any further: without one, proposals of
// clients that come and go would gather for as long as there is none.
void Service::Impl::give_up(Calls::iterator call) {
  const uint64_t sequence = call->second.sequence;
  if (const auto batch = keep_alive_batches.find(sequence); batch != keep_alive_batches.end()) {
    if (--batch->second.waiting == 0) {
      replica->abandon(sequence);
      keep_alive_batches.erase(batch);
    }
  } else if (sequence != 0) {
    by_sequence.erase(sequence);
    replica->abandon(sequence);
  }
  if (moving_leader == call->first) moving_leader.reset();
  forget(call);
}

void Service::Impl::refuse(CallId id, Error error, Out& out) {
  out.raise(Reply{id, store::Refused{error, store.revision()}});
}

void Service::Impl::expire_calls(Time t, Out& out) {
  while (!by_deadline.empty() && by_deadline.front().first <= t) {
    const CallId id = by_deadline.front().second;
    by_deadline.pop_front();
    const auto it = calls.find(id);
    if (it == calls.end()) continue;
    mark<"service.call_expired">();
    give_up(it);
    refuse(id, Error::kTimeout, out);
  }
}

}  // namespace holdfast::service
