// Who said it: signatures that convince anybody, codes that convince one receiver.
//
// An interface, so that simulated runs by the million may use a stand-in that costs nothing; KeyedAuthority is the real
// one. An Authority speaks for one identity only. Thread rule: one thread at a time.
#pragma once

#include <map>
#include <string_view>

#include "holdfast/consensus/pbft/messages.h"

namespace holdfast::pbft {

class Authority {
 public:
  virtual ~Authority() = default;
  virtual const PublicKey& key() const = 0;
  virtual Signature sign(std::string_view text) = 0;
  virtual bool verify(const PublicKey& signer, std::string_view text, const Signature& signature) = 0;
  // A code over `text` for the holder of `other`; and whether such a code, from there, is right.
  virtual Mac code(const PublicKey& other, std::string_view text) = 0;
  virtual bool check(const PublicKey& other, std::string_view text, const Mac& mac) = 0;
};

// Ed25519, and pairwise keys by X25519 out of the same identities.
class KeyedAuthority : public Authority {
 public:
  explicit KeyedAuthority(const crypto::Seed& seed) : identity_(seed) {}
  const PublicKey& key() const override { return identity_.public_key(); }
  Signature sign(std::string_view text) override { return identity_.sign(text); }
  bool verify(const PublicKey& signer, std::string_view text, const Signature& signature) override {
    return crypto::verify(signer, text, signature);
  }
  Mac code(const PublicKey& other, std::string_view text) override;
  bool check(const PublicKey& other, std::string_view text, const Mac& mac) override;

 private:
  // None: nobody can have that key.
  const crypto::SharedKey* shared(const PublicKey& other);
  crypto::Identity identity_;
  std::map<PublicKey, std::optional<crypto::SharedKey>> shared_;
};

// --- The texts that are signed or coded. Each begins with its purpose and the cluster: none can pass for another. ----

std::string text_of(uint64_t cluster, const Request& request);
std::string text_of(uint64_t cluster, const Vote& prepare);
std::string text_of(uint64_t cluster, const Checkpoint& checkpoint);
std::string text_of(uint64_t cluster, const ViewChange& change);
std::string text_of(uint64_t cluster, const NewView& view);
std::string text_of(uint64_t cluster, const Change& change);

// --- Packets ---------------------------------------------------------------------------------------------------------

// A message on its way to many: encoded and hashed once, coded for each.
class Envelope {
 public:
  explicit Envelope(const Message& message);
  Packet seal(uint64_t cluster, NodeId from, NodeId to, const PublicKey& to_key, Authority& authority) const;

 private:
  Part part_;
  Slice body_;
  Digest digest_;
};
// The message of a packet. kUnauthenticated: `from` did not send it to `to`; kDataLoss, kUnimplemented: the codec's.
StatusOr<Message> open(const Packet& packet, uint64_t cluster, NodeId from, const PublicKey& from_key, NodeId to,
                       Authority& authority);

// --- Fingerprints ----------------------------------------------------------------------------------------------------

Digest digest_of(const Configuration& configuration);
// Of a batch in its place, behind everything before.
Digest next_in_chain(const Digest& chain, Seq seq, const Digest& batch);
Digest digest_of_results(const RequestId& id, const std::vector<Slice>& results);

}  // namespace holdfast::pbft
