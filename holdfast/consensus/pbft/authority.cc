#include "holdfast/consensus/pbft/authority.h"

#include "holdfast/base/codec.h"

namespace holdfast::pbft {

namespace {

template <class T>
std::string text(std::string_view purpose, uint64_t cluster, const T& value) {
  std::string out("holdfast.pbft.");
  out += purpose;
  out += '\0';
  for (int i = 0; i < 8; ++i) out += static_cast<char>(cluster >> (8 * i));
  const Chain encoded = codec::encode(value);
  out.reserve(out.size() + encoded.size());
  for (const Slice& s : encoded.parts()) out += s.view();
  return out;
}

std::string packet_text(uint64_t cluster, NodeId from, NodeId to, const Digest& body) {
  std::string out("holdfast.pbft.packet");
  for (uint64_t n : {cluster, from.value(), to.value()}) {
    for (int i = 0; i < 8; ++i) out += static_cast<char>(n >> (8 * i));
  }
  out += body.view();
  return out;
}

}  // namespace

const crypto::SharedKey* KeyedAuthority::shared(const PublicKey& other) {
  const auto [at, first] = shared_.try_emplace(other);
  if (first) {
    // Keys are learned from certified configurations; those that went are forgotten all at once.
    if (constexpr size_t kMany = 20'000; shared_.size() > kMany) {
      shared_.clear();
      return shared(other);
    }
    if (const auto raw = identity_.shared_with(other)) at->second = crypto::derive(*raw, "holdfast.pbft.packet");
  }
  return at->second ? &*at->second : nullptr;
}

Mac KeyedAuthority::code(const PublicKey& other, std::string_view text) {
  const crypto::SharedKey* key = shared(other);
  return key != nullptr ? crypto::mac(*key, text) : Mac{};
}

bool KeyedAuthority::check(const PublicKey& other, std::string_view text, const Mac& mac) {
  const crypto::SharedKey* key = shared(other);
  return key != nullptr && crypto::mac_is(mac, *key, text);
}

std::string text_of(uint64_t cluster, const Request& request) { return text("request", cluster, request); }
std::string text_of(uint64_t cluster, const Vote& prepare) { return text("prepare", cluster, prepare); }
std::string text_of(uint64_t cluster, const Checkpoint& checkpoint) { return text("checkpoint", cluster, checkpoint); }
std::string text_of(uint64_t cluster, const ViewChange& change) { return text("view-change", cluster, change); }
std::string text_of(uint64_t cluster, const NewView& view) { return text("new-view", cluster, view); }
std::string text_of(uint64_t cluster, const Change& change) { return text("change", cluster, change); }

Envelope::Envelope(const Message& message)
    : part_(std::holds_alternative<Reply>(message) ? Part::kClient : Part::kReplica),
      body_(codec::encode_flat(message)),
      digest_(crypto::digest(body_.view())) {}

Packet Envelope::seal(uint64_t cluster, NodeId from, NodeId to, const PublicKey& to_key, Authority& authority) const {
  return {part_, body_, authority.code(to_key, packet_text(cluster, from, to, digest_))};
}

StatusOr<Message> open(const Packet& packet, uint64_t cluster, NodeId from, const PublicKey& from_key, NodeId to,
                       Authority& authority) {
  if (!authority.check(from_key, packet_text(cluster, from, to, crypto::digest(packet.body.view())), packet.mac)) {
    return absl::UnauthenticatedError("the code of a packet is wrong; check that both sides know each other's keys");
  }
  return codec::decode<Message>(packet.body);
}

Digest digest_of(const Configuration& configuration) {
  return crypto::digest(codec::encode_flat(configuration).view());
}

Digest next_in_chain(const Digest& chain, Seq seq, const Digest& batch) {
  return crypto::Hasher().add(chain).add(seq.value()).add(batch).finish();
}

Digest digest_of_results(const RequestId& id, const std::vector<Slice>& results) {
  crypto::Hasher hasher;
  hasher.add(id.client.value()).add(id.incarnation).add(id.sequence).add(results.size());
  for (const Slice& r : results) hasher.add(r.size()).add(r.view());
  return hasher.finish();
}

}  // namespace holdfast::pbft
