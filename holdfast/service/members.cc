// Membership: what is checked before Raft is asked, and what a committed change does to the table of members.

#include <algorithm>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"
#include "holdfast/model/quorum.h"
#include "holdfast/service/impl.h"

namespace holdfast::service {
namespace {

using store::Error;
using store::Member;

// Whether the members that have started could still decide among `voters`.
bool enough_started(const std::vector<Member>& voters) {
  const auto started = std::count_if(voters.begin(), voters.end(), [](const Member& m) { return !m.name.empty(); });
  return static_cast<size_t>(started) >= majority_of(voters.size());
}

// Those that vote, and those that will by themselves.
std::vector<Member> voters_of(const std::vector<Member>& members) {
  std::vector<Member> out;
  std::copy_if(members.begin(), members.end(), std::back_inserter(out),
               [](const Member& m) { return !m.is_learner || m.becomes_voter; });
  return out;
}

bool one_votes(const std::vector<Member>& members) {
  return std::count_if(members.begin(), members.end(), [](const Member& m) { return !m.is_learner; }) == 1;
}

}  // namespace

void Service::Impl::change_members(Time t, CallId id, store::Request request, Out& out) {
  if (byzantine()) return change_group(t, id, std::move(request), out);
  const Error error = members_refusal(request);
  if (error != Error::kNone) return refuse(id, error, out);
  consensus::Change change;
  MemberDelta delta;
  if (const auto* add = std::get_if<store::MemberAddRequest>(&request)) {
    const bool becomes_voter = !add->is_learner && one_votes(store.members());
    if (becomes_voter) mark<"service.voter_comes_as_learner">();
    const bool learner = add->is_learner || becomes_voter;
    Member member{new_member_id(add->peer_urls), "", add->peer_urls, {}, learner, becomes_voter};
    change = {learner ? consensus::ChangeKind::kAddLearner : consensus::ChangeKind::kAddVoter, member.id};
    delta = MemberAdded{std::move(member)};
  } else if (const auto* remove = std::get_if<store::MemberRemoveRequest>(&request)) {
    change = {consensus::ChangeKind::kRemove, remove->id};
    delta = MemberRemoved{remove->id};
  } else {
    const NodeId promoted = std::get<store::MemberPromoteRequest>(request).id;
    change = {consensus::ChangeKind::kPromote, promoted};
    delta = MemberPromoted{promoted};
  }
  Call& c = wait(t, id, std::move(request));
  c.sequence = replica->change_membership({change}, codec::encode_flat(delta));
  by_sequence[c.sequence] = id;
}

Error Service::Impl::members_refusal(const store::Request& request) const {
  if (const auto* r = std::get_if<store::MemberAddRequest>(&request)) {
    return r->signed_change.empty() ? add_refusal(*r) : Error::kNoAdministrator;
  }
  if (const auto* r = std::get_if<store::MemberRemoveRequest>(&request)) {
    return r->signed_change.empty() ? remove_refusal(*r) : Error::kNoAdministrator;
  }
  return promote_refusal(std::get<store::MemberPromoteRequest>(request));
}

Error Service::Impl::add_refusal(const store::MemberAddRequest& request) const {
  for (const Member& m : store.members()) {
    for (const std::string& url : request.peer_urls) {
      if (std::count(m.peer_urls.begin(), m.peer_urls.end(), url) > 0) return Error::kPeerUrlExist;
    }
  }
  std::vector<Member> voters = voters_of(store.members());
  if (request.is_learner) {
    const size_t learners = store.members().size() - voters.size();
    return learners >= config.max_learners ? Error::kTooManyLearners : Error::kNone;
  }
  // One running member may grow to two, though the second has not started: there is no other way to grow.
  if (voters.size() == 1 && !voters[0].name.empty()) return Error::kNone;
  voters.emplace_back();
  return enough_started(voters) ? Error::kNone : Error::kMemberNotEnoughStarted;
}

Error Service::Impl::remove_refusal(const store::MemberRemoveRequest& request) const {
  const Member* gone = store.member(request.id);
  if (gone == nullptr) return Error::kMemberNotFound;
  if (gone->is_learner) return Error::kNone;
  std::vector<Member> voters = voters_of(store.members());
  if (one_votes(store.members())) return Error::kMemberNotEnoughStarted;
  std::erase_if(voters, [&](const Member& m) { return m.id == request.id; });
  // A member that never started may always go, or a mistaken address could never be mended.
  return gone->name.empty() || enough_started(voters) ? Error::kNone : Error::kMemberNotEnoughStarted;
}

Error Service::Impl::promote_refusal(const store::MemberPromoteRequest& request) const {
  const Member* member = store.member(request.id);
  if (member == nullptr) return Error::kMemberNotFound;
  return member->is_learner ? Error::kNone : Error::kMemberNotLearner;
}

// Never the id of an earlier member, even with the same address: a removed member may still be around.
NodeId Service::Impl::new_member_id(const std::vector<std::string>& peer_urls) {
  uint64_t h = random.next();
  for (const std::string& url : peer_urls) h = hash64(url, h);
  const NodeId id((h >> 1) | 1);
  return store.member(id) == nullptr ? id : new_member_id(peer_urls);
}

void Service::Impl::apply_membership(Time t, const replica::ApplyMembership& event, Out& out) {
  if (byzantine()) return apply_group_change(t, event);
  if (!event.context.empty()) {
    StatusOr<MemberDelta> delta = codec::decode<MemberDelta>(event.context);
    if (!delta.ok()) {
      return must_stop("a committed membership change cannot be read: " + std::string(delta.status().message()), out);
    }
    std::vector<Member> members = store.members();
    NodeId added;
    if (const auto* a = std::get_if<MemberAdded>(&*delta)) {
      members.push_back(a->member);
      added = a->member.id;
    } else if (const auto* r = std::get_if<MemberRemoved>(&*delta)) {
      std::erase_if(members, [&](const Member& m) { return m.id == r->id; });
    } else {
      const NodeId promoted = std::get<MemberPromoted>(*delta).id;
      for (Member& m : members) {
        if (m.id == promoted) m.is_learner = m.becomes_voter = false;
      }
    }
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
    store.apply(store::SetMembers{std::move(members), added});
    hub.applied(t, store);
    if (event.own_sequence != 0 && !own_done(event.own_sequence)) {
      store::MembersResponse response = members_response();
      if (const Member* m = store.member(added)) response.member = *m;
      answer(event.own_sequence, std::move(response), out);
    }
  }
}

void Service::Impl::membership_failed(const replica::MembershipFailed& event, Out& out) {
  if (own_done(event.sequence)) {
    promote_at = now + kPromotionRetry.pause(1);
    return;
  }
  const auto it = by_sequence.find(event.sequence);
  if (it == by_sequence.end()) return;
  Error error = Error::kUnhealthy;
  if (event.why == replica::MembershipRefusal::kLearnerNotReady) error = Error::kLearnerNotReady;
  if (event.why == replica::MembershipRefusal::kInvalid) error = Error::kMemberNotFound;
  finish(it->second, store::Refused{error, store.revision()}, out);
}

store::MembersResponse Service::Impl::members_response() const {
  store::MembersResponse r;
  r.revision = store.revision();
  r.members = store.members().empty() ? config.bootstrap : store.members();
  if (byzantine()) r.founders = founders();
  return r;
}

}  // namespace holdfast::service
