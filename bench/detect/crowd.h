// Many members of one detector in a world that is only as rich as the measurement needs: messages with a delay, jitter
// and loss; processes that crash, and processes that are starved. The simulator of sim/ has all faults, at a price per
// link that a thousand members cannot pay.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/base/random.h"
#include "holdfast/model/types.h"

namespace holdfast::bench {

struct Weather {
  double loss = 0;  // share of messages
  Duration delay = Duration::millis(1);
  Duration jitter = Duration::millis(4);  // uniformly added
  // One message in a hundred is late by up to this.
  Duration stragglers;
  // This share of the members is starved: awake for 50 to 800 ms, then not for 2 to 9 s, timers late by up to 2 s; what
  // is sent to them meanwhile is lost.
  double starved = 0;
};

template <class Core>
class Crowd {
 public:
  using Out = typename Core::Out;
  using Wire = typename Out::Wire;
  using Event = typename Out::Event;
  using Make = std::function<std::unique_ptr<Core>(NodeId)>;
  using OnEvent = std::function<void(NodeId at, const Event&)>;

  Crowd(size_t n, const Weather& weather, uint64_t seed, const Make& make, OnEvent on_event)
      : weather_(weather), random_(seed), on_event_(std::move(on_event)) {
    members_.resize(n);
    for (size_t i = 0; i < n; ++i) members_[i].core = make(NodeId(i + 1));
    const size_t starved = static_cast<size_t>(weather.starved * static_cast<double>(n) + 0.5);
    for (size_t i = 0; i < starved; ++i) members_[i * (n / starved)].starved = true;
  }

  void start() {
    for (size_t i = 0; i < members_.size(); ++i) step(i, [&](Out& out) { members_[i].core->start(now_, out); });
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].starved) push({now_ + spread(Duration(), Duration::seconds(5)), Kind::kSleep, i});
    }
  }
  void inject(NodeId to, NodeId from, const Wire& wire) {
    const size_t i = to.value() - 1;
    step(i, [&](Out& out) { members_[i].core->on_message(now_, from, wire, out); });
  }
  void crash(NodeId id) { members_[id.value() - 1].up = false; }
  bool up(NodeId id) const { return members_[id.value() - 1].up; }
  bool starved(NodeId id) const { return members_[id.value() - 1].starved; }
  Core& core(NodeId id) { return *members_[id.value() - 1].core; }
  Time now() const { return now_; }

  void run_until(Time until) {
    while (!queue_.empty() && queue_.front().at <= until) {
      std::pop_heap(queue_.begin(), queue_.end(), later);
      Due due = std::move(queue_.back());
      queue_.pop_back();
      now_ = due.at;
      happen(due);
    }
    now_ = until;
  }

  uint64_t messages = 0, bytes = 0;  // sent

 private:
  enum class Kind { kMessage, kTimer, kSleep, kWake };
  struct Member {
    std::unique_ptr<Core> core;
    bool up = true, starved = false, asleep = false;
    Time armed = Time::never();
  };
  struct Due {
    Time at;
    Kind kind = Kind::kMessage;
    size_t member = 0;
    NodeId from;
    std::shared_ptr<const Wire> wire;
    uint64_t sequence = 0;
  };
  static bool later(const Due& a, const Due& b) { return a.at != b.at ? a.at > b.at : a.sequence > b.sequence; }

  Duration spread(Duration low, Duration high) { return Duration::nanos(random_.between(low.nanos(), high.nanos())); }
  void push(Due due) {
    due.sequence = sequence_++;
    queue_.push_back(std::move(due));
    std::push_heap(queue_.begin(), queue_.end(), later);
  }
  void happen(const Due& due) {
    Member& m = members_[due.member];
    if (!m.up) return;
    switch (due.kind) {
      case Kind::kMessage:
        if (!m.asleep) step(due.member, [&](Out& out) { m.core->on_message(now_, due.from, *due.wire, out); });
        break;
      case Kind::kTimer:
        if (due.at != m.armed || m.asleep) break;
        m.armed = Time::never();
        step(due.member, [&](Out& out) { m.core->on_time(now_, out); });
        break;
      case Kind::kSleep:
        m.asleep = true;
        push({now_ + spread(Duration::seconds(2), Duration::seconds(9)), Kind::kWake, due.member});
        break;
      case Kind::kWake:
        m.asleep = false;
        m.armed = Time::never();
        arm(due.member);
        push({now_ + spread(Duration::millis(50), Duration::millis(800)), Kind::kSleep, due.member});
    }
  }
  template <class Step>
  void step(size_t i, Step&& step) {
    Out out;
    step(out);
    for (auto& sent : out.sent) {
      ++messages;
      bytes += codec::encode(sent.wire).size();
      const size_t to = sent.to.value() - 1;
      if (to >= members_.size() || random_.chance(static_cast<uint64_t>(weather_.loss * 1e6), 1'000'000)) continue;
      Duration delay = weather_.delay + spread(Duration(), weather_.jitter);
      if (random_.chance(1, 100)) delay = delay + spread(Duration(), weather_.stragglers);
      push({now_ + delay, Kind::kMessage, to, NodeId(i + 1), std::make_shared<const Wire>(std::move(sent.wire))});
    }
    for (auto& raised : out.raised) on_event_(NodeId(i + 1), raised.event);
    arm(i);
  }
  void arm(size_t i) {
    Member& m = members_[i];
    const Time deadline = m.core->deadline();
    if (deadline == Time::never() || m.asleep) return;
    Time at = std::max(deadline, now_ + Duration::micros(1));
    if (m.armed != Time::never() && m.armed <= at && m.armed > now_) return;
    if (m.starved) at = at + spread(Duration(), Duration::seconds(2));
    m.armed = at;
    push({at, Kind::kTimer, i});
  }

  const Weather weather_;
  Random random_;
  OnEvent on_event_;
  std::vector<Member> members_;
  std::vector<Due> queue_;
  uint64_t sequence_ = 0;
  Time now_ = Time::at_millis(1'000'000);
};

}  // namespace holdfast::bench
