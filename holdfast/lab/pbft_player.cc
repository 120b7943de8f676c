#include "holdfast/lab/pbft_player.h"

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"

namespace holdfast::lab {

using pbft::Packet;

PbftPlayer::PbftPlayer(const pbft::Config& config, const crypto::Seed& seed)
    : cluster_(config.cluster),
      configuration_(config.configuration),
      self_(config.self),
      authority_(std::make_unique<pbft::KeyedAuthority>(seed)),
      replica_(std::make_unique<pbft::Replica>(config, *authority_)) {}

PbftPlayer::PbftPlayer(const pbft::ClientConfig& config, const crypto::Seed& seed)
    : cluster_(config.cluster),
      configuration_(config.configuration),
      self_(config.self),
      authority_(std::make_unique<pbft::KeyedAuthority>(seed)),
      client_(std::make_unique<pbft::Client>(config, *authority_)) {}

// One step of the member's core: its effects become the player's, and what it wants executed is executed at once.
template <class Step>
void PbftPlayer::step(Time now, Out& out, Step&& step) {
  const size_t sent = out.sent.size(), persisted = out.persisted.size();
  auto events = absorb(out, replica_out_, std::forward<Step>(step));
  for (size_t i = 0; i < events.size(); ++i) {
    if (const auto* entered = std::get_if<pbft::ViewEntered>(&events[i].event)) {
      out.raise(*entered);
    } else if (const auto* execute = std::get_if<pbft::Execute>(&events[i].event)) {
      PbftExecuted done{execute->seq, {}};
      std::vector<std::vector<Slice>> results;
      for (const pbft::Request& r : execute->requests) {
        results.emplace_back();
        for (const Slice& operation : r.operations) {
          log_.push_back(operation.str());
          done.operations.push_back(operation.str());
          results.back().push_back(Slice::take(std::to_string(log_.size())));
        }
      }
      out.raise(done);
      const pbft::Seq at = execute->seq;
      const bool checkpoint = execute->checkpoint;
      auto more = absorb(out, replica_out_, [&](pbft::Replica::Out& o) {
        const pbft::Digest state = checkpoint ? crypto::digest(codec::encode_flat(log_).view()) : pbft::Digest{};
        replica_->executed(now, at, std::move(results), state, o);
      });
      for (auto& e : more) events.push_back(std::move(e));
    }
  }
  for (size_t i = persisted; i < out.persisted.size(); ++i) {
    if (const auto* p = std::get_if<pbft::Prepared>(&out.persisted[i].record)) {
      out.raise(PbftPrepared{p->cert.vote}, out.persisted[i].seq);
    }
  }
  if (lies_.empty()) return;
  for (size_t i = sent; i < out.sent.size(); ++i) out.sent[i].wire = twist(out.sent[i].to, out.sent[i].wire);
}

template <class Step>
void PbftPlayer::client_step(Out& out, Step&& step) {
  step(client_out_);
  for (auto& s : client_out_.sent) out.send(s.to, std::move(s.wire));
  for (auto& e : client_out_.raised) out.raise(PbftBelieved{submitted_.at(e.event.token)});
  client_out_.clear();
}

void PbftPlayer::recover_blob(BlobId id, uint64_t size) { replica_->recover_blob(id, size); }
void PbftPlayer::replay(StableSeq seq, const pbft::Record& record) { replica_->replay(seq, record); }
void PbftPlayer::start(Time now, Out& out) {
  if (is_client()) return;
  ensure(replica_->recovered().ok(), "the lab's disks keep what they promise");
  step(now, out, [&](pbft::Replica::Out& o) { replica_->start(now, o); });
}

void PbftPlayer::on_message(Time now, NodeId from, const Packet& packet, Out& out) {
  if (is_client()) {
    return client_step(out, [&](pbft::Client::Out& o) { client_->on_message(now, from, packet, o); });
  }
  heed(from, packet);
  step(now, out, [&](pbft::Replica::Out& o) { replica_->on_message(now, from, packet, o); });
}

void PbftPlayer::on_stable(Time now, StableSeq upto, Out& out) {
  if (is_client()) return;
  step(now, out, [&](pbft::Replica::Out& o) { replica_->on_stable(now, upto, o); });
}
void PbftPlayer::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  step(now, out, [&](pbft::Replica::Out& o) { replica_->on_blob(now, answer, o); });
}
void PbftPlayer::on_time(Time now, Out& out) {
  if (is_client()) return client_step(out, [&](pbft::Client::Out& o) { client_->on_time(now, o); });
  step(now, out, [&](pbft::Replica::Out& o) { replica_->on_time(now, o); });
}
Time PbftPlayer::deadline() const { return is_client() ? client_->deadline() : replica_->deadline(); }
void PbftPlayer::check_invariants() const { is_client() ? client_->check_invariants() : replica_->check_invariants(); }

void PbftPlayer::submit(const std::string& operation) {
  ensure(client_->submit(submitted_.size(), Slice::copy_of(operation)).ok(), "the lab's clients ask for little");
  submitted_.push_back(operation);
}

std::optional<pbft::View> PbftPlayer::wants_view() const {
  if (is_client() || !replica_->changing()) return std::nullopt;
  return replica_->view();
}

// A liar remembers the requests that it heard: it cannot make any in a client's name.
void PbftPlayer::heed(NodeId, const Packet& packet) {
  const StatusOr<pbft::Message> message = codec::decode<pbft::Message>(packet.body);
  if (!message.ok()) return;
  const auto* submit = std::get_if<pbft::Submit>(&*message);
  if (submit == nullptr) return;
  for (const Slice& operation : submit->request.request.operations) heard_[operation.str()] = submit->request;
}

Packet PbftPlayer::twist(NodeId to, const Packet& packet) {
  const auto lie = lies_.find(to);
  StatusOr<pbft::Message> message = codec::decode<pbft::Message>(packet.body);
  if (lie == lies_.end() || !message.ok()) return packet;
  if (auto* p = std::get_if<pbft::PrePrepare>(&*message)) {
    pbft::Batch batch = codec::decode<pbft::Batch>(p->batch).value_or(pbft::Batch{});
    batch.requests.clear();
    for (const std::string& operation : lie->second) {
      if (const auto heard = heard_.find(operation); heard != heard_.end()) batch.requests.push_back(heard->second);
    }
    p->batch = told_[{to, p->seq}] = codec::encode_flat(batch);
  } else if (auto* v = std::get_if<pbft::Prepare>(&*message)) {
    const auto told = told_.find({to, v->vote.seq});
    if (told == told_.end()) return packet;
    v->vote.digest = crypto::digest(told->second.view());
    v->signature = authority_->sign(pbft::text_of(cluster_, v->vote));
  } else {
    return packet;
  }
  const pbft::Group group(configuration_);
  return pbft::Envelope(*message).seal(cluster_, self_, to, *group.key(to), *authority_);
}

}  // namespace holdfast::lab
