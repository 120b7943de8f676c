// What committed entries do: to the store, to its watchers, to the callers who wait.

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/service/impl.h"

namespace holdfast::service {

void Service::Impl::apply(Time t, const replica::Apply& event, Out& out) {
  advance_clock(t, event.clock_ms);
  if (event.wants_answer) {
    apply_for_group(t, event);
    own_applied |= event.own;
    return state_moved(t, out);
  }
  StatusOr<store::Command> command = codec::decode<store::Command>(event.command);
  if (!command.ok()) {
    return must_stop("a committed command cannot be read (index " + std::to_string(event.index.value()) + "): " +
                         std::string(command.status().message()) + "; run the version that wrote it, or a newer one",
                     out);
  }
  store::Response response = apply_command(t, *command);
  if (event.own_sequence == 0) return;
  up_to_date(t, out);
  if (own_done(event.own_sequence)) return;
  answer(event.own_sequence, std::move(response), out);
}

store::Response Service::Impl::apply_command(Time t, const store::Command& command, size_t max_answer) {
  // The table of the founding members: whoever leads first proposes it, and a successor may do so again.
  if (std::holds_alternative<store::SetMembers>(command) && !store.members().empty()) return members_response();
  store::Response response = store.apply(command, max_answer);
  hub.applied(t, store);
  if (std::holds_alternative<store::CompactRequest>(command)) garbage_left = true;
  return response;
}

void Service::Impl::advance_clock(Time t, int64_t clock_ms) {
  if (clock_ms <= store.clock_ms()) return;
  store.apply(store::Tick{clock_ms});
  hub.applied(t, store);
  clock_advanced_at = t;
}

void Service::Impl::answer(uint64_t sequence, store::Response response, Out& out) {
  if (const auto batch = keep_alive_batches.find(sequence); batch != keep_alive_batches.end()) {
    for (const KeepAlive& k : batch->second.all) {
      finish(k.call,
             store::LeaseKeepAliveResponse{store.revision(), k.lease, store.lease_ttl_seconds(k.lease).value_or(0)},
             out);
    }
    keep_alive_batches.erase(batch);
    return;
  }
  const auto it = by_sequence.find(sequence);
  if (it == by_sequence.end()) return;  // cancelled
  const CallId id = it->second;
  const store::Request& request = calls.at(id).request;
  const bool applied = !std::holds_alternative<store::Refused>(response);
  if (const auto* compact = std::get_if<store::CompactRequest>(&request); compact && compact->physical && applied) {
    physical_compactions.emplace(id, compact->revision);
    return answer_compactions(out);
  }
  const bool updated = applied && std::holds_alternative<store::MemberUpdateRequest>(request);
  if (updated && !byzantine()) response = members_response();
  if (byzantine()) return pass_on(id, std::move(response), out);
  finish(id, std::move(response), out);
}

void Service::Impl::answer_lost(uint64_t sequence, Out& out) {
  if (own_done(sequence)) return;
  const auto fail = [&](CallId id) {
    if (calls.count(id) > 0) finish(id, store::Refused{store::Error::kTimeout, store.revision()}, out);
  };
  if (const auto batch = keep_alive_batches.find(sequence); batch != keep_alive_batches.end()) {
    for (const KeepAlive& k : std::exchange(batch->second.all, {})) fail(k.call);
    keep_alive_batches.erase(batch);
  } else if (const auto it = by_sequence.find(sequence); it != by_sequence.end()) {
    fail(it->second);
  }
}

// Frees compacted versions, a slice at a time.
void Service::Impl::collect_garbage(Out& out) {
  if (!garbage_left || replica->writing_snapshot()) return;
  garbage_left = store.collect_garbage(kGarbageSlice);
  answer_compactions(out);
}

// Callers of a physical compaction wait until this member is done with it. Over PBFT the group's answer comes before or
// after this member has executed the command, and even after all its garbage is gone.
void Service::Impl::answer_compactions(Out& out) {
  if (garbage_left) return;
  // Over PBFT more may have been passed on than this member has executed.
  const store::Revision shown = std::max(store.revision(), passed_on);
  for (auto it = physical_compactions.begin(); it != physical_compactions.end();) {
    const auto [id, upto] = *it++;  // finish() takes it out
    if (upto <= store.compact_revision()) finish(id, store::CompactResponse{shown}, out);
  }
}

}  // namespace holdfast::service
