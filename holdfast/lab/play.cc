#include "holdfast/lab/play.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "holdfast/lab/check.h"
#include "holdfast/lab/story.h"
#include "holdfast/sim/trace_chart.h"

namespace holdfast::lab {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : ", ") + n;
  return out;
}

std::string verdict_text(Verdict v) { return v == Verdict::kKept ? "kept" : v == Verdict::kBroken ? "broken" : "open"; }

// Nobody reads more; and no scenario may keep the program busy for ever.
constexpr uint64_t kMostEvents = 200'000;

}  // namespace

std::string describe(Verdict v) {
  return v == Verdict::kKept ? "kept" : v == Verdict::kBroken ? "BROKEN" : "open: not within this time";
}

namespace {

class Director {
 public:
  Director(const Scenario& scenario, const MakeCast& make)
      : stage_(scenario), story_(stage_), chart_(scenario.title, window()) {
    stage_.net().set_steering([this](NodeId from, NodeId to, const Slice& bytes) { return steer(from, to, bytes); });
    stage_.world().trace().listen([this](Time at, NodeId who, std::string_view kind, std::string_view text) {
      if (const auto m = sim::message_in(text); m && kind == "send") kinds_.insert(sim::type_of(m->what));
      story_.note(at, who, kind, text);
      // Everybody is there from the beginning: no need to draw it.
      if (kind != "start" || at > Time()) chart_.note(at, who, kind, text);
    });
    cast_ = make(stage_);
    processes_ = cast_->processes();
  }

  StatusOr<Performance> run() {
    for (sim::Process* p : processes_) p->start();
    for (const Step& step : stage_.scenario().steps) {
      stage_.world().at(step.at, [this, &step] { act(step); });
    }
    const auto over = [this] { return !wrong_.ok() || stage_.world().events() >= kMostEvents; };
    stage_.world().run_until(stage_.scenario().until, over);
    if (!wrong_.ok()) return wrong_;
    if (stage_.world().events() >= kMostEvents) return too_long();
    Performance out;
    out.story = story_.take();
    out.messages = story_.messages();
    for (const NodeId id : stage_.everyone()) {
      const sim::Process& p = *processes_.at(id.value() - 1);
      out.states[stage_.name_of(id)] = p.up() ? cast_->state_of(id) : "down";
    }
    out.promises = cast_->promises();
    for (const sim::Violation& v : stage_.world().violations())
      out.surprises.push_back(v.oracle + ": " + v.explanation);
    compare(out);
    warn_of_rules();
    out.warnings = std::move(warnings_);
    out.picture = chart_.chart("holdfast lab run " + stage_.scenario().name);
    for (const NodeId id : stage_.everyone()) out.picture.end(id, out.states[stage_.name_of(id)]);
    for (const auto& [promise, verdict] : out.promises) {
      out.picture.conclude(promise + ": " + describe(verdict), verdict == Verdict::kKept     ? diagram::Colour::kGood
                                                               : verdict == Verdict::kBroken ? diagram::Colour::kBad
                                                                                             : diagram::Colour::kOpen);
    }
    return out;
  }

 private:
  Status too_long() const {
    return absl::InvalidArgumentError(stage_.scenario().name + ": more than " + std::to_string(kMostEvents) +
                                      " things happen until " + std::to_string(stage_.world_now().nanos() / 1'000'000) +
                                      " ms: end it earlier (until_ms), or make messages (latency_ms) or timeouts longer");
  }
  sim::ChartOptions window() const {
    sim::ChartOptions o;
    o.to = stage_.scenario().until;
    o.omit.clear();
    for (const std::string& kind : stage_.scenario().hide) o.omit.insert(kind);
    for (const NodeId id : stage_.everyone()) o.names[id] = stage_.name_of(id);
    return o;
  }

  bool covers(const MessageRule& r, NodeId from, NodeId to) const {
    const auto among = [&](const std::vector<std::string>& names, NodeId id) {
      return names.empty() || std::count(names.begin(), names.end(), stage_.name_of(id)) > 0;
    };
    const Time now = stage_.world_now();
    return r.after <= now && now < r.before && among(r.from, from) && among(r.to, to);
  }
  sim::Steering steer(NodeId from, NodeId to, const Slice& bytes) {
    sim::Steering out;
    const auto& rules = stage_.scenario().messages;
    for (size_t i = 0; i < rules.size(); ++i) {
      const MessageRule& r = rules[i];
      if (!covers(r, from, to)) continue;
      if (!r.kind.empty() && sim::type_of(stage_.net().describe(from, to, bytes)) != r.kind) continue;
      met_.insert(i);
      out.lose |= r.lose;
      out.later = std::max(out.later, r.later);
    }
    return out;
  }

  void warn_of_rules() {
    const auto& rules = stage_.scenario().messages;
    for (size_t i = 0; i < rules.size(); ++i) {
      if (met_.contains(i)) continue;
      const bool strange = !rules[i].kind.empty() && !kinds_.contains(rules[i].kind);
      const std::string why = strange ? "nobody sent a " + rules[i].kind + "; there were " +
                                            listed({kinds_.begin(), kinds_.end()})
                                      : "no message of those processes was sent in that time";
      warnings_.push_back("line " + std::to_string(rules[i].line) + ", [[message]]: it met no message: " + why);
    }
  }
  void warn(const Step& step, const std::string& who, const std::string& what) {
    warnings_.push_back("line " + std::to_string(step.line) + ", step \"" + step.act + "\" of " + who + ": " + what);
  }

  void act(const Step& step) {
    if (!step.say.empty()) {
      story_.say(step.at, step.say);
      stage_.world().trace().show(step.at, NodeId{}, "say", step.say);
    }
    if (step.act.empty()) return;
    if (step.act == "cut") return cut(step);
    if (step.act == "heal") {
      stage_.net().remove_all_faults();
      return stage_.world().trace().show(step.at, NodeId{}, "heal", "the network is whole again");
    }
    for (const std::string& name : step.who) {
      const NodeId id = stage_.id_of(name);
      const Status done = act_on(*processes_.at(id.value() - 1), id, step);
      if (!done.ok() && wrong_.ok()) wrong_ = located(step, name, done);
    }
  }
  Status located(const Step& step, const std::string& who, const Status& what) const {
    return absl::InvalidArgumentError(stage_.scenario().name + ": line " + std::to_string(step.line) + ", step \"" +
                                      step.act + "\" of " + who + ": " + std::string(what.message()));
  }
  Status act_on(sim::Process& p, NodeId id, const Step& step) {
    const bool idle = step.act == "restart" ? p.up() : !p.up();
    if (idle) warn(step, stage_.name_of(id), p.up() ? "it is running" : "it is down, and does nothing");
    if (step.act == "resume" && !p.paused()) warn(step, stage_.name_of(id), "it does not stand still");
    if (step.act == "crash") {
      if (p.up()) p.crash("crash");
    } else if (step.act == "restart") {
      if (!p.up()) p.start();
    } else if (step.act == "clock") {
      int64_t rate = 0;
      const char* end = step.value.data() + step.value.size();
      if (std::from_chars(step.value.data(), end, rate).ptr != end || rate < 1 || rate > 1000) {
        return absl::InvalidArgumentError("its value must be from 1 to 1000, not \"" + step.value +
                                          "\": how many times as fast its clock goes");
      }
      p.set_clock_rate(rate * 1'000'000);
    } else if (step.act == "pause") {
      p.pause();
    } else if (step.act == "resume") {
      if (p.paused()) p.resume();
    } else {
      return cast_->perform(id, step);
    }
    return absl::OkStatus();
  }
  void cut(const Step& step) {
    std::vector<std::string> apart = step.apart;
    for (const std::string& name : stage_.scenario().processes) {
      if (step.apart.empty() && std::count(step.who.begin(), step.who.end(), name) == 0) apart.push_back(name);
    }
    const auto among = [this](const std::vector<std::string>& names, NodeId id) {
      return std::count(names.begin(), names.end(), stage_.name_of(id)) > 0;
    };
    sim::LinkEffect effect;
    effect.cut = true;
    stage_.net().add_fault(
        [=, who = step.who](NodeId from, NodeId to) {
          return (among(who, from) && among(apart, to)) || (among(who, to) && among(apart, from));
        },
        effect);
    stage_.world().trace().show(step.at, NodeId{}, "cut", "cut: " + listed(step.who) + " | " + listed(apart));
  }

  void compare(Performance& out) const {
    for (const auto& [who, wanted] : stage_.scenario().expect) {
      if (out.states.at(who) != wanted) {
        out.surprises.push_back(who + " " + out.states.at(who) + ", and should: " + wanted);
      }
    }
    for (const auto& [promise, wanted] : stage_.scenario().promises) {
      const auto found = out.promises.find(promise);
      const std::string came = found == out.promises.end() ? "unknown to this protocol" : verdict_text(found->second);
      if (came != wanted) out.surprises.push_back(promise + " is " + came + ", and should be " + wanted);
    }
  }

  Stage stage_;
  Story story_;
  sim::TraceChart chart_;
  std::unique_ptr<Cast> cast_;
  std::vector<sim::Process*> processes_;
  Status wrong_;
  std::set<std::string> kinds_;  // of messages that were sent
  std::set<size_t> met_;         // rules that a message met
  std::vector<std::string> warnings_;
};

}  // namespace

StatusOr<Performance> play(const Scenario& scenario) {
  const auto& known = protocols();
  const auto protocol =
      std::find_if(known.begin(), known.end(), [&](const Protocol& p) { return p.name == scenario.protocol; });
  if (protocol == known.end()) {
    std::vector<std::string> names;
    for (const Protocol& p : known) names.push_back(p.name);
    return absl::InvalidArgumentError(scenario.name + ": there is no protocol named \"" + scenario.protocol +
                                      "\"; there are " + listed(names));
  }
  if (Status allowed = check(scenario, *protocol); !allowed.ok()) return allowed;
  return Director(completed(scenario, *protocol), protocol->make).run();
}

}  // namespace holdfast::lab
