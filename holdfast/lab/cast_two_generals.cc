#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"
#include "holdfast/lab/two_generals.h"

namespace holdfast::lab {
namespace {

using two_generals::General;

class TwoGenerals final : public CoreCast<General> {
 public:
  explicit TwoGenerals(Stage& stage) : CoreCast(stage) {
    two_generals::Config config;
    config.messages = static_cast<uint64_t>(stage.number("messages"));
    config.dawn = stage.millis("dawn_ms");
    add_nodes([config](const sim::NodeStart& start) {
      two_generals::Config own = config;
      own.other = NodeId(3 - start.self.value());
      return std::make_unique<General>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    input(who, [plan = step.value](General& g, Time, Out& out) { g.plan(Slice::copy_of(plan), out); });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    const std::string* done = decisions_.of(who);
    return done == nullptr ? "waits" : *done;
  }
  std::map<std::string, Verdict> promises() const override {
    auto out = decisions_.promises(stage_.everyone());
    out.erase("validity");
    return out;
  }

 private:
  void on_event(NodeId who, const two_generals::Event& event) override {
    const bool attacks = std::holds_alternative<two_generals::Attacks>(event);
    decisions_.decided(who, attacks ? "attacks" : "stays at home");
    stage_.decides(who, attacks ? "attacks" : "stays at home");
  }
  Decisions decisions_;
};

}  // namespace

std::unique_ptr<Cast> two_generals_cast(Stage& stage) { return std::make_unique<TwoGenerals>(stage); }

}  // namespace holdfast::lab
