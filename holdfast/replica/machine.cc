#include "holdfast/replica/machine.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/model/retry.h"
#include "holdfast/replica/machine_step.h"

namespace holdfast::replica {
namespace {

constexpr RetryPolicy kReadRetry = RetryPolicy(Repeatable::kIdempotent).every(Duration::millis(50));
constexpr RetryPolicy kVoteRetry = RetryPolicy(Repeatable::kExactlyOnce).every(Duration::millis(200));

// What a membership entry says: the table of members from now on. All of it, because a member that joins has never seen
// the first one, which is in no log. It is right when it is committed: a change is refused when the membership has
// changed behind what its proposer had applied.
struct MembersAre {
  std::vector<MachineMember> members;
};

bool by_id(const MachineMember& a, const MachineMember& b) { return a.id < b.id; }

Config with_bootstrap(const MachineConfig& c) {
  Config out = c.replica;
  out.bootstrap = {};
  for (const MachineMember& m : c.members) out.bootstrap.voters.push_back(m.id);
  std::sort(out.bootstrap.voters.begin(), out.bootstrap.voters.end());
  return out;
}

}  // namespace

Machine::Machine(const MachineConfig& config, StateMachine& machine)
    : config_(config), machine_(machine), replica_(make_replica(with_bootstrap(config))), members_(config.members) {
  std::sort(members_.begin(), members_.end(), by_id);
  if (byzantine()) initial_ = whole_image();
}
Machine::~Machine() = default;

// --- The core contract -----------------------------------------------------------------------------------------------

void Machine::start(Time now, Out& out) {
  step(now, out, [&](Replica::Out& o) { replica_->start(now, o); });
}
void Machine::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  if (dead_) return;
  step(now, out, [&](Replica::Out& o) { replica_->on_message(now, from, wire, o); });
}
void Machine::on_stable(Time now, StableSeq upto, Out& out) {
  if (dead_) return;
  step(now, out, [&](Replica::Out& o) { replica_->on_stable(now, upto, o); });
}
void Machine::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  if (dead_) return;
  step(now, out, [&](Replica::Out& o) { replica_->on_blob(now, answer, o); });
}
void Machine::on_time(Time now, Out& out) {
  if (dead_) return;
  expire(now, out);
  while (!read_retries_.empty() && read_retries_.begin()->first <= now) {
    const uint64_t call = read_retries_.begin()->second;
    read_retries_.erase(read_retries_.begin());
    if (const auto at = calls_.find(call); at != calls_.end())
      replica_->read(call, Slice::copy_of(at->second.question));
  }
  if (wants_vote() && vote_at_ <= now) ask_for_vote(now);
  step(now, out, [&](Replica::Out& o) { replica_->on_time(now, o); });
}

Time Machine::deadline() const {
  if (dead_) return Time::never();
  Time soonest = replica_->deadline();
  if (!by_deadline_.empty()) soonest = std::min(soonest, by_deadline_.front().first);
  if (!read_retries_.empty()) soonest = std::min(soonest, read_retries_.begin()->first);
  if (stopping_) soonest = std::min(soonest, stop_at_);
  if (wants_vote()) soonest = std::min(soonest, vote_at_);
  return soonest;
}

void Machine::check_invariants() const {
  if (dead_) return;
  replica_->check_invariants();
  ensure(calls_.size() <= config_.max_calls, "no more calls wait than allowed");
  ensure(call_bytes_ <= config_.max_call_bytes, "no more bytes are proposed by calls than allowed");
  ensure(by_sequence_.size() <= calls_.size(), "a proposal that is waited for belongs to a call");
}

// --- The replica's events --------------------------------------------------------------------------------------------

void Machine::handle(Time now, Event& event, Out& out) {
  if (auto* e = std::get_if<Apply>(&event)) {
    apply(*e, out);
  } else if (auto* e = std::get_if<ApplyMembership>(&event)) {
    apply_membership(*e, out);
  } else if (auto* e = std::get_if<MembershipFailed>(&event)) {
    membership_failed(now, *e, out);
  } else if (auto* e = std::get_if<AnswerLost>(&event)) {
    if (e->sequence == vote_sequence_) {
      vote_sequence_ = 0;
    } else {
      settle(e->sequence, absl::UnavailableError("the outcome is unknown: it arrived as part of a snapshot"), {}, out);
    }
  } else if (auto* e = std::get_if<ReadReady>(&event)) {
    const auto call = calls_.find(e->token);
    if (call == calls_.end()) return;
    if (!e->answer) return finish(call, absl::OkStatus(), machine_.query(call->second.question), out);
    std::string answer;
    const Status status = taken(*e->answer, answer);
    finish(call, status, std::move(answer), out);
  } else if (auto* e = std::get_if<ReadFailed>(&event)) {
    // Nothing was read, so it can be asked again for as long as the caller waits.
    mark<"machine.read_retried">();
    read_retries_.emplace(now + kReadRetry.pause(1), e->token);
  } else if (auto* e = std::get_if<RoleChanged>(&event)) {
    out.raise(*e);
  } else if (std::holds_alternative<SnapshotWanted>(event)) {
    auto reader = image();
    step(now, out, [&](Replica::Out& o) { replica_->begin_snapshot(now, std::move(reader), o); });
  } else if (auto* e = std::get_if<MustStop>(&event)) {
    must_stop(std::move(e->what), out);
  } else if (!handle_group(event, out)) {
    handle_load(now, event, out);
  }
}

void Machine::apply(const Apply& event, Out& out) {
  std::string answer = machine_.apply({event.index.value(), event.clock_ms}, event.command.view());
  if (event.wants_answer) return give(std::move(answer));
  if (event.own_sequence != 0) settle(event.own_sequence, absl::OkStatus(), std::move(answer), out);
}

void Machine::apply_membership(const ApplyMembership& event, Out& out) {
  if (config_.replica.engine == EngineKind::kFlooding) {
    std::erase_if(members_, [&](const MachineMember& m) { return !event.membership.contains(m.id); });
    return out.raise(MembersChanged{});
  }
  if (event.context.empty()) return;
  StatusOr<MembersAre> table = codec::decode<MembersAre>(event.context);
  if (!table.ok()) {
    return must_stop(absl::StrCat("a committed membership change cannot be read: ", table.status().message()), out);
  }
  members_ = std::move(table->members);
  out.raise(MembersChanged{});
  if (event.own_sequence == 0) return;
  if (event.own_sequence == vote_sequence_) {
    vote_sequence_ = 0;
  } else {
    settle(event.own_sequence, absl::OkStatus(), {}, out);
  }
}

void Machine::membership_failed(Time now, const MembershipFailed& event, Out& out) {
  if (event.sequence == vote_sequence_) {
    vote_sequence_ = 0;
    vote_at_ = now + kVoteRetry.pause(1);
    return;
  }
  const bool senseless = event.why == MembershipRefusal::kInvalid;
  settle(event.sequence,
         senseless
             ? absl::InvalidArgumentError("the change does not fit the members as they are")
             : absl::FailedPreconditionError("the change is refused now: another one is under way, or the members "
                                             "in reach would be no majority; try again once all are up"),
         {}, out);
}

void Machine::must_stop(std::string what, Out& out) {
  dead_ = true;
  while (!calls_.empty()) finish(calls_.begin(), absl::UnavailableError(what), {}, out);
  out.raise(MustStop{std::move(what)});
}

// --- Calls -----------------------------------------------------------------------------------------------------------

Status Machine::refusal(size_t bytes) const {
  if (dead_ || stopping_) return absl::FailedPreconditionError("this member has stopped");
  if (bytes > config_.max_command_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command has ", bytes, " bytes, and at most ", config_.max_command_bytes, " are allowed"));
  }
  if (calls_.size() >= config_.max_calls || call_bytes_ + bytes > config_.max_call_bytes) {
    mark<"machine.too_many_calls">();
    return absl::ResourceExhaustedError("too many calls wait at this member; try again later, or elsewhere");
  }
  return absl::OkStatus();
}

Machine::Call& Machine::wait(Time now, uint64_t call) {
  const Time deadline = now + config_.request_timeout;
  by_deadline_.emplace_back(deadline, call);
  const auto [place, fresh] = calls_.emplace(call, Call{deadline, 0, {}, 0});
  ensure(fresh, "calls have names of their own");
  return place->second;
}

void Machine::submit(Time now, uint64_t call, std::string command, Out& out) {
  if (Status no = refusal(command.size()); !no.ok()) return out.raise(Answer{call, std::move(no), {}});
  Call& c = wait(now, call);
  c.bytes = command.size();
  call_bytes_ += c.bytes;
  c.sequence = replica_->propose(Slice::take(std::move(command)));
  by_sequence_[c.sequence] = call;
}

void Machine::query(Time now, uint64_t call, std::string question, Out& out) {
  if (Status no = refusal(question.size()); !no.ok()) return out.raise(Answer{call, std::move(no), {}});
  Call& c = wait(now, call);
  c.bytes = question.size();
  call_bytes_ += c.bytes;
  c.question = std::move(question);
  replica_->read(call, Slice::copy_of(c.question));
}

void Machine::change(Time now, uint64_t call, const consensus::Change& change, const MachineMember& member, Out& out) {
  Status no = refusal(0);
  if (config_.replica.engine == EngineKind::kFlooding) {
    no = absl::UnimplementedError("members of a fail-stop group go when they crash, and none come");
  } else if (byzantine()) {
    no = absl::UnimplementedError("members of a PBFT group change only by a change that its administrator has signed");
  }
  if (!no.ok()) return out.raise(Answer{call, std::move(no), {}});
  MembersAre table{members_};
  if (change.kind == consensus::ChangeKind::kAddLearner) {
    table.members.insert(std::upper_bound(table.members.begin(), table.members.end(), member, by_id), member);
  } else {
    std::erase_if(table.members, [&](const MachineMember& m) { return m.id == member.id; });
  }
  Call& c = wait(now, call);
  c.sequence = replica_->change_membership({change}, codec::encode_flat(table));
  by_sequence_[c.sequence] = call;
}

void Machine::add_member(Time now, uint64_t call, const MachineMember& member, Out& out) {
  for (const MachineMember& m : members_) {
    if (m.id != member.id && m.address != member.address) continue;
    return out.raise(Answer{
        call, absl::AlreadyExistsError(absl::StrCat("member ", to_text(m.id), " is at ", m.address, " already")), {}});
  }
  if (member.id == NodeId{} || replica_->was_removed(member.id)) {
    return out.raise(Answer{
        call,
        absl::InvalidArgumentError(absl::StrCat(to_text(member.id), " was a member before; ids are never reused")),
        {}});
  }
  change(now, call, {consensus::ChangeKind::kAddLearner, member.id}, member, out);
}

void Machine::remove_member(Time now, uint64_t call, NodeId id, Out& out) {
  if (std::none_of(members_.begin(), members_.end(), [&](const MachineMember& m) { return m.id == id; })) {
    return out.raise(Answer{call, absl::NotFoundError(absl::StrCat(to_text(id), " is not a member")), {}});
  }
  change(now, call, {consensus::ChangeKind::kRemove, id}, {id, {}}, out);
}

bool Machine::wants_vote() const {
  return replica_->started() && vote_sequence_ == 0 && replica_->leader() != NodeId{} &&
         replica_->membership().is_learner(config_.replica.consensus.self);
}

void Machine::ask_for_vote(Time) {
  const NodeId self = config_.replica.consensus.self;
  vote_sequence_ =
      replica_->change_membership({{consensus::ChangeKind::kPromote, self}}, codec::encode_flat(MembersAre{members_}));
}

void Machine::settle(uint64_t sequence, const Status& status, std::string bytes, Out& out) {
  const auto named = by_sequence_.find(sequence);
  if (named == by_sequence_.end()) return;  // given up
  const auto call = calls_.find(named->second);
  ensure(call != calls_.end(), "a proposal that is waited for belongs to a call");
  finish(call, status, std::move(bytes), out);
}

void Machine::finish(Calls::iterator call, const Status& status, std::string bytes, Out& out) {
  call_bytes_ -= call->second.bytes;
  if (call->second.sequence != 0) by_sequence_.erase(call->second.sequence);
  out.raise(Answer{call->first, status, std::move(bytes)});
  calls_.erase(call);
  while (!by_deadline_.empty() && !calls_.contains(by_deadline_.front().second)) by_deadline_.pop_front();
}

void Machine::expire(Time now, Out& out) {
  while (!by_deadline_.empty() && by_deadline_.front().first <= now) {
    const auto call = calls_.find(by_deadline_.front().second);
    by_deadline_.pop_front();
    if (call == calls_.end()) continue;
    mark<"machine.call_expired">();
    if (call->second.sequence != 0) replica_->abandon(call->second.sequence);
    finish(call, absl::DeadlineExceededError("no answer in time: too few members could be reached"), {}, out);
  }
}

void Machine::stop(Time now, Out& out) {
  if (stopping_ || dead_) return;
  stopping_ = true;
  while (!calls_.empty()) {
    if (calls_.begin()->second.sequence != 0) replica_->abandon(calls_.begin()->second.sequence);
    finish(calls_.begin(), absl::CancelledError("this member stops"), {}, out);
  }
  stop_at_ = now + config_.replica.consensus.election_timeout;
  if (!replica_->leads()) return;
  step(now, out, [&](Replica::Out& o) {
    // Refused when there is nobody to hand over to; then there is nothing to wait for.
    if (!replica_->transfer_leadership(now, NodeId{}, o).ok()) stop_at_ = now;
  });
}

}  // namespace holdfast::replica
