#include "holdfast/consensus/raft/raft.h"

#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using raft::Raft;

class RaftCast final : public CoreCast<Raft> {
 public:
  explicit RaftCast(Stage& stage) : CoreCast(stage) {
    raft::Config config;
    config.election_timeout = stage.millis("election_timeout_ms");
    config.heartbeat_interval = stage.millis("heartbeat_ms");
    config.max_append_bytes = static_cast<size_t>(stage.number("append_bytes"));
    config.max_inflight_messages = static_cast<size_t>(stage.number("inflight_messages"));
    raft::Membership members;
    members.voters = stage.everyone();
    add_nodes([config, members](const sim::NodeStart& start) {
      raft::Config own = config;
      own.self = start.self;
      own.seed = start.seed;
      return std::make_unique<Raft>(own, members);
    });
    for (auto& n : nodes_) watch(*n);
  }

  Status perform(NodeId who, const Step& step) override {
    input(who, [this, v = step.value](Raft& r, Time now, Out& out) {
      const StatusOr<raft::Index> at = r.propose(now, {Slice::copy_of(v)}, out);
      if (at.ok()) held_[{*at, r.term()}] = v + "." + std::to_string(r.term().value());
    });
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    std::string out;
    const auto& entries = committed_.find(who);
    if (entries != committed_.end()) {
      for (const std::string& e : entries->second) out += (out.empty() ? "" : ", ") + e;
    }
    return out.empty() ? "nothing committed" : "committed " + out;
  }
  // Whatever two have committed at the same place is the same.
  std::map<std::string, Verdict> promises() const override {
    Verdict same = Verdict::kKept;
    for (const auto& [a, mine] : committed_) {
      for (const auto& [b, theirs] : committed_) {
        for (size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i) {
          if (mine[i] != theirs[i]) same = Verdict::kBroken;
        }
      }
    }
    return {{"agreement", same}};
  }

 private:
  void watch(Node& node) {
    node.set_observer([this, id = node.id()](const Raft& r) {
      const bool stands = r.role() == raft::Role::kPreCandidate || r.role() == raft::Role::kCandidate;
      if (stands && !stood_[id]) stage_.times_out(id, "hears no leader: stands");
      stood_[id] = stands;
      const std::string log = log_of(r);
      if (shown_[id] == log) return;
      shown_[id] = log;
      stage_.changes(id, log);
    });
  }
  // What it holds, with the terms: "log no-op.2 x.2".
  std::string log_of(const Raft& r) const {
    std::string out;
    for (raft::Index i = r.first_index(); i <= r.last_index(); ++i) {
      const raft::Term term = r.term_at(i).value_or(raft::Term());
      const auto held = held_.find({i, term});
      out += " " + (held != held_.end() ? held->second : "no-op." + std::to_string(term.value()));
    }
    return out.empty() ? "log empty" : "log" + out;
  }
  void on_event(NodeId who, const raft::Event& event) override {
    if (const auto* committed = std::get_if<raft::Committed>(&event)) {
      for (const raft::Entry& e : committed->entries) {
        if (e.kind != raft::EntryKind::kCommand) continue;
        committed_[who].emplace_back(e.data.view());
        stage_.decides(who, "commits " + std::string(e.data.view()));
      }
    } else if (const auto* role = std::get_if<raft::RoleChanged>(&event)) {
      const bool leads = role->role == raft::Role::kLeader;
      stage_.takes_role(who, leads ? "leader" : "");
      if (leads) stage_.changes(who, "leads term " + std::to_string(role->term.value()));
    }
  }

  std::map<std::pair<raft::Index, raft::Term>, std::string> held_;  // every command that was ever in a log
  std::map<NodeId, std::vector<std::string>> committed_;
  std::map<NodeId, std::string> shown_;
  std::map<NodeId, bool> stood_;
};

}  // namespace

std::unique_ptr<Cast> raft_cast(Stage& stage) { return std::make_unique<RaftCast>(stage); }

}  // namespace holdfast::lab
