#include "holdfast/commit/site.h"

#include <algorithm>

#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using commit::Site;

// One transaction. The first process coordinates, all others take part.
class TwoPhaseCommitCast final : public CoreCast<Site> {
 public:
  explicit TwoPhaseCommitCast(Stage& stage) : CoreCast(stage) {
    commit::Config config;
    config.vote_timeout = stage.millis("vote_timeout_ms");
    config.prepare_timeout = config.vote_timeout;
    config.decision_timeout = stage.millis("decision_timeout_ms");
    config.resend_first = config.decision_timeout;
    config.resend_last = config.decision_timeout * 2;
    stage.net().set_tap([this](NodeId from, NodeId, const Slice& bytes) { watch(from, bytes); });
    for (const NodeId id : stage.everyone()) state_[id] = id == NodeId(1) ? "coordinates" : "knows of nothing";
    add_nodes([config](const sim::NodeStart& start) {
      commit::Config own = config;
      own.self = start.self;
      return std::make_unique<Site>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    if (step.act == "begin") {
      if (who != NodeId(1)) return wrong_process("the coordinator is the first process");
      if (begun_) return absl::InvalidArgumentError("there is one transaction, and it has begun already");
      begun_ = true;
      begun_at_ = stage_.world_now();
      std::vector<commit::Part> parts;
      for (const NodeId id : stage_.everyone()) {
        if (id != who) parts.push_back({id, Slice::copy_of(step.value)});
      }
      input(who, [this, parts](Site& s, Time now, Out& out) {
        if (const auto txn = s.begin(now, parts, out); txn.ok()) txn_ = *txn;
      });
      return absl::OkStatus();
    }
    if (who == NodeId(1)) return wrong_process("the participants vote, which are all processes but the first");
    votes_[who] = step.value == "yes";
    if (asked_.count(who) > 0) answer(who);
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override { return state_.at(who); }
  std::map<std::string, Verdict> promises() const override {
    std::map<std::string, Verdict> out = outcomes_.promises({});
    out.erase("validity");
    bool over = true;
    for (const NodeId id : stage_.everyone()) over &= id == NodeId(1) || outcomes_.of(id) != nullptr;
    out["termination"] = over ? Verdict::kKept : Verdict::kOpen;
    return out;
  }

 private:
  // Who asks has waited for the decision in vain. It asks several at once: one mark.
  void watch(NodeId from, const Slice& bytes) {
    const StatusOr<commit::Wire> wire = codec::decode<commit::Wire>(bytes);
    if (!wire.ok() || !std::holds_alternative<commit::DecisionRequest>(*wire)) return;
    const Time now = stage_.world_now();
    if (const auto last = asked_at_.find(from); last != asked_at_.end() && last->second == now) return;
    asked_at_[from] = now;
    stage_.times_out(from, "still in doubt: asks");
  }
  void set(NodeId who, const std::string& state) {
    state_[who] = state;
    stage_.changes(who, state);
  }
  void answer(NodeId who) {
    const bool yes = votes_.at(who);
    state_[who] = yes ? "in doubt" : "voted no";
    stage_.changes(who, yes ? "votes yes: in doubt" : "votes no");
    input(who, [txn = txn_, yes](Site& s, Time now, Out& out) { s.vote(now, txn, yes, Slice::copy_of("undo"), out); });
  }
  void on_event(NodeId who, const commit::SiteEvent& event) override {
    if (const auto* prepare = std::get_if<commit::Prepare>(&event)) {
      txn_ = prepare->txn;
      asked_[who] = true;
      if (votes_.count(who) > 0) {
        answer(who);
      } else {
        set(who, "is asked to vote");
      }
    } else if (std::holds_alternative<commit::InDoubt>(event)) {
      set(who, "in doubt");
    } else if (std::holds_alternative<commit::Commit>(event)) {
      finish(who, "commits");
    } else if (std::holds_alternative<commit::Abort>(event)) {
      finish(who, "aborts");
    } else if (const auto* decided = std::get_if<commit::Decided>(&event)) {
      const bool commits = decided->outcome == commit::Outcome::kCommit;
      if (!commits && gave_up()) stage_.times_out(who, "has waited in vain for votes");
      state_[who] = commits ? "has decided to commit" : "has decided to abort";
      stage_.decides(who, state_[who]);
      outcomes_.decided(who, commits ? "commits" : "aborts");
    }
  }
  // The coordinator aborts because votes are missing: nobody has voted no, and its time is over.
  bool gave_up() const {
    const bool refused = std::any_of(votes_.begin(), votes_.end(), [](const auto& v) { return !v.second; });
    return !refused && stage_.world_now() - begun_at_ >= stage_.millis("vote_timeout_ms");
  }
  void finish(NodeId who, const std::string& outcome) {
    if (outcomes_.of(who) != nullptr) return;
    state_[who] = outcome;
    outcomes_.decided(who, outcome);
    stage_.decides(who, outcome);
    input(who, [txn = txn_](Site& s, Time now, Out& out) { s.done(now, txn, out); });
  }

  bool begun_ = false;
  Time begun_at_;
  std::map<NodeId, Time> asked_at_;
  commit::TxnId txn_;
  std::map<NodeId, bool> votes_, asked_;
  std::map<NodeId, std::string> state_;
  Decisions outcomes_;
};

}  // namespace

std::unique_ptr<Cast> two_phase_commit_cast(Stage& stage) { return std::make_unique<TwoPhaseCommitCast>(stage); }

}  // namespace holdfast::lab
