#include "holdfast/replica/byzantine_replica.h"

#include "holdfast/base/mark.h"
#include "holdfast/replica/byzantine_step.h"

namespace holdfast::replica {
namespace {

std::shared_ptr<pbft::Authority> authority_of(const ByzantineConfig& c) {
  return c.authority != nullptr ? c.authority : std::make_shared<pbft::KeyedAuthority>(c.seed);
}

pbft::Config core_config(const Config& c) {
  pbft::Config out;
  out.self = c.consensus.self;
  out.cluster = c.byzantine->cluster;
  out.configuration = c.byzantine->configuration;
  out.beginning = c.byzantine->beginning;
  out.request_timeout = c.byzantine->request_timeout;
  out.resend_interval = c.consensus.heartbeat_interval;
  out.checkpoint_interval = c.byzantine->checkpoint_interval;
  out.whole_proposal_bytes = c.byzantine->whole_proposal_bytes;
  out.window = 4 * c.byzantine->checkpoint_interval;
  out.max_request_bytes = kMaxGroupRequestBytes;
  out.max_client_result_bytes = kMaxGatewayAnswerBytes;
  return out;
}

}  // namespace

ByzantineReplica::ByzantineReplica(const Config& config)
    : config_(config),
      authority_(authority_of(*config.byzantine)),
      core_(std::make_unique<pbft::Replica>(core_config(config), *authority_)) {}
ByzantineReplica::~ByzantineReplica() = default;

void ByzantineReplica::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  const auto* packet = std::get_if<pbft::Packet>(&wire);
  if (phase_ != Phase::kRunning || packet == nullptr) return;
  if (packet->part == pbft::Part::kClient) {
    if (gateway_ready()) client_step(now, out, [&](auto& o) { client_->on_message(now, from, *packet, o); });
  } else {
    core_step(now, out, [&](auto& o) { core_->on_message(now, from, *packet, o); });
  }
}

void ByzantineReplica::on_stable(Time now, StableSeq upto, Out& out) {
  stable_ = upto;
  if (phase_ != Phase::kRunning) return;
  core_step(now, out, [&](auto& o) { core_->on_stable(now, upto, o); });
  drop_unused(out);
}

void ByzantineReplica::on_time(Time now, Out& out) {
  if (phase_ != Phase::kRunning) return;
  for (const uint64_t sequence : std::exchange(refused_changes_, {})) {
    out.raise(MembershipFailed{sequence, MembershipRefusal::kNotReady});
  }
  gateway_work(now, out);
  core_step(now, out, [&](auto& o) { core_->on_time(now, o); });
  write_snapshot(out);
}

Time ByzantineReplica::deadline() const {
  if (phase_ != Phase::kRunning) return Time::never();
  if (!refused_changes_.empty() || (writer_ && writer_->busy())) return Time();
  Time soonest = core_->deadline();
  if (!gateway_ready()) return soonest;
  if (!proposed_.empty() || !questions_.empty() || !changes_.empty()) return Time();
  return std::min(soonest, client_->deadline());
}

// --- Requests --------------------------------------------------------------------------------------------------------

uint64_t ByzantineReplica::propose(Slice command) {
  const uint64_t sequence = next_sequence_++;
  waiting_.insert(sequence);
  proposed_.emplace_back(sequence, codec::encode_flat(Operation{false, std::move(command)}));
  return sequence;
}

uint64_t ByzantineReplica::change_membership(std::vector<consensus::Change>, Slice) {
  mark<"replica.unsigned_change">();
  refused_changes_.push_back(next_sequence_);
  return next_sequence_++;
}

uint64_t ByzantineReplica::propose_change(Slice signed_change) {
  const uint64_t sequence = next_sequence_++;
  waiting_.insert(sequence);
  StatusOr<pbft::SignedChange> change = codec::decode<pbft::SignedChange>(signed_change);
  ensure(change.ok(), "a change is judged before it is proposed");
  changes_.emplace_back(sequence, *std::move(change));
  return sequence;
}

pbft::ChangeVerdict ByzantineReplica::verdict(const Slice& signed_change) const {
  const StatusOr<pbft::SignedChange> change = codec::decode<pbft::SignedChange>(signed_change);
  return change.ok() ? core_->verdict(*change) : pbft::ChangeVerdict::kMalformed;
}

Status ByzantineReplica::transfer_leadership(Time now, NodeId to, Out& out) {
  if (!leads()) return absl::UnavailableError("this member is not the primary");
  const std::vector<NodeId>& members = membership_.voters;
  const auto me = std::find(members.begin(), members.end(), config_.consensus.self);
  const NodeId next = me + 1 == members.end() ? members.front() : *(me + 1);
  if (to != NodeId{} && to != next) {
    return absl::FailedPreconditionError("primaries take turns: the next one is " + to_text(next));
  }
  core_step(now, out, [&](auto& o) { core_->step_down(now, o); });
  return absl::OkStatus();
}

// Gives what has gathered to the gateway.
void ByzantineReplica::gateway_work(Time now, Out& out) {
  if (!gateway_ready()) return;
  for (auto& [sequence, operation] : std::exchange(proposed_, {})) {
    if (!waiting_.contains(sequence)) continue;  // abandoned meanwhile
    if (client_->submit(command_token(sequence), std::move(operation)).ok()) continue;
    waiting_.erase(sequence);
    out.raise(ProposalRefused{sequence});
  }
  for (const auto& [sequence, change] : std::exchange(changes_, {})) {
    if (waiting_.contains(sequence)) (void)client_->reconfigure(command_token(sequence), change);
  }
  client_step(now, out, [&](auto& o) {
    for (auto& [token, question] : std::exchange(questions_, {})) {
      const uint64_t mine = read_token(next_read_++);
      const Slice operation = codec::encode_flat(Operation{true, std::move(question)});
      if (client_->read(now, mine, operation, o).ok()) {
        reads_[mine] = token;
      } else {
        out.raise(ReadFailed{token});
      }
    }
    client_->on_time(now, o);
  });
}

void ByzantineReplica::group_answered(const pbft::Answered& event, Out& out) {
  if (const auto read = reads_.find(event.token); read != reads_.end()) {
    out.raise(ReadReady{read->second, event.result});
    reads_.erase(read);
  } else if (waiting_.erase(sequence_of(event.token)) > 0) {
    out.raise(Answered{sequence_of(event.token), event.result});
  }
}

// --- What a member says to itself ------------------------------------------------------------------------------------

void ByzantineReplica::hear_oneself(Time now, Out& out) {
  if (hearing_) return;
  hearing_ = true;
  while (!own_.empty()) {
    const pbft::Packet packet = std::move(own_.front());
    own_.pop_front();
    on_message(now, config_.consensus.self, packet, out);
  }
  hearing_ = false;
}

// --- State -----------------------------------------------------------------------------------------------------------

bool ByzantineReplica::was_removed(NodeId id) const {
  const std::vector<NodeId>& removed = core_->configuration().removed;
  return std::binary_search(removed.begin(), removed.end(), id);
}

consensus::Role ByzantineReplica::role() const {
  return leader() == config_.consensus.self ? consensus::Role::kLeader : consensus::Role::kFollower;
}

consensus::Term ByzantineReplica::term() const {
  return consensus::Term((core_->epoch() << 32) + core_->view().value() + 1);
}

// A member that is alone waits for nobody to agree with it: whoever asks it for something is better told so.
NodeId ByzantineReplica::leader() const {
  return started() && !core_->changing() && core_->reaches_quorum() ? core_->primary() : NodeId{};
}

int64_t ByzantineReplica::log_clock_ms(Time now) const {
  return clock_ms_ + std::max<int64_t>(0, (now - clock_at_).millis());
}

void ByzantineReplica::check_invariants() const {
  if (phase_ != Phase::kRunning) return;
  core_->check_invariants();
  if (client_) client_->check_invariants();
  ensure(owed_.empty() || batch_ || owed_.front().read, "an answer is owed to somebody");
}

}  // namespace holdfast::replica
