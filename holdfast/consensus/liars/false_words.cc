// Wrong evidence, wrong numbers, wrong state.
#include "holdfast/base/codec.h"
#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/liars/other_digest.h"
#include "holdfast/consensus/pbft/content.h"

namespace holdfast::pbft {

std::vector<Utterance> Liar::bad_evidence(NodeId to, Message& m) {
  if (auto* c = std::get_if<SignedViewChange>(&m)) {
    spoil(c->change);
    c->signature = authority_.sign(text_of(cluster_, c->change));
  } else if (auto* n = std::get_if<SignedNewView>(&m)) {
    for (SignedViewChange& c : n->view.changes) {
      if (random_.chance(1, 2)) c.change.prepared.clear();
      if (c.change.from == self_) {
        spoil(c.change);
        c.signature = authority_.sign(text_of(cluster_, c.change));
      }
    }
    n->signature = authority_.sign(text_of(cluster_, n->view));
  } else if (auto* p = std::get_if<Prepare>(&m); p != nullptr && random_.chance(1, 4)) {
    // A view of its own making: everybody else wants it, it says, and nobody has prepared a thing.
    NewView made{.epoch = p->vote.epoch, .view = next_of_its_own(p->vote.view)};
    for (const Peer& peer : group_.members()) {
      ViewChange c{.epoch = made.epoch, .view = made.view, .from = peer.id};
      c.stable = stable_;
      const std::string text = text_of(cluster_, c);
      if (made.changes.size() < group_.quorum()) made.changes.push_back({c, authority_.sign(text)});
    }
    say(to, SignedNewView{made, authority_.sign(text_of(cluster_, made))});
  } else if (p != nullptr && random_.chance(1, 4)) {
    say(to, Complaint{p->vote.epoch, p->vote.view});
  } else if (p != nullptr && random_.chance(1, 4)) {
    // Signed by itself, which proves something only when it is the primary.
    const auto vote = [&] { return vote_of_its_own(p->vote.epoch, p->vote.view, p->vote.seq); };
    random_.chance(1, 2) ? say(to, VoteOfPrimary{vote()}) : say(to, ProofOfMisbehavior{vote(), vote()});
  }
  if (const auto* s = std::get_if<StableNotice>(&m)) stable_ = s->cert;
  if (const auto* c = std::get_if<SignedViewChange>(&m)) stable_ = c->change.stable;
  say(to, m);
  return std::move(said_);
}

void Liar::spoil(ViewChange& c) {
  switch (random_.below(4)) {
    case 0:
      c.prepared.clear();
      break;
    case 1:
      for (PreparedCert& p : c.prepared) p.endorsements[0].signature.bytes[3] ^= 1;
      break;
    case 2: {
      // In front of the rest: a certificate of its own signature, as often as it takes.
      PreparedCert made;
      made.vote = {c.epoch, View(), c.stable.checkpoint.seq + 1, other(Digest{})};
      for (size_t i = 0; i < group_.quorum(); ++i) made.endorsements.push_back({self_, sign(made.vote)});
      c.prepared.insert(c.prepared.begin(), made);
      break;
    }
    default:
      for (PreparedCert& p : c.prepared) p.vote.digest = other(p.vote.digest);
  }
}

template <class N>
void Liar::nudge(N& n) {
  n = random_.chance(1, 2) ? n + 1 : n - 1;
}

void Liar::shift(Vote& v) {
  switch (random_.below(4)) {
    case 0:
      return nudge(v.view);
    case 1:
      return nudge(v.seq);
    case 2:
      return nudge(v.epoch);
    default:
      v.digest = other(v.digest);
  }
}

void Liar::shift(Message& m) {
  if (auto* p = std::get_if<Prepare>(&m)) {
    shift(p->vote);
    p->signature = sign(p->vote);
  } else if (auto* c = std::get_if<Commit>(&m)) {
    shift(c->vote);
  } else if (auto* q = std::get_if<PrePrepare>(&m)) {
    random_.chance(1, 2) ? nudge(q->seq) : nudge(q->view);
  } else if (auto* r = std::get_if<BriefPrePrepare>(&m)) {
    if (r->requests.empty() || random_.chance(1, 3)) return nudge(r->stamp_ms);
    RequestId& id = r->requests[random_.below(r->requests.size())];
    random_.chance(1, 2) ? nudge(id.sequence) : nudge(r->seq);
  } else if (auto* k = std::get_if<CheckpointVote>(&m)) {
    nudge(k->checkpoint.seq);
    k->signature = authority_.sign(text_of(cluster_, k->checkpoint));
  } else if (auto* s = std::get_if<StatusReport>(&m)) {
    random_.chance(1, 2) ? nudge(s->view) : nudge(s->executed);
  } else if (auto* o = std::get_if<Complaint>(&m)) {
    nudge(o->view);
  } else if (auto* v = std::get_if<SignedViewChange>(&m)) {
    nudge(v->change.view);
    v->signature = authority_.sign(text_of(cluster_, v->change));
  }
}

void Liar::falsify(Message& m) {
  if (auto* k = std::get_if<CheckpointVote>(&m)) {
    k->checkpoint.state = other(k->checkpoint.state);
    k->signature = authority_.sign(text_of(cluster_, k->checkpoint));
  } else if (auto* r = std::get_if<Reply>(&m)) {
    std::vector<Slice> lies;
    for (size_t i = 0; i < (r->results ? r->results->size() : 1); ++i) lies.push_back(Slice::copy_of("1:42"));
    r->digest = digest_of_results(r->id, lies);
    r->results = lies;
  } else if (auto* c = std::get_if<Chunk>(&m)) {
    std::string bytes = c->bytes.str();
    if (bytes.empty()) return;
    bytes[random_.below(bytes.size())] ^= 1;
    c->bytes = Slice::take(std::move(bytes));
  } else if (auto* o = std::get_if<SnapshotOffer>(&m)) {
    random_.chance(1, 2) ? void(++o->core.stamp_ms) : void(o->size += 7);
  } else if (auto* l = std::get_if<LogPart>(&m)) {
    if (!l->batches.empty()) l->batches[random_.below(l->batches.size())] = codec::encode_flat(Batch{77, {}});
  } else if (auto* b = std::get_if<BatchData>(&m)) {
    b->batch = codec::encode_flat(Batch{78, {}});
  } else if (auto* s = std::get_if<StableNotice>(&m)) {
    s->cert.checkpoint.seq = s->cert.checkpoint.seq + 4;
  }
}

}  // namespace holdfast::pbft
