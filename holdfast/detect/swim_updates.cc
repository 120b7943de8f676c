// What a member makes of an update: the rules by which knowledge grows, and what follows from news.
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {

void Swim::spread(Update update) { dissemination_.add(std::move(update)); }

void Swim::learn(Time t, const std::vector<Update>& updates, Out& out) {
  for (const Update& update : updates) learn(t, update, out);
}

void Swim::learn(Time t, const Update& update, Out& out) {
  if (update.node == config_.self) return learn_of_self(update, out);
  const MemberTable::Outcome outcome = members_.apply(t, update);
  if (outcome.kind == MemberTable::Outcome::Kind::kNothingNew) return learn_again(update);
  if (outcome.kind == MemberTable::Outcome::Kind::kNoRoom) {
    if (!std::exchange(full_, true)) out.raise(Full{update.node, members_.members().size()});
    return;
  }
  Update news = update;
  if (update.state != MemberState::kAlive) news.meta = Slice();  // whoever knows the member knows that
  // A suspect that others do not know yet would be no news to them without its description.
  if (outcome.kind == MemberTable::Outcome::Kind::kNew) news.meta = update.meta;
  spread(std::move(news));
  judge(t, update, outcome, out);
}

void Swim::learn_again(const Update& update) {
  const Member* member = members_.find(update.node);
  if (member == nullptr || update.state != MemberState::kSuspect || member->state != MemberState::kSuspect) return;
  if (update.incarnation != member->incarnation || !config_.lifeguard) return;
  // The same suspicion by another member: told on, as far as it shortens the wait.
  if (!update.by || !suspicions_.confirm(update.node, update.by)) return;
  mark<"detect.swim.suspicion_confirmed">();
  Update news = update;
  news.meta = Slice();
  spread(std::move(news));
}

void Swim::learn_of_self(const Update& update, Out& out) {
  const Member* self = members_.find(config_.self);
  if (update.incarnation >= kMaxIncarnation - 1 || stage_ != Stage::kMember) return;
  const bool doubted = update.state != MemberState::kAlive && update.incarnation >= self->incarnation;
  const bool topped = update.state == MemberState::kAlive && update.incarnation > self->incarnation;
  if (!doubted && !topped) return;
  if (doubted) {
    mark<"detect.swim.refuted">();
    // Being suspected is a sign of one's own slowness.
    if (update.state == MemberState::kSuspect) health_.worse();
  } else {
    mark<"detect.swim.former_life">();
    // Once: this process's own former life. Again and again: somebody else who lives.
    if (!(update.meta == config_.meta) && ++foreign_lives_ >= 2) out.raise(Conflict{update.meta});
  }
  set_self(MemberState::kAlive, update.incarnation + 1);
}

void Swim::set_self(MemberState state, uint64_t incarnation) {
  members_.apply(Time(), {config_.self, incarnation, state, {}, config_.meta});
  spread(members_.update_of(config_.self));
}

void Swim::judge(Time t, const Update& update, const MemberTable::Outcome& outcome, Out& out) {
  const bool is_new = outcome.kind == MemberTable::Outcome::Kind::kNew;
  const NodeId node = update.node;
  suspicions_.stop(node);
  if (is_new) {
    prober_.add(node);
    out.raise(Joined{node, update.meta});
    if (update.state == MemberState::kAlive) return;
  }
  const MemberState before = is_new ? MemberState::kAlive : outcome.before;
  switch (update.state) {
    case MemberState::kAlive:
      if (before == MemberState::kDead || before == MemberState::kLeft) prober_.add(node);
      if (before == MemberState::kLeft) {
        out.raise(Joined{node, update.meta});
        break;
      }
      if (outcome.other_meta) out.raise(Changed{node, update.meta});
      if (before != MemberState::kAlive) out.raise(Restored{node});
      break;
    case MemberState::kSuspect:
      suspicions_.start(t, node, update.by, members_.up());
      if (before != MemberState::kSuspect) out.raise(Suspected{node, pace_.local(t), update.by});
      break;
    case MemberState::kDead:
      if (before == MemberState::kAlive) out.raise(Suspected{node, pace_.local(t), update.by});
      out.raise(Died{node});
      break;
    case MemberState::kLeft:
      out.raise(Left{node});
  }
}

}  // namespace holdfast::detect
