// Offers of snapshots, in parts when they are large: with PBFT's own state come the answers that clients may ask for
// again, and a message that does not fit into a frame of the network is not sent at all.
#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

uint64_t Replica::Impl::offer_part_bytes() const { return 4 * config.transfer_bytes; }

void Replica::Impl::offer_snapshot(Step& s, NodeId to, uint64_t epoch) {
  if (!served_offer || served_offer->seq != snapshot->meta.seq || served_offer->epoch != epoch) {
    SnapshotOffer offer{.cert = snapshot->cert, .core = snapshot->core, .size = snapshot->meta.size};
    for (const EpochLink& link : snapshot->links) {
      if (link.cert.checkpoint.epoch >= epoch) offer.links.push_back(link);
    }
    const Slice encoded = codec::encode_flat(Message(offer));
    if (encoded.size() <= offer_part_bytes()) {
      served_offer.reset();
      return send(s, to, offer);
    }
    served_offer = ServedOffer{snapshot->meta.seq, epoch, encoded};
  }
  send_offer_part(s, to, 0);
}

void Replica::Impl::send_offer_part(Step& s, NodeId to, uint64_t offset) {
  const Slice& whole = served_offer->encoded;
  const uint64_t n = std::min<uint64_t>(offer_part_bytes(), whole.size() - offset);
  send(s, to, OfferPart{served_offer->seq, whole.size(), offset, whole.sub(offset, n)});
}

void Replica::Impl::on(Step& s, NodeId from, const FetchOfferPart& m) {
  if (!may_ask(from) || !served_offer || m.seq != served_offer->seq || m.epoch != served_offer->epoch) return;
  if (m.offset < served_offer->encoded.size() && spend(s, from, offer_part_bytes())) send_offer_part(s, from, m.offset);
}

// Each part but the last is a whole one, so their number is bounded; who sends others is passed over.
void Replica::Impl::on(Step& s, NodeId from, const OfferPart& m) {
  if (!transfer.active || transfer.offer || transfer.loading || running) return;
  if (from != group().members()[transfer.sender % group().size()].id) return;
  if (coming_offer.from != from) coming_offer = {from, m.seq, m.total, {}};
  if (m.seq != coming_offer.seq || m.total != coming_offer.total || m.offset != coming_offer.bytes.size()) return;
  const uint64_t clients = group().size() + group().configuration().clients.size();
  const uint64_t most = (clients + 2) * 2 * config.max_client_result_bytes;
  if (m.total > most || m.offset >= m.total || m.bytes.size() != std::min(offer_part_bytes(), m.total - m.offset)) {
    mark<"pbft.offer_part_refused">();
    return give_up_sender(s);
  }
  coming_offer.bytes += m.bytes.view();
  transfer.asked = s.now;
  if (coming_offer.bytes.size() < m.total) {
    return send(s, from, FetchOfferPart{m.seq, group().epoch(), coming_offer.bytes.size()});
  }
  const StatusOr<Message> whole = codec::decode<Message>(Slice::take(std::move(coming_offer.bytes)));
  coming_offer = {};
  const auto* offer = whole.ok() ? std::get_if<SnapshotOffer>(&*whole) : nullptr;
  if (offer == nullptr) return give_up_sender(s);
  mark<"pbft.offer_in_parts">();
  on(s, from, *offer);
}

}  // namespace holdfast::pbft
