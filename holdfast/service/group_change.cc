// The members of a group over PBFT: they change by what the administrator has signed.
#include "holdfast/service/group_change.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/service/impl.h"

namespace holdfast::service {
namespace {

using store::Error;
using store::Member;

Error error_of(pbft::ChangeVerdict verdict) {
  switch (verdict) {
    case pbft::ChangeVerdict::kFine:
      return Error::kNone;
    case pbft::ChangeVerdict::kUnsigned:
      return Error::kChangeUnsigned;
    case pbft::ChangeVerdict::kOtherEpoch:
      return Error::kChangeOutdated;
    case pbft::ChangeVerdict::kUnderWay:
      return Error::kChangeUnderWay;
    case pbft::ChangeVerdict::kMalformed:
    case pbft::ChangeVerdict::kImpossible:
      break;
  }
  return Error::kChangeImpossible;
}

const Slice& signed_change_of(const store::Request& request) {
  if (const auto* add = std::get_if<store::MemberAddRequest>(&request)) return add->signed_change;
  return std::get<store::MemberRemoveRequest>(request).signed_change;
}

// Whom a signed change adds, as its context says; nothing when the two do not say the same.
std::optional<std::vector<Member>> added_by(const Slice& signed_change) {
  const StatusOr<pbft::SignedChange> change = codec::decode<pbft::SignedChange>(signed_change);
  if (!change.ok()) return std::nullopt;
  StatusOr<GroupChange> context = codec::decode<GroupChange>(change->change.context);
  const std::vector<pbft::Peer>& peers = change->change.added;
  const bool same = context.ok() && std::equal(peers.begin(), peers.end(), context->added.begin(), context->added.end(),
                                               [](const auto& peer, const Member& m) { return peer.id == m.id; });
  return same ? std::optional(std::move(context->added)) : std::nullopt;
}

}  // namespace

Error Service::Impl::group_change_refusal(const store::Request& request) const {
  const auto* add = std::get_if<store::MemberAddRequest>(&request);
  if (std::holds_alternative<store::MemberPromoteRequest>(request) || (add != nullptr && add->is_learner)) {
    return Error::kNoLearners;
  }
  const Slice& change = signed_change_of(request);
  if (change.empty()) return Error::kAdministratorNeeded;
  const Error error = error_of(replica->verdict(change));
  if (error != Error::kNone) return error;
  const std::optional<std::vector<Member>> added = added_by(change);
  if (!added) return Error::kChangeImpossible;
  for (const Member& m : store.members()) {
    for (const Member& fresh : *added) {
      for (const std::string& url : fresh.peer_urls) {
        if (std::count(m.peer_urls.begin(), m.peer_urls.end(), url) > 0) return Error::kPeerUrlExist;
      }
    }
  }
  return Error::kNone;
}

void Service::Impl::change_group(Time t, CallId id, store::Request request, Out& out) {
  const Error error = group_change_refusal(request);
  if (error != Error::kNone) {
    mark<"service.group_change_refused">();
    return refuse(id, error, out);
  }
  const Slice change = signed_change_of(request);
  Call& c = wait(t, id, std::move(request));
  c.sequence = replica->propose_change(change);
  by_sequence[c.sequence] = id;
}

// True if that was a change of the members, which is ordered now, or was refused.
bool Service::Impl::group_change_answered(const replica::Answered& event, Out& out) {
  const auto it = by_sequence.find(event.sequence);
  if (it == by_sequence.end()) return false;
  const store::Request& request = calls.at(it->second).request;
  const bool add = std::holds_alternative<store::MemberAddRequest>(request);
  if (!add && !std::holds_alternative<store::MemberRemoveRequest>(request)) return false;
  const StatusOr<pbft::ChangeVerdict> verdict = codec::decode<pbft::ChangeVerdict>(event.answer);
  const Error error = verdict.ok() ? error_of(*verdict) : Error::kCorrupt;
  if (error != Error::kNone) {
    refuse_waiting(it->second, error, out);
    return true;
  }
  store::MembersResponse response = members_response();
  const std::optional<std::vector<Member>> added = added_by(signed_change_of(request));
  if (added && !added->empty()) response.member = added->front();
  finish(it->second, std::move(response), out);
  return true;
}

// The table names whoever belongs, whatever the context says: members that it does not name have no addresses.
void Service::Impl::apply_group_change(Time t, const replica::ApplyMembership& event) {
  const StatusOr<GroupChange> context = codec::decode<GroupChange>(event.context);
  if (!context.ok()) mark<"service.senseless_context">();
  std::vector<Member> members;
  for (const NodeId id : event.membership.voters) {
    Member& m = members.emplace_back();
    m.id = id;
    if (!context.ok()) continue;
    for (const Member& fresh : context->added) {
      if (fresh.id == id) m.peer_urls = fresh.peer_urls;
    }
  }
  store.apply(store::SetMembers{std::move(members), NodeId{}});
  hub.applied(t, store);
}

}  // namespace holdfast::service
