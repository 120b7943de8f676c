// SWIM membership and failure detection with Lifeguard's local health, as one core. docs/protocols/swim.md.
//
// Guarantees, over channels that lose, repeat, delay and reorder, with crashes and restarts:
//  1. Strong completeness, time-bounded: a member that has crashed is probed by every other one within two rounds, is
//     suspected by the first that probes it, and dead to all when its suspicion has run out and the news has spread.
//  2. A member that is suspected and hears of it refutes by raising its incarnation; only then does the suspicion end.
//     So a member that runs and can reach somebody is rarely declared dead, and comes back by itself when it was.
//  3. All that can reach each other agree in the end on who is up: each keeps the greatest update of every member, news
//     travels on every message, and anti-entropy repairs what got lost.
//  4. This process's own slowness makes it distrust its observations: late timers are its own pauses (own_pace.h),
//  failed
//     probes lower its local health, which slows its probes and lengthens its suspicions.
//  5. Cost per member and period does not depend on the size of the group: one ping and one ack, proxies on failure.
//  6. A process that starts again under the same identity, with whatever incarnation, is taken for what it is: it
//  learns
//     what is said about its former lives when it joins, and tops it.
//  7. All state and every message is bounded (SwimConfig).
// Not promised: agreement at any moment; that a member that was declared dead had crashed; anything against members
// that lie.
#pragma once

#include <cstdint>
#include <vector>

#include "holdfast/detect/dissemination.h"
#include "holdfast/detect/local_health.h"
#include "holdfast/detect/member_table.h"
#include "holdfast/detect/own_pace.h"
#include "holdfast/detect/prober.h"
#include "holdfast/detect/suspicions.h"
#include "holdfast/detect/swim_types.h"
#include "holdfast/model/retry.h"

namespace holdfast::detect {

class Swim {
 public:
  using Out = Outbox<SwimWire, NoRecord, SwimEvent>;

  explicit Swim(const SwimConfig& config);

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const SwimWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Tells the group that this process goes by its own will. Departed is raised once somebody has heard it, or after
  // twice the probe timeout. Nothing is sent afterwards.
  void leave(Time now, Out& out);

  // Nothing for one that is not known.
  const Member* member(NodeId node) const { return members_.find(node); }
  const std::map<NodeId, Member>& members() const { return members_.members(); }
  // Members that are alive or suspect, this process included.
  size_t up() const { return members_.up(); }
  // Alive or suspect: a suspicion is a question, not a verdict.
  bool trusts(NodeId node) const {
    const Member* m = members_.find(node);
    return m != nullptr && is_up(m->state);
  }
  uint32_t local_health() const { return health_.score(); }
  uint64_t incarnation() const { return members_.find(config_.self)->incarnation; }
  bool departed() const { return stage_ == Stage::kDeparted; }

 private:
  enum class Stage { kMember, kLeaving, kDeparted };

  // swim.cc: messages, probing
  Time attend(Time now);
  void act(Time t, const Prober::Actions& actions, Out& out);
  void probe_failed(Time t, NodeId target, Out& out);
  void expire_suspicions(Time t, Out& out);
  std::vector<Update> gossip_for(NodeId to);
  void on(Time t, NodeId from, const Ping& m, Out& out);
  void on(Time t, NodeId from, const PingRequest& m, Out& out);
  void on(Time t, NodeId from, const Ack& m, Out& out);
  void on(Time t, NodeId from, const Nack& m, Out& out);
  void on(Time t, NodeId from, const SyncRequest& m, Out& out);
  void on(Time t, NodeId from, const SyncState& m, Out& out);

  // swim_updates.cc: what is learned
  void learn(Time t, const std::vector<Update>& updates, Out& out);
  void learn(Time t, const Update& update, Out& out);
  void learn_of_self(const Update& update, Out& out);
  void learn_again(const Update& update);
  void judge(Time t, const Update& update, const MemberTable::Outcome& outcome, Out& out);
  void spread(Update update);
  void set_self(MemberState state, uint64_t incarnation);

  // swim_sync.cc: joining, anti-entropy, leaving
  void sync_tick(Time t, Out& out);
  std::vector<NodeId> sync_partners();
  void request_sync(NodeId to, Out& out);
  bool may_answer_sync(Time t);
  void send_state(NodeId to, bool your_turn, Out& out);
  void depart(Out& out);

  const SwimConfig config_;
  OwnPace pace_;
  Random random_;
  LocalHealth health_;
  MemberTable members_;
  Dissemination dissemination_;
  Suspicions suspicions_;
  Prober prober_;

  Stage stage_ = Stage::kMember;
  Time leave_by_ = Time::never();
  size_t heard_leave_ = 0;

  Time next_sync_ = Time::never();
  Retry joining_;
  bool full_ = false;  // and it was said
  uint64_t syncs_ = 0;
  uint32_t sync_answers_ = 0;  // left in this protocol period
  Time sync_answers_renewed_;
  uint32_t foreign_lives_ = 0;  // how often a former or another life of this identity was heard of
};

}  // namespace holdfast::detect
