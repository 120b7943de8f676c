#include "holdfast/lab/ben_or.h"
#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using ben_or::Process;

class BenOr final : public CoreCast<Process> {
 public:
  explicit BenOr(Stage& stage) : CoreCast(stage) {
    ben_or::Config config;
    config.all = stage.everyone();
    config.crashes = static_cast<size_t>(stage.number("crashes"));
    config.rule = stage.text("rule") == "coin" ? ben_or::Rule::kCoin : ben_or::Rule::kKeep;
    config.patience = stage.millis("patience_ms");
    add_nodes([config](const sim::NodeStart& start) {
      ben_or::Config own = config;
      own.self = start.self;
      own.seed = start.seed;
      return std::make_unique<Process>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    decisions_.proposed(step.value);
    input(who, [bit = step.value == "1"](Process& p, Time now, Out& out) { p.propose(now, bit ? 1 : 0, out); });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    const std::string* bit = decisions_.of(who);
    return bit == nullptr ? "undecided" : "decides " + *bit;
  }
  std::map<std::string, Verdict> promises() const override { return decisions_.promises(survivors()); }

 private:
  void on_event(NodeId who, const ben_or::Event& event) override {
    if (const auto* chosen = std::get_if<ben_or::Chosen>(&event)) {
      decisions_.decided(who, std::to_string(chosen->bit));
      stage_.decides(who, "decides " + std::to_string(chosen->bit));
    } else if (const auto* next = std::get_if<ben_or::NextRound>(&event)) {
      stage_.changes(who, "round " + std::to_string(next->round) + ", holds " + std::to_string(next->bit));
    }
  }
  Decisions decisions_;
};

}  // namespace

std::unique_ptr<Cast> ben_or_cast(Stage& stage) { return std::make_unique<BenOr>(stage); }

}  // namespace holdfast::lab
