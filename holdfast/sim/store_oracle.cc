#include "holdfast/sim/store_oracle.h"

#include "holdfast/base/print.h"

namespace holdfast::sim {

void StoreOracle::observe(const StoreMember& member) {
  const service::Service* service = member.service();
  if (service == nullptr) return;
  if (!member.destroyed.empty()) {
    return world_.violate("DUR", to_text(member.id()) +
                                     " has started although an acknowledged record was destroyed in " +
                                     *member.destroyed.begin());
  }
  Seen& seen = seen_[member.id()];
  const bool known = seen.incarnation == member.node().incarnation();
  // A member that has stopped itself may have applied, and answered, in the same step.
  if (!service->replica().started() && !known) return;
  if (!known) seen = Seen{member.node().incarnation(), {}, {}, {}, {}};
  check_steps(member, seen);

  engine_.observe(member);
  highest_term_ = std::max(highest_term_, service->replica().term());
}

void StoreOracle::check_steps(const StoreMember& member, Seen& seen) {
  const replica::Replica& replica = member.service()->replica();
  const store::Store& store = member.service()->store();
  const auto back = [&](const char* what, auto before, auto now) {
    if (now < before) {
      world_.violate("MONO", std::string("the ") + what + " of " + to_text(member.id()) + " went back from " +
                                 to_text(before) + " to " + to_text(now));
    }
  };
  back("term", seen.term, replica.term());
  back("commit index", seen.commit, replica.commit_index());
  back("applied index", seen.applied, replica.applied_index());
  back("revision", seen.revision, store.revision());
  seen.term = replica.term();
  seen.commit = replica.commit_index();
  if (seen.applied == replica.applied_index()) return;
  seen.applied = replica.applied_index();
  seen.revision = store.revision();
  check_position(member.id(), replica.applied_index(), replica.applied_term(), store.state_hash());
  collect(store, member.id());
}

void StoreOracle::check_position(NodeId id, consensus::Index index, consensus::Term term, uint64_t hash) {
  highest_applied_ = std::max(highest_applied_, index);
  const auto [it, fresh] = positions_.emplace(index, Position{term, hash, id});
  if (fresh) return;
  const Position& first = it->second;
  if (first.term != term) {
    world_.violate("ONE", "at index " + to_text(index) + " " + to_text(first.by) + " applied an entry of term " +
                              to_text(first.term) + " and " + to_text(id) + " one of term " + to_text(term));
  } else if (first.state_hash != hash) {
    world_.violate("REP", "after index " + to_text(index) + " " + to_text(first.by) + " and " + to_text(id) +
                              " have different states (" + std::to_string(first.state_hash) + " and " +
                              std::to_string(hash) + ")");
  }
}

void StoreOracle::collect(const store::Store& store, NodeId id) {
  if (store.revision() <= log_.last()) return;
  if (store.compact_revision() > log_.last()) {
    return world_.violate("REP", to_text(id) + " compacted up to " + to_text(store.compact_revision()) +
                                     " what no member had applied before; the log ends at " + to_text(log_.last()));
  }
  const store::Store::History history = store.history(log_.last(), store.revision(), ~size_t{0});
  std::vector<store::Event> events;
  const auto flush = [&] {
    if (events.empty()) return;
    const store::Revision revision = events[0].kv.mod_revision;
    if (const check::Finding f = log_.add(revision, std::move(events), world_.now())) {
      world_.violate(f.oracle, "as applied by " + to_text(id) + ": " + f.explanation);
    }
    events.clear();
  };
  for (const store::Event& e : history.events) {
    if (!events.empty() && events[0].kv.mod_revision != e.kv.mod_revision) flush();
    events.push_back(e);
  }
  flush();
  if (log_.last() != store.revision() && !world_.violated()) {
    world_.violate("REP", to_text(id) + " is at revision " + to_text(store.revision()) + " but its history ends at " +
                              to_text(log_.last()));
  }
}

}  // namespace holdfast::sim
