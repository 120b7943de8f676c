#include "holdfast/sim/process.h"

#include "holdfast/base/mark.h"
#include "holdfast/base/print.h"

namespace holdfast::sim {
namespace {

// The pace of the least patient core: a deadline that has passed and is not moved is asked about again after this.
constexpr Duration kTimerGrain = Duration::micros(10);

}  // namespace

Process::Process(World& world, Net& net, NodeId id)
    : world_(world),
      net_(net),
      id_(id),
      clock_(Time(), Time(), 1'000'000),
      random_(world.stream("process", id.value())) {
  net_.attach(id_, [this](NodeId from, Slice bytes) {
    if (!up()) return;
    post([this, from, bytes = std::move(bytes)] { do_receive(from, bytes); });
  });
}

void Process::start() {
  if (up()) return;
  ++incarnation_;
  // Readings of different incarnations have nothing to do with each other.
  clock_ = SimClock(world_.now(), Time::at_nanos(random_.between(0, 1'000'000'000'000)), clock_.rate_ppm());
  life_ = Life::kUp;
  dying_ = false;
  busy_until_ = world_.now();
  world_.trace().note(world_.now(), id_, "start", "incarnation " + std::to_string(incarnation_));
  in_step_ = true;
  std::string refusal = fails_at(Failpoint::kRecovery) ? std::string() : do_start();
  if (!dying_ && refusal.empty()) do_after_step();
  in_step_ = false;
  if (dying_) return end_life(std::string(last_words_), by_itself_);
  if (!refusal.empty()) {
    mark<"sim.process.refused_to_start">();
    return end_life(std::move(refusal), true, Life::kRefused);
  }
  run_inbox();
}

void Process::crash(std::string why) {
  if (!up()) return;
  if (in_step_) {
    dying_ = true;
    by_itself_ = false;
    last_words_ = std::move(why);
    return;
  }
  end_life(std::move(why), false);
}

void Process::stop_itself(std::string why) {
  if (!up() || dying_) return;
  if (!in_step_) return end_life(std::move(why), true);
  dying_ = true;
  by_itself_ = true;
  last_words_ = std::move(why);
}

bool Process::fails_at(Failpoint point) {
  if (dying_) return true;
  uint64_t& left = failpoints_[static_cast<size_t>(point)];
  if (left == 0 || --left != 0) return false;
  mark<"sim.process.failpoint">();
  world_.trace().note(world_.now(), id_, "failpoint", print(point));
  if (in_step_) {
    dying_ = true;
    by_itself_ = true;
    last_words_ = "failpoint";
  } else {
    end_life("failpoint", true);
  }
  return true;
}

void Process::end_life(std::string why, bool by_itself, Life then) {
  world_.trace().note(world_.now(), id_, "down", why);
  last_words_ = std::move(why);
  life_ = then;
  ++incarnation_;  // what this life has scheduled is void
  dying_ = false;
  inbox_.clear();
  wake_scheduled_ = false;
  armed_for_ = Time::never();
  do_crash();
  if (supervisor_) supervisor_(*this, by_itself);
}

void Process::pause() {
  ++pauses_;
  world_.trace().note(world_.now(), id_, "pause", "");
}

void Process::resume() {
  ensure(pauses_ > 0, "only a paused process is resumed");
  if (--pauses_ > 0) return;
  world_.trace().note(world_.now(), id_, "resume", "");
  if (!up()) return;
  // Timers that went off meanwhile come first, as they do for a process that gets the processor back.
  arm_timer();
  run_inbox();
}

void Process::set_clock_rate(int64_t rate_ppm) {
  clock_.set_rate(world_.now(), rate_ppm);
  if (!up()) return;
  armed_for_ = Time::never();
  if (!in_step_) arm_timer();
}

World::Action Process::guarded(Step step) {
  return [this, life = incarnation_, step = std::move(step)] {
    if (up() && incarnation_ == life) step();
  };
}

void Process::post(Step step) {
  if (!up() || inbox_.size() >= kMaxInbox) return;
  inbox_.push_back(std::move(step));
  if (!in_step_) run_inbox();
}

void Process::post_after(Duration delay, Step step) {
  world_.after(delay, guarded([this, step = std::move(step)] { post(step); }));
}

void Process::run_inbox() {
  while (up() && !paused() && !inbox_.empty()) {
    if (world_.now() < busy_until_) {
      if (wake_scheduled_) return;
      wake_scheduled_ = true;
      world_.at(busy_until_, guarded([this] {
                  wake_scheduled_ = false;
                  run_inbox();
                }));
      return;
    }
    Step step = std::move(inbox_.front());
    inbox_.pop_front();
    in_step_ = true;
    if (!fails_at(Failpoint::kStep)) step();
    if (!dying_) do_after_step();
    in_step_ = false;
    if (dying_) return end_life(std::string(last_words_), by_itself_);
    if (step_cost_ > Duration()) busy_until_ = world_.now() + step_cost_;
  }
  if (up() && !paused()) arm_timer();
}

void Process::arm_timer() {
  const Time deadline = do_deadline();
  Time when = clock_.when(world_.now(), deadline);
  if (when == Time::never()) return;
  if (timer_error_ > Duration()) when = when + Duration::nanos(random_.between(0, timer_error_.nanos()));
  if (timer_error_ < Duration()) when = when + Duration::nanos(random_.between(timer_error_.nanos(), 0));
  when = std::max(when, world_.now() + kTimerGrain);
  if (when >= armed_for_) return;
  armed_for_ = when;
  world_.at(when, guarded([this, number = ++arm_number_] {
              if (number != arm_number_) return;
              armed_for_ = Time::never();
              if (paused()) return;  // armed again when it wakes
              post([this] { do_time(); });
            }));
}

}  // namespace holdfast::sim
