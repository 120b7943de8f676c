#include "holdfast/consensus/flooding/flooding.h"

#include <algorithm>

#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using flooding::Flooding;

class FloodingCast final : public CoreCast<Flooding> {
 public:
  explicit FloodingCast(Stage& stage) : CoreCast(stage) {
    add_nodes([all = stage.everyone()](const sim::NodeStart& start) {
      flooding::Config config;
      config.self = start.self;
      config.group = all;
      return std::make_unique<Flooding>(config);
    });
    for (auto& n : nodes_) watch(*n);
  }

  Status perform(NodeId who, const Step& step) override {
    if (step.act == "propose") {
      decisions_.proposed(step.value);
      input(who, [value = step.value](Flooding& f, Time now, Out& out) {
        f.propose(now, Slice::copy_of(value), out).IgnoreError();
      });
      return absl::OkStatus();
    }
    const std::optional<NodeId> found = stage_.find(step.value);
    if (!found || *found == who) return wrong_value(step, "the name of another process");
    const NodeId gone = *found;
    stage_.suspects(who, "is told that " + step.value + " has crashed");
    input(who, [gone](Flooding& f, Time now, Out& out) { f.on_crash(now, gone, out); });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    const std::string* value = decisions_.of(who);
    return value == nullptr ? "undecided" : "decides " + *value;
  }
  std::map<std::string, Verdict> promises() const override { return decisions_.promises(survivors()); }

 private:
  // Who begins another round does not know enough to decide.
  void watch(Node& node) {
    node.set_observer([this, id = node.id()](const Flooding& f) {
      if (f.state().choice || f.state().round <= std::max<uint64_t>(rounds_[id], 1)) return;
      rounds_[id] = f.state().round;
      stage_.changes(id, "must not decide yet: round " + std::to_string(rounds_[id]));
    });
  }
  void on_event(NodeId who, const flooding::Event& event) override {
    if (const auto* chosen = std::get_if<flooding::Chosen>(&event)) {
      const std::string value(chosen->choice.value.view());
      decisions_.decided(who, value);
      stage_.decides(who, "decides " + value);
    } else {
      stage_.changes(who, "has no part any more");
    }
  }
  Decisions decisions_;
  std::map<NodeId, uint64_t> rounds_;
};

}  // namespace

std::unique_ptr<Cast> flooding_cast(Stage& stage) { return std::make_unique<FloodingCast>(stage); }

}  // namespace holdfast::lab
