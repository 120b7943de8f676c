#include "holdfast/replica/fail_stop_replica.h"

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"

namespace holdfast::replica {
namespace {

flooding::LogConfig log_config(const Config& c) {
  flooding::LogConfig out;
  out.self = c.consensus.self;
  out.group = c.bootstrap.voters;
  return out;
}

FailStopLinks::Config links_config(const Config& c) {
  return {std::max<uint64_t>(1, c.incarnation_hint), c.consensus.heartbeat_interval, c.crash_timeout,
          c.consensus.max_append_bytes};
}

std::vector<NodeId> others(const Config& c) {
  std::vector<NodeId> out = c.bootstrap.voters;
  std::erase(out, c.consensus.self);
  return out;
}

constexpr const char* kOut =
    "this member has crashed, was stopped, or was taken for crashed: in a fail-stop group it is out for good, and the "
    "others go on without it. Start a new group, or use an engine whose members come back (raft, paxos, pbft)";

}  // namespace

FailStopReplica::FailStopReplica(const Config& config)
    : config_(config),
      life_(std::max<uint64_t>(1, config.incarnation_hint)),
      links_(links_config(config), others(config)),
      log_(log_config(config)),
      membership_(config.bootstrap) {}

// --- The core contract -----------------------------------------------------------------------------------------------

void FailStopReplica::replay(StableSeq seq, const Record& record) {
  if (const auto* r = std::get_if<flooding::Record>(&record)) {
    log_.replay(seq, *r);
  } else {
    foreign_ = true;
  }
}

void FailStopReplica::start(Time now, Out& out) {
  if (foreign_) {
    return stop(
        "the records were written by another engine of consensus; clear the data directory, or start the member "
        "with that engine",
        out);
  }
  begun_ = out.next_seq();
  clock_at_ = now;
  log_step(now, out, [&](auto& o) { log_.start(now, o); });
  if (stopped_) return;
  running_ = true;
  out.raise(Started{});
  show_members(out);
}

void FailStopReplica::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  // What comes before this process has begun, on its disk too, will be said again.
  if (!running_ || begun_ > stable_) return;
  if (const auto* notice = std::get_if<CrashNotice>(&wire)) return noticed(from, *notice, out);
  const auto* frame = std::get_if<FailStopFrame>(&wire);
  if (frame == nullptr || links_.has_crashed(from)) return;
  for (const flooding::LogMessage& m : links_.receive(now, from, *frame)) {
    log_step(now, out, [&](auto& o) { log_.on_message(now, from, m, o); });
  }
  say(now, out);
}

// This member has been taken for crashed, and lives: what the group relies on did not hold. Where each of two parts has
// taken the other for crashed, the smaller one stops; of equal ones, that without the first member.
void FailStopReplica::noticed(NodeId from, const CrashNotice& notice, Out& out) {
  if (!config_.bootstrap.contains(from)) return;
  const CrashNotice ours = notice_of_this_part();
  const bool mutual = links_.has_crashed(from) || removed_.contains(from);
  const bool theirs_goes_on = notice.left > ours.left || (notice.left == ours.left && notice.first < ours.first);
  if (!mutual || theirs_goes_on) return stop(kOut, out);
  mark<"replica.fail_stop_two_parts">();
}

CrashNotice FailStopReplica::notice_of_this_part() const {
  const auto left = std::count_if(membership_.voters.begin(), membership_.voters.end(),
                                  [&](NodeId id) { return !links_.has_crashed(id); });
  return {static_cast<uint64_t>(left), leader()};
}

void FailStopReplica::on_stable(Time now, StableSeq upto, Out& out) {
  stable_ = upto;
  if (running_ && begun_ <= stable_) say(now, out);
}

void FailStopReplica::on_time(Time now, Out& out) {
  if (!running_ || begun_ > stable_) return;
  for (const uint64_t sequence : std::exchange(refused_changes_, {})) {
    out.raise(MembershipFailed{sequence, MembershipRefusal::kInvalid});
  }
  for (const NodeId id : links_.find_crashed(now)) {
    log_step(now, out, [&](auto& o) { log_.on_crash(now, id, o); });
  }
  log_step(now, out, [&](auto& o) {
    for (auto& [sequence, entry] : std::exchange(proposed_, {})) {
      if (!waiting_.contains(sequence)) continue;  // abandoned meanwhile
      Command command{log_clock_ms(now), {config_.consensus.self, life_, sequence, 0}, std::move(entry)};
      if (log_.submit(now, codec::encode_flat(FailStopEntry(std::move(command))), o).ok()) continue;
      waiting_.erase(sequence);
      out.raise(ProposalRefused{sequence});
    }
    if (!reads_waiting_.empty()) {
      const ReadMark mark{config_.consensus.self, life_, next_round_++};
      if (log_.submit(now, codec::encode_flat(FailStopEntry(mark)), o).ok()) {
        read_rounds_.emplace_back(mark.round, std::exchange(reads_waiting_, {}));
      } else {
        for (const uint64_t token : std::exchange(reads_waiting_, {})) out.raise(ReadFailed{token});
      }
    }
    log_.on_time(now, o);
  });
  if (running_) show_members(out);
  if (running_) say(now, out);
}

Time FailStopReplica::deadline() const {
  if (!running_ || begun_ > stable_) return Time::never();
  if (!proposed_.empty() || !reads_waiting_.empty() || !refused_changes_.empty()) return Time();
  return std::min(log_.deadline(), links_.deadline());
}

void FailStopReplica::check_invariants() const {
  if (running_) log_.check_invariants();
}

// --- The log ---------------------------------------------------------------------------------------------------------

template <class Step>
void FailStopReplica::log_step(Time now, Out& out, Step&& step) {
  if (stopped_) return;
  log_out_.continue_at(out.next_seq());
  log_.acknowledged(links_.all_acknowledged(log_.group()));
  step(log_out_);
  for (auto& p : log_out_.persisted) out.persist(std::move(p.record));
  for (auto& s : log_out_.sent) links_.send(s.to, std::move(s.wire));
  auto events = std::exchange(log_out_.raised, {});
  log_out_.clear();
  if (!log_.halted()) show_members(out);  // first: who is answered by what is delivered may ask who is left
  for (auto& e : events) {
    if (stopped_) return;
    if (const auto* delivered = std::get_if<flooding::Delivered>(&e.event)) {
      deliver(now, *delivered, out);
    } else {
      stop(kOut, out);
    }
  }
}

void FailStopReplica::deliver(Time now, const flooding::Delivered& event, Out& out) {
  for (const Slice& bytes : event.commands) {
    StatusOr<FailStopEntry> entry = codec::decode<FailStopEntry>(bytes);
    if (!entry.ok()) {
      // Everybody has it: going on would make this member diverge from those of a newer version.
      return stop("a delivered entry cannot be read: " + std::string(entry.status().message()), out);
    }
    if (auto* command = std::get_if<Command>(&*entry)) {
      apply(now, *command, out);
    } else {
      read_mark_delivered(std::get<ReadMark>(*entry), out);
    }
  }
}

void FailStopReplica::apply(Time now, Command& command, Out& out) {
  // Each member adds only time that it has seen pass since the latest command.
  if (command.clock_ms > clock_ms_) {
    clock_ms_ = command.clock_ms;
    clock_at_ = now;
  }
  const Origin& origin = command.origin;
  const bool own = origin.node == config_.consensus.self && origin.incarnation == life_;
  const bool awaited = own && waiting_.erase(origin.sequence) > 0;
  out.raise(Apply{++applied_, applied_term(), clock_ms_, std::move(command.command), awaited ? origin.sequence : 0,
                  origin.node, /*wants_answer=*/false, own});
}

void FailStopReplica::read_mark_delivered(const ReadMark& mark, Out& out) {
  if (mark.node != config_.consensus.self || mark.life != life_) return;
  while (!read_rounds_.empty() && read_rounds_.front().first <= mark.round) {
    for (const uint64_t token : read_rounds_.front().second) out.raise(ReadReady{token, std::nullopt});
    read_rounds_.pop_front();
  }
}

// Tells the owner who is gone and who acts for all.
void FailStopReplica::show_members(Out& out) {
  if (stopped_) return;
  if (membership_.voters != log_.group()) {
    for (const NodeId id : membership_.voters) {
      if (!std::binary_search(log_.group().begin(), log_.group().end(), id)) removed_.insert(id);
    }
    membership_.voters = log_.group();
    out.raise(ApplyMembership{applied_, membership_, {}, 0});
  }
  if (running_ && shown_leader_ != leader()) {
    shown_leader_ = leader();
    out.raise(RoleChanged{role(), term(), shown_leader_});
  }
}

void FailStopReplica::say(Time now, Out& out) {
  log_.acknowledged(links_.all_acknowledged(log_.group()));  // it may go on at once
  for (const NodeId id : links_.to_be_told(now)) out.send(id, notice_of_this_part());
  for (FailStopLinks::Frame& f : links_.frames(now)) out.send(f.to, std::move(f.frame));
}

void FailStopReplica::stop(std::string what, Out& out) {
  if (stopped_) return;
  stopped_ = true;
  running_ = false;
  out.raise(MustStop{std::move(what)});
}

// --- Requests and state ----------------------------------------------------------------------------------------------

uint64_t FailStopReplica::propose(Slice command) {
  waiting_.insert(next_sequence_);
  proposed_.emplace_back(next_sequence_, std::move(command));
  return next_sequence_++;
}

uint64_t FailStopReplica::change_membership(std::vector<consensus::Change>, Slice) {
  refused_changes_.push_back(next_sequence_);
  return next_sequence_++;
}

consensus::Role FailStopReplica::role() const {
  return running_ && leader() == config_.consensus.self ? consensus::Role::kLeader : consensus::Role::kFollower;
}

NodeId FailStopReplica::leader() const {
  for (const NodeId id : membership_.voters) {
    if (!links_.has_crashed(id)) return id;
  }
  return {};
}

int64_t FailStopReplica::log_clock_ms(Time now) const {
  return clock_ms_ + std::max<int64_t>(0, (now - clock_at_).millis());
}

}  // namespace holdfast::replica
