// For tests: random runs of a fail-stop group, in the model that flooding consensus relies on (flood.h): channels that
// lose nothing and keep order, crashes that cut off any part of one step's messages, notices that are true and come
// last. Everything is drawn from one seed.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/flooding/flooding_log.h"
#include "holdfast/sim/explore/small_world.h"

namespace holdfast::flooding {

inline std::vector<NodeId> group_of(uint64_t n) {
  std::vector<NodeId> group;
  for (uint64_t i = 1; i <= n; ++i) group.push_back(NodeId(i));
  return group;
}

template <class Core>
class FailStopRun {
 public:
  using World = explore::SmallWorld<Core>;
  using Node = typename World::Node;

  FailStopRun(uint64_t seed, uint64_t members, typename World::Make make)
      : random(seed),
        world(std::move(make)),
        crashes_left_(random.chance(1, 2) ? members - 1 : random.below(members)),
        late_(random.below(2 * members)),
        while_speaking_(random.chance(1, 2)),
        one_reached_(random.chance(1, 2)),
        crash_odds_(while_speaking_ ? 1 + random.below(5) : 3 + random.below(12)) {
    for (const NodeId id : group_of(members)) {
      world.add(id);
      world.sync(world.at(id));
    }
  }

  // One input of the owner of a node that is up; false: it has none to give.
  std::function<bool(Node&)> owner;

  // Runs until nothing is left to happen, or for `most` steps; true: nothing is left.
  bool run(size_t most = 20'000) {
    for (size_t i = 0; i < most; ++i) {
      if (!step()) return true;
    }
    return false;
  }

  Random random;
  World world;

 private:
  bool step() {
    std::vector<std::function<void()>> choices;
    std::set<std::pair<NodeId, NodeId>> channels;
    for (size_t i = 0; i < world.in_flight.size(); ++i) {
      const auto& m = world.in_flight[i];
      if (!channels.emplace(m.from, m.to).second) continue;  // not the oldest of its channel
      choices.push_back([this, i] { at_risk(world.in_flight[i].to, [this, i] { world.deliver(i); }); });
    }
    for (const auto& [observer, gone] : notices_) {
      if (channels.contains({gone, observer})) continue;
      choices.push_back([this, observer = observer, gone = gone] {
        notices_.erase({observer, gone});
        at_risk(observer, [&] { notify(world.at(observer), gone); });
      });
    }
    for (auto& [id, n] : world.nodes) {
      if (!n.up()) continue;
      if (n.core().deadline() <= world.now) choices.push_back([this, id = id] { at_risk(id, [&] { tick(id); }); });
      const bool waits = id == late_ && !(channels.empty() && notices_.empty());
      if (owner && !waits) choices.push_back([this, id = id] { at_risk(id, [&] { idle_ = !owner(world.at(id)); }); });
    }
    if (choices.empty()) return false;
    idle_ = false;
    const bool only_owners = channels.empty() && notices_.empty();
    choices[random.below(choices.size())]();
    idle_steps_ = idle_ && only_owners ? idle_steps_ + 1 : 0;
    return idle_steps_ < 200;
  }

  void tick(NodeId id) { world.at(id).pump->on_time(world.now); }
  void notify(Node& n, NodeId gone) {
    if (!n.up()) return;
    world.step(n, [&](Core& core, typename Core::Out& out) { core.on_crash(world.now, gone, out); });
  }

  // A step of `id`, in which it may crash: then any part of what it says in this step is lost.
  template <class Step>
  void at_risk(NodeId id, Step&& step) {
    const bool crashes = crashes_left_ > 0 && world.up(id) && random.chance(1, crash_odds_);
    if (!crashes) return step();
    std::vector<typename World::InFlight> before = std::move(world.in_flight);
    world.in_flight = before;
    step();
    const auto said = [&](const auto& m) {
      const auto same = [&](const auto& b) { return b.bytes.data() == m.bytes.data(); };
      return m.from == id && std::none_of(before.begin(), before.end(), same);
    };
    if (while_speaking_ && std::none_of(world.in_flight.begin(), world.in_flight.end(), said)) return;
    --crashes_left_;
    const uint64_t kept_of_four = random.below(5);
    const NodeId reached = random.chance(7, 8) ? any_up_but(id) : NodeId();
    std::erase_if(world.in_flight, [&](const auto& m) {
      return said(m) && !(one_reached_ ? m.to == reached : random.chance(kept_of_four, 4));
    });
    world.crash(world.at(id));
    for (const auto& [other, n] : world.nodes) {
      if (n.up()) notices_.emplace(other, id);
    }
  }

  // Nobody: there is none.
  NodeId any_up_but(NodeId id) {
    std::vector<NodeId> all;
    for (const auto& [other, n] : world.nodes) {
      if (n.up() && other != id) all.push_back(other);
    }
    return all.empty() ? NodeId() : all[random.below(all.size())];
  }

  size_t crashes_left_;
  const NodeId late_;  // its owner gives it something only when nothing else is left; or nobody's
  // In half of the runs whoever crashes does so while it says something, and in half it then reaches one process at
  // most, which knows what nobody else does.
  const bool while_speaking_, one_reached_;
  const uint64_t crash_odds_;
  std::set<std::pair<NodeId, NodeId>> notices_;  // observer, crashed
  bool idle_ = false;
  size_t idle_steps_ = 0;
};

// One instance: every process proposes its own value at some time. Empty: all is well.
class InstanceRun {
 public:
  InstanceRun(uint64_t seed, Agreement agreement)
      : agreement_(agreement), members_(2 + seed % 5), run(seed, members_, [this](NodeId id) {
          return std::make_unique<Flooding>(Config{id, group_of(members_), agreement_, NodeId(1 + id_of_first_)});
        }) {
    run.owner = [this](auto& n) {
      if (n.core().state().round > 0) return false;
      run.world.step(n, [&](Flooding& f, Flooding::Out& out) {
        ensure(f.propose(run.world.now, value_of(n.id), out).ok(), "the first proposal is taken");
      });
      return true;
    };
  }
  static Slice value_of(NodeId id) { return Slice::copy_of("value of " + print(id)); }

  std::string violation() {
    if (!run.run()) return "termination: it goes on and on";
    std::optional<Proposal> agreed;
    for (auto& [id, n] : run.world.nodes) {
      if (n.events.size() > 1) return "integrity: " + print(id) + " decided twice";
      if (n.events.empty()) {
        if (n.up()) return "termination: " + print(id) + " has not decided";
        continue;
      }
      const Proposal& choice = std::get<Chosen>(n.events[0]).choice;
      if (choice.value != value_of(choice.proposer)) return "validity: nobody proposed " + print(choice);
      if (!n.up() && agreement_ == Agreement::kCorrect) continue;
      if (agreed && !(*agreed == choice)) return "agreement: " + print(*agreed) + " and " + print(choice);
      agreed = choice;
    }
    return {};
  }

 private:
  const Agreement agreement_;
  const uint64_t members_;
  const uint64_t id_of_first_ = members_ > 3 ? 2 : 0;

 public:
  FailStopRun<Flooding> run;
};

// A log: commands come at every process. Empty: all is well.
class LogRun {
 public:
  LogRun(uint64_t seed, Agreement agreement)
      : agreement_(agreement), members_(2 + seed % 4), run(seed, members_, [this](NodeId id) {
          LogConfig config{id, group_of(members_), agreement_};
          config.max_batch = 2;
          return std::make_unique<FloodingLog>(config);
        }) {
    run.owner = [this](auto& n) {
      auto& mine = submitted[n.id];
      if (mine.size() >= 12) return false;
      mine.push_back(Slice::copy_of(print(n.id) + " " + std::to_string(mine.size())));
      run.world.step(n, [&](FloodingLog& log, FloodingLog::Out& out) {
        ensure(log.submit(run.world.now, mine.back(), out).ok(), "there is room");
      });
      return true;
    };
  }

  std::vector<Slice> delivered(const std::vector<LogEvent>& events) const {
    std::vector<Slice> all;
    for (const LogEvent& e : events) {
      const auto* d = std::get_if<Delivered>(&e);
      if (d != nullptr) all.insert(all.end(), d->commands.begin(), d->commands.end());
    }
    return all;
  }
  std::string violation() {
    if (!run.run(100'000)) return "termination: it goes on and on";
    std::vector<Slice> longest;
    for (const bool up : {true, false}) {
      if (!up && agreement_ == Agreement::kCorrect) continue;
      for (auto& [id, n] : run.world.nodes) {
        if (n.up() != up) continue;
        const std::vector<Slice> mine = delivered(n.events);
        if (longest.empty() && up) longest = mine;
        if (up && mine != longest) return "agreement: " + print(id) + " delivered " + print(mine) + print(longest);
        if (!std::equal(mine.begin(), mine.end(), longest.begin(),
                        longest.begin() + static_cast<std::ptrdiff_t>(std::min(mine.size(), longest.size()))))
          return "uniform agreement: " + print(id) + " had delivered " + print(mine) + ", the others " + print(longest);
      }
    }
    std::vector<Slice> sorted = longest;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return "a command was delivered twice";
    for (auto& [id, n] : run.world.nodes) {
      for (const Slice& command : submitted[id]) {
        if (n.up() && !std::binary_search(sorted.begin(), sorted.end(), command)) return "lost: " + print(command);
      }
    }
    return {};
  }

  std::map<NodeId, std::vector<Slice>> submitted;

 private:
  const Agreement agreement_;
  const uint64_t members_;

 public:
  FailStopRun<FloodingLog> run;
};

}  // namespace holdfast::flooding
