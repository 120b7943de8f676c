#include "holdfast/detect/suspicions.h"

#include <algorithm>

#include "holdfast/base/planted.h"
#include "holdfast/detect/fixed_log.h"

namespace holdfast::detect {

Duration Suspicions::timeout(size_t n, size_t c, size_t k) const {
  const uint64_t scale = std::max<uint64_t>(1000, log10_thousandths(std::max<size_t>(1, n)));
  const Duration min = config_.probe_interval * static_cast<int64_t>(config_.suspicion_alpha * scale) / 1000;
  if (!config_.lifeguard || k == 0 || planted<"V10">()) return min;
  const Duration max = min * config_.suspicion_beta;
  const auto share = static_cast<int64_t>(log2_fixed(c + 1) * 1000 / log2_fixed(k + 1));
  return std::max(min, max - (max - min) * share / 1000);
}

void Suspicions::start(Time t, NodeId node, NodeId by, size_t n) {
  stop(node);
  // Whoever could confirm: all but the suspect and this process.
  const size_t awaited = std::min<size_t>(config_.confirmations, n > 2 ? n - 2 : 0);
  Open open{t, n, awaited, {by}, t + timeout(n, 0, awaited)};
  due_.emplace(open.due, node);
  open_.emplace(node, std::move(open));
}

bool Suspicions::confirm(NodeId node, NodeId by) {
  const auto it = open_.find(node);
  if (it == open_.end()) return false;
  Open& open = it->second;
  if (open.by.size() > open.awaited || std::find(open.by.begin(), open.by.end(), by) != open.by.end()) return false;
  open.by.push_back(by);
  due_.erase({open.due, node});
  open.due = open.began + timeout(open.n, open.by.size() - 1, open.awaited);
  due_.emplace(open.due, node);
  return true;
}

void Suspicions::stop(NodeId node) {
  const auto it = open_.find(node);
  if (it == open_.end()) return;
  due_.erase({it->second.due, node});
  open_.erase(it);
}

bool Suspicions::take_expired(Time t, NodeId& node) {
  if (earliest() > t) return false;
  node = due_.begin()->second;
  stop(node);
  return true;
}

}  // namespace holdfast::detect
