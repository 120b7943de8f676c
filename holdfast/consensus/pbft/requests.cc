// Requests of clients: admission, answers, reads that are not ordered.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
constexpr size_t kMostReadsOfOne = 4096;
// What the owner is asked at once, and answered at one moment: answers lie in memory until they are sent.
constexpr size_t kReadsAtOnce = 8;
constexpr uint64_t kMostReadBytesAtOnce = uint64_t{32} << 20;
}

bool Replica::Impl::sensible(const Request& r) const {
  if (r.id.incarnation > kMaxNumber || r.id.sequence > kMaxNumber || r.floor > r.id.sequence) return false;
  if (r.operations.empty() || r.operations.size() > config.max_request_operations) return false;
  uint64_t bytes = 0;
  for (const Slice& o : r.operations) bytes += o.size();
  return bytes <= config.max_request_bytes;
}

void Replica::Impl::on(Step& s, NodeId from, const Submit& m) {
  const Request& r = m.request.request;
  if (!sensible(r) || group().key(r.id.client) == nullptr) return mark<"pbft.senseless_request">();
  if (const ClientTable::Answer* known = table.find(r.id)) {
    if (known->done.results.empty()) return;  // under way
    uint64_t bytes = 0;
    for (const Slice& result : known->done.results) bytes += result.size();
    return answer(s, r.id, *known, (m.again || from != r.id.client) && spend(s, from, bytes));
  }
  if (pool.find(r.id) != nullptr || !table.wants(r)) return;
  // What came from its client is the client's, whether or not the signature, which is for others, is right: it is
  // checked only when others may have to believe it. What its own gateway signed in this very process is right; nobody
  // else has the key for such a packet.
  const bool own = from == self() && r.id.client == self();
  const bool believed = own || from == r.id.client;
  const bool proven = own || ((!believed || leads()) && judge.valid(m.request));
  if (!proven && (!believed || leads())) return mark<"pbft.request_forged">();
  if (pool.add(s.now, m.request, from, proven, table)) put_together_with(s, r.id);
}

void Replica::Impl::answer(Step& s, const RequestId& id, const ClientTable::Answer& known, bool full) {
  if (!member() || rotten || stood_later()) return;
  Reply reply{.id = id, .digest = known.digest};
  // One of the members says the whole; which one changes from request to request. A member hears itself for nothing.
  const bool chosen = (id.sequence + id.client.value()) % group().size() == group().place(self());
  if (full || chosen || id.client == self()) reply.results = known.done.results;
  if (id.client == self()) {
    // To its own gateway: over no network, but by the same way, so that the gateway need not know where it runs.
    s.out.send(self(), Envelope(reply).seal(config.cluster, self(), self(), *group().key(self()), authority));
  } else {
    send(s, id.client, reply);
  }
}

// A read answered from what is executed is linearizable if the client takes it only from a quorum, and each replica
// waits until it has executed what it had prepared when the read came: see docs/protocols/pbft.md. No client can take
// the places of others; who is refused has its read ordered.
void Replica::Impl::on(Step& s, NodeId from, const AskRead& m) {
  (void)s;
  if (from != m.id.client || m.id.incarnation > kMaxNumber || m.id.sequence > kMaxNumber) return;
  if (reads.empty() && reading.empty()) read_load.clear();
  const size_t bytes = m.operation.size();
  ReadLoad& load = read_load[from];
  if (bytes > config.max_request_bytes || !votes() || rotten || load.reads >= kMostReadsOfOne ||
      load.bytes + bytes > 4 * config.max_request_bytes) {
    return mark<"pbft.read_refused">();
  }
  ++load.reads;
  load.bytes += bytes;
  reads.push_back({from, m.id, m.operation, highest_prepared});
}

bool Replica::Impl::can_read(Time now) const {
  if (rotten || running || transfer.loading || stood_later() || reads.empty() || reads.front().ready > executed) return false;
  if (reading.size() >= kReadsAtOnce) return false;
  return now != reads_answered_at || read_bytes_answered < kMostReadBytesAtOnce;
}

void Replica::Impl::read_when_ready(Step& s) {
  while (can_read(s.now)) {
    reading.emplace(++last_token, reads.front());
    s.out.raise(Read{last_token, reads.front().operation});
    reads.pop_front();
  }
}

void Replica::Impl::count_read(Time now, const Reading& r, uint64_t answer_bytes) {
  if (const auto load = read_load.find(r.client); load != read_load.end() && load->second.reads > 0) {
    --load->second.reads;
    load->second.bytes -= std::min(load->second.bytes, r.operation.size());
  }
  if (now != reads_answered_at) read_bytes_answered = 0;
  reads_answered_at = now;
  read_bytes_answered += answer_bytes;
}

void Replica::Impl::pass_on_overdue(Step& s) {
  if (changing || leads()) return;
  for (const SignedRequest& r : pool.overdue(s.now, patience() / 4)) {
    mark<"pbft.request_passed_on">();
    send(s, group().primary(view), Submit{r, false});
  }
}

}  // namespace holdfast::pbft
