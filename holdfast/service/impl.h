// The inside of a Service. Internal to service/.
//
// Split by what is decided: calls.cc (which way each request is served, and when it has waited long enough), apply.cc
// (what committed entries do), group.cc and group_change.cc (what is different over PBFT), members.cc (membership),
// housekeeping.cc (what members propose by themselves: the table of members, their addresses, log time, alarms),
// service.cc (the core contract).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/base/random.h"
#include "holdfast/model/retry.h"
#include "holdfast/service/service.h"

namespace holdfast::service {

// What a membership entry means to the table of members.
struct MemberAdded {
  store::Member member;
};
struct MemberRemoved {
  NodeId id;
};
struct MemberPromoted {
  NodeId id;
};
using MemberDelta = std::variant<MemberAdded, MemberRemoved, MemberPromoted>;

struct Service::Impl {
  explicit Impl(const Config& c);

  // A client request that waits.
  struct Call {
    Time deadline;
    store::Request request;
    uint64_t sequence = 0;                // of its proposal; 0 for reads
    size_t bytes = 0;                     // of its proposal
    std::optional<store::Response> held;  // the group's answer, which shows more than the state here
  };
  struct KeepAlive {
    CallId call;
    store::LeaseId lease;
  };
  struct KeepAliveBatch {
    std::vector<KeepAlive> all;
    size_t waiting = 0;  // whose calls have not been given up
  };
  using Calls = std::map<CallId, Call>;

  // service.cc
  template <class Step>
  void replica_step(Time now, Out& out, Step&& step);
  void handle(Time now, replica::Replica::Out::Raised& event, Out& out);
  void handle_load(Time now, replica::Event& event, Out& out);
  void load_ended(Time now, Out& out);
  void announce_watches(Out& out);
  void must_stop(std::string what, Out& out);

  // calls.cc
  void call(Time now, CallId id, store::Request request, bool has_leader, Out& out);
  store::Error refusal(const store::Request& request, bool has_leader) const;
  void route(Time now, CallId id, store::Request request, Out& out);
  Call& wait(Time now, CallId id, store::Request request);
  void read_later(Time now, CallId id, store::Request request);
  void write_later(Time now, CallId id, store::Request request, store::Command command, Out& out);
  store::Response read(Time now, const store::Request& request, size_t max_bytes = store::kAnyAnswer) const;
  store::Response status() const;
  void move_leader(Time now, CallId id, const store::MoveLeaderRequest& request, Out& out);
  void finish(CallId id, store::Response response, Out& out);
  void refuse(CallId id, store::Error error, Out& out);
  void refuse_waiting(CallId id, store::Error error, Out& out) {
    finish(id, store::Refused{error, store.revision()}, out);
  }
  void ask(CallId id, const store::Request& request);
  void give_up(Calls::iterator call);
  void forget(Calls::iterator call);
  void expire_calls(Time now, Out& out);
  void retry_reads(Time now);
  void up_to_date(Time now, Out& out);
  void read_ready(Time now, uint64_t token, Out& out);
  void read_failed(Time now, uint64_t token);

  // apply.cc
  void apply(Time now, const replica::Apply& event, Out& out);
  store::Response apply_command(Time now, const store::Command& command, size_t max_answer = store::kAnyAnswer);
  void advance_clock(Time now, int64_t clock_ms);
  void answer(uint64_t sequence, store::Response response, Out& out);
  void answer_lost(uint64_t sequence, Out& out);
  void collect_garbage(Out& out);
  void answer_compactions(Out& out);

  // group.cc
  bool byzantine() const { return config.replica.engine == replica::EngineKind::kPbft; }
  store::Store founding_store() const;
  std::vector<store::Member> founders() const;
  void apply_for_group(Time now, const replica::Apply& event);
  Slice refusal_of(store::Error error) const;
  void answer_question(const replica::Question& event);
  void group_answered(const replica::Answered& event, Out& out);
  void proposal_refused(uint64_t sequence, Out& out);
  void group_read(CallId id, const Slice& answer, Out& out);
  void pass_on(CallId id, store::Response response, Out& out);
  void state_moved(Time now, Out& out);
  void state_digest_wanted(bool from_scratch);
  void begin_anew(Time now);
  void audit(Time now, Out& out);
  bool audits() const { return byzantine() && replica->started() && !stopping; }

  // group_change.cc
  store::Error group_change_refusal(const store::Request& request) const;
  void change_group(Time now, CallId id, store::Request request, Out& out);
  bool group_change_answered(const replica::Answered& event, Out& out);
  void apply_group_change(Time now, const replica::ApplyMembership& event);

  // members.cc
  void change_members(Time now, CallId id, store::Request request, Out& out);
  store::Error members_refusal(const store::Request& request) const;
  store::Error add_refusal(const store::MemberAddRequest& request) const;
  store::Error remove_refusal(const store::MemberRemoveRequest& request) const;
  store::Error promote_refusal(const store::MemberPromoteRequest& request) const;
  NodeId new_member_id(const std::vector<std::string>& peer_urls);
  void apply_membership(Time now, const replica::ApplyMembership& event, Out& out);
  void membership_failed(const replica::MembershipFailed& event, Out& out);
  store::MembersResponse members_response() const;

  // housekeeping.cc
  void housekeep(Time now, Out& out);
  Time housekeeping_deadline() const;
  std::optional<Time> tick_due() const;  // for this member to propose a Tick
  void propose_own(uint64_t& sequence, store::Command command);
  void send_keep_alives(Out& out);
  bool own_done(uint64_t sequence);
  bool wants_promotion() const;  // and has not asked for it

  Config config;
  Random random;
  store::Store store;  // before the replica, which may hold an image of it
  std::unique_ptr<replica::Replica> replica;
  replica::Replica::Out replica_out;
  store::WatchHub hub;
  Time now;  // of the latest input

  Calls calls;
  size_t call_bytes = 0;                            // of their proposals
  std::deque<std::pair<Time, CallId>> by_deadline;  // ascending: every call waits equally long
  std::map<uint64_t, CallId> by_sequence;
  std::vector<KeepAlive> keep_alives;                     // gathered since the last batch
  std::map<uint64_t, KeepAliveBatch> keep_alive_batches;  // proposed
  std::optional<CallId> moving_leader;
  NodeId moving_to;
  std::multimap<Time, CallId> read_retries;
  // Over PBFT, once serializable reads are served: no answer of the group is passed on before the state here is as far.
  std::set<std::pair<store::Revision, CallId>> held_back;  // calls with an answer that shows this revision
  store::Revision passed_on;                               // the latest that was shown to clients
  bool own_applied = false;                                // a command of this process

  // Reads without a quorum may be served once this member has seen everything committed before its start: else a
  // restart could show older state than before.
  bool serializable_ready = false;
  bool serializable_asked = false;

  std::unique_ptr<store::Store::SnapshotLoader> loader;
  Status load_status;

  // Proposals of this member's own; zero when none is under way.
  uint64_t bootstrap_sequence = 0;
  uint64_t publish_sequence = 0;
  uint64_t promote_sequence = 0;
  uint64_t tick_sequence = 0;
  uint64_t alarm_sequence = 0;
  uint64_t up_to_date_sequence = 0;  // over PBFT: a command of its own, behind everything before this start
  Time promote_at;                   // not before
  Time clock_advanced_at;            // when the store's log time last moved
  bool no_room = false;              // a request was refused by the quota: the alarm is to be raised
  Time audit_at;                     // over PBFT: when memory is looked at for rot again
  bool garbage_left = false;
  bool watch_work_left = false;
  std::map<CallId, store::Revision> physical_compactions;  // up to which revision

  bool stopping = false;
  Time stop_deadline;
  bool dead = false;  // MustStop was raised
};

// The token under which the service itself reads, to learn that it is up to date. Calls use their own numbers.
inline constexpr uint64_t kOwnReadToken = 0;
// Whether the request only looks at the state.
bool reads(const store::Request& request);
// A promotion is proposed again, and the log drops repetitions; a read that failed has read nothing. Both are answered
// by this member's own leader, who is not overloaded by one member's steady pace.
inline constexpr RetryPolicy kPromotionRetry = RetryPolicy(Repeatable::kExactlyOnce).every(Duration::millis(200));
inline constexpr RetryPolicy kReadRetry = RetryPolicy(Repeatable::kIdempotent).every(Duration::millis(100));
inline constexpr Duration kTickInterval = Duration::millis(500);
inline constexpr Duration kGarbagePause = Duration::millis(10);
inline constexpr size_t kGarbageSlice = 1000;
// A slice takes about a millisecond; passes over a small state come after one another with a pause.
inline constexpr size_t kAuditVersions = 500, kAuditBytes = size_t{1} << 20;
inline constexpr Duration kAuditPause = Duration::millis(100), kAuditRest = Duration::seconds(10);

// One step of the replica inside a step of the service.
template <class Step>
void Service::Impl::replica_step(Time t, Out& out, Step&& step) {
  auto events = absorb(out, replica_out, std::forward<Step>(step));
  for (auto& e : events) {
    if (dead) return;
    handle(t, e, out);
  }
  while (!dead && replica->answered()) {
    for (auto& e : absorb(out, replica_out, [&](replica::Replica::Out& o) { replica->on_answers(t, o); })) {
      if (!dead) handle(t, e, out);
    }
  }
}

}  // namespace holdfast::service
