// Offers of snapshots, in parts when they are large: with PBFT's own state come the answers that clients may ask for
// again, and a message that does not fit into a frame of the network is not sent at all.
#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

uint64_t Replica::Impl::offer_part_bytes() const { return 4 * config.transfer_bytes; }

// The same for every asker, whatever it says of itself: what one asks for must not take away what another is fetching.
void Replica::Impl::offer_snapshot(Step& s, NodeId to) {
  const SnapshotOffer offer{
      .links = snapshot->links, .cert = snapshot->cert, .core = snapshot->core, .size = snapshot->meta.size};
  if (!served_offer || served_offer->seq != snapshot->meta.seq) {
    served_offer = ServedOffer{snapshot->meta.seq, codec::encode_flat(Message(offer))};
  }
  if (served_offer->encoded.size() <= offer_part_bytes()) return send(s, to, offer);
  send_offer_part(s, to, 0);
}

void Replica::Impl::send_offer_part(Step& s, NodeId to, uint64_t offset) {
  const Slice& whole = served_offer->encoded;
  const uint64_t n = std::min<uint64_t>(offer_part_bytes(), whole.size() - offset);
  send(s, to, OfferPart{served_offer->seq, whole.size(), offset, whole.sub(offset, n)});
}

void Replica::Impl::on(Step& s, NodeId from, const FetchOfferPart& m) {
  if (!may_ask(from) || !served_offer || m.seq > served_offer->seq) return;
  if (m.offset >= served_offer->encoded.size() || !spend(s, from, offer_part_bytes())) return;
  // There is another snapshot by now: it begins anew.
  if (m.seq != snapshot->meta.seq) return offer_snapshot(s, from);
  send_offer_part(s, from, m.offset);
}

// Each part but the last is a whole one, so their number is bounded; who sends others is passed over.
void Replica::Impl::on(Step& s, NodeId from, const OfferPart& m) {
  if (!transfer.active || transfer.offer || transfer.loading || running) return;
  if (from != group().members()[transfer.sender % group().size()].id) return;
  const bool begins = coming_offer.from != from || (m.offset == 0 && m.seq > coming_offer.seq);
  if (begins) coming_offer = {from, m.seq, m.total, {}};
  if (m.seq != coming_offer.seq || m.total != coming_offer.total || m.offset != coming_offer.bytes.size()) return;
  const uint64_t clients = group().size() + group().configuration().clients.size();
  const uint64_t most = (clients + 2) * 2 * config.max_client_result_bytes;
  if (m.total > most || m.offset >= m.total || m.bytes.size() != std::min(offer_part_bytes(), m.total - m.offset)) {
    mark<"pbft.offer_part_refused">();
    return give_up_sender(s);
  }
  coming_offer.bytes += m.bytes.view();
  transfer.asked = s.now;
  transfer.repeated = false;
  if (coming_offer.bytes.size() < m.total) {
    return send(s, from, FetchOfferPart{m.seq, coming_offer.bytes.size()});
  }
  const StatusOr<Message> whole = codec::decode<Message>(Slice::take(std::move(coming_offer.bytes)));
  coming_offer = {};
  const auto* offer = whole.ok() ? std::get_if<SnapshotOffer>(&*whole) : nullptr;
  if (offer == nullptr) return give_up_sender(s);
  mark<"pbft.offer_in_parts">();
  on(s, from, *offer);
}

}  // namespace holdfast::pbft
