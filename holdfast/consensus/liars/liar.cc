#include "holdfast/consensus/liars/liar.h"

#include "holdfast/base/codec.h"
#include "holdfast/consensus/liars/other_digest.h"
#include "holdfast/consensus/pbft/content.h"

namespace holdfast::pbft {

namespace {
bool is_proposal(const Message& m) {
  return std::holds_alternative<PrePrepare>(m) || std::holds_alternative<BriefPrePrepare>(m);
}
}  // namespace

Liar::Liar(Lie lie, NodeId self, uint64_t cluster, Group group, Duration request_timeout, Authority& authority,
           uint64_t seed, std::shared_ptr<Plot> plot)
    : lie_(lie),
      self_(self),
      cluster_(cluster),
      group_(std::move(group)),
      timeout_(request_timeout),
      authority_(authority),
      random_(seed),
      plot_(plot ? std::move(plot) : std::make_shared<Plot>()) {
  if (!plot_->side.empty()) return;
  for (const Peer& p : group_.members()) {
    if (random_.chance(1, 2)) plot_->side.insert(p.id);
  }
}

std::vector<Utterance> Liar::speak(NodeId to, const Packet& packet) {
  said_.clear();
  const StatusOr<Message> message = codec::decode<Message>(packet.body);
  if (!message.ok()) return {};
  std::vector<Utterance> said = twist(to, *message, packet);
  const bool honest = said.size() == 1 && said[0].as == self_ && said[0].to == to && said[0].delay == Duration() &&
                      said[0].packet.body == packet.body;
  if (!honest) ++lies_;
  return said;
}

void Liar::follow(const Group& group) {
  if (group.is_member(self_)) group_ = group;
}

// The first view behind this one in which it leads.
View Liar::next_of_its_own(View after) const {
  View view = after + 1;
  for (size_t i = 0; i < group_.size() && group_.primary(view) != self_; ++i) ++view;
  return view;
}

std::vector<Utterance> Liar::twist(NodeId to, Message m, const Packet& packet) {
  switch (lie_) {
    case Lie::kEquivocate:
      return equivocate(to, m);
    case Lie::kSilentToSome:
      if (!plot_->side.contains(to)) say(to, m);
      break;
    case Lie::kDelay:
      say(to, m, is_proposal(m) ? timeout_ * 3 / 4 : Duration());
      break;
    case Lie::kForgedVotes:
      return forge_votes(to, m);
    case Lie::kBadEvidence:
      return bad_evidence(to, m);
    case Lie::kOffByOne:
      if (random_.chance(1, 3)) shift(m);
      say(to, m);
      break;
    case Lie::kFalseState:
      if (random_.chance(1, 2)) falsify(m);
      say(to, m);
      break;
    case Lie::kReplay:
      return replay(to, m, packet);
    case Lie::kFlood:
      return flood(to, m);
    case Lie::kCollude:
      return collude(to, m);
    default:
      say(to, m);
  }
  return std::move(said_);
}

void Liar::say(NodeId to, const Message& m, Duration delay) {
  const PublicKey* key = group_.key(to);
  if (key == nullptr) return;
  said_.push_back({self_, to, Envelope(m).seal(cluster_, self_, to, *key, authority_), delay});
}

// Of a proposal that names its requests it has nothing but their names: what it shows in its place has none.
std::optional<Liar::Shown> Liar::proposal_in(const Message& m) {
  if (const auto* p = std::get_if<PrePrepare>(&m)) {
    return Shown{p->epoch, p->view, p->seq, codec::decode<Batch>(p->batch).value_or(Batch{})};
  }
  if (const auto* p = std::get_if<BriefPrePrepare>(&m)) return Shown{p->epoch, p->view, p->seq, {p->stamp_ms, {}}};
  return std::nullopt;
}

// The same to all who are told the other story, with its vote for it.
Vote Liar::say_instead(NodeId to, const Shown& shown) {
  Slice& alternative = plot_->alternatives[{shown.view, shown.seq}];
  if (alternative.empty()) alternative = codec::encode_flat(shown.batch);
  const Vote v{shown.epoch, shown.view, shown.seq, crypto::digest(alternative.view())};
  say(to, PrePrepare{shown.epoch, shown.view, shown.seq, alternative});
  say(to, Prepare{v, sign(v)});
  return v;
}

Signature Liar::sign(const Vote& v) { return authority_.sign(text_of(cluster_, v)); }

Prepare Liar::vote_of_its_own(uint64_t epoch, View view, Seq seq) {
  Vote v{epoch, view, seq, Digest{}};
  v.digest.bytes[0] = static_cast<uint8_t>(random_.below(4));
  return {v, sign(v)};
}

NodeId Liar::anybody() { return group_.members()[random_.below(group_.size())].id; }

std::vector<Utterance> Liar::equivocate(NodeId to, Message& m) {
  if (plot_->side.contains(to)) {
    if (std::optional<Shown> shown = proposal_in(m)) {
      ++shown->batch.stamp_ms;
      if (random_.chance(1, 2) && !shown->batch.requests.empty()) shown->batch.requests.pop_back();
      // Its vote for the other one goes with it.
      const Vote v = say_instead(to, *shown);
      say(to, Commit{v});
      return std::move(said_);
    }
    Vote* v = nullptr;
    if (auto* p = std::get_if<Prepare>(&m)) v = &p->vote;
    if (auto* c = std::get_if<Commit>(&m)) v = &c->vote;
    if (v != nullptr) {
      const auto at = plot_->alternatives.find({v->view, v->seq});
      v->digest = at != plot_->alternatives.end() ? crypto::digest(at->second.view()) : other(v->digest);
      if (auto* p = std::get_if<Prepare>(&m)) p->signature = sign(*v);
    }
  }
  say(to, m);
  return std::move(said_);
}

std::vector<Utterance> Liar::forge_votes(NodeId to, Message& m) {
  // Its own, rightly coded and, at every other place, wrongly signed.
  if (auto* p = std::get_if<Prepare>(&m); p != nullptr && p->vote.seq.value() % 2 == 0) p->signature.bytes[5] ^= 1;
  say(to, m);
  Vote* v = nullptr;
  if (auto* p = std::get_if<Prepare>(&m)) v = &p->vote;
  if (auto* c = std::get_if<Commit>(&m)) v = &c->vote;
  if (v == nullptr || said_.empty()) return std::move(said_);
  const Vote honest = *v;
  for (int i = 0; i < 3; ++i) {
    Vote vote = honest;
    if (i == 1) vote.digest = other(vote.digest);
    if (i == 2) vote.view = vote.view + 1;
    say(to, Commit{vote});
    say(to, Prepare{vote, sign(vote)});
    // In the name of another: coded and signed with its own keys, for it has no others.
    said_.push_back(said_.back());
    said_.back().as = anybody();
  }
  return std::move(said_);
}

std::vector<Utterance> Liar::replay(NodeId to, Message& m, const Packet& packet) {
  say(to, m);
  old_.push_back({self_, to, packet, {}});
  if (old_.size() > 200) old_.erase(old_.begin());
  for (int i = 0; i < 2; ++i) said_.push_back(old_[random_.below(old_.size())]);
  if (const auto* c = std::get_if<Commit>(&m)) {
    // A proposal of a view in which it will lead, for a place that others are busy with.
    const View mine = next_of_its_own(c->vote.view);
    const Slice batch = codec::encode_flat(Batch{random_.chance(1, 2) ? 1 : 0, {}});
    for (const Peer& p : group_.members()) {
      if (p.id == self_) continue;
      say(p.id, PrePrepare{c->vote.epoch, mine, c->vote.seq, batch});
      const Vote v{c->vote.epoch, c->vote.view, c->vote.seq, crypto::digest(batch.view())};
      say(p.id, Prepare{v, sign(v)});
      say(p.id, Commit{v});
    }
  }
  return std::move(said_);
}

}  // namespace holdfast::pbft
