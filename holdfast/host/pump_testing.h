// A core that does anything it is allowed to, at random, and a platform that watches the pump over it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/host/pump.h"

namespace holdfast::host {

struct Written {
  uint64_t number = 0;
};
struct Said {
  uint64_t number = 0;
  StableSeq after;
};
struct Noted {
  uint64_t number = 0;
  StableSeq after;
};

// Persists, sends and raises at every input, under conditions of all kinds: none, this step's record, an earlier one.
class Scribbler {
 public:
  using Out = Outbox<std::variant<Said>, std::variant<Written>, Noted>;
  explicit Scribbler(uint64_t seed) : random_(seed) {}

  void replay(StableSeq seq, const std::variant<Written>&) { replayed.push_back(seq); }
  void start(Time, Out& out) { scribble(out); }
  void on_message(Time, NodeId, const std::variant<Said>&, Out& out) { scribble(out); }
  void on_stable(Time, StableSeq, Out& out) {
    if (random_.chance(1, 3)) scribble(out);
  }
  void on_time(Time, Out& out) { scribble(out); }
  Time deadline() const { return Time::never(); }
  void check_invariants() const {}

  void scribble(Out& out) {
    for (uint64_t n = random_.below(5); n > 0; --n) {
      switch (random_.below(3)) {
        case 0:
          out.persist(Written{++numbers});
          break;
        case 1:
          sent.push_back(++numbers);
          out.send(NodeId(1 + random_.below(2)), Said{numbers, condition(out)}, last_condition_);
          break;
        default:
          raised.push_back(++numbers);
          out.raise(Noted{numbers, condition(out)}, last_condition_);
      }
    }
  }

  uint64_t numbers = 0;
  std::vector<uint64_t> sent, raised;
  std::vector<StableSeq> replayed;

 private:
  StableSeq condition(const Out& out) {
    const uint64_t written = out.next_seq().value() - 1;
    last_condition_ =
        random_.chance(1, 4) ? StableSeq() : StableSeq(written - random_.below(std::min<uint64_t>(written, 4) + 1));
    return last_condition_;
  }
  Random random_;
  StableSeq last_condition_;
};

// Watches: nothing leaves before its record is stable, nothing is lost or done twice, order is kept.
struct Watcher {
  void append(StableSeq seq, Chain) {
    if (seq != appended + 1) violations.push_back("record " + to_text(seq) + " follows " + to_text(appended));
    appended = seq;
  }
  void release(StableSeq) {}
  void blob(BlobRequest) {}
  void transmit(NodeId to, Chain message) {
    const Said said = std::get<Said>(*codec::decode<std::variant<Said>>(message.flatten()));
    leave("message", said.number, said.after, last_sent[{to, said.after}]);
    sent.push_back(said.number);
  }
  void raise(const Noted& noted) {
    leave("event", noted.number, noted.after, last_raised[noted.after]);
    raised.push_back(noted.number);
  }
  void leave(const std::string& what, uint64_t number, StableSeq after, uint64_t& last) {
    if (after > stable) violations.push_back(what + " " + std::to_string(number) + " left before " + to_text(after));
    if (number <= last) violations.push_back(what + " " + std::to_string(number) + " was overtaken");
    last = number;
  }

  StableSeq appended, stable;
  std::vector<uint64_t> sent, raised;
  std::map<std::pair<NodeId, StableSeq>, uint64_t> last_sent;
  std::map<StableSeq, uint64_t> last_raised;
  std::vector<std::string> violations;
};

// One run of random inputs, with records that become stable late and in batches. Returns what was wrong.
inline std::vector<std::string> watch_a_run(uint64_t seed) {
  Random random(seed);
  Scribbler core(random.next());
  Watcher watcher;
  Pump<Scribbler, Watcher> pump(core, watcher);
  pump.start(Time());
  const auto reach = [&](StableSeq upto) {
    watcher.stable = upto;
    pump.on_stable(Time(), upto);
  };
  for (int i = 0; i < 300; ++i) {
    switch (random.below(4)) {
      case 0:
        pump.on_time(Time());
        break;
      case 1:
        pump.on_message(Time(), NodeId(1), codec::encode_flat(std::variant<Said>()));
        break;
      case 2:
        pump.step([&](Scribbler::Out& out) { core.scribble(out); });
        break;
      default:
        if (watcher.appended > watcher.stable) {
          reach(watcher.stable + (1 + random.below(watcher.appended - watcher.stable)));
        }
    }
  }
  while (watcher.stable < watcher.appended) reach(watcher.appended);
  std::sort(watcher.sent.begin(), watcher.sent.end());
  std::sort(watcher.raised.begin(), watcher.raised.end());
  if (watcher.sent != core.sent) watcher.violations.push_back("a message was lost or sent twice");
  if (watcher.raised != core.raised) watcher.violations.push_back("an event was lost or raised twice");
  return watcher.violations;
}

}  // namespace holdfast::host
