#include "holdfast/replica/fail_stop_links.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::replica {
namespace {

constexpr int64_t kTellPause = 10;  // intervals

size_t bytes_of(const flooding::LogMessage& m) {
  const flooding::Message& inner = std::get<flooding::InSlot>(m).message;
  size_t bytes = 32;
  if (const auto* p = std::get_if<flooding::Proposals>(&inner)) {
    for (const flooding::Proposal& k : p->known) bytes += 16 + k.value.size();
  } else {
    bytes += std::get<flooding::Decided>(inner).choice.value.size();
  }
  return bytes;
}

// Whoever sends this has heard everybody in its group, or noticed their crash: all of them have begun.
bool follows_a_round(const flooding::LogMessage& m) {
  const flooding::InSlot& in_slot = std::get<flooding::InSlot>(m);
  const auto* proposals = std::get_if<flooding::Proposals>(&in_slot.message);
  return in_slot.slot > 1 || proposals == nullptr || proposals->round > 1;
}

}  // namespace

FailStopLinks::FailStopLinks(const Config& config, const std::vector<NodeId>& others) : config_(config) {
  for (const NodeId id : others) channels_[id];
}

void FailStopLinks::send(NodeId to, flooding::LogMessage message) {
  const auto at = channels_.find(to);
  if (at != channels_.end()) at->second.unacknowledged.push_back(std::move(message));
}

std::vector<flooding::LogMessage> FailStopLinks::receive(Time now, NodeId from, const FailStopFrame& frame) {
  const auto at = channels_.find(from);
  if (at == channels_.end()) return {};
  Channel& c = at->second;
  if (c.life.value_or(frame.life) != frame.life) {
    mark<"replica.fail_stop_other_life">();
    return {};
  }
  c.life = frame.life;
  c.heard = now;
  // Nothing that was never said is acknowledged: a frame that claims so is nonsense.
  while (c.first < frame.next && c.first < c.said) {
    c.unacknowledged.pop_front();
    ++c.first;
  }
  bool everybody_has_begun = false;
  std::vector<flooding::LogMessage> taken;
  for (size_t i = 0; i < frame.messages.size(); ++i) {
    if (frame.first + i != c.next) continue;
    taken.push_back(frame.messages[i]);
    everybody_has_begun |= follows_a_round(taken.back());
    ++c.next;
    c.acknowledge_at = now;
  }
  for (auto& [id, other] : channels_) {
    if (!everybody_has_begun || other.heard != Time()) continue;
    // If it has crashed before it was heard here, it would be waited for without end.
    mark<"replica.fail_stop_begun_unheard">();
    other.heard = now;
  }
  return taken;
}

bool FailStopLinks::all_acknowledged(const std::vector<NodeId>& group) const {
  return std::all_of(group.begin(), group.end(), [&](NodeId id) {
    const auto at = channels_.find(id);
    return at == channels_.end() || at->second.unacknowledged.empty();
  });
}

std::vector<NodeId> FailStopLinks::find_crashed(Time now) {
  std::vector<NodeId> found;
  for (const auto& [id, c] : channels_) {
    if (c.heard != Time() && now - c.heard >= config_.crash_timeout) found.push_back(id);
  }
  for (const NodeId id : found) {
    mark<"replica.fail_stop_crash_noticed">();
    channels_.erase(id);
    crashed_.insert(id);
  }
  return found;
}

std::vector<NodeId> FailStopLinks::to_be_told(Time now) {
  if (crashed_.empty() || now < tell_at_) return {};
  tell_at_ = now + config_.interval * kTellPause;
  return {crashed_.begin(), crashed_.end()};
}

FailStopFrame FailStopLinks::frame_of(const Channel& c, uint64_t from) const {
  FailStopFrame frame{config_.life, c.next, from, {}};
  size_t bytes = 0;
  for (uint64_t n = from; n < c.first + c.unacknowledged.size(); ++n) {
    const flooding::LogMessage& m = c.unacknowledged[static_cast<size_t>(n - c.first)];
    bytes += bytes_of(m);
    if (!frame.messages.empty() && bytes > config_.max_frame_bytes) break;
    frame.messages.push_back(m);
  }
  return frame;
}

std::vector<FailStopLinks::Frame> FailStopLinks::frames(Time now) {
  std::vector<Frame> out;
  for (auto& [id, c] : channels_) {
    const bool news = c.said < c.first + c.unacknowledged.size();
    const bool repeats = now >= c.repeat_at;
    if (!news && !repeats && now < c.acknowledge_at) continue;
    // When it is time, from the first that is not acknowledged on: it may be lost. Else what is under way has its time.
    if (repeats || c.said == c.first) c.repeat_at = now + config_.interval;
    c.acknowledge_at = Time::never();
    FailStopFrame frame = frame_of(c, repeats ? c.first : c.said);
    c.said = std::max(c.said, frame.first + frame.messages.size());
    out.push_back({id, std::move(frame)});
  }
  return out;
}

Time FailStopLinks::deadline() const {
  Time soonest = crashed_.empty() ? Time::never() : tell_at_;
  for (const auto& [id, c] : channels_) {
    if (c.said < c.first + c.unacknowledged.size()) return Time();
    soonest = std::min({soonest, c.acknowledge_at, c.repeat_at});
    if (c.heard != Time()) soonest = std::min(soonest, c.heard + config_.crash_timeout);
  }
  return soonest;
}

}  // namespace holdfast::replica
