// Everything that is said, and when this replica hears its own words.
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

void Replica::Impl::send(Step& s, NodeId to, const Message& message, StableSeq after) {
  const PublicKey* key = group().key(to);
  if (key == nullptr || to == self()) return;
  s.out.send(to, Envelope(message).seal(config.cluster, self(), to, *key, authority), after);
}

void Replica::Impl::broadcast(Step& s, const Message& message, StableSeq after) {
  const Envelope envelope(message);
  for (const Peer& p : group().members()) {
    if (p.id != self()) s.out.send(p.id, envelope.seal(config.cluster, self(), p.id, p.key, authority), after);
  }
}

void Replica::Impl::say_to_all(Step& s, const Message& message, StableSeq after) {
  broadcast(s, message, after);
  own.emplace_back(after, message);
}

void Replica::Impl::hear_oneself(Step& s) {
  while (!own.empty() && own.front().first <= ledger.stable()) {
    const Message message = std::move(own.front().second);
    own.pop_front();
    std::visit([&](const auto& m) { on(s, self(), m); }, message);
  }
}

void Replica::Impl::settle(Step& s) {
  hear_oneself(s);
  read_when_ready(s);
  execute_next(s);
  cease_to_complain(s);
}

}  // namespace holdfast::pbft
