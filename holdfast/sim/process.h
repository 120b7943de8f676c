// A simulated process: its life (start, crash, pause), its clock, its one queue of inputs, and the points at which a
// fault may kill it in the middle of a step.
//
// Inputs run one at a time, each to completion, in the order in which they came. While the process is paused or busy
// they wait; in a crash they are lost.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "holdfast/sim/clock.h"
#include "holdfast/sim/net.h"
#include "holdfast/sim/world.h"

namespace holdfast::sim {

// Where a step can be cut off: just before the named thing happens (kSynced: just after the sync, before its report).
enum class Failpoint { kStep, kAppend, kSend, kEvent, kWrite, kSync, kSynced, kBlob, kRecovery };
constexpr Failpoint last_value(Failpoint) { return Failpoint::kRecovery; }

enum class Life {
  kDown,
  kUp,
  kRefused,  // its stable storage does not let it start; nothing but an operator helps
};
constexpr Life last_value(Life) { return Life::kRefused; }

class Process {
 public:
  using Step = std::function<void()>;

  Process(World& world, Net& net, NodeId id);
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  NodeId id() const { return id_; }
  Life life() const { return life_; }
  bool up() const { return life_ == Life::kUp; }
  bool paused() const { return pauses_ > 0; }
  uint64_t incarnation() const { return incarnation_; }
  // Why it went down last.
  const std::string& last_words() const { return last_words_; }

  // Starts it when it is down (also after a refusal, to try again).
  void start();
  // Kills it: what is not stable is lost. Safe to call from inside a step; the step is cut off.
  void crash(std::string why);

  // Pauses nest.
  void pause();
  void resume();
  // Every step takes this long from now on (P4); zero: no time at all.
  void set_step_cost(Duration cost) { step_cost_ = cost; }
  void set_clock_rate(int64_t rate_ppm);
  int64_t clock_rate() const { return clock_.rate_ppm(); }
  // Timers go off up to this much too late or, when negative, too early (T6).
  void set_timer_error(Duration error) { timer_error_ = error; }
  // Tells who follows the trace what goes on inside (Trace::show).
  void show(std::string_view kind, std::string_view text) { world_.trace().show(world_.now(), id_, kind, text); }
  Time local_time() const { return clock_.read(world_.now()); }

  // Crashes the process when it comes to `point` for the `nth` time from now (1: the next time).
  void arm_failpoint(Failpoint point, uint64_t nth) { failpoints_[static_cast<size_t>(point)] = nth; }
  void disarm_failpoints() { failpoints_.fill(0); }

  // Told whenever the process has gone down, and whether by itself rather than by crash(): it is up to the supervisor
  // to restart it, later.
  using Supervisor = std::function<void(Process&, bool by_itself)>;
  void set_supervisor(Supervisor supervisor) { supervisor_ = std::move(supervisor); }

  // Runs an input as one step, now or when its turn comes. Lost when the process is down.
  void post(Step step);
  void post_after(Duration delay, Step step);
  // Whether what it says now leaves it: not when it is down or dies in this step.
  bool sending() const { return up() && !dying_; }
  // The process stops itself: the supervisor is told.
  void stop_itself(std::string why);

 protected:
  // Recovers from stable storage and starts the core. A non-empty result refuses: why.
  virtual std::string do_start() = 0;
  // Drops everything volatile; stable storage is put into the state that a crash may leave.
  virtual void do_crash() = 0;
  virtual void do_receive(NodeId from, Slice bytes) = 0;
  // The deadline's time has come.
  virtual void do_time() = 0;
  // When the core wants to be woken, in local time.
  virtual Time do_deadline() const = 0;
  // At the end of each step: what it has raised is handed out. Inputs posted from here run as later steps.
  virtual void do_after_step() {}

  // True when the process dies here: the caller must not let the effect happen. From then until the step ends every
  // effect is void.
  bool fails_at(Failpoint point);
  bool dying() const { return dying_; }
  // Wraps an action so that it does nothing once this incarnation has ended.
  World::Action guarded(Step step);

  World& world_;
  Net& net_;

 private:
  static constexpr size_t kMaxInbox = 50'000;
  void run_inbox();
  void end_life(std::string why, bool by_itself, Life then = Life::kDown);
  void arm_timer();

  NodeId id_;
  SimClock clock_;
  Random random_;
  Life life_ = Life::kDown;
  uint64_t incarnation_ = 0;
  int pauses_ = 0;
  bool in_step_ = false;
  bool dying_ = false;
  bool by_itself_ = false;
  std::string last_words_;
  std::deque<Step> inbox_;
  Duration step_cost_;
  Time busy_until_;
  bool wake_scheduled_ = false;
  Duration timer_error_;
  Time armed_for_ = Time::never();  // true time
  uint64_t arm_number_ = 0;
  std::array<uint64_t, static_cast<size_t>(Failpoint::kRecovery) + 1> failpoints_{};
  Supervisor supervisor_;
};

}  // namespace holdfast::sim
