// A replicated register, with either choice of the CAP theorem.
#include <algorithm>

#include "holdfast/lab/anywhere.h"
#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"
#include "holdfast/lab/register_calls.h"
#include "holdfast/replica/machine.h"

namespace holdfast::lab {

// Whether a write that had been answered before the read began, and began after the one that was read had been
// answered, is missing from it.
bool RegisterCalls::stale(const Call& read) const {
  Time written;  // when the write that was read had been answered; zero: the initial value
  for (const Call& w : calls_) {
    if (w.write && w.value == read.value) written = w.end;
  }
  return std::any_of(calls_.begin(), calls_.end(), [&](const Call& w) {
    return w.write && w.value != read.value && w.end < read.begin && w.begin > written;
  });
}

std::map<std::string, Verdict> RegisterCalls::promises() const {
  std::map<std::string, Verdict> out = {{"consistency", Verdict::kKept}, {"availability", Verdict::kKept}};
  for (const Call& c : calls_) {
    if (c.refused) {
      out["availability"] = Verdict::kBroken;
    } else if (c.end == Time::never()) {
      if (out["availability"] == Verdict::kKept) out["availability"] = Verdict::kOpen;
    } else if (!c.write && stale(c)) {
      out["consistency"] = Verdict::kBroken;
    }
  }
  return out;
}

namespace {

// --- Consistent: every call goes through a majority ------------------------------------------------------------------

class OneValue : public StateMachine {
 public:
  std::string apply(const Moment&, std::string_view command) override { return value_ = std::string(command); }
  std::string query(std::string_view) const override { return value_; }
  std::string save() const override { return value_; }
  Status restore(std::string_view image) override {
    value_ = std::string(image);
    return absl::OkStatus();
  }

 private:
  std::string value_ = "nothing";
};

// A machine and its state, which must come first.
struct Replicated : private std::unique_ptr<OneValue>, public replica::Machine {
  explicit Replicated(const replica::MachineConfig& config)
      : std::unique_ptr<OneValue>(std::make_unique<OneValue>()), Machine(config, **this) {}
};

class ConsistentCast final : public CoreCast<Replicated> {
 public:
  explicit ConsistentCast(Stage& stage) : CoreCast(stage) {
    replica::MachineConfig config;
    for (const NodeId id : stage.everyone()) config.members.push_back({id, stage.name_of(id)});
    config.request_timeout = stage.millis("request_timeout_ms");
    config.replica.proposal_retry = Duration::millis(20);
    add_nodes([config, &stage](const sim::NodeStart& start) {
      replica::MachineConfig own = config;
      own.replica.consensus.self = start.self;
      own.replica.consensus.seed = start.seed;
      own.replica.consensus.election_timeout = stage.millis("election_timeout_ms");
      own.replica.consensus.heartbeat_interval = own.replica.consensus.election_timeout / 5;
      own.replica.incarnation_hint = start.wall_clock_micros;
      return std::make_unique<Replicated>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    const bool write = step.act == "write";
    const size_t call = calls_.begin(stage_.world_now(), write, step.value);
    stage_.changes(who, write ? "is to write " + step.value : "is asked");
    input(who, [call, write, v = step.value](Replicated& r, Time now, Out& out) {
      write ? r.submit(now, call, v, out) : r.query(now, call, "", out);
    });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    return last_.count(who) > 0 ? last_.at(who) : "has answered nothing";
  }
  std::map<std::string, Verdict> promises() const override { return calls_.promises(); }

 private:
  void on_event(NodeId who, const replica::MachineEvent& event) override {
    if (const auto* role = std::get_if<replica::RoleChanged>(&event)) {
      stage_.takes_role(who, role->leader == who ? "leader" : "");
      const bool stands = role->role == consensus::Role::kPreCandidate || role->role == consensus::Role::kCandidate;
      if (stands && !stood_[who]) stage_.times_out(who, "hears no leader: stands");
      stood_[who] = stands;
    }
    const auto* answer = std::get_if<replica::Answer>(&event);
    if (answer == nullptr) return;
    if (answer->status.ok()) calls_.answered(answer->call, stage_.world_now(), answer->bytes);
    const bool write = calls_.is_write(answer->call);
    if (!answer->status.ok()) {
      calls_.refused(answer->call);
      last_[who] = write ? "refuses: cannot write " + calls_.value(answer->call) : "refuses: cannot read";
      return stage_.times_out(who, last_[who]);
    }
    last_[who] = (write ? "has written " : "reads ") + calls_.value(answer->call);
    stage_.decides(who, last_[who]);
  }
  RegisterCalls calls_;
  std::map<NodeId, std::string> last_;
  std::map<NodeId, bool> stood_;
};

// --- Available: every call is answered where it is made --------------------------------------------------------------

class AvailableCast final : public CoreCast<anywhere::Register> {
 public:
  explicit AvailableCast(Stage& stage) : CoreCast(stage) {
    anywhere::Config config;
    config.all = stage.everyone();
    add_nodes([config](const sim::NodeStart& start) {
      anywhere::Config own = config;
      own.self = start.self;
      return std::make_unique<anywhere::Register>(own);
    });
  }

  Status perform(NodeId who, const Step& step) override {
    const Time now = stage_.world_now();
    if (step.act == "write") {
      calls_.answered(calls_.begin(now, true, step.value), now, "");
      stage_.decides(who, "has written " + step.value);
      input(who, [v = step.value](anywhere::Register& r, Time t, Out& out) { r.write(t, Slice::copy_of(v), out); });
    } else {
      if (core(who) == nullptr) return absl::OkStatus();
      const std::string value = core(who)->read().empty() ? "nothing" : std::string(core(who)->read().view());
      calls_.answered(calls_.begin(now, false, ""), now, value);
      stage_.decides(who, "reads " + value);
    }
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override { return "holds " + std::string(core(who)->read().view()); }
  std::map<std::string, Verdict> promises() const override { return calls_.promises(); }

 private:
  void on_event(NodeId who, const anywhere::Event& event) override {
    stage_.changes(who, "now holds " + std::string(std::get<anywhere::Changed>(event).value.view()));
  }
  RegisterCalls calls_;
};

}  // namespace

std::unique_ptr<Cast> consistent_register_cast(Stage& stage) { return std::make_unique<ConsistentCast>(stage); }
std::unique_ptr<Cast> available_register_cast(Stage& stage) { return std::make_unique<AvailableCast>(stage); }

}  // namespace holdfast::lab
