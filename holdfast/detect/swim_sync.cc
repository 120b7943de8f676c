// Joining, anti-entropy and leaving.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {
namespace {

constexpr uint32_t kSyncAnswersPerPeriod = 8;
constexpr size_t kStateHead = 32;

}  // namespace

// Whom to compare notes with. Alone: the seeds. Else, in turn: a member that is up; one that is dead here, because it
// may live beyond a partition that has healed; a seed, because all that were there may have been forgotten.
std::vector<NodeId> Swim::sync_partners() {
  std::vector<NodeId> seeds;
  for (const NodeId seed : config_.seeds) {
    if (seed != config_.self && !trusts(seed)) seeds.push_back(seed);
  }
  for (size_t i = seeds.size(); i > 1; --i) std::swap(seeds[i - 1], seeds[random_.below(i)]);
  const auto up = members_.draw(random_, 1, [](NodeId, const Member& m) { return m.state == MemberState::kAlive; });
  const auto dead = members_.draw(random_, 1, [](NodeId, const Member& m) { return m.state == MemberState::kDead; });
  std::vector<NodeId> partners;
  const uint64_t turn = syncs_++ % 3;
  if (up.empty()) {
    partners = seeds;
    partners.resize(std::min<size_t>(partners.size(), 3));
    partners.insert(partners.end(), dead.begin(), dead.end());
  } else if (turn == 1 && !dead.empty()) {
    mark<"detect.swim.looked_for_the_dead">();
    partners = dead;
  } else if (turn == 2 && !seeds.empty()) {
    partners = {seeds.front()};
  } else {
    partners = up;
  }
  return partners;
}

void Swim::sync_tick(Time t, Out& out) {
  for (const NodeId node : members_.reclaim(t, config_.reclaim_after)) {
    full_ = false;
    dissemination_.drop(node);
    out.raise(Forgotten{node});
  }
  for (const NodeId partner : sync_partners()) request_sync(partner, out);
  if (members_.up() == 1) {
    if (joining_.failures() == kTriesToJoin && !config_.seeds.empty()) out.raise(Unanswered{});
    next_sync_ = t + joining_.next_pause();
    return;
  }
  joining_.succeeded();
  const Duration pause = config_.sync_interval;
  next_sync_ = t + Duration::nanos(random_.between(pause.nanos() * 3 / 4, pause.nanos() * 5 / 4));
}

void Swim::request_sync(NodeId to, Out& out) {
  out.send(to, SyncRequest{{members_.digest()}, members_.update_of(config_.self)});
  // One that is taken for dead is told so, to refute.
  const Member* member = members_.find(to);
  if (member != nullptr && !is_up(member->state)) out.send(to, SyncState{false, {members_.update_of(to)}});
}

void Swim::on(Time t, NodeId from, const SyncRequest& m, Out& out) {
  learn(t, m.self, out);
  if (m.digest.value != members_.digest() && may_answer_sync(t)) send_state(from, true, out);
}

// Each answer may be a hundred times as long as its question, so they are rationed.
bool Swim::may_answer_sync(Time t) {
  if (stage_ != Stage::kMember) return false;
  if (t >= sync_answers_renewed_) {
    sync_answers_ = kSyncAnswersPerPeriod;
    sync_answers_renewed_ = t + config_.probe_interval;
  }
  if (sync_answers_ == 0) {
    mark<"detect.swim.sync_refused">();
    return false;
  }
  --sync_answers_;
  return true;
}

void Swim::on(Time t, NodeId from, const SyncState& m, Out& out) {
  learn(t, m.members, out);
  if (m.your_turn && may_answer_sync(t)) send_state(from, false, out);
}

void Swim::send_state(NodeId to, bool your_turn, Out& out) {
  const size_t room = config_.max_message_bytes - kStateHead;
  SyncState state;
  size_t bytes = 0;
  for (const auto& [node, member] : members_.members()) {
    Update update = members_.update_of(node);
    const size_t size = encoded_bytes(update);
    if (bytes + size > room) {
      out.send(to, std::exchange(state, {}));
      bytes = 0;
    }
    state.members.push_back(std::move(update));
    bytes += size;
  }
  state.your_turn = your_turn;
  out.send(to, std::move(state));
}

void Swim::leave(Time now, Out& out) {
  if (stage_ != Stage::kMember) return;
  const Time t = attend(now);
  stage_ = Stage::kLeaving;
  set_self(MemberState::kLeft, incarnation());
  next_sync_ = Time::never();
  leave_by_ = t + config_.probe_timeout * 2;
  const size_t told = dissemination_.limit(members_.up()) * size_t{2};
  const auto others = members_.draw(random_, told, [](NodeId, const Member& m) { return is_up(m.state); });
  if (others.empty()) return depart(out);
  for (const NodeId node : others) {
    // Every one of these carries it, however often news is sent otherwise.
    out.send(node, Ping{prober_.fresh_number(), {members_.update_of(config_.self)}});
  }
}

void Swim::depart(Out& out) {
  stage_ = Stage::kDeparted;
  out.raise(Departed{});
}

}  // namespace holdfast::detect
