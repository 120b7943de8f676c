#include "holdfast/detect/dissemination.h"

#include <utility>

#include "holdfast/detect/fixed_log.h"

namespace holdfast::detect {

size_t encoded_bytes(const Update& update) { return codec::encode(update).size(); }

uint32_t Dissemination::limit(size_t n) const {
  return lambda_ * static_cast<uint32_t>((log10_thousandths(n + 1) + 999) / 1000);
}

void Dissemination::add(Update update) {
  const NodeId node = update.node;
  drop(node);
  Entry entry{std::move(update), 0, 0, next_age_--};
  entry.bytes = encoded_bytes(entry.update);
  order_.insert(key_of(entry));
  entries_.emplace(node, std::move(entry));
}

void Dissemination::drop(NodeId node) {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return;
  order_.erase(key_of(it->second));
  entries_.erase(it);
}

void Dissemination::fill(std::vector<Update>& gossip, size_t bytes, size_t n, NodeId except) {
  const uint32_t most = limit(n);
  std::vector<NodeId> chosen;
  for (const auto& [sent, age, node] : order_) {
    const Entry& entry = entries_.at(node);
    if (node == except || entry.bytes > bytes) continue;
    bytes -= entry.bytes;
    gossip.push_back(entry.update);
    chosen.push_back(node);
    if (bytes < 16) break;  // nothing is that small
  }
  for (const NodeId node : chosen) {
    Entry& entry = entries_.at(node);
    order_.erase(key_of(entry));
    if (++entry.sent >= most) {
      entries_.erase(node);
    } else {
      order_.insert(key_of(entry));
    }
  }
}

}  // namespace holdfast::detect
