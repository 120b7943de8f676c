#include "holdfast/sim/scenario.h"

#include "holdfast/replica/engine_name.h"
#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/toml_table.h"

namespace holdfast::sim {
namespace {

constexpr size_t kMostNodes = 100;

Status invalid(const std::string& what) { return absl::InvalidArgumentError(what); }

void read_cluster(const toml::table& raw, StoreConfig& c, Status& status) {
  TomlTable t(raw, "[cluster]", status);
  t.number("members", c.members, 1, 9);
  t.millis("heartbeat_ms", c.heartbeat);
  t.millis("election_timeout_ms", c.election_timeout);
  t.number("snapshot_count", c.snapshot_count, 1);
  t.number("catch_up_entries", c.catch_up_entries);
  t.number("snapshot_chunk_bytes", c.snapshot_chunk_bytes, 1);
  t.number("max_append_bytes", c.max_append_bytes, 1);
  t.number("segment_bytes", c.segment_bytes, 4096);
  t.number("power_failures", c.power_failures, 0, 1000);
  t.millis("min_delay_ms", c.min_delay);
  t.millis("max_delay_ms", c.max_delay);
  t.millis("max_sync_ms", c.pace.max_sync);
  const std::string mode = t.text("reads");
  if (mode == "lease") {
    c.read_mode = consensus::ReadMode::kLease;
  } else if (!mode.empty() && mode != "quorum") {
    t.fail(*t.get("reads"), "reads must be \"quorum\" or \"lease\"");
  }
}

void read_workload(const toml::table& raw, WorkloadConfig& c, Status& status) {
  TomlTable t(raw, "[workload]", status);
  t.number("clients", c.clients, 0, 100);
  t.number("watchers", c.watchers, 0, 100);
  t.number("keys", c.keys, 1, 10'000);
  t.number("value_bytes", c.value_bytes, 0, 1 << 20);
  t.millis("think_ms", c.think);
  t.millis("patience_ms", c.patience);
  t.flag("change_members", c.change_members);
  bool weighted = false;
  for (size_t i = 0; i < kAsks; ++i) weighted |= raw.contains(ask_name(static_cast<Ask>(i)));
  if (weighted) c.weights.fill(0);
  uint64_t total = 0;
  for (size_t i = 0; i < kAsks; ++i) {
    t.number(std::string(ask_name(static_cast<Ask>(i))), c.weights[i], 0, 1'000'000);
    total += c.weights[i];
  }
  if (total == 0) t.fail(raw, "no request has a weight");
}

// `most`: the greatest position there may be.
void read_targets(const toml::node& members, size_t most, TomlTable& t, Fault& f) {
  const toml::array* list = members.as_array();
  f.leader = members.value_exact<std::string>() == "leader";
  if (f.leader) return;
  if (list == nullptr || list->empty()) {
    return t.fail(members, "members must be a list of positions, from 0, or \"leader\"");
  }
  for (const toml::node& node : *list) {
    const auto position = node.value_exact<int64_t>();
    if (!position || *position < 0 || static_cast<size_t>(*position) > most) {
      return t.fail(node, "a position of a member must be a number from 0 to " + std::to_string(most));
    }
    f.members.push_back(static_cast<size_t>(*position));
  }
}

void read_fault(const toml::table& raw, size_t most, Plan& plan, Status& status) {
  TomlTable t(raw, "[[fault]]", status);
  Fault f;
  const std::string name = t.text("name");
  const auto kind = fault_named(name);
  if (!kind) return t.fail(raw, "there is no fault named \"" + name + "\" (see docs/simulator.md)");
  f.kind = *kind;
  int64_t start = 0, duration = 100;
  t.number("at_ms", start);
  t.number("for_ms", duration);
  t.number("strength", f.strength, 0, 1000);
  t.number("seed", f.seed);
  f.start = Time::at_millis(start);
  f.duration = Duration::millis(duration);
  if (const toml::node* members = t.get("members")) read_targets(*members, most, t, f);
  plan.faults.push_back(std::move(f));
}

const toml::table* section(TomlTable& t, const std::string& name) {
  const toml::node* node = t.get(name);
  if (node != nullptr && !node->is_table()) t.fail(*node, name + " must be a table: [" + name + "]");
  return node != nullptr ? node->as_table() : nullptr;
}

}  // namespace

StatusOr<RunSpec> parse_scenario(std::string_view text, std::string_view file_name) {
  const StatusOr<toml::table> parsed = parse_toml(text, std::string(file_name));
  if (!parsed.ok()) return parsed.status();
  const toml::table& root = *parsed;
  Status status;
  int64_t seed = 1;
  if (const auto s = root["seed"].value<int64_t>()) seed = *s;
  RunSpec spec = swarm_spec(static_cast<uint64_t>(seed));
  spec.store = StoreConfig();
  spec.workload = WorkloadConfig::plain();
  {
    TomlTable t(root, "top level", status);
    t.number("seed", seed);
    t.text("title");
    t.millis("faults_ms", spec.faults);
    if (const toml::table* c = section(t, "cluster")) read_cluster(*c, spec.store, status);
    if (const toml::table* w = section(t, "workload")) read_workload(*w, spec.workload, status);
    if (const toml::node* engine = t.get("engine")) {
      const auto kind = replica::engine_named(t.text("engine"));
      if (!kind) t.fail(*engine, "engine must be " + replica::engine_names());
      if (kind) run_on(spec, *kind);
    }
    const toml::node* faults = t.get("fault");
    Random random(spec.seed);
    if (faults == nullptr) {
      spec.plan = swarm_plan(random, spec.store.members, Time::at_millis(400), Time() + spec.faults,
                             tolerance_of(spec.store.engine, spec.store.read_mode));
    } else {
      spec.plan = Plan();
      const toml::array* list = faults->as_array();
      if (list == nullptr || !list->is_homogeneous<toml::table>()) t.fail(*faults, "faults are written as [[fault]]");
      // Newcomers have positions, too.
      const size_t most = spec.workload.change_members ? kMostNodes : spec.store.members - 1;
      for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
        if (const toml::table* fault = (*list)[i].as_table()) read_fault(*fault, most, spec.plan, status);
      }
    }
  }
  spec.plan.end = Time() + spec.faults;
  if (!status.ok()) return invalid(std::string(file_name) + ": " + std::string(status.message()));
  return spec;
}

}  // namespace holdfast::sim
