#include "holdfast/consensus/generals/oral.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::generals {

Status check(const Config& config) {
  const size_t n = config.generals.size();
  if (n == 0 || n > kMaxGenerals) return absl::InvalidArgumentError("there are 1 to 64 generals");
  std::vector<NodeId> sorted = config.generals;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end() || !sorted.front()) {
    return absl::InvalidArgumentError("every general is named once, and by a number that is not zero");
  }
  if (!std::binary_search(sorted.begin(), sorted.end(), config.self)) {
    return absl::InvalidArgumentError("this process is none of the generals");
  }
  if (config.round <= Duration()) return absl::InvalidArgumentError("a round takes some time");
  uint64_t paths = 1;
  for (size_t k = 1; k <= config.traitors && k + 1 < n; ++k) {
    paths *= n - 1 - k;
    if (paths > kMaxPaths)
      return absl::InvalidArgumentError("too many generals and traitors: OM(m) takes (n-1)...(n-m-1) messages");
  }
  return absl::OkStatus();
}

OralGeneral::OralGeneral(const Config& config) : config_(config), rounds_(config.traitors + 1, config.round) {
  ensure(check(config).ok(), "the owner has checked the configuration");
}

uint64_t OralGeneral::messages(uint64_t generals, uint64_t traitors) {
  uint64_t sum = 0, product = 1;
  for (uint64_t k = 1; k <= traitors + 1 && k < generals; ++k) {
    product *= generals - k;
    sum += product;
  }
  return sum;
}

void OralGeneral::begin(Time now, Order order, Out& out) {
  if (rounds_.begun()) return;
  rounds_.begin(now);
  if (!commander()) return;
  obeyed_ = {order};
  out.raise(Obeyed{order});
  for (const NodeId to : config_.generals) {
    if (to != config_.self) out.send(to, Oral{{config_.self}, order});
  }
}

bool OralGeneral::plausible(NodeId from, const Oral& m) const {
  const size_t length = m.path.size();
  // What belongs to a round that is over comes too late, and counts as never said.
  if (length == 0 || length > config_.traitors + 1 || length < rounds_.current()) return false;
  if (m.path.front() != config_.generals.front() || m.path.back() != from) return false;
  for (size_t i = 0; i < length; ++i) {
    const auto& all = config_.generals;
    if (m.path[i] == config_.self || std::find(all.begin(), all.end(), m.path[i]) == all.end()) return false;
    if (std::find(m.path.begin(), m.path.begin() + static_cast<std::ptrdiff_t>(i), m.path[i]) !=
        m.path.begin() + static_cast<std::ptrdiff_t>(i))
      return false;
  }
  return true;
}

void OralGeneral::on_message(Time, NodeId from, const Wire& wire, Out&) {
  const Oral& m = std::get<Oral>(wire);
  if (!plausible(from, m)) return mark<"generals.implausible">();
  told_.emplace(m.path, m.order);  // the first word counts
}

// Calls `each` for every lieutenant but this one that is not on the path.
template <class Each>
void OralGeneral::each_lieutenant_beyond(const Path& path, Each&& each) const {
  for (const NodeId g : config_.generals) {
    if (g != config_.self && std::find(path.begin(), path.end(), g) == path.end()) each(g);
  }
}

Order OralGeneral::told(const Path& path) const {
  const auto it = told_.find(path);
  if (it != told_.end()) return it->second;
  mark<"generals.heard_nothing">();
  return kDefaultOrder;
}

// Tells everybody else what came over every path of this path's extensions that is as long as the round that ended.
void OralGeneral::relay(Path& path, Out& out) const {
  if (path.size() + 1 == rounds_.current()) {
    const Order order = told(path);
    Path mine = path;
    mine.push_back(config_.self);
    return each_lieutenant_beyond(path, [&](NodeId to) { out.send(to, Oral{mine, order}); });
  }
  each_lieutenant_beyond(path, [&](NodeId g) {
    path.push_back(g);
    relay(path, out);
    path.pop_back();
  });
}

// OM(m - k), k being how many lieutenants are on the path, with the last of the path as commander: what this lieutenant
// makes of it.
Order OralGeneral::majority(Path& path) const {
  const Order direct = told(path);
  // OM-TRUST: believes what it was told directly.
  if (path.size() == config_.traitors + 1 || planted<"OM-TRUST">()) return direct;
  int attack = direct == Order::kAttack ? 1 : -1;
  each_lieutenant_beyond(path, [&](NodeId g) {
    path.push_back(g);
    attack += majority(path) == Order::kAttack ? 1 : -1;
    path.pop_back();
  });
  return attack > 0 ? Order::kAttack : kDefaultOrder;
}

void OralGeneral::on_time(Time now, Out& out) {
  while (rounds_.end_one(now)) {
    if (commander()) continue;
    Path path = {config_.generals.front()};
    if (!rounds_.over()) {
      relay(path, out);
    } else {
      obeyed_ = {majority(path)};
      out.raise(Obeyed{obeyed_.front()});
    }
  }
}

OralState OralGeneral::state() const { return {rounds_.current(), {told_.begin(), told_.end()}, obeyed_}; }

void OralGeneral::check_invariants() const {
  ensure(commander() || obeyed_.empty() == !rounds_.over(), "a lieutenant obeys when the rounds are over");
  for (const auto& [path, order] : told_)
    ensure(path.size() <= config_.traitors + 1, "no path is longer than the rounds");
}

}  // namespace holdfast::generals
