// For tests: Byzantine members. A liar is a real replica whose words are twisted on their way out, or which says more
// than it should. It signs and codes with its own keys only (docs/planted-bugs.md, faults Y1 to Y12).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/base/random.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/pbft/content.h"
#include "holdfast/consensus/pbft/group.h"

namespace holdfast::pbft {

enum class Lie {
  kEquivocate,    // Y1: other proposals and votes for one half than for the other
  kTwins,         // Y2: two processes with one identity
  kForgetful,     // Y3: restarts without its records, as if it were new
  kSilentToSome,  // Y4
  kDelay,         // Y5: proposals come just before the timeout
  kForgedVotes,   // Y6: votes in the name of others, and its own many times and for everything
  kBadEvidence,   // Y7: certificates that prove nothing, in view changes and new views
  kOffByOne,      // Y8: a field is changed by a little
  kFalseState,    // Y9: wrong checkpoints, batches, snapshots and results
  kReplay,        // Y10: old words again, and proposals of views to come
  kFlood,         // Y11: requests and questions without end, with extreme numbers
  kCollude,       // Y12: its client signs two requests under one name
};
constexpr Lie last_value(Lie) { return Lie::kCollude; }

struct Utterance {
  NodeId as;  // whom the network takes for the sender
  NodeId to;
  Packet packet;
  Duration delay;
};

class Liar {
 public:
  Liar(Lie lie, NodeId self, uint64_t cluster, Group group, Duration request_timeout, Authority& authority,
       uint64_t seed)
      : lie_(lie),
        self_(self),
        cluster_(cluster),
        group_(std::move(group)),
        timeout_(request_timeout),
        authority_(authority),
        random_(seed) {
    for (const Peer& p : group_.members()) {
      if (random_.chance(1, 2)) side_.insert(p.id);
    }
  }

  // What it says in place of what its replica would say.
  std::vector<Utterance> speak(NodeId to, const Packet& packet) {
    said_.clear();
    const StatusOr<Message> message = codec::decode<Message>(packet.body);
    if (!message.ok()) return {};
    std::vector<Utterance> said = twist(to, *message, packet);
    const bool honest = said.size() == 1 && said[0].as == self_ && said[0].to == to && said[0].delay == Duration() &&
                        said[0].packet.body == packet.body;
    if (!honest) ++lies_;
    return said;
  }
  Lie lie() const { return lie_; }
  // How often it did not say what its replica would have said.
  size_t lies() const { return lies_; }
  // The group has changed. One that has left it goes on in the old one.
  void follow(const Group& group) {
    if (group.is_member(self_)) group_ = group;
  }

 private:
  std::vector<Utterance> twist(NodeId to, Message m, const Packet& packet) {
    switch (lie_) {
      case Lie::kEquivocate:
        return equivocate(to, m);
      case Lie::kSilentToSome:
        if (!side_.contains(to)) say(to, m);
        break;
      case Lie::kDelay:
        say(to, m, std::holds_alternative<PrePrepare>(m) ? timeout_ * 3 / 4 : Duration());
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
  void say(NodeId to, const Message& m, Duration delay = {}) {
    const PublicKey* key = group_.key(to);
    if (key == nullptr) return;
    said_.push_back({self_, to, Envelope(m).seal(cluster_, self_, to, *key, authority_), delay});
  }
  Signature sign(const Vote& v) { return authority_.sign(text_of(cluster_, v)); }
  static Digest other(Digest d) {
    d.bytes[0] ^= 1;
    return d;
  }
  NodeId anybody() { return group_.members()[random_.below(group_.size())].id; }

  std::vector<Utterance> equivocate(NodeId to, Message& m) {
    if (side_.contains(to)) {
      if (auto* p = std::get_if<PrePrepare>(&m)) {
        Batch batch = codec::decode<Batch>(p->batch).value_or(Batch{});
        ++batch.stamp_ms;
        if (random_.chance(1, 2) && !batch.requests.empty()) batch.requests.pop_back();
        auto& alternative = alternatives_[{p->view, p->seq}];
        if (alternative.empty()) alternative = codec::encode_flat(batch);
        p->batch = alternative;
        // Its vote for the other one goes with it.
        say(to, m);
        const Vote v{p->epoch, p->view, p->seq, crypto::digest(alternative.view())};
        say(to, Prepare{v, sign(v)});
        say(to, Commit{v});
        return std::move(said_);
      }
      Vote* v = nullptr;
      if (auto* p = std::get_if<Prepare>(&m)) v = &p->vote;
      if (auto* c = std::get_if<Commit>(&m)) v = &c->vote;
      if (v != nullptr) {
        const auto at = alternatives_.find({v->view, v->seq});
        v->digest = at != alternatives_.end() ? crypto::digest(at->second.view()) : other(v->digest);
        if (auto* p = std::get_if<Prepare>(&m)) p->signature = sign(*v);
      }
    }
    say(to, m);
    return std::move(said_);
  }

  std::vector<Utterance> forge_votes(NodeId to, Message& m) {
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

  std::vector<Utterance> bad_evidence(NodeId to, Message& m) {
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
      NewView made{.epoch = p->vote.epoch, .view = p->vote.view + 1};
      while (group_.primary(made.view) != self_) ++made.view;
      for (const Peer& peer : group_.members()) {
        ViewChange c{.epoch = made.epoch, .view = made.view, .from = peer.id};
        c.stable = stable_;
        const std::string text = text_of(cluster_, c);
        if (made.changes.size() < group_.quorum()) made.changes.push_back({c, authority_.sign(text)});
      }
      say(to, SignedNewView{made, authority_.sign(text_of(cluster_, made))});
    }
    if (const auto* s = std::get_if<StableNotice>(&m)) stable_ = s->cert;
    if (const auto* c = std::get_if<SignedViewChange>(&m)) stable_ = c->change.stable;
    say(to, m);
    return std::move(said_);
  }
  void spoil(ViewChange& c) {
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
  void nudge(N& n) {
    n = random_.chance(1, 2) ? n + 1 : n - 1;
  }
  void shift(Vote& v) {
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
  void shift(Message& m) {
    if (auto* p = std::get_if<Prepare>(&m)) {
      shift(p->vote);
      p->signature = sign(p->vote);
    } else if (auto* c = std::get_if<Commit>(&m)) {
      shift(c->vote);
    } else if (auto* q = std::get_if<PrePrepare>(&m)) {
      random_.chance(1, 2) ? nudge(q->seq) : nudge(q->view);
    } else if (auto* k = std::get_if<CheckpointVote>(&m)) {
      nudge(k->checkpoint.seq);
      k->signature = authority_.sign(text_of(cluster_, k->checkpoint));
    } else if (auto* s = std::get_if<StatusReport>(&m)) {
      random_.chance(1, 2) ? nudge(s->view) : nudge(s->executed);
    } else if (auto* v = std::get_if<SignedViewChange>(&m)) {
      nudge(v->change.view);
      v->signature = authority_.sign(text_of(cluster_, v->change));
    }
  }

  void falsify(Message& m) {
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

  std::vector<Utterance> replay(NodeId to, Message& m, const Packet& packet) {
    say(to, m);
    old_.push_back({self_, to, packet, {}});
    if (old_.size() > 200) old_.erase(old_.begin());
    for (int i = 0; i < 2; ++i) said_.push_back(old_[random_.below(old_.size())]);
    if (const auto* c = std::get_if<Commit>(&m)) {
      // A proposal of a view in which it will lead, for a place that others are busy with.
      View mine = c->vote.view + 1;
      while (group_.primary(mine) != self_) ++mine;
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

  Request evil(uint64_t sequence, int which) {
    Request r{.id = {self_, 1, sequence}, .floor = sequence > 8 ? sequence - 8 : 0};
    r.operations.push_back(Slice::take("evil " + std::to_string(sequence) + "." + std::to_string(which)));
    return r;
  }
  SignedRequest signed_request(const Request& r) { return {r, authority_.sign(text_of(cluster_, r))}; }

  std::vector<Utterance> flood(NodeId to, Message& m) {
    say(to, m);
    const uint64_t big[] = {0, 1, kMaxNumber, kMaxNumber + 1, ~uint64_t{0}, random_.below(1000)};
    const auto number = [&] { return big[random_.below(6)]; };
    for (int i = 0; i < 3; ++i) {
      switch (random_.below(7)) {
        case 0:
          say(to, Submit{signed_request(evil(++sequence_, 0)), true});
          break;
        case 1: {
          Request r = evil(number(), 0);
          r.floor = number();
          r.id.incarnation = number();
          say(to, Submit{signed_request(r), false});
          break;
        }
        case 2:
          say(to, FetchState{number(), Seq(number()), random_.chance(1, 2)});
          break;
        case 3:
          say(to, FetchChunk{Seq(number()), number()});
          break;
        case 4:
          say(to, StatusReport{number(), View(number()), true, Seq(number()), Seq(number())});
          break;
        case 5: {
          const Vote v{number() % 2, View(number()), Seq(number()), Digest{}};
          say(to, Prepare{v, sign(v)});
          say(to, Commit{v});
          break;
        }
        default: {
          ViewChange c{.view = View(number()), .from = self_};
          say(to, SignedViewChange{c, authority_.sign(text_of(cluster_, c))});
        }
      }
    }
    return std::move(said_);
  }

  std::vector<Utterance> collude(NodeId to, Message& m) {
    if (std::holds_alternative<Prepare>(m) || std::holds_alternative<StatusReport>(m)) {
      const int which = side_.contains(to) ? 1 : 2;
      if (to == group_.members()[0].id) ++sequence_;
      say(to, Submit{signed_request(evil(sequence_, which)), false});
    }
    if (auto* p = std::get_if<PrePrepare>(&m); p != nullptr && random_.chance(1, 2)) {
      // The same name twice in a batch, and once more in the next.
      Batch batch = codec::decode<Batch>(p->batch).value_or(Batch{});
      batch.requests.push_back(signed_request(evil(sequence_, 1)));
      batch.requests.push_back(signed_request(evil(sequence_, 2)));
      auto& alternative = alternatives_[{p->view, p->seq}];
      if (alternative.empty()) alternative = codec::encode_flat(batch);
      p->batch = alternative;
      const Vote v{p->epoch, p->view, p->seq, crypto::digest(alternative.view())};
      say(to, Prepare{v, sign(v)});
    }
    say(to, m);
    return std::move(said_);
  }

  Lie lie_;
  NodeId self_;
  uint64_t cluster_;
  Group group_;
  Duration timeout_;
  Authority& authority_;
  Random random_;
  std::set<NodeId> side_;
  std::map<std::pair<View, Seq>, Slice> alternatives_;
  CheckpointCert stable_;
  std::vector<Utterance> old_;
  uint64_t sequence_ = 0;
  size_t lies_ = 0;
  std::vector<Utterance> said_;
};

}  // namespace holdfast::pbft
