#include "holdfast/lab/cast.h"

#include <algorithm>

#include "holdfast/consensus/generals/types.h"
#include "holdfast/lab/casts.h"

namespace holdfast::lab {

namespace {

constexpr int64_t kLongest = 1'000'000;  // milliseconds

int64_t number(const Scenario& s, const std::string& name) { return std::stoll(s.with.at(name).text); }
Parameter millis(std::string name, int64_t otherwise, int64_t least = 1) {
  return {std::move(name), least, kLongest, otherwise, {}};
}
Parameter one_of(std::string name, std::vector<std::string> words) {
  return {std::move(name), 0, 0, std::nullopt, std::move(words)};
}

Status at_most(const Scenario& s, const std::string& name, int64_t most, const std::string& why) {
  if (number(s, name) <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(name + " must be at most " + std::to_string(most) + ", not " +
                                    s.with.at(name).text + ": " + why);
}

Status check_crashes(const Scenario& s) {
  return at_most(s, "crashes", (static_cast<int64_t>(s.processes.size()) - 1) / 2,
                 "fewer than half of the processes may crash");
}
Status check_acceptors(const Scenario& s) {
  return at_most(s, "acceptors", static_cast<int64_t>(s.processes.size()), "the acceptors are among the processes");
}
Status check_clients(const Scenario& s) {
  return at_most(s, "clients", static_cast<int64_t>(s.processes.size()) - 4, "there are four members at least");
}
Status check_heartbeat(const Scenario& s) {
  return at_most(s, "heartbeat_ms", number(s, "election_timeout_ms") - 1,
                 "a leader must be heard within election_timeout_ms");
}
// A lieutenant hears over every path: that becomes too much soon.
Status check_traitors(const Scenario& s) {
  generals::Config c;
  c.self = NodeId(1);
  for (size_t i = 1; i <= s.processes.size(); ++i) c.generals.emplace_back(i);
  c.traitors = static_cast<uint32_t>(number(s, "traitors"));
  const Status checked = generals::check(c);
  return checked.ok() ? checked : absl::InvalidArgumentError("traitors: " + std::string(checked.message()));
}

}  // namespace

const std::vector<Protocol>& protocols() {
  static const std::vector<Parameter> generals = {{"traitors", 0, 5, 1, {}}, millis("round_ms", 5)};
  static const std::vector<StepKind> orders = {{"order", "", {"attack", "retreat"}}, {"lie", "WHOM=ORDER...", {}}};
  static const std::vector<StepKind> calls = {{"write", "VALUE", {}}, {"read", "", {}}};
  static const std::vector<Protocol> all = {
      {"two-generals", "an attack agreed on through messengers who may be caught", {{"plan", "TIME", {}}},
       two_generals_cast, 2, 2, {{"messages", 1, 1000, 2, {}}, millis("dawn_ms", 50)}, nullptr},
      {"ben-or", "binary consensus without time, by rounds; deterministic or with coins", {{"propose", "", {"0", "1"}}},
       ben_or_cast, 1, 16,
       {{"crashes", 0, 16, 1, {}}, one_of("rule", {"keep", "coin"}), millis("patience_ms", 0, 0)}, check_crashes},
      {"flooding", "consensus in fail-stop groups", {{"propose", "VALUE", {}}, {"notice", "PROCESS", {}}},
       flooding_cast, 1, 16, {}, nullptr},
      {"synod", "single-decree Paxos", {{"propose", "VALUE", {}}, {"trust", "PROCESS", {}}}, synod_cast, 1, 16,
       {{"acceptors", 1, 16, std::nullopt, {}}, one_of("leader", {"none", "oracle"}), millis("backoff_ms", 0, 0),
        millis("resend_ms", 200)}, check_acceptors},
      {"oral-generals", "the Byzantine generals, OM(m)", orders, oral_generals_cast, 1, 16, generals, check_traitors},
      {"signed-generals", "the Byzantine generals, SM(m)", orders, signed_generals_cast, 1, 16, generals,
       check_traitors},
      {"raft", "a replicated log", {{"submit", "COMMAND", {}}}, raft_cast, 1, 16,
       {millis("election_timeout_ms", 100), millis("heartbeat_ms", 30), {"append_bytes", 1, 1 << 20, 1, {}},
        {"inflight_messages", 1, 1000, 1, {}}}, check_heartbeat},
      {"pbft", "a replicated log that withstands liars, with its clients",
       {{"submit", "OPERATION", {}}, {"equivocate", "WHOM=OPERATION...", {}}}, pbft_cast, 5, 16,
       {{"clients", 1, 12, 1, {}}, millis("request_timeout_ms", 30), millis("retry_ms", 20), millis("resend_ms", 100)},
       check_clients},
      {"consistent-register", "a register whose calls go through a majority", calls, consistent_register_cast, 1, 16,
       {millis("election_timeout_ms", 30), millis("request_timeout_ms", 1000)}, nullptr},
      {"available-register", "a register that answers wherever it is asked", calls, available_register_cast, 1, 16, {},
       nullptr},
      {"two-phase-commit", "atomic commitment", {{"begin", "", {}}, {"vote", "", {"yes", "no"}}},
       two_phase_commit_cast, 2, 16, {millis("vote_timeout_ms", 50), millis("decision_timeout_ms", 20)}, nullptr},
  };
  return all;
}

std::map<std::string, Verdict> Decisions::promises(const std::vector<NodeId>& due) const {
  std::map<std::string, Verdict> out;
  out["agreement"] = out["validity"] = Verdict::kKept;
  for (const auto& [who, value] : by_) {
    if (value != by_.begin()->second) out["agreement"] = Verdict::kBroken;
    if (std::count(proposed_.begin(), proposed_.end(), value) == 0) out["validity"] = Verdict::kBroken;
  }
  const bool all = std::all_of(due.begin(), due.end(), [this](NodeId who) { return by_.contains(who); });
  out["termination"] = all ? Verdict::kKept : Verdict::kOpen;
  return out;
}

}  // namespace holdfast::lab
