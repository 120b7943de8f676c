// The public face: every input goes to the part it concerns, and settle() ends the step.
#include "holdfast/consensus/pbft/replica.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
constexpr Duration kNextMoment = Duration::millis(1);
}

Replica::Replica(const Config& config, Authority& authority) : impl_(std::make_unique<Impl>(config, authority)) {}
Replica::~Replica() = default;

void Replica::recover_blob(BlobId id, uint64_t) { impl_->last_blob = std::max(impl_->last_blob, id); }

void Replica::replay(StableSeq seq, const Record& record) {
  ensure(!impl_->started, "records are replayed before the start");
  impl_->ledger.replay(seq, record);
}

Status Replica::recovered() const { return impl_->ledger.recovered(); }

std::optional<Digest> Replica::snapshot_state() const {
  const auto& mark = impl_->ledger.content().mark;
  return mark ? std::optional(mark->cert.checkpoint.state) : std::nullopt;
}

void Replica::distrust_state() {
  ensure(!impl_->started, "a state is distrusted before the start");
  impl_->rotten = true;
}

void Replica::start(Time now, Out& out) {
  ensure(!impl_->started, "a replica starts once");
  impl_->started = true;
  Step s{now, out};
  impl_->begin(s);
  impl_->settle(s);
}

void Replica::on_message(Time now, NodeId from, const Packet& packet, Out& out) {
  Impl& impl = *impl_;
  ensure(impl.started, "a replica starts before it receives");
  const PublicKey* key = impl.group().key(from);
  if (key == nullptr) return mark<"pbft.stranger">();
  const StatusOr<Message> message = open(packet, impl.config.cluster, from, *key, impl.self(), impl.authority);
  if (!message.ok()) return mark<"pbft.packet_refused">();
  Step s{now, out};
  if (impl.group().is_member(from)) impl.heard[from] = now;
  std::visit([&](const auto& m) { impl.on(s, from, m); }, *message);
  impl.settle(s);
}

void Replica::on_stable(Time now, StableSeq upto, Out& out) {
  impl_->ledger.on_stable(upto);
  Step s{now, out};
  impl_->settle(s);
}

void Replica::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  Step s{now, out};
  impl_->serve_chunk(s, answer);
  impl_->received_blob(s, answer);
  impl_->settle(s);
}

void Replica::on_time(Time now, Out& out) {
  Impl& impl = *impl_;
  Step s{now, out};
  impl.check_votes_that_waited(s);
  impl.fetch_unseen(s);
  impl.ask_for_whole(s);
  impl.complain_when_due(s);
  impl.pass_on_overdue(s);
  impl.tick(s);
  impl.propose(s);
  impl.settle(s);
}

Time Replica::deadline() const {
  const Impl& impl = *impl_;
  if (impl.can_propose()) return Time();
  Time due = impl.next_tick();
  if (impl.changing && impl.votes()) due = std::min(due, impl.change_deadline);
  if (!impl.complaining) due = std::min(due, impl.complaint_due());
  // Reads that wait only because so much was answered at that moment.
  if (impl.reading.empty() && impl.can_read(Time::never())) due = std::min(due, impl.reads_answered_at + kNextMoment);
  for (const auto& [seq, until] : impl.awaited_votes) due = std::min(due, until);
  for (const auto& [seq, until] : impl.unseen_until) due = std::min(due, until);
  due = std::min(due, impl.briefs.next());
  if (!impl.changing && !impl.leads()) due = std::min(due, impl.pool.next_overdue(impl.patience() / 4));
  return due;
}

void Replica::executed(Time now, Seq seq, std::vector<std::vector<Slice>> results, const Digest& state, Out& out) {
  Impl& impl = *impl_;
  ensure(impl.running && impl.running->seq == seq, "the owner answers what it was asked to execute");
  Step s{now, out};
  impl.executed_now(s, std::move(results), state);
  impl.settle(s);
}

void Replica::read_done(Time now, uint64_t token, Slice result, Out& out) {
  Impl& impl = *impl_;
  const auto at = impl.reading.find(token);
  if (at == impl.reading.end()) return;
  const Impl::Reading reading = std::move(at->second);
  impl.reading.erase(at);
  impl.count_read(now, reading, result.size());
  if (impl.rotten) return;
  Step s{now, out};
  std::vector<Slice> results;
  results.push_back(std::move(result));
  Reply reply{.id = reading.id, .read = true};
  reply.digest = digest_of_results(reading.id, results);
  reply.results = std::move(results);
  const Envelope envelope(reply);
  const PublicKey* key = impl.group().key(reading.client);
  if (key != nullptr) {
    out.send(reading.client, envelope.seal(impl.config.cluster, impl.self(), reading.client, *key, impl.authority));
  }
  impl.settle(s);
}

BlobId Replica::name_blob() { return ++impl_->last_blob; }

bool Replica::uses_blob(BlobId id) const { return impl_->ledger.names(id) || (id && impl_->transfer.blob == id); }

Status Replica::snapshot_taken(Time now, const SnapshotMeta& meta, Out& out) {
  Impl& impl = *impl_;
  const auto cert = impl.certs.find(meta.seq);
  const auto core = impl.cores.find(meta.seq);
  if (cert == impl.certs.end() || core == impl.cores.end() || impl.rotten || meta.size == 0 ||
      (impl.snapshot && meta.seq <= impl.snapshot->meta.seq)) {
    return absl::FailedPreconditionError("no such checkpoint is certified, or it is too old; drop this snapshot");
  }
  impl.last_blob = std::max(impl.last_blob, meta.blob);
  // The links up to the snapshot's own epoch.
  std::vector<EpochLink> links;
  for (const EpochLink& link : impl.links) {
    if (link.cert.checkpoint.seq <= meta.seq) links.push_back(link);
  }
  Checkpoint base = impl.judge.base();
  if (!links.empty()) base = links.back().cert.checkpoint;
  impl.snapshot = SnapshotMark{meta, cert->second, core->second, base, std::move(links)};
  Step s{now, out};
  impl.write_mark(s);
  // A little of the past stays, for those who are only a little behind.
  const Seq keep(meta.seq.value() > impl.config.window ? meta.seq.value() - impl.config.window : 0);
  impl.history.erase(impl.history.begin(), impl.history.upper_bound(keep));
  impl.certs.erase(impl.certs.begin(), impl.certs.upper_bound(keep));
  impl.cores.erase(impl.cores.begin(), impl.cores.upper_bound(meta.seq));
  impl.settle(s);
  return absl::OkStatus();
}

void Replica::keep_checkpoint(Seq seq) { impl_->kept_core = seq; }

void Replica::step_down(Time now, Out& out) {
  Impl& impl = *impl_;
  if (!impl.leads()) return;
  Step s{now, out};
  impl.start_view_change(s, impl.view + 1);
  impl.settle(s);
}

void Replica::snapshot_loaded(Time now, Seq seq, const Digest& state, Out& out) {
  Impl& impl = *impl_;
  if (!impl.transfer.loading || !impl.transfer.offer || impl.transfer.offer->cert.checkpoint.seq != seq) return;
  Step s{now, out};
  const SnapshotOffer offer = *impl.transfer.offer;
  const SnapshotMeta meta{seq, impl.transfer.blob, offer.size};
  if (seq <= impl.executed && !impl.rotten) {
    impl.give_up_sender(s);  // it has got farther by itself
  } else if (state == offer.cert.checkpoint.state) {
    impl.install(s, offer, meta);
  } else {
    mark<"pbft.snapshot_is_false">();
    impl.give_up_sender(s);
  }
  impl.settle(s);
}

void Replica::snapshot_refused(Time now, Seq seq, Out& out) {
  Impl& impl = *impl_;
  if (!impl.transfer.loading || !impl.transfer.offer || impl.transfer.offer->cert.checkpoint.seq != seq) return;
  Step s{now, out};
  impl.give_up_sender(s);
  impl.settle(s);
}

void Replica::audit(Time now, Seq seq, const Digest& state, Out& out) {
  Impl& impl = *impl_;
  const auto cert = impl.certs.find(seq);
  if (cert == impl.certs.end() || cert->second.checkpoint.state == state) return;
  Step s{now, out};
  impl.found_rotten(s, seq);
  impl.settle(s);
}

ChangeVerdict Replica::verdict(const SignedChange& change) const { return impl_->verdict(change); }

uint64_t Replica::epoch() const { return impl_->group().epoch(); }
View Replica::view() const { return impl_->view; }
bool Replica::changing() const { return impl_->changing; }
NodeId Replica::primary() const { return impl_->group().primary(impl_->view); }
Seq Replica::executed_upto() const { return impl_->executed; }
Seq Replica::stable_checkpoint() const { return impl_->low(); }
size_t Replica::places_kept() const { return impl_->slots.size(); }
bool Replica::rotten() const { return impl_->rotten; }
bool Replica::silent() const { return impl_->silent; }
bool Replica::reaches_quorum() const { return impl_->reaches_quorum; }
const Configuration& Replica::configuration() const { return impl_->group().configuration(); }
const SnapshotMeta& Replica::snapshot() const { return impl_->ledger.snapshot(); }
StableSeq Replica::first_needed() const { return impl_->ledger.first_needed(); }

void Replica::check_invariants() const {
  const Impl& i = *impl_;
  if (!i.started) return;
  ensure(!i.changing || i.view || i.ledger.standing().changing, "a change of view is written down");
  ensure(!i.running || i.running->seq == i.executed + 1, "batches are executed one by one");
  for (const auto& [seq, slot] : i.slots) {
    ensure(seq > std::min(i.executed, i.low()), "what is settled is forgotten");
    ensure(!slot.voted || slot.proposal, "a vote is for a proposal");
    ensure(!slot.proposal || slot.proposal->view <= i.view, "no proposal is of a view to come");
    ensure(!slot.prepared || slot.prepared->vote.seq == seq, "a certificate is of its place");
    ensure(slot.votes.size() <= i.group().size(), "each member has one vote");
  }
  for (size_t k = 1; k < i.links.size(); ++k) {
    ensure(i.links[k].configuration.epoch == i.links[k - 1].configuration.epoch + 1, "links lead from epoch to epoch");
  }
  ensure(i.slots.empty() || i.slots.rbegin()->first <= std::max(i.low(), i.executed) + 4 * i.config.window,
         "the window bounds the slots");
}

}  // namespace holdfast::pbft
