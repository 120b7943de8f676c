// The faults of links: what they do to messages, and cuts of every shape.
#include <algorithm>
#include <set>

#include "holdfast/sim/injector.h"

namespace holdfast::sim {
namespace {

std::set<NodeId> ids(const std::vector<StoreMember*>& members) {
  std::set<NodeId> out;
  for (const StoreMember* m : members) out.insert(m->id());
  return out;
}
bool between_peers(NodeId from, NodeId to) { return !is_client(from) && !is_client(to); }

}  // namespace

Injector::Undo Injector::links(Net::Covers covers, LinkEffect effect) {
  const uint64_t number = net_.add_fault(std::move(covers), effect);
  return [this, number] { net_.remove_fault(number); };
}

Injector::Undo Injector::on_links(const Fault& fault, Random& random) {
  LinkEffect e;
  const Duration timeout = cluster_.config().election_timeout;
  const Duration scaled = Duration::nanos(timeout.nanos() * fault.strength / 1000);
  bool peers_only = false;
  switch (fault.kind) {
    case FaultKind::kLoss:
      e.loss = fault.strength;
      break;
    case FaultKind::kDelay:
      e.delay = scaled, e.jitter = scaled;
      break;
    case FaultKind::kReorder:
      e.reorder = fault.strength, e.jitter = scaled, peers_only = true;
      break;
    case FaultKind::kDuplicate:
      e.duplicate = fault.strength, peers_only = true;
      break;
    case FaultKind::kReplay:
      e.replay = fault.strength, peers_only = true;
      break;
    case FaultKind::kCorrupt:
      e.corrupt = fault.strength;
      break;
    case FaultKind::kTruncate:
      e.truncate = fault.strength;
      break;
    case FaultKind::kMisroute:
      e.misroute = fault.strength, peers_only = true;
      break;
    default:
      e.bytes_per_second = 2'000 + (1000 - std::min(fault.strength, 1000u)) * 300;
      break;
  }
  if (fault.kind == FaultKind::kSlowReader) {
    return links([](NodeId, NodeId to) { return is_client(to); }, e);
  }
  // Some of the links, chosen by their ends.
  const uint64_t salt = random.next();
  const uint64_t share = 1 + random.below(4);
  return links(
      [=](NodeId from, NodeId to) {
        if (peers_only && !between_peers(from, to)) return false;
        return hash_combine(salt, hash_combine(from.value(), to.value())) % 4 < share;
      },
      e);
}

Injector::Undo Injector::flap(Net::Covers covers, Duration period) {
  struct State {
    bool stopped = false;
    uint64_t fault = 0;
  };
  auto state = std::make_shared<State>();
  // The closure holds itself only through the event queue.
  auto tick = std::make_shared<std::function<void()>>();
  std::weak_ptr<std::function<void()>> weak = tick;
  *tick = [this, state, covers, period, weak] {
    if (state->stopped) return;
    if (state->fault == 0) {
      LinkEffect effect;
      effect.cut = true;
      state->fault = net_.add_fault(covers, effect);
    } else {
      net_.remove_fault(state->fault);
      state->fault = 0;
    }
    if (auto self = weak.lock()) world_.after(period, [self] { (*self)(); });
  };
  (*tick)();
  return [this, state] {
    state->stopped = true;
    if (state->fault != 0) net_.remove_fault(state->fault);
  };
}

// Cuts that leave every member somebody to talk to: two halves that share one member, or a ring.
Injector::Undo Injector::partial(const Fault& fault, Random& random) {
  LinkEffect e;
  e.cut = true;
  std::vector<NodeId> order;
  for (const StoreMember* m : live()) order.push_back(m->id());
  const auto position = [order](NodeId id) {
    return static_cast<size_t>(std::find(order.begin(), order.end(), id) - order.begin());
  };
  if (fault.kind == FaultKind::kBridge) {
    const size_t bridge = random.below(order.size());
    return links(
        [=](NodeId from, NodeId to) {
          if (!between_peers(from, to)) return false;
          const size_t a = position(from), b = position(to);
          return a != bridge && b != bridge && (a < bridge) != (b < bridge);
        },
        e);
  }
  return links(
      [=](NodeId from, NodeId to) {
        if (!between_peers(from, to) || order.size() < 4) return false;
        const size_t gap = (position(from) + order.size() - position(to)) % order.size();
        return gap != 1 && gap != order.size() - 1;
      },
      e);
}

Injector::Undo Injector::cut(const Fault& fault, Random& random) {
  LinkEffect e;
  e.cut = true;
  const size_t n = live().size();
  const std::set<NodeId> some = ids(targets(fault, random, n > 1 ? n - 1 : 1));
  const uint64_t salt = random.next();
  const bool clients_too = random.chance(1, 2);
  // On which side of a split an endpoint is; clients are spread.
  const auto side = [some, salt, clients_too](NodeId id) {
    return is_client(id) ? clients_too && hash_combine(salt, id.value()) % 2 == 0 : some.contains(id);
  };
  const auto split = [side, clients_too](NodeId from, NodeId to) {
    if (!clients_too && !between_peers(from, to)) return false;
    return side(from) != side(to);
  };
  if (fault.kind == FaultKind::kBridge || fault.kind == FaultKind::kRing) return partial(fault, random);
  switch (fault.kind) {
    case FaultKind::kOneWay:
      return links([side, split](NodeId from, NodeId to) { return split(from, to) && side(from); }, e);
    case FaultKind::kFlapping:
      return flap(split, Duration::millis(random.between(20, 400)));
    case FaultKind::kClog: {
      LinkEffect clog;
      clog.clog = true;
      return links([](NodeId from, NodeId to) { return between_peers(from, to); }, clog);
    }
    case FaultKind::kReset:
      for (const NodeId id : some) cluster_.reset_connections(id);
      return {};
    case FaultKind::kClientCut:
      return links(
          [some](NodeId from, NodeId to) {
            return (is_client(from) && some.contains(to)) || (is_client(to) && some.contains(from));
          },
          e);
    case FaultKind::kHalfOpen: {
      cluster_.set_half_open(true);
      for (const NodeId id : some) cluster_.find(id)->node().crash("half-open");
      return [this, some] {
        for (const NodeId id : some) start_soon(*cluster_.find(id), Duration::millis(50));
        cluster_.set_half_open(false);
      };
    }
    case FaultKind::kLongCut:
    case FaultKind::kPeerCut: {
      const NodeId alone = *some.begin();
      return links(
          [alone](NodeId from, NodeId to) { return between_peers(from, to) && (from == alone || to == alone); }, e);
    }
    default:
      return links(split, e);
  }
}

}  // namespace holdfast::sim
