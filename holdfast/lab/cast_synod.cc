#include "holdfast/consensus/synod/member.h"

#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using synod::Member;

class SynodCast final : public CoreCast<Member> {
 public:
  explicit SynodCast(Stage& stage) : CoreCast(stage) {
    synod::Config config;
    // The first ones only propose when there are fewer acceptors than processes.
    const std::vector<NodeId> all = stage.everyone();
    const int64_t acceptors = stage.number("acceptors");
    config.acceptors.assign(all.end() - acceptors, all.end());
    config.learners = all;
    config.leadership =
        stage.text("leader") == "oracle" ? synod::Leadership::kOracle : synod::Leadership::kAnyone;
    config.resend = stage.millis("resend_ms");
    config.backoff_first = stage.millis("backoff_ms");
    config.backoff_last = config.backoff_first * 8;
    config.ask_interval = Duration();
    add_nodes([config](const sim::NodeStart& start) {
      synod::Config own = config;
      own.self = start.self;
      own.seed = start.seed;
      return std::make_unique<Member>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    if (step.act == "propose") {
      decisions_.proposed(step.value);
      input(who, [v = step.value](Member& m, Time now, Out& out) { m.propose(now, Slice::copy_of(v), out); });
      return absl::OkStatus();
    }
    const std::optional<NodeId> found = stage_.find(step.value);
    if (!found && !step.value.empty()) return wrong_value(step, "the name of a process, or empty");
    const NodeId leader = found.value_or(NodeId{});
    stage_.changes(who, step.value.empty() ? "trusts nobody" : "trusts " + step.value);
    input(who, [leader](Member& m, Time now, Out& out) { m.trust(now, leader, out); });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    const std::string* value = decisions_.of(who);
    return value == nullptr ? "undecided" : "decides " + *value;
  }
  std::map<std::string, Verdict> promises() const override { return decisions_.promises(survivors()); }

 private:
  void on_event(NodeId who, const synod::Event& event) override {
    const std::string value(std::get<synod::Decided>(event).value.view());
    decisions_.decided(who, value);
    stage_.decides(who, "decides " + value);
  }
  Decisions decisions_;
};

}  // namespace

std::unique_ptr<Cast> synod_cast(Stage& stage) { return std::make_unique<SynodCast>(stage); }

}  // namespace holdfast::lab
