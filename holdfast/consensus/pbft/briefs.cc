// Proposals that name their requests instead of repeating them (TOCS 2002, section 5: separate request transmission).
// Clients tell all members what they ask for, so a backup has most of it when it learns the order, and puts the batch
// together itself. Nothing else is different: votes are for the digest of the whole batch, and nobody votes without having
// it. What does not come from the client, or came in another form, is had from the primary.
#include "holdfast/consensus/pbft/briefs.h"

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
constexpr int64_t kPatience = 4;  // a part of the time for which votes are waited for
}

void Replica::Impl::show(Step& s, const Vote& proposal, const ContentPtr& content) {
  // Not before NEW-VIEW, which waits for the same record: who has not entered the view would not listen.
  const StableSeq after = ledger.after_standing();
  if (content->bytes.size() <= config.whole_proposal_bytes) {
    return broadcast(s, PrePrepare{proposal.epoch, proposal.view, proposal.seq, content->bytes}, after);
  }
  BriefPrePrepare brief{proposal.epoch, proposal.view, proposal.seq, proposal.digest, content->batch.stamp_ms, {}};
  for (const SignedRequest& r : content->batch.requests) brief.requests.push_back(r.request.id);
  broadcast(s, brief, after);
}

void Replica::Impl::on(Step& s, NodeId from, const BriefPrePrepare& m) {
  if (!is_of_primary(from, m.epoch, m.view) || m.view != view || !is_open(m.seq)) return;
  const Slot& slot = slots[m.seq];
  const BriefPrePrepare* before = briefs.find(m.seq);
  if (before != nullptr || slot.proposal) {
    const Digest& shown = before != nullptr ? before->digest : slot.proposal->digest;
    if (shown != m.digest) mark<"pbft.primary_equivocates">();
    return;
  }
  // A request has one operation at least.
  if (m.requests.size() > config.max_batch_operations) return mark<"pbft.proposal_refused">();
  std::vector<RequestId> lacks;
  for (const RequestId& id : m.requests) {
    if (pool.find(id) == nullptr) lacks.push_back(id);
  }
  if (!lacks.empty()) mark<"pbft.brief_waits">();
  briefs.add(m, lacks, s.now + config.vote_wait / kPatience);
  if (lacks.empty()) put_together(s, m.seq);
}

void Replica::Impl::put_together(Step& s, Seq seq) {
  const BriefPrePrepare& brief = *briefs.find(seq);
  Batch batch{brief.stamp_ms, {}};
  for (const RequestId& id : brief.requests) {
    const SignedRequest* r = pool.find(id);
    if (r == nullptr) return;  // it came, and is gone: executed meanwhile, or forged
    batch.requests.push_back(*r);
  }
  // Before it is encoded: what is named again and again may be large.
  if (!acceptable(s, batch)) return mark<"pbft.proposal_refused">();
  const ContentPtr content = content_of(batch);
  if (content == nullptr || content->digest != brief.digest) {
    // A client told the primary something else under that name; or the primary lies.
    return mark<"pbft.brief_differs">();
  }
  mark<"pbft.brief_accepted">();
  accept(s, {group().epoch(), view, seq, content->digest}, content);
}

void Replica::Impl::put_together_with(Step& s, const RequestId& arrived) {
  for (const Seq seq : briefs.came(arrived)) put_together(s, seq);
}

void Replica::Impl::ask_for_whole(Step& s) {
  while (const BriefPrePrepare* brief = briefs.due(s.now, s.now + config.resend_interval)) {
    mark<"pbft.whole_asked_for">();
    send(s, group().primary(view), FetchBatch{brief->seq, brief->digest});
  }
}

}  // namespace holdfast::pbft
