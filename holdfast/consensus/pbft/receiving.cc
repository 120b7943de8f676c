// State from others: nothing is used that a quorum has not certified. A sender who lies costs time, and is passed over.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
// What a sender may take its time for: this long, and as long as what it has sent needs at this speed.
constexpr int64_t kTurn = 30;                // in resend intervals
constexpr uint64_t kSlowest = 1 << 20;       // bytes a second
constexpr uint64_t kSizesDiffer = 64 << 20;  // snapshots of the same state, bytes
constexpr uint64_t kMostDoublings = 12;
}  // namespace

// No certificate names the size of a snapshot: others may write theirs in another way, and at another place. But one that
// is much larger than f + 1 members say theirs are is the offer of a liar, who would fill the disk. When all have been
// tried in vain, more is believed.
uint64_t Replica::Impl::plausible_bytes() const {
  std::vector<uint64_t> said;
  for (const auto& [member, bytes] : snapshot_sizes) said.push_back(std::min(bytes, config.max_snapshot_bytes));
  std::sort(said.begin(), said.end(), std::greater<>());
  const uint64_t shared = said.size() > group().faulty() ? said[group().faulty()] : 0;
  return (2 * shared + kSizesDiffer) << std::min<uint64_t>(transfer.misled / group().size(), kMostDoublings);
}

// A sender that lets everything drip would keep this replica from asking the others.
Time Replica::Impl::end_of_turn() const {
  const uint64_t sent = transfer.received + transfer.parts_bytes + coming_offer.bytes.size();
  const Duration turn = config.resend_interval * kTurn + Duration::millis(static_cast<int64_t>(sent * 1000 / kSlowest));
  return transfer.since + turn * (int64_t{1} << std::min<uint64_t>(transfer.misled / group().size(), kMostDoublings));
}

void Replica::Impl::transfer_tick(Step& s) {
  if (transfer.loading) return;
  const bool behind = low() > executed || rotten || epoch_is_over();
  const bool moves = executed != transfer.executed_before;
  transfer.executed_before = executed;
  if (!transfer.active) {
    // It may only be slow: what it lacks is often on its way.
    if (!behind || moves) return;
    mark<"pbft.transfer">();
    transfer.active = true;
    transfer.since = s.now;
    return transfer.good ? ask_for_state(s) : ask_next_sender(s);
  }
  if (!behind && !transfer.offer) {
    // It has got there by itself, or there was nothing to get.
    transfer = Transfer{.sender = transfer.sender, .good = transfer.good, .executed_before = executed};
    return;
  }
  if (s.now >= end_of_turn()) {
    mark<"pbft.transfer_drips">();
    return ask_next_sender(s);
  }
  if (running || (slots.contains(executed + 1) && slots.at(executed + 1).decided && !rotten)) return;
  if (s.now - transfer.asked < config.resend_interval * 3) return;
  if (in_the_midst() && !transfer.repeated) return ask_again(s);
  ask_next_sender(s);
}

bool Replica::Impl::in_the_midst() const {
  return transfer.offer || !transfer.parts.empty() || !coming_offer.bytes.empty();
}

// A question or its answer was lost, or the sender had given enough for that moment: what came so far stays good.
void Replica::Impl::ask_again(Step& s) {
  mark<"pbft.transfer_repeated">();
  transfer.repeated = true;
  transfer.asked = s.now;
  const NodeId sender = group().members()[transfer.sender % group().size()].id;
  if (transfer.offer) {
    const bool more = !transfer.writing && transfer.received < transfer.offer->size;
    if (more) send(s, sender, FetchChunk{transfer.offer->cert.checkpoint.seq, transfer.received});
  } else if (!coming_offer.bytes.empty()) {
    send(s, sender, FetchOfferPart{coming_offer.seq, coming_offer.bytes.size()});
  } else {
    ask_for_state(s);
  }
}

// Gives up what came so far, and turns to the next member, at the next tick: whoever sends nonsense must not make this
// replica busy.
void Replica::Impl::give_up_sender(Step& s) {
  if (transfer.blob) s.out.blob(BlobDrop{transfer.blob});
  const bool midst = in_the_midst();
  coming_offer = {};
  transfer = Transfer{.active = true,
                      .sender = transfer.sender + 1,
                      .asked = s.now - config.resend_interval * 3,
                      .since = s.now,
                      .misled = transfer.misled + (midst ? 1 : 0),
                      .executed_before = executed};
  if (group().members()[transfer.sender % group().size()].id == self()) ++transfer.sender;
}

void Replica::Impl::ask_next_sender(Step& s) {
  give_up_sender(s);
  ask_for_state(s);
}

// How far it has the order. Batches that came before it executed others by itself are of no use any more.
Seq Replica::Impl::having() {
  if (transfer.parts_behind != executed) {
    transfer.parts.clear();
    transfer.parts_bytes = 0;
  }
  transfer.parts_behind = executed;
  return executed + transfer.parts.size();
}

void Replica::Impl::ask_for_state(Step& s) {
  transfer.asked = s.now;
  const Seq have = having();
  send(s, group().members()[transfer.sender % group().size()].id, FetchState{group().epoch(), have, rotten});
}

void Replica::Impl::on(Step& s, NodeId from, const LogPart& m) {
  if (!transfer.active || transfer.offer || transfer.loading || rotten || running) return;
  if (from != group().members()[transfer.sender % group().size()].id) return;
  const Seq have = having();
  if (m.first != have + 1 || m.batches.empty()) return;
  if (transfer.parts.size() + m.batches.size() > 4 * config.window) return give_up_sender(s);
  for (const Slice& batch : m.batches) {
    ContentPtr content = content_of(batch);
    transfer.parts_bytes += batch.size();
    const bool much = transfer.parts_bytes > config.window * (config.max_batch_bytes + config.max_request_bytes);
    if (content == nullptr || much) return give_up_sender(s);
    transfer.parts.push_back(std::move(content));
  }
  transfer.repeated = false;
  if (!m.cert) return ask_for_state(s);
  const Seq end = m.cert->checkpoint.seq;
  if (!finish_segment(s, *m.cert)) {
    mark<"pbft.segment_refused">();
    return give_up_sender(s);
  }
  transfer.asked = transfer.since = s.now;
  transfer.misled = 0;
  transfer.proven_end = end;
  transfer.good = true;
}

// What was proven has been executed: at once for the rest, or a group under load would stay ahead for ever.
void Replica::Impl::ask_for_more(Step& s) {
  if (!transfer.active || !transfer.proven_end || executed < transfer.proven_end) return;
  transfer.proven_end = Seq();
  if (low() > executed && !rotten && !transfer.offer) ask_for_state(s);
}

// The batches are what the certificate's chain says: they are decided.
bool Replica::Impl::finish_segment(Step& s, const CheckpointCert& cert) {
  const Seq end = executed + transfer.parts.size();
  if (cert.checkpoint.seq != end || !judge.valid(cert)) return false;
  Digest at = chain;
  Seq seq = executed;
  for (const ContentPtr& c : transfer.parts) at = next_in_chain(at, ++seq, c->digest);
  if (at != cert.checkpoint.chain) return false;
  seq = executed;
  for (const ContentPtr& c : transfer.parts) {
    Slot& slot = slots[++seq];
    slot.decided = c->digest;
    slot.hold(c);
  }
  mark<"pbft.segment_taken">();
  transfer.parts.clear();
  transfer.parts_bytes = 0;
  certs.emplace(end, cert);
  adopt_stable(s, cert);
  return true;
}

bool Replica::Impl::convincing(const SnapshotOffer& m) const {
  if (m.size > config.max_snapshot_bytes || m.links.size() > 10'000) return false;
  // From epoch to epoch, each closed by a quorum of its own members.
  Group at = group();
  for (const EpochLink& link : m.links) {
    if (link.configuration.epoch != at.epoch() + 1 || !Group::valid(link.configuration).ok()) return false;
    if (!certified(link.cert, config.cluster, at, authority)) return false;
    if (link.cert.checkpoint.configuration != digest_of(link.configuration)) return false;
    at = Group(link.configuration);
  }
  // A snapshot at the very end of an epoch is certified by that epoch, and names the next one's members.
  const Checkpoint& c = m.cert.checkpoint;
  const bool at_link = !m.links.empty() && m.links.back().cert.checkpoint == c;
  if (!at_link && !(c == judge.base() && m.links.empty()) && !certified(m.cert, config.cluster, at, authority)) {
    return false;
  }
  if (m.core.seq != c.seq || m.core.chain != c.chain || digest_of(m.core.configuration) != c.configuration) {
    return false;
  }
  // The last snapshot of an epoch without the link out of it: meant for who is in the next one already.
  if (m.core.configuration.epoch != at.epoch()) return false;
  const StatusOr<ClientTable> clients = ClientTable::from_rows(m.core.clients, config.client_window);
  return clients.ok() && core_digest(m.core, clients->digest()) == c.core;
}

void Replica::Impl::on(Step& s, NodeId from, const SnapshotOffer& whole) {
  if (!transfer.active || transfer.offer || transfer.loading || running) return;
  if (from != group().members()[transfer.sender % group().size()].id) return;
  // How the group got to this replica's own epoch it knows.
  SnapshotOffer m = whole;
  std::erase_if(m.links, [&](const EpochLink& link) { return link.configuration.epoch <= group().epoch(); });
  if (m.cert.checkpoint.seq.value() > kMaxNumber || (m.cert.checkpoint.seq <= executed && !rotten)) return;
  if (m.size > plausible_bytes()) {
    mark<"pbft.offer_implausible">();
    ++transfer.misled;
    return give_up_sender(s);
  }
  const bool from_nothing = rotten && m.cert.checkpoint == judge.base() && group().epoch() == 0 && !m.size;
  if ((!m.size && !from_nothing) || !convincing(m)) {
    mark<"pbft.offer_refused">();
    return give_up_sender(s);
  }
  if (from_nothing) return install(s, m, SnapshotMeta{});
  transfer.offer = m;
  coming_offer = {};
  transfer.parts.clear();
  transfer.blob = ++last_blob;
  transfer.received = 0;
  s.out.blob(BlobCreate{transfer.blob});
  transfer.asked = s.now;
  send(s, from, FetchChunk{m.cert.checkpoint.seq, 0});
}

void Replica::Impl::on(Step& s, NodeId from, const Chunk& m) {
  if (!transfer.active || !transfer.offer || transfer.loading || transfer.writing) return;
  if (from != group().members()[transfer.sender % group().size()].id) return;
  if (m.seq != transfer.offer->cert.checkpoint.seq || m.offset != transfer.received || m.bytes.empty()) return;
  if (m.bytes.size() > transfer.offer->size - transfer.received) return give_up_sender(s);
  transfer.received += m.bytes.size();
  transfer.writing = true;
  transfer.repeated = false;
  transfer.asked = s.now;
  s.out.blob(BlobAppend{transfer.blob, m.bytes});
}

void Replica::Impl::received_blob(Step& s, const BlobAnswer& answer) {
  const BlobId id = std::visit([](const auto& a) { return a.id; }, answer);
  if (!transfer.offer || id != transfer.blob || !id) return;
  const SnapshotOffer& offer = *transfer.offer;
  transfer.asked = s.now;
  if (std::holds_alternative<BlobFailed>(answer)) {
    transfer.blob = BlobId();
    return give_up_sender(s);
  }
  if (std::holds_alternative<BlobAppended>(answer)) {
    transfer.writing = false;
    if (transfer.received == offer.size) {
      s.out.blob(BlobSeal{transfer.blob});
    } else {
      send(s, group().members()[transfer.sender % group().size()].id,
           FetchChunk{offer.cert.checkpoint.seq, transfer.received});
    }
  } else if (std::holds_alternative<BlobSealed>(answer)) {
    transfer.loading = true;
    s.out.raise(SnapshotReceived{{offer.cert.checkpoint.seq, transfer.blob, offer.size}});
  }
}

// The owner's state is that of the snapshot, and its digest is the certified one.
void Replica::Impl::install(Step& s, const SnapshotOffer& offer, const SnapshotMeta& meta) {
  mark<"pbft.snapshot_installed">();
  const Checkpoint& c = offer.cert.checkpoint;
  table = *ClientTable::from_rows(offer.core.clients, config.client_window);
  const bool backwards = c.seq < executed;
  executed = c.seq;
  chain = c.chain;
  pending = offer.core.pending;
  rotten = false;
  transfer =
      Transfer{.active = true, .sender = transfer.sender, .good = true, .asked = s.now, .since = s.now,
               .executed_before = executed};
  history.erase(history.begin(), history.upper_bound(executed));
  std::erase_if(cores, [&](const auto& e) { return e.first > executed; });
  said.clear();
  certs[c.seq] = offer.cert;
  for (const EpochLink& link : offer.links) {
    // It may have got out of an epoch by itself while the snapshot came.
    if (link.configuration.epoch > group().epoch()) links.push_back(link);
  }
  if (offer.core.configuration.epoch > group().epoch()) {
    stable = offer.cert;
    enter_epoch(s, offer.core.configuration, offer.links.back().cert.checkpoint);
  }
  stamps.lose(s.now, offer.core.stamp_ms);
  moved = s.now;
  if (c.seq > low()) {
    stable = offer.cert;
    next_place = std::max(next_place, c.seq + 1);
  }
  snapshot = SnapshotMark{meta, offer.cert, offer.core, judge.base(), links, /*replaced=*/true};
  write_mark(s);
  if (!meta.blob) snapshot.reset();
  if (backwards) {
    // What it had executed behind the snapshot was certified or decided all the same: only its state was wrong.
    for (const auto& [seq, content] : history) {
      Slot& slot = slots[seq];
      slot.decided = content->digest;
      slot.hold(content);
    }
  }
  history.clear();
  for (const Peer& p : group().members()) pool.settle(s.now, p.id, table);
  for (const Peer& p : group().configuration().clients) pool.settle(s.now, p.id, table);
  collect_garbage();
  s.out.raise(StateReplaced{meta});
}

}  // namespace holdfast::pbft
