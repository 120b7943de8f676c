#include "holdfast/consensus/generals/written.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::generals {
namespace {

struct Statement {
  std::string purpose;
  uint64_t battle = 0;
  Order order = kDefaultOrder;
  std::vector<NodeId> signers;
};

}  // namespace

std::string statement(uint64_t battle, Order order, const std::vector<NodeId>& signers) {
  return codec::encode_flat(Statement{"holdfast generals SM", battle, order, signers}).str();
}

WrittenGeneral::WrittenGeneral(const Config& config, crypto::Identity identity,
                               std::map<NodeId, crypto::PublicKey> keys)
    : config_(config),
      identity_(std::move(identity)),
      keys_(std::move(keys)),
      rounds_(config.traitors + 1, config.round) {
  ensure(check(config).ok(), "the owner has checked the configuration");
  for (const NodeId g : config.generals) ensure(keys_.contains(g), "every general's key is known");
}

void WrittenGeneral::begin(Time now, Order order, Out& out) {
  if (rounds_.begun()) return;
  rounds_.begin(now);
  if (!commander()) return;
  obeyed_ = {order};
  out.raise(Obeyed{order});
  pass_on(Written{order, {}}, out);
}

// Adds this general's signature, and tells everybody who has not signed.
void WrittenGeneral::pass_on(const Written& m, Out& out) {
  Written mine = m;
  std::vector<NodeId> signers;
  for (const Signing& s : m.chain) signers.push_back(s.signer);
  signers.push_back(config_.self);
  mine.chain.push_back({config_.self, identity_.sign(statement(config_.battle, m.order, signers))});
  for (const NodeId to : config_.generals) {
    if (std::find(signers.begin(), signers.end(), to) == signers.end()) out.send(to, mine);
  }
}

bool WrittenGeneral::plausible(NodeId from, const Written& m) const {
  const size_t length = m.chain.size();
  // An order with fewer signatures than the round under way comes too late: whoever would have to hear of it could not.
  const bool late = length < rounds_.current() && !planted<"SM-LATE">();
  if (length == 0 || length > config_.traitors + 1 || late) return false;
  if (m.chain.front().signer != config_.generals.front() || m.chain.back().signer != from) return false;
  std::vector<NodeId> signers;
  for (const Signing& s : m.chain) {
    const auto key = keys_.find(s.signer);
    if (key == keys_.end() || s.signer == config_.self) return false;
    if (std::find(signers.begin(), signers.end(), s.signer) != signers.end()) return false;
    signers.push_back(s.signer);
    // SM-UNCHECKED: takes every signature for genuine.
    if (planted<"SM-UNCHECKED">()) continue;
    if (!crypto::verify(key->second, statement(config_.battle, m.order, signers), s.signature)) {
      mark<"generals.forged">();
      return false;
    }
  }
  return true;
}

void WrittenGeneral::on_message(Time, NodeId from, const Wire& wire, Out& out) {
  const Written& m = std::get<Written>(wire);
  if (commander() || rounds_.over()) return;
  if (std::binary_search(seen_.begin(), seen_.end(), m.order)) return;  // known: not worth the checks
  if (!plausible(from, m)) return mark<"generals.implausible">();
  seen_.insert(std::lower_bound(seen_.begin(), seen_.end(), m.order), m.order);
  if (m.chain.size() <= config_.traitors) pass_on(m, out);
}

void WrittenGeneral::on_time(Time now, Out& out) {
  while (rounds_.end_one(now)) {
    if (commander() || !rounds_.over()) continue;
    // The paper's choice(V): one order is obeyed, none or a contradiction is not.
    if (seen_.size() != 1) mark<"generals.no_choice">();
    obeyed_ = {seen_.size() == 1 ? seen_.front() : kDefaultOrder};
    out.raise(Obeyed{obeyed_.front()});
  }
}

void WrittenGeneral::check_invariants() const {
  ensure(commander() || obeyed_.empty() == !rounds_.over(), "a lieutenant obeys when the rounds are over");
  ensure(std::is_sorted(seen_.begin(), seen_.end()) && seen_.size() <= 2, "every order is seen once");
}

}  // namespace holdfast::generals
