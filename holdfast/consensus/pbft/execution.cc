// Execution in the order, one batch at a time, each request at most once.
#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

void Replica::Impl::execute_next(Step& s) {
  if (running || rotten || transfer.loading) return;
  auto at = slots.find(executed + 1);
  if (planted<"B7">() && (at == slots.end() || !at->second.decided)) {
    at = std::find_if(slots.upper_bound(executed), slots.end(), [](const auto& e) { return e.second.decided; });
  }
  if (at == slots.end() || !at->second.decided) return;
  const Seq seq = at->first;
  Slot& slot = at->second;
  const ContentPtr content = slot.content(*slot.decided);
  if (content == nullptr) return;
  if (!slot.decided_in_writing) {
    Slot::Held& held = slot.contents.at(*slot.decided);
    ledger.decided(seq, *slot.decided, held.in_writing ? nullptr : content.get(), s.out);
    held.in_writing = slot.decided_in_writing = true;
  }
  running = Running{.seq = seq, .content = content};
  running->stamp_ms = std::max(stamps.executed_ms(), content->batch.stamp_ms);
  running->live = slot.proposal && slot.proposal->view == view && slot.accepted_at > Time() && seq > opening_end &&
                  slot.proposal->digest == *slot.decided && slot.voted;
  running->of_the_present = slot.of_the_present;
  std::vector<uint64_t> rooms;
  for (const SignedRequest& r : content->batch.requests) {
    if (group().key(r.request.id.client) == nullptr || !sensible(r.request) || !table.claim(r.request)) {
      mark<"pbft.request_repeated">();
      continue;
    }
    if (r.request.kind == RequestKind::kReconfigure) {
      running->own_results.emplace_back(r.request.id,
                                        std::vector<Slice>{codec::encode_flat(reconfigure(r.request, seq))});
    } else {
      running->asked.push_back(r.request);
      const uint64_t kept = std::min(table.bytes_kept(r.request.id.client), config.max_client_result_bytes);
      rooms.push_back(config.max_client_result_bytes - kept);
    }
  }
  const bool ends_epoch = pending && pending->at == seq;
  s.out.raise(Execute{seq, running->stamp_ms, content->bytes.size(), running->asked, std::move(rooms),
                      seq.value() % config.checkpoint_interval == 0, ends_epoch ? pending : std::nullopt});
}

void Replica::Impl::executed_now(Step& s, std::vector<std::vector<Slice>> results, const Digest& state) {
  Running r = std::move(*running);
  running.reset();
  ensure(results.size() == r.asked.size(), "every request that was asked for has its results");
  executed = r.seq;
  chain = next_in_chain(chain, r.seq, r.content->digest);
  history[r.seq] = r.content;
  stamps.executed(s.now, r.stamp_ms, r.live && r.of_the_present);
  moved = s.now;
  if (r.live) calm_down();
  for (size_t i = 0; i < r.asked.size(); ++i) {
    ensure(results[i].size() == r.asked[i].operations.size(), "every operation has its result");
    r.own_results.emplace_back(r.asked[i].id, std::move(results[i]));
  }
  for (auto& [id, values] : r.own_results) {
    table.done(id, std::move(values));
    // Unless its client said later in the same batch that it does not wait for it any more.
    if (const ClientTable::Answer* known = table.find(id)) answer(s, id, *known, /*full=*/false);
  }
  for (const SignedRequest& request : r.content->batch.requests) {
    pool.settle(s.now, request.request.id.client, table);
  }
  if (r.seq.value() % config.checkpoint_interval == 0) make_checkpoint(s, state);
  collect_garbage();
  enter_epoch_when_due(s);
  ask_for_more(s);
}

ChangeVerdict Replica::Impl::verdict(const SignedChange& change) const {
  if (pending) return ChangeVerdict::kUnderWay;
  if (!judge.valid(change)) return ChangeVerdict::kUnsigned;
  if (change.change.epoch != group().epoch()) return ChangeVerdict::kOtherEpoch;
  return group().after(change.change) ? ChangeVerdict::kFine : ChangeVerdict::kImpossible;
}

// The next configuration, in force behind the first checkpoint that nobody can have proposed beyond without having
// executed this: proposals reach a window behind what is stable, and this place was not.
ChangeVerdict Replica::Impl::reconfigure(const Request& request, Seq at) {
  if (request.operations.size() != 1) return ChangeVerdict::kMalformed;
  const StatusOr<SignedChange> change = codec::decode<SignedChange>(request.operations[0]);
  if (!change.ok()) return ChangeVerdict::kMalformed;
  const ChangeVerdict said = verdict(*change);
  if (said != ChangeVerdict::kFine) {
    mark<"pbft.change_refused">();
    return said;
  }
  const uint64_t k = config.checkpoint_interval;
  pending = PendingChange{Seq((at.value() + config.window + k - 1) / k * k), *group().after(change->change),
                          change->change.context};
  return said;
}

}  // namespace holdfast::pbft
