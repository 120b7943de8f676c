#include "holdfast/sim/check/lease_check.h"

#include <algorithm>

#include "holdfast/base/print.h"

namespace holdfast::sim::check {
namespace {

struct Renewal {
  const Operation* op;
  int64_t ttl_seconds;
  bool acknowledged;
};

// Grants and renewals of each lease. One whose outcome is open can only have lengthened its life.
std::map<store::LeaseId, std::vector<Renewal>> renewals(const History& history) {
  std::map<store::LeaseId, std::vector<Renewal>> out;
  std::map<store::LeaseId, int64_t> granted;
  for (const Operation& op : history) {
    if (!std::holds_alternative<store::LeaseGrantRequest>(op.request) || !succeeded(op)) continue;
    const auto& grant = std::get<store::LeaseGrantResponse>(*op.response);
    out[grant.id].push_back({&op, grant.ttl_seconds, true});
    granted[grant.id] = grant.ttl_seconds;
  }
  for (const Operation& op : history) {
    const auto* renew = std::get_if<store::LeaseKeepAliveRequest>(&op.request);
    if (renew == nullptr || refused(op) || !granted.contains(renew->id)) continue;
    if (!succeeded(op)) {
      out[renew->id].push_back({&op, granted[renew->id], false});
      continue;
    }
    const int64_t ttl = std::get<store::LeaseKeepAliveResponse>(*op.response).ttl_seconds;
    if (ttl > 0) out[renew->id].push_back({&op, ttl, true});
  }
  return out;
}

}  // namespace

Finding check_leases(const History& history, const TrueLog& log, const std::vector<Expiry>& expiries,
                     const LeaseBounds& bounds) {
  const auto leases = renewals(history);
  for (const Expiry& expiry : expiries) {
    const Time vanished = log.at(expiry.revision).at;
    for (const store::LeaseId id : expiry.leases) {
      const auto it = leases.find(id);
      if (it == leases.end()) continue;  // granted to nobody's knowledge
      for (const Renewal& r : it->second) {
        if (!r.acknowledged || r.op->returned > vanished) continue;
        // The renewal happened after its call, and the fastest clock measures the time to live.
        const Duration least = Duration::nanos(r.ttl_seconds * 1'000'000'000 / bounds.fastest_clock_ppm * 1'000'000);
        if (vanished >= r.op->called + least) continue;
        return {"LEASE", "keys of lease " + to_text(id) + " vanished at " + describe(vanished) + " ms, " +
                             to_text(vanished - r.op->called) + " after a renewal for " +
                             std::to_string(r.ttl_seconds) + " s was asked for, which was acknowledged:\n  " +
                             describe(*r.op) + "\n  revision " + to_text(expiry.revision) + ": " +
                             print(log.at(expiry.revision).events)};
      }
    }
  }
  for (const store::KeyValue& kv :
       log.range(Slice::unowned("\0"), Slice::unowned(std::string_view("\0", 1)), log.last())) {
    const auto it = leases.find(kv.lease);
    if (!kv.lease || it == leases.end()) continue;
    Time last;
    for (const Renewal& r : it->second) {
      const Time until = (r.acknowledged ? r.op->returned : bounds.healed) + Duration::seconds(r.ttl_seconds);
      // Without a leader no log time passes: in the worst case all of it is left when the faults heal.
      last = std::max({last, until, bounds.healed + Duration::seconds(r.ttl_seconds)});
    }
    if (last + bounds.grace >= bounds.end) continue;
    return {"LEASE", "the key " + print(kv) + " hangs on a lease that should have ended by " +
                         describe(last + bounds.grace) + " ms and is still there at " + describe(bounds.end) + " ms"};
  }
  return {};
}

}  // namespace holdfast::sim::check
