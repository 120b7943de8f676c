// What PBFT tells its owner: what to execute, what to answer, who belongs.

#include "holdfast/base/mark.h"
#include "holdfast/replica/byzantine_step.h"
#include "holdfast/replica/engine_step.h"

namespace holdfast::replica {

void ByzantineReplica::handle(Time now, pbft::Event& event, Out& out) {
  if (const auto* e = std::get_if<pbft::Execute>(&event)) {
    execute(now, *e, out);
  } else if (const auto* e = std::get_if<pbft::Read>(&event)) {
    const StatusOr<Operation> operation = codec::decode<Operation>(e->operation);
    if (operation.ok() && operation->question) {
      owed_.push_back({e->token});
      out.raise(Question{operation->bytes});
    } else {
      mark<"replica.senseless_question">();
      read_answers_.emplace_back(e->token, Slice());
    }
  } else if (std::holds_alternative<pbft::CheckpointStable>(event)) {
    offer_snapshot(now, out);
  } else if (const auto* e = std::get_if<pbft::SnapshotReceived>(&event)) {
    blobs_[e->meta.blob] = e->meta.size;
    loading_ = e->meta.seq;
    load(e->meta, out);
  } else if (const auto* e = std::get_if<pbft::StateReplaced>(&event)) {
    state_replaced(now, e->meta, out);
  } else if (const auto* e = std::get_if<pbft::Reconfigured>(&event)) {
    reconfigured(now, e->configuration);
  } else if (std::holds_alternative<pbft::Removed>(event)) {
    stop(kRemoved, out);
  }
  // ViewEntered: see show_role(). Rotten: PBFT fetches a snapshot by itself.
}

consensus::Membership ByzantineReplica::membership_of(const pbft::Configuration& configuration) {
  consensus::Membership out;
  for (const pbft::Peer& p : configuration.members) out.voters.push_back(p.id);
  return out;
}

// Everything that the owner has to do for one batch is asked for at once.
void ByzantineReplica::execute(Time now, const pbft::Execute& event, Out& out) {
  ensure(!batch_, "batches are executed one by one");
  batch_.emplace(Batch{event, {}, std::nullopt});
  clock_ms_ = std::max(clock_ms_, event.stamp_ms);
  clock_at_ = now;
  count_batch(event);
  batch_->given.resize(event.requests.size());
  for (size_t r = 0; r < event.requests.size(); ++r) {
    const pbft::Request& request = event.requests[r];
    batch_->results.emplace_back(request.operations.size());
    for (size_t o = 0; o < request.operations.size(); ++o) {
      if (execute_operation(request, request.operations[o], out)) owed_.push_back({std::nullopt, r, o});
    }
  }
  if (event.change) {
    const pbft::PendingChange& change = *event.change;
    out.raise(ApplyMembership{++applied_, membership_of(change.configuration), change.context, 0});
  }
  if (!event.checkpoint) return;
  const bool snapshot = snapshot_due();
  out.raise(DigestWanted{/*from_scratch=*/snapshot});
  if (!snapshot) return;
  entries_since_snapshot_ = bytes_since_snapshot_ = 0;
  wanted_header_ = ImageHeader{applied_, applied_term(), membership_, clock_ms_, {}, {}};
  writing_ = event.seq;
  out.raise(SnapshotWanted{});
}

// False: it makes no sense, and its result is empty.
bool ByzantineReplica::execute_operation(const pbft::Request& request, const Slice& bytes, Out& out) {
  StatusOr<Operation> operation = codec::decode<Operation>(bytes);
  if (!operation.ok()) {
    mark<"replica.senseless_operation">();
    return false;
  }
  if (operation->question) {
    mark<"replica.question_ordered">();
    out.raise(Question{std::move(operation->bytes)});
    return true;
  }
  const NodeId origin = request.id.client;
  const bool own = origin == config_.consensus.self && request.id.incarnation == incarnation_;
  out.raise(Apply{++applied_, applied_term(), clock_ms_, std::move(operation->bytes), 0, origin,
                  /*wants_answer=*/true, own});
  return true;
}

// The same at every member, for the order decides what was answered before.
size_t ByzantineReplica::answer_room() const {
  ensure(!owed_.empty(), "an answer was asked for");
  const Owed& owed = owed_.front();
  if (owed.read) return kMaxGroupAnswerBytes;
  const auto left = [](uint64_t room, uint64_t given) { return room - std::min(room, given); };
  const auto to_client = batch_->given_to.find(batch_->execute.requests[owed.request].id.client);
  const uint64_t of_client = to_client != batch_->given_to.end() ? to_client->second : 0;
  const uint64_t room = std::min(left(kMaxGroupAnswerBytes, batch_->given[owed.request]),
                                 left(batch_->execute.rooms[owed.request], of_client));
  return std::max(room, kLeastAnswerBytes);
}

void ByzantineReplica::answer(Slice answer) {
  if (answer.size() > answer_room()) {
    mark<"replica.answer_too_large">();
    answer = Slice();
  }
  const Owed owed = owed_.front();
  owed_.pop_front();
  if (!owed.read) {
    batch_->given[owed.request] += answer.size();
    batch_->given_to[batch_->execute.requests[owed.request].id.client] += answer.size();
  }
  if (owed.read) {
    read_answers_.emplace_back(*owed.read, std::move(answer));
  } else {
    batch_->results[owed.request][owed.operation] = std::move(answer);
  }
}

void ByzantineReplica::state_is(const crypto::Digest& digest) {
  ensure(batch_.has_value(), "a digest was asked for");
  batch_->digest = certified_form(digest, applied_);
}

// Whatever the latest checkpoint was: what came of it is not there any more.
void ByzantineReplica::state_is_damaged(Time now, Out& out) {
  if (phase_ != Phase::kRunning) return;
  const crypto::Digest none = crypto::digest("no state that was ever certified");
  core_step(now, out, [&](auto& o) { core_->audit(now, core_->stable_checkpoint(), none, o); });
}

// What is certified of a state: the owner's, and how many commands have made it.
crypto::Digest ByzantineReplica::certified_form(const crypto::Digest& state, consensus::Index applied) {
  return crypto::Hasher().add(state).add(applied.value()).finish();
}

bool ByzantineReplica::answered() const {
  if (phase_ != Phase::kRunning || !owed_.empty()) return false;
  return !read_answers_.empty() || (batch_ && (!batch_->execute.checkpoint || batch_->digest));
}

void ByzantineReplica::on_answers(Time now, Out& out) {
  for (auto& read : std::exchange(read_answers_, {})) {
    core_step(now, out, [&](auto& o) { core_->read_done(now, read.first, std::move(read.second), o); });
  }
  if (!answered()) return;
  Batch batch = *std::exchange(batch_, std::nullopt);
  core_step(now, out, [&](auto& o) {
    core_->executed(now, batch.execute.seq, std::move(batch.results), batch.digest.value_or(crypto::Digest()), o);
  });
}

// The new members decide from now on. The owner knows them since the last place of the epoch before, or by a snapshot.
void ByzantineReplica::reconfigured(Time now, const pbft::Configuration& configuration) {
  membership_ = membership_of(configuration);
  if (client_) client_->configure(now, configuration, client_out_);
}

void ByzantineReplica::show_role(Out& out) {
  if (phase_ != Phase::kRunning) return;
  if (shown_role_ == role() && shown_term_ == term() && shown_leader_ == leader()) return;
  shown_role_ = role();
  shown_term_ = term();
  shown_leader_ = leader();
  out.raise(RoleChanged{shown_role_, shown_term_, shown_leader_});
}

}  // namespace holdfast::replica
