#include "holdfast/service/service.h"

#include <algorithm>

#include "holdfast/service/impl.h"

namespace holdfast::service {
namespace {

replica::Config with_bootstrap(const Config& c) {
  replica::Config out = c.replica;
  out.bootstrap = {};
  for (const store::Member& m : c.bootstrap) {
    (m.is_learner ? out.bootstrap.learners : out.bootstrap.voters).push_back(m.id);
  }
  std::sort(out.bootstrap.voters.begin(), out.bootstrap.voters.end());
  std::sort(out.bootstrap.learners.begin(), out.bootstrap.learners.end());
  return out;
}

class StoreImage : public replica::ImageReader {
 public:
  explicit StoreImage(std::unique_ptr<store::Store::SnapshotReader> reader) : reader_(std::move(reader)) {}
  bool read(size_t max_bytes, std::string& out) override { return reader_->read(max_bytes, out); }

 private:
  std::unique_ptr<store::Store::SnapshotReader> reader_;
};

}  // namespace

Service::Impl::Impl(const Config& c)
    : config(c),
      random(c.replica.consensus.seed ^ 0x5e47),
      store(founding_store()),
      replica(replica::make_replica(with_bootstrap(c))),
      hub(c.watch, c.replica.consensus.seed ^ 0x3a7c) {}

Service::Service(const Config& config) : impl_(std::make_unique<Impl>(config)) {}
Service::~Service() = default;

// --- The core contract
// ------------------------------------------------------------------------------------------------

void Service::recover_blob(BlobId id, uint64_t size) { impl_->replica->recover_blob(id, size); }
void Service::replay(StableSeq seq, const replica::Record& record) { impl_->replica->replay(seq, record); }

void Service::start(Time now, Out& out) {
  impl_->now = now;
  impl_->replica_step(now, out, [&](replica::Replica::Out& o) { impl_->replica->start(now, o); });
}

void Service::on_message(Time now, NodeId from, const replica::Wire& wire, Out& out) {
  if (impl_->dead) return;
  impl_->now = now;
  impl_->replica_step(now, out, [&](replica::Replica::Out& o) { impl_->replica->on_message(now, from, wire, o); });
  impl_->announce_watches(out);
}

void Service::on_stable(Time now, StableSeq upto, Out& out) {
  if (impl_->dead) return;
  impl_->now = now;
  impl_->replica_step(now, out, [&](replica::Replica::Out& o) { impl_->replica->on_stable(now, upto, o); });
  impl_->announce_watches(out);
}

void Service::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  if (impl_->dead) return;
  impl_->now = now;
  impl_->replica_step(now, out, [&](replica::Replica::Out& o) { impl_->replica->on_blob(now, answer, o); });
  impl_->announce_watches(out);
}

void Service::on_time(Time now, Out& out) {
  Impl& i = *impl_;
  if (i.dead) return;
  i.now = now;
  i.expire_calls(now, out);
  i.retry_reads(now);
  i.send_keep_alives(out);
  i.housekeep(now, out);
  i.replica_step(now, out, [&](replica::Replica::Out& o) { i.replica->on_time(now, o); });
  i.collect_garbage(out);
  i.audit(now, out);
  i.watch_work_left = i.hub.work(now, i.store);
  i.announce_watches(out);
}

Time Service::deadline() const {
  const Impl& i = *impl_;
  if (i.dead) return Time::never();
  if (i.watch_work_left || !i.keep_alives.empty()) return Time();
  Time soonest = std::min(i.replica->deadline(), i.hub.deadline());
  if (!i.by_deadline.empty()) soonest = std::min(soonest, i.by_deadline.front().first);
  if (!i.read_retries.empty()) soonest = std::min(soonest, i.read_retries.begin()->first);
  if (i.garbage_left) soonest = std::min(soonest, i.replica->writing_snapshot() ? i.now + kGarbagePause : Time());
  if (i.stopping) soonest = std::min(soonest, i.stop_deadline);
  if (i.audits()) soonest = std::min(soonest, i.audit_at);
  return std::min(soonest, i.housekeeping_deadline());
}

void Service::check_invariants() const {
  const Impl& i = *impl_;
  if (i.dead) return;
  i.replica->check_invariants();
  ensure(i.calls.size() <= i.config.max_calls, "no more calls wait than allowed");
  ensure(i.call_bytes <= i.config.max_call_bytes, "no more bytes are proposed by calls than allowed");
  for (const auto& [sequence, call] : i.by_sequence) {
    const auto it = i.calls.find(call);
    ensure(it == i.calls.end() || it->second.sequence == sequence, "a waiting call knows its proposal");
  }
  for (const auto& [revision, call] : i.held_back) {
    ensure(i.calls.at(call).held.has_value(), "an answer that is held back is there");
  }
  for (const auto& [call, upto] : i.physical_compactions) {
    ensure(i.calls.count(call) == 1, "who waits for a compaction is there");
    ensure(i.garbage_left || i.store.compact_revision() < upto, "nobody waits for a compaction that is over");
  }
  ensure(!i.serializable_ready || i.passed_on <= i.store.revision(), "nothing newer was shown than can be read here");
}

// --- The replica's events
// ------------------------------------------------------------------------------------------------

void Service::Impl::handle(Time t, replica::Replica::Out::Raised& raised, Out& out) {
  ensure(raised.after == StableSeq{}, "a replica's events are unconditional");
  replica::Event& event = raised.event;
  if (auto* e = std::get_if<replica::Apply>(&event)) {
    apply(t, *e, out);
  } else if (const auto* e = std::get_if<replica::Question>(&event)) {
    answer_question(*e);
  } else if (const auto* e = std::get_if<replica::DigestWanted>(&event)) {
    state_digest_wanted(e->from_scratch);
  } else if (const auto* e = std::get_if<replica::Answered>(&event)) {
    group_answered(*e, out);
  } else if (const auto* e = std::get_if<replica::ProposalRefused>(&event)) {
    proposal_refused(e->sequence, out);
  } else if (std::holds_alternative<replica::Reset>(event)) {
    begin_anew(t);
  } else if (auto* e = std::get_if<replica::ApplyMembership>(&event)) {
    apply_membership(t, *e, out);
  } else if (auto* e = std::get_if<replica::ReadReady>(&event)) {
    if (e->answer) {
      group_read(CallId(e->token), *e->answer, out);
    } else {
      read_ready(t, e->token, out);
    }
  } else if (auto* e = std::get_if<replica::ReadFailed>(&event)) {
    read_failed(t, e->token);
  } else if (auto* e = std::get_if<replica::AnswerLost>(&event)) {
    answer_lost(e->sequence, out);
  } else if (auto* e = std::get_if<replica::MembershipFailed>(&event)) {
    membership_failed(*e, out);
  } else if (auto* e = std::get_if<replica::RoleChanged>(&event)) {
    out.raise(RoleChanged{e->role, e->term, e->leader});
    if (moving_leader && e->leader == moving_to) {
      finish(*std::exchange(moving_leader, std::nullopt), store::MoveLeaderResponse{store.revision()}, out);
    }
  } else if (std::holds_alternative<replica::SnapshotWanted>(event)) {
    auto image = std::make_unique<StoreImage>(store.snapshot());
    replica_step(t, out, [&](replica::Replica::Out& o) { replica->begin_snapshot(t, std::move(image), o); });
  } else if (auto* e = std::get_if<replica::MustStop>(&event)) {
    must_stop(std::move(e->what), out);
  } else {
    handle_load(t, event, out);
  }
}

void Service::Impl::handle_load(Time t, replica::Event& event, Out& out) {
  if (std::holds_alternative<replica::LoadBegin>(event)) {
    loader = store::Store::load(config.limits);
    load_status = absl::OkStatus();
  } else if (auto* bytes = std::get_if<replica::LoadBytes>(&event)) {
    if (load_status.ok()) load_status = loader->add(bytes->bytes);
  } else if (std::holds_alternative<replica::LoadAborted>(event)) {
    loader.reset();
  } else if (std::holds_alternative<replica::LoadEnd>(event)) {
    load_ended(t, out);
  }
}

void Service::Impl::load_ended(Time t, Out& out) {
  std::optional<store::Store> loaded;
  crypto::Digest digest;
  if (load_status.ok()) {
    StatusOr<store::Store> finished = loader->finish();
    if (finished.ok()) {
      loaded = *std::move(finished);
      if (byzantine()) {
        loaded->keep_digest();
        digest = loaded->state_digest();
      }
    } else {
      load_status = finished.status();
    }
  }
  loader.reset();
  // The replica lets go of the old store's image before the old store goes.
  bool replaced = false;
  auto events = absorb(out, replica_out,
                       [&](replica::Replica::Out& o) { replaced = replica->load_done(t, load_status, digest, o); });
  if (loaded && replaced) {
    store = *std::move(loaded);
    clock_advanced_at = t;
    garbage_left = true;
    hub.store_replaced(store);
    state_moved(t, out);
  }
  for (auto& e : events) {
    if (!dead) handle(t, e, out);
  }
}

void Service::Impl::announce_watches(Out& out) {
  for (store::StreamId stream : hub.newly_ready()) out.raise(WatchReady{stream});
}

void Service::Impl::must_stop(std::string what, Out& out) {
  dead = true;
  out.raise(MustStop{std::move(what)});
}

// --- Clients
// ------------------------------------------------------------------------------------------------------------

void Service::call(Time now, CallId id, store::Request request, bool has_leader, Out& out) {
  impl_->now = now;
  impl_->call(now, id, std::move(request), has_leader, out);
}

void Service::cancel(CallId id) {
  const auto it = impl_->calls.find(id);
  if (it != impl_->calls.end()) impl_->give_up(it);
}

void Service::watch_open(store::StreamId stream) { impl_->hub.open(stream); }

void Service::watch_request(Time now, store::StreamId stream, const store::WatchRequest& request, Out& out) {
  impl_->now = now;
  impl_->hub.request(now, stream, request, impl_->store);
  impl_->watch_work_left = true;
  impl_->announce_watches(out);
}

void Service::watch_close(store::StreamId stream) { impl_->hub.close(stream); }

std::vector<store::WatchResponse> Service::take_watch(store::StreamId stream, size_t max) {
  auto responses = impl_->hub.take(stream, max);
  impl_->watch_work_left = true;  // there may be room for what was held back
  return responses;
}

void Service::stop(Time now, Out& out) {
  Impl& i = *impl_;
  if (i.stopping) return;
  i.now = now;
  i.stopping = true;
  i.stop_deadline = now + i.config.replica.consensus.election_timeout;
  if (i.dead || !i.replica->leads()) return;
  i.replica_step(now, out, [&](replica::Replica::Out& o) {
    // Refused when there is nobody to hand over to; then there is nothing to wait for.
    if (!i.replica->transfer_leadership(now, NodeId{}, o).ok()) i.stop_deadline = now;
  });
}

bool Service::stopped() const {
  const Impl& i = *impl_;
  return i.dead || (i.stopping && (!i.replica->leads() || i.now >= i.stop_deadline));
}

const store::Store& Service::store() const { return impl_->store; }
const replica::Replica& Service::replica() const { return *impl_->replica; }

}  // namespace holdfast::service
