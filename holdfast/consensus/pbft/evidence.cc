#include "holdfast/consensus/pbft/evidence.h"

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/pbft/content.h"

namespace holdfast::pbft {

namespace {

// Distinct members, at least a quorum of them, and no more than there are members.
bool is_quorum(const std::vector<Endorsement>& endorsements, const Group& group) {
  if (endorsements.size() < group.quorum() || endorsements.size() > group.size()) return false;
  for (size_t i = 0; i < endorsements.size(); ++i) {
    if (!group.is_member(endorsements[i].by)) return false;
    if (i > 0 && endorsements[i].by <= endorsements[i - 1].by && !planted<"B5">()) return false;
  }
  return true;
}

}  // namespace

bool certified(const CheckpointCert& cert, uint64_t cluster, const Group& group, Authority& authority) {
  if (cert.checkpoint.epoch != group.epoch() || !is_quorum(cert.endorsements, group)) return false;
  const std::string text = text_of(cluster, cert.checkpoint);
  return std::all_of(cert.endorsements.begin(), cert.endorsements.end(), [&](const Endorsement& e) {
    return authority.verify(*group.member_key(e.by), text, e.signature);
  });
}

bool Judge::valid(const SignedRequest& r) const {
  const PublicKey* key = group_.key(r.request.id.client);
  return key != nullptr && authority_.verify(*key, text_of(cluster_, r.request), r.signature);
}

bool Judge::valid(const Vote& v, NodeId by, const Signature& signature) const {
  const PublicKey* key = group_.member_key(by);
  return key != nullptr && v.epoch == group_.epoch() && authority_.verify(*key, text_of(cluster_, v), signature);
}

bool Judge::valid(const Checkpoint& c, NodeId by, const Signature& signature) const {
  const PublicKey* key = group_.member_key(by);
  return key != nullptr && c.epoch == group_.epoch() && authority_.verify(*key, text_of(cluster_, c), signature);
}

bool Judge::valid(const PreparedCert& cert, const Known& known) const {
  if (cert.vote.epoch != group_.epoch() || !is_quorum(cert.endorsements, group_)) return false;
  const std::string text = text_of(cluster_, cert.vote);
  size_t right = 0;
  for (const Endorsement& e : cert.endorsements) {
    const bool known_right = known && known(cert.vote, e.by, e.signature);
    if (known_right || authority_.verify(*group_.member_key(e.by), text, e.signature)) ++right;
    if (right == group_.quorum()) return true;
  }
  return false;
}

bool Judge::valid(const CheckpointCert& cert) const {
  return cert.checkpoint == base_ || certified(cert, cluster_, group_, authority_);
}

bool Judge::valid(const SignedViewChange& signed_change, const Known& known) const {
  const ViewChange& c = signed_change.change;
  const PublicKey* key = group_.member_key(c.from);
  if (key == nullptr || c.epoch != group_.epoch() || c.view.value() > kMaxNumber) return false;
  if (c.prepared.size() > window_) return false;
  if (!planted<"B4">() && !authority_.verify(*key, text_of(cluster_, c), signed_change.signature)) {
    mark<"pbft.view_change_forged">();
    return false;
  }
  if (!valid(c.stable)) return false;
  Seq last = c.stable.checkpoint.seq;
  for (const PreparedCert& p : c.prepared) {
    const Vote& v = p.vote;
    const bool in_place = v.seq > last && v.seq - c.stable.checkpoint.seq <= window_ && v.view < c.view;
    if (!in_place || !valid(p, known)) {
      mark<"pbft.view_change_unproven">();
      return planted<"B1">();  // and opening() looks at nothing behind it
    }
    last = v.seq;
  }
  return true;
}

bool Judge::valid(const SignedNewView& signed_view, const Known& known) const {
  const NewView& n = signed_view.view;
  if (n.epoch != group_.epoch() || n.view.value() > kMaxNumber || !n.view) return false;
  const PublicKey* primary = group_.member_key(group_.primary(n.view));
  if (!authority_.verify(*primary, text_of(cluster_, n), signed_view.signature)) return false;
  if (n.changes.size() < group_.quorum() || n.changes.size() > group_.size()) return false;
  NodeId last;
  for (const SignedViewChange& c : n.changes) {
    if (c.change.view != n.view || (c.change.from <= last && !planted<"B5">())) return false;
    last = c.change.from;
    if (!valid(c, known)) {
      mark<"pbft.new_view_unproven">();
      return false;
    }
  }
  return true;
}

bool Judge::valid(const SignedChange& c) const {
  const Configuration& now = group_.configuration();
  return now.administrator != PublicKey{} &&
         authority_.verify(now.administrator, text_of(cluster_, c.change), c.signature);
}

Opening Judge::opening(const NewView& view) const {
  Opening o;
  for (const SignedViewChange& c : view.changes) {
    if (o.stable.checkpoint.seq <= c.change.stable.checkpoint.seq) o.stable = c.change.stable;
  }
  std::map<Seq, Vote> best;
  bool hidden = false;
  for (const SignedViewChange& c : view.changes) {
    for (const PreparedCert& p : c.change.prepared) {
      if (planted<"B1">() && (hidden = hidden || !valid(p))) break;
      if (p.vote.seq <= o.stable.checkpoint.seq) continue;
      const auto [at, first] = best.emplace(p.vote.seq, p.vote);
      if (!first && p.vote.view > at->second.view) at->second = p.vote;
    }
  }
  if (best.empty()) return o;
  for (Seq s = o.stable.checkpoint.seq + 1; s <= best.rbegin()->first; ++s) {
    const auto at = best.find(s);
    o.proposals[s] = at != best.end() ? at->second.digest : null_content()->digest;
  }
  return o;
}

}  // namespace holdfast::pbft
