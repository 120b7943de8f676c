// The judge: whether what others hand over proves what it says. Pure functions of the evidence and the group.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/pbft/group.h"

namespace holdfast::pbft {

// What the proposals of a new view are (TOCS 2002, section 4.4): behind `stable`, up to the last place that anybody
// has prepared, the digest prepared in the highest view; the null batch where nobody has.
struct Opening {
  CheckpointCert stable;
  std::map<Seq, Digest> proposals;
};

class Judge {
 public:
  // `known(vote, by, signature)`: this replica has verified exactly that before. May be empty.
  using Known = std::function<bool(const Vote&, NodeId, const Signature&)>;

  Judge(uint64_t cluster, uint64_t window, Authority& authority)
      : cluster_(cluster), window_(window), authority_(authority) {}

  // The group that vouches, and the checkpoint that its epoch began with: trusted without signatures.
  void believe(Group group, Checkpoint base) {
    group_ = std::move(group);
    base_ = std::move(base);
  }
  const Group& group() const { return group_; }
  const Checkpoint& base() const { return base_; }

  bool valid(const SignedRequest& request) const;
  bool valid(const Vote& prepare, NodeId by, const Signature& signature) const;
  bool valid(const Checkpoint& checkpoint, NodeId by, const Signature& signature) const;
  // Distinct members endorse the very same, and a quorum of the signatures are right. Who made the certificate may
  // have had too many to need checking them, so a wrong one among them proves nothing against it.
  bool valid(const PreparedCert& cert, const Known& known = {}) const;
  bool valid(const CheckpointCert& cert) const;
  // Signed by its sender, whole, of this epoch, and all certificates in it are valid, distinct and in the window.
  bool valid(const SignedViewChange& change, const Known& known = {}) const;
  // Signed by the primary of its view, with valid view changes of a quorum.
  bool valid(const SignedNewView& view, const Known& known = {}) const;
  // Signed by the administrator; for which epoch, and whether it makes sense, is another question.
  bool valid(const SignedChange& change) const;

  // What a valid new view begins with.
  Opening opening(const NewView& view) const;

 private:
  uint64_t cluster_;
  uint64_t window_;
  Authority& authority_;
  Group group_;
  Checkpoint base_;
};

// The certificate of `cert` under `group`, which need not be the judge's: for the chain of epochs.
bool certified(const CheckpointCert& cert, uint64_t cluster, const Group& group, Authority& authority);

}  // namespace holdfast::pbft
