#include "holdfast/sim/store_run.h"

#include <algorithm>
#include <deque>

#include "holdfast/base/mark.h"
#include "holdfast/base/print.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/sim/check/lease_check.h"
#include "holdfast/sim/check/linearizability.h"
#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/injector.h"
#include "holdfast/sim/store_cluster.h"

namespace holdfast::sim {
namespace {

// Time for progress: ten election timeouts, and forty of the slowest steps, of which elections and calls consist.
constexpr int kProgressTimeouts = 10;
constexpr int kProgressSteps = 40;

class StoreRun {
 public:
  StoreRun(const RunSpec& spec, const Trace::Sink& sink, Telling telling)
      : spec_(spec),
        budget_(budget_of(spec)),
        world_(spec.seed),
        cluster_(prepared(world_, sink), spec.store, spec.workload),
        injector_(cluster_) {
    if (telling == Telling::kWords) cluster_.print_in_words();
  }

  RunResult run() {
    cluster_.start_members();
    cluster_.start_clients();
    cluster_.start_operator();
    injector_.schedule(spec_.plan);
    world_.run_until(Time() + spec_.faults);
    healing();
    failing_once_more();
    settling();
    if (!world_.violated()) judge();
    return result();
  }

 private:
  static World& prepared(World& world, const Trace::Sink& sink) {
    if (sink) world.trace().listen(sink);
    return world;
  }

  // --- Healing ---

  struct Probe {
    StoreMember* member;
    Caller* caller;
    bool wrote = false, read = false;
  };

  void healing() {
    if (world_.violated()) return;
    cluster_.stop_operator();
    injector_.heal();
    healed_ = world_.now();
    // Those that are learners or being removed at first may turn out otherwise: the probes find out as they go.
    all_serve(cluster_.due(), time_for_progress(), "after the last fault was healed");
  }
  // Each of these serves a write and a read.
  void all_serve(const std::vector<StoreMember*>& members, Duration limit, const std::string& when) {
    probes_end_ = world_.now() + limit;
    for (StoreMember* m : members) probes_.push_back({m, &cluster_.extra_caller()});
    for (Probe& p : probes_) probe(p);
    const bool served = world_.run_until(probes_end_, [&] { return probes_served(); });
    if (!served && !world_.violated() && budget_.within) no_progress(to_text(limit) + " " + when);
    // Nobody waits any longer.
    for (Probe& p : probes_) p.read = true;
  }

  // A group that has healed can afford as many failures as one that is new: nobody of those that are there is idle.
  void failing_once_more() {
    if (world_.violated() || !budget_.within) return;
    std::vector<StoreMember*> there = cluster_.due();
    Random random = world_.stream("failing once more", 0);
    const size_t most = affordable(there);
    std::vector<StoreMember*> down;
    while (down.size() < most) {
      const auto at = there.begin() + static_cast<std::ptrdiff_t>(random.below(there.size()));
      down.push_back(*at);
      there.erase(at);
    }
    if (down.empty()) return;
    mark<"sim.failing_once_more">();
    for (StoreMember* m : down) m->node().crash("once more");
    // The next leaders may be among those that are down, and each is given its time.
    all_serve(there, time_for_progress() * 2,
              "after " + std::to_string(most) + " of the members that had healed crashed");
    for (StoreMember* m : down) m->node().start();
    healed_ = world_.now();
  }
  // How many of them the group can do without.
  size_t affordable(const std::vector<StoreMember*>& there) {
    if (there.empty() || there.front()->service() == nullptr) return 0;
    const consensus::Membership& membership = there.front()->service()->replica().membership();
    const Bound bound = spec_.store.engine == replica::EngineKind::kPbft ? Bound::kThird : Bound::kMinority;
    const size_t voters = membership.voters.size();
    for (const StoreMember* m : there) {
      // A disk that forgot makes a member of PBFT silent for long; those that are to go may be gone at any time.
      if (!m->node().storage_trusted() || m->service() == nullptr || !membership.is_voter(m->id())) return 0;
      if (m->service()->replica().membership() != membership) return 0;
    }
    const size_t missing = voters - there.size();
    return membership.joint() || missing > tolerated(bound, voters) ? 0 : tolerated(bound, voters) - missing;
  }
  bool excused(const Probe& p) {
    const std::vector<StoreMember*> due = cluster_.due();
    return std::find(due.begin(), due.end(), p.member) == due.end();
  }
  bool probes_served() {
    for (const Probe& p : probes_) {
      if (!p.read && !excused(p)) return false;
    }
    return true;
  }
  Duration time_for_progress() const {
    const StoreConfig& s = spec_.store;
    return s.election_timeout * kProgressTimeouts + (s.max_delay + s.pace.max_sync) * kProgressSteps;
  }
  void probe(Probe& p) {
    if (p.read || world_.now() > probes_end_) return;
    const Slice key = Slice::take("probe/" + std::to_string(p.member->id().value()));
    store::Request request = store::RangeRequest{key};
    if (!p.wrote) request = store::PutRequest{key, Slice::take("p" + std::to_string(++probe_values_))};
    p.caller->call(p.member->id(), std::move(request), false, spec_.store.election_timeout * 2,
                   [this, &p](const store::Request&, const store::Response* response) {
                     const bool ok = response != nullptr && !std::holds_alternative<store::Refused>(*response);
                     if (ok) (p.wrote ? p.read : p.wrote) = true;
                     world_.after(Duration::millis(10), [this, &p] { probe(p); });
                   });
  }
  void no_progress(const std::string& within) {
    std::string text = "no progress within " + within + ":";
    for (const Probe& p : probes_) {
      if (!p.read && !excused(p)) {
        text +=
            "\n  " + to_text(p.member->id()) + (p.wrote ? " served no read" : " served no write") + describe(*p.member);
      }
    }
    for (const auto& m : cluster_.members()) text += "\n  " + to_text(m->id()) + describe(*m);
    world_.violate("LIVE", text);
  }
  std::string describe(const StoreMember& m) const {
    std::string text = ", " + print(m.node().life());
    if (m.service() == nullptr) return text + " (" + m.node().last_words() + ")";
    const replica::Replica& r = m.service()->replica();
    return text + ", " + print(r.role()) + " in " + to_text(r.term()) + ", leader " + to_text(r.leader()) + ", last " +
           to_text(r.engine() == nullptr ? r.applied_index() : r.engine()->last_index()) + ", commit " +
           to_text(r.commit_index()) + ", applied " + to_text(r.applied_index()) + ", members " +
           print(r.membership()) + (m.removed ? ", removed" : "");
  }

  // --- Settling ---

  void settling() {
    if (world_.violated()) return;
    world_.run_until(world_.now() + spec_.store.election_timeout * 2);
    cluster_.stop_clients();
    // The longest lease of the workload, what is left of it in the worst case, and its revocation.
    if (has_leases()) {
      world_.run_until(healed_ + Duration::seconds(kLongestLease) + kLeaseGrace + Duration::millis(200));
    }
    world_.run_until(world_.now() + spec_.workload.patience);
    const Time limit = world_.now() + time_for_progress();
    const bool agreed = world_.run_until(limit, [&] { return agreed_now(); });
    if (!agreed && !world_.violated() && budget_.within) {
      std::string text = "members did not come to the same state after the clients had stopped:";
      for (const auto& m : cluster_.members()) text += "\n  " + to_text(m->id()) + describe(*m);
      world_.violate("LIVE", text);
    }
    world_.run_until(world_.now() + Duration::millis(1500));
    cluster_.stop_watchers();
  }
  bool has_leases() {
    for (const auto& m : cluster_.members()) {
      if (m->service() != nullptr && m->service()->store().has_leases()) return true;
    }
    return false;
  }
  bool agreed_now() {
    const std::vector<StoreMember*> due = cluster_.due();
    for (const StoreMember* m : due) {
      if (m->service() == nullptr || m->service()->replica().applied_index() != cluster_.oracle().highest_applied()) {
        return false;
      }
    }
    return true;
  }

  // --- Judgement ---

  void judge() {
    const check::TrueLog& log = cluster_.oracle().log();
    const check::History& history = cluster_.recorder().history();
    const check::RevisionReport report = check::check_revisions(history, log);
    if (found(report.finding)) return;
    if (found(check::check_linearizability(history, &gave_up_))) return;
    if (gave_up_ > 0) mark<"sim.check.linearizability_gave_up">();
    for (const check::WatchSession& session : cluster_.recorder().watches()) {
      if (found(check::check_watch(session, log))) return;
    }
    if (!budget_.within) return;
    check::LeaseBounds bounds;
    bounds.fastest_clock_ppm = 1'047'000;
    bounds.healed = healed_;
    bounds.end = world_.now();
    bounds.grace = kLeaseGrace;
    found(check::check_leases(history, log, report.expiries, bounds));
  }
  bool found(const check::Finding& finding) {
    if (finding) world_.violate(finding.oracle, finding.explanation);
    return static_cast<bool>(finding);
  }

  RunResult result() {
    RunResult r;
    r.seed = spec_.seed;
    r.violations = world_.violations();
    r.trace_hash = world_.trace().hash();
    r.events = world_.events();
    r.calls = cluster_.recorder().history().size();
    r.answered = cluster_.recorder().succeeded();
    r.revisions = cluster_.oracle().log().last().value();
    r.terms = cluster_.oracle().highest_term().value();
    r.lies = cluster_.liars().told();
    r.ended = world_.now();
    r.budget = budget_;
    r.struck = injector_.struck();
    return r;
  }

  static constexpr int64_t kLongestLease = 4;
  static constexpr Duration kLeaseGrace = Duration::millis(1500);
  RunSpec spec_;
  const Budget budget_;
  World world_;
  StoreCluster cluster_;
  Injector injector_;
  std::deque<Probe> probes_;
  Time probes_end_;
  uint64_t probe_values_ = 0;
  Time healed_;
  size_t gave_up_ = 0;
};

}  // namespace

RunResult run_store(const RunSpec& spec, const Trace::Sink& sink, Telling telling) {
  return StoreRun(spec, sink, telling).run();
}

Budget budget_of(const RunSpec& spec) {
  const Tolerance tolerance = tolerance_of(spec.store.engine, spec.store.read_mode);
  return judge(tolerance, spec.store.members, strikes(spec.plan, spec.store.members));
}

std::string describe(const RunSpec& spec) {
  const StoreConfig& s = spec.store;
  std::string text = std::to_string(s.members) + " members" +
                     (s.engine == replica::EngineKind::kRaft ? "" : " by " + std::string(replica::name_of(s.engine))) +
                     ", reads by " + print(s.read_mode) + ", a snapshot every " + std::to_string(s.snapshot_count) +
                     " entries, segments of " + std::to_string(s.segment_bytes) + " bytes, " +
                     std::to_string(s.power_failures / 10) + "% of crashes are power failures\n" +
                     std::to_string(spec.workload.clients) + " clients, " + std::to_string(spec.workload.watchers) +
                     " watchers, " + std::to_string(spec.workload.keys) + " keys" +
                     (spec.workload.change_members ? ", members change" : "") + "; asks:";
  for (size_t i = 0; i < kAsks; ++i) {
    if (spec.workload.weights[i] == 0) continue;
    text += " " + std::string(ask_name(static_cast<Ask>(i))) + "=" + std::to_string(spec.workload.weights[i]);
  }
  for (const Fault& f : spec.plan.faults) text += "\n" + describe(f) + " (" + to_text(info(f.kind).failure) + ")";
  const Budget budget = budget_of(spec);
  text += budget.within ? "\nwithin the budget: "
          : budget.safe ? "\nabove the budget, only safety is demanded: "
                        : "\nabove the budget, not even safety is promised: ";
  return text + budget.why + "\n";
}

}  // namespace holdfast::sim
