// What is different when answers are the group's: over PBFT a member believes neither the commands of others nor its
// own answers.
//
// Every member is a gateway for its etcd clients, and one of them may do whatever it likes. It can ask for anything its
// clients could ask for, and for no more: what members propose by themselves is checked here, by the same rules at
// every member. Every answer is given back to the replica, and reaches a client when f + 1 members have said the same.

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/service/impl.h"

namespace holdfast::service {
namespace {

using store::Error;

// The answer to LeaseRenew: the time to live of each lease, in the order of the command; 0: there is no such lease.
struct LeaseTtls {
  std::vector<int64_t> seconds;
};
using GroupAnswer = std::variant<store::Response, LeaseTtls>;

// Limits that members can be configured to differ in decide nothing here: what one member lets in, all apply.
store::Limits widest() {
  store::Limits limits;
  limits.max_txn_ops = size_t{1} << 20;
  return limits;
}

// Addresses are in the answers about members, so nobody's may fill them.
constexpr size_t kMaxAddressBytes = size_t{64} << 10;

// Of an answer besides what the store says.
constexpr size_t kGroupAnswerBytes = 64;
size_t ttls_bytes(size_t leases) { return kGroupAnswerBytes + 10 * leases; }

bool is_too_large(const GroupAnswer& answer) {
  const auto* response = std::get_if<store::Response>(&answer);
  const auto* refused = response != nullptr ? std::get_if<store::Refused>(response) : nullptr;
  return refused != nullptr && refused->error == Error::kAnswerTooLarge;
}

// An answer that would fit if others were not answered at the same time can be asked for again.
Error too_large(size_t room) {
  return room < replica::kMaxGroupAnswerBytes ? Error::kTooManyRequests : Error::kAnswerTooLarge;
}

// Whether `origin` may propose the command at all.
Error unacceptable(const store::Command& command, size_t bytes, NodeId origin) {
  const bool addresses = std::holds_alternative<store::Publish>(command) ||
                         std::holds_alternative<store::MemberUpdateRequest>(command);
  if (addresses && bytes > kMaxAddressBytes) return Error::kRequestTooLarge;
  if (std::holds_alternative<store::SetMembers>(command)) return Error::kInvalidArgument;
  if (const auto* publish = std::get_if<store::Publish>(&command)) {
    return publish->member == origin ? Error::kNone : Error::kInvalidArgument;
  }
  // Where a member is reached is its own affair: another's word could cut it off.
  if (const auto* update = std::get_if<store::MemberUpdateRequest>(&command)) {
    return update->id == origin ? Error::kNone : Error::kInvalidArgument;
  }
  return std::visit(
      [](const auto& c) {
        if constexpr (std::is_constructible_v<store::Request, decltype(c)>) {
          return store::validate(store::Request(c), widest());
        } else {
          return Error::kNone;
        }
      },
      command);
}

}  // namespace

// The state that every member begins with: the founders are known, so that nobody has to propose them.
store::Store Service::Impl::founding_store() const {
  store::Store founding(config.limits);
  if (byzantine()) {
    founding.keep_digest();
    founding.apply(store::SetMembers{founders(), NodeId{}});
  }
  return founding;
}

std::vector<store::Member> Service::Impl::founders() const {
  std::vector<store::Member> members = config.bootstrap;
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  // Names and addresses for clients are published by each member itself.
  for (store::Member& m : members) {
    m.name.clear();
    m.client_urls.clear();
  }
  return members;
}

void Service::Impl::apply_for_group(Time t, const replica::Apply& event) {
  StatusOr<store::Command> command = codec::decode<store::Command>(event.command);
  Error error = command.ok() ? unacceptable(*command, event.command.size(), event.origin) : Error::kInvalidArgument;
  const size_t room = replica->answer_room();
  const auto* renewals = command.ok() ? std::get_if<store::LeaseRenew>(&*command) : nullptr;
  if (renewals != nullptr && ttls_bytes(renewals->ids.size()) > room) error = Error::kTooManyRequests;
  if (error != Error::kNone) {
    mark<"service.group_command_refused">();
    return replica->answer(refusal_of(error));
  }
  // Time comes from the order, which all members judge; a command says nothing about it.
  if (auto* tick = std::get_if<store::Tick>(&*command)) tick->clock_ms = 0;
  GroupAnswer answer = apply_command(t, *command, room - std::min(room, kGroupAnswerBytes));
  if (is_too_large(answer)) return replica->answer(refusal_of(too_large(room)));
  if (const auto* renew = std::get_if<store::LeaseRenew>(&*command)) {
    LeaseTtls ttls;
    for (const store::LeaseId id : renew->ids) ttls.seconds.push_back(store.lease_ttl_seconds(id).value_or(0));
    answer = std::move(ttls);
  } else if (std::holds_alternative<store::MemberUpdateRequest>(*command) &&
             !std::holds_alternative<store::Refused>(std::get<store::Response>(answer))) {
    answer = members_response();
  }
  replica->answer(codec::encode_flat(answer));
}

Slice Service::Impl::refusal_of(Error error) const {
  return codec::encode_flat(GroupAnswer(store::Response(store::Refused{error, store.revision()})));
}

void Service::Impl::answer_question(const replica::Question& event) {
  StatusOr<store::Request> request = codec::decode<store::Request>(event.question);
  if (!request.ok() || !reads(*request)) return replica->answer(refusal_of(Error::kInvalidArgument));
  if (const Error error = store::validate(*request, widest()); error != Error::kNone) {
    return replica->answer(refusal_of(error));
  }
  const size_t room = replica->answer_room();
  // As of the latest log time, which is the same at all members.
  const GroupAnswer answer = read(clock_advanced_at, *request, room);
  const Chain bytes = codec::encode(answer);
  replica->answer(bytes.size() > room || is_too_large(answer) ? refusal_of(too_large(room)) : bytes.flatten());
}

void Service::Impl::group_answered(const replica::Answered& event, Out& out) {
  if (own_done(event.sequence) || group_change_answered(event, out)) return;
  StatusOr<GroupAnswer> said = codec::decode<GroupAnswer>(event.answer);
  if (!said.ok()) return answer_lost(event.sequence, out);
  if (auto* response = std::get_if<store::Response>(&*said)) {
    const bool refused = std::holds_alternative<store::Refused>(*response);
    if (refused && keep_alive_batches.contains(event.sequence)) return proposal_refused(event.sequence, out);
    return answer(event.sequence, std::move(*response), out);
  }
  const auto batch = keep_alive_batches.find(event.sequence);
  if (batch == keep_alive_batches.end()) return;
  const std::vector<int64_t>& ttls = std::get<LeaseTtls>(*said).seconds;
  for (size_t i = 0; i < batch->second.all.size(); ++i) {
    const KeepAlive& k = batch->second.all[i];
    finish(k.call, store::LeaseKeepAliveResponse{store.revision(), k.lease, i < ttls.size() ? ttls[i] : 0}, out);
  }
  keep_alive_batches.erase(batch);
}

// Members execute at different times, and the group has answered when f + 1 have. What this member shows from its own
// state (serializable reads, watches, its status) must not be older than what it has passed on. So an answer waits here
// until the member has executed as far, or the call has waited long enough. A member that is not up to date yet after
// its start passes on at once what it is told, and shows nothing of its own until it has come as far.
void Service::Impl::pass_on(CallId id, store::Response response, Out& out) {
  const auto call = calls.find(id);
  if (call == calls.end()) return;
  const store::Revision shown = std::visit([](const auto& r) { return r.revision; }, response);
  if (!serializable_ready || shown <= store.revision()) {
    passed_on = std::max(passed_on, shown);
    return finish(id, std::move(response), out);
  }
  mark<"service.answer_held_back">();
  call->second.held = std::move(response);
  held_back.emplace(shown, id);
}

// A command was applied, or a later state has taken the place of the old one.
void Service::Impl::state_moved(Time t, Out& out) {
  while (!held_back.empty() && held_back.begin()->first <= store.revision()) {
    const auto [shown, id] = *held_back.begin();
    held_back.erase(held_back.begin());
    passed_on = std::max(passed_on, shown);
    finish(id, *std::exchange(calls.at(id).held, std::nullopt), out);
  }
  if (own_applied) up_to_date(t, out);
}

void Service::Impl::proposal_refused(uint64_t sequence, Out& out) {
  mark<"service.proposal_refused">();
  if (own_done(sequence)) return;
  const auto fail = [&](CallId id) {
    if (calls.count(id) > 0) refuse_waiting(id, Error::kTooManyRequests, out);
  };
  if (const auto batch = keep_alive_batches.find(sequence); batch != keep_alive_batches.end()) {
    for (const KeepAlive& k : std::exchange(batch->second.all, {})) fail(k.call);
    keep_alive_batches.erase(batch);
  } else if (const auto it = by_sequence.find(sequence); it != by_sequence.end()) {
    fail(it->second);
  }
}

void Service::Impl::group_read(CallId id, const Slice& answer, Out& out) {
  if (calls.count(id) == 0) return;  // cancelled or expired meanwhile
  StatusOr<GroupAnswer> said = codec::decode<GroupAnswer>(answer);
  if (!said.ok() || !std::holds_alternative<store::Response>(*said)) {
    return refuse_waiting(id, Error::kCorrupt, out);
  }
  auto& response = std::get<store::Response>(*said);
  const auto* refused = std::get_if<store::Refused>(&response);
  // It was ordered, and bundled with others whose answers left no room for this one.
  if (refused != nullptr && refused->error == Error::kTooManyRequests) return read_failed(now, id.value());
  pass_on(id, std::move(response), out);
}

void Service::Impl::state_digest_wanted(bool from_scratch) {
  replica->state_is(from_scratch ? store.audited_digest() : store.state_digest());
}

// Snapshots are taken when there is something new. What rots in a group that only rests is found here, a slice at a time.
void Service::Impl::audit(Time t, Out& out) {
  if (!audits() || t < audit_at) return;
  const std::optional<bool> sound = store.audit(kAuditVersions, kAuditBytes);
  audit_at = t + (sound ? kAuditRest : kAuditPause);
  if (sound.value_or(true)) return;
  mark<"service.rot_found">();
  replica_step(t, out, [&](replica::Replica::Out& o) { replica->state_is_damaged(t, o); });
}

void Service::Impl::begin_anew(Time t) {
  passed_on = std::max(passed_on, store.revision());
  serializable_ready = false;
  store = founding_store();
  clock_advanced_at = t;
  garbage_left = false;
  hub.store_replaced(store);
}

}  // namespace holdfast::service
