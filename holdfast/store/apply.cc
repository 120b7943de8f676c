// What each command does to the store.

#include <algorithm>

#include "holdfast/store/impl.h"

namespace holdfast::store {
namespace {

class Applier {
 public:
  Applier(Store::Impl& store, size_t max_answer) : store_(store), max_answer_(max_answer) {}

  Response operator()(const PutRequest& r) {
    if (const Error e = check_form(r); e != Error::kNone) return refuse(e);
    if (const Error e = blocked(true); e != Error::kNone) return refuse(e);
    if (r.lease != LeaseId{} && store_.leases.find(r.lease) == nullptr) return refuse(Error::kLeaseNotFound);
    if ((r.ignore_value || r.ignore_lease) && store_.map.visible(r.key.view(), store_.revision) == nullptr) {
      return refuse(Error::kKeyNotFound);
    }
    if (r.prev_kv && most_bytes(store_, r) > max_answer_) return refuse(Error::kAnswerTooLarge);
    Changes changes(store_);
    PutResponse response = changes.put(r);
    changes.commit();
    return response;
  }

  Response operator()(const DeleteRangeRequest& r) {
    if (const Error e = check_form(r); e != Error::kNone) return refuse(e);
    if (const Error e = blocked(false); e != Error::kNone) return refuse(e);
    if (r.prev_kv && most_bytes(store_, r) > max_answer_) return refuse(Error::kAnswerTooLarge);
    Changes changes(store_);
    DeleteRangeResponse response = changes.erase(r);
    changes.commit();
    return response;
  }

  Response operator()(const TxnRequest& r) {
    if (const Error e = check_form(r); e != Error::kNone) return refuse(e);
    if (const Error e = blocked(has_put(r)); e != Error::kNone) return refuse(e);
    Changes changes(store_);
    Response response = run_txn(store_, r, &changes, max_answer_);
    changes.commit();
    return response;
  }

  Response operator()(const CompactRequest& r) {
    if (const Error e = blocked(false); e != Error::kNone) return refuse(e);
    const bool first = store_.map.compacted() == Revision{};
    if (r.revision < Revision{} || (!first && r.revision <= store_.map.compacted())) return refuse(Error::kCompacted);
    if (r.revision > store_.revision) return refuse(Error::kFutureRev);
    store_.map.compact(r.revision);
    return CompactResponse{store_.revision};
  }

  Response operator()(const LeaseGrantRequest& r) {
    if (const Error e = blocked(true); e != Error::kNone) return refuse(e);
    if (r.id == LeaseId{}) return refuse(Error::kLeaseNotFound);
    if (r.ttl_seconds > kMaxLeaseTtlSeconds) return refuse(Error::kLeaseTtlTooLarge);
    if (store_.leases.find(r.id) != nullptr) return refuse(Error::kLeaseExist);
    const int64_t ttl = std::max<int64_t>(r.ttl_seconds, 1);
    store_.leases.grant(r.id, ttl, LeaseTable::expiry(store_.clock_ms, ttl));
    return LeaseGrantResponse{store_.revision, r.id, ttl};
  }

  Response operator()(const LeaseRevokeRequest& r) {
    if (const Error e = blocked(false); e != Error::kNone) return refuse(e);
    if (store_.leases.find(r.id) == nullptr) return refuse(Error::kLeaseNotFound);
    revoke(r.id);
    return LeaseRevokeResponse{store_.revision};
  }

  Response operator()(const LeaseRenew& r) {
    for (const LeaseId id : r.ids) {
      const Lease* lease = store_.leases.find(id);
      if (lease != nullptr && lease->expiry_ms > store_.clock_ms) store_.leases.renew(id, store_.clock_ms);
    }
    return refuse(Error::kNone);
  }

  Response operator()(const Tick& r) {
    store_.clock_ms = std::max(store_.clock_ms, r.clock_ms);
    // As with every other change, none while the store is known to be damaged.
    if (store_.alarmed(AlarmType::kCorrupt)) return refuse(Error::kNone);
    for (int n = 0; n < kMaxExpiriesPerTick; ++n) {
      const auto first = store_.leases.first_to_expire();
      if (!first || first->first > store_.clock_ms) break;
      revoke(first->second);
    }
    return refuse(Error::kNone);
  }

  Response operator()(const Publish& r) {
    if (Member* m = store_.member(r.member)) {
      m->name = r.name;
      m->client_urls = r.client_urls;
    }
    return members();
  }

  Response operator()(const SetMembers& r) {
    std::vector<Member> next = r.members;
    std::sort(next.begin(), next.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
    next.erase(std::unique(next.begin(), next.end(), [](const Member& a, const Member& b) { return a.id == b.id; }),
               next.end());
    for (Member& m : next) {
      const Member* known = store_.member(m.id);
      if (known == nullptr) continue;
      m.name = known->name;
      m.peer_urls = known->peer_urls;
      m.client_urls = known->client_urls;
    }
    store_.members = std::move(next);
    MembersResponse response = members();
    if (const Member* added = store_.member(r.added)) response.member = *added;
    return response;
  }

  Response operator()(const MemberUpdateRequest& r) {
    Member* member = store_.member(r.id);
    if (member == nullptr) return refuse(Error::kMemberNotFound);
    for (const Member& other : store_.members) {
      if (other.id == r.id) continue;
      for (const std::string& url : r.peer_urls) {
        if (std::count(other.peer_urls.begin(), other.peer_urls.end(), url) > 0) return refuse(Error::kPeerUrlExist);
      }
    }
    member->peer_urls = r.peer_urls;
    return members();
  }

  Response operator()(const AlarmRequest& r) {
    AlarmResponse response;
    response.revision = store_.revision;
    const AlarmMember named{r.member, r.alarm};
    switch (r.action) {
      case AlarmAction::kGet:
        for (const AlarmMember& a : store_.alarms) {
          if (r.alarm == AlarmType::kNone || a.alarm == r.alarm) response.alarms.push_back(a);
        }
        break;
      case AlarmAction::kActivate:
        if (r.alarm == AlarmType::kNone) break;
        if (std::find(store_.alarms.begin(), store_.alarms.end(), named) == store_.alarms.end()) {
          store_.alarms.push_back(named);
          std::sort(store_.alarms.begin(), store_.alarms.end(), [](const AlarmMember& a, const AlarmMember& b) {
            return std::pair(a.alarm, a.member) < std::pair(b.alarm, b.member);
          });
        }
        response.alarms.push_back(named);
        break;
      case AlarmAction::kDeactivate:
        std::erase_if(store_.alarms, [&](const AlarmMember& a) {
          const bool meant =
              (r.member == NodeId{} || a.member == r.member) && (r.alarm == AlarmType::kNone || a.alarm == r.alarm);
          if (meant) response.alarms.push_back(a);
          return meant;
        });
        break;
    }
    return response;
  }

 private:
  Response refuse(Error error) const { return Refused{error, store_.revision}; }
  // What an alarm forbids: a damaged store every change, a full one whatever adds to it.
  Error blocked(bool adds) const {
    if (store_.alarms.empty()) return Error::kNone;
    if (store_.alarmed(AlarmType::kCorrupt)) return Error::kCorrupt;
    return adds && store_.alarmed(AlarmType::kNoSpace) ? Error::kNoSpace : Error::kNone;
  }
  void revoke(LeaseId id) {
    Changes changes(store_);
    changes.revoke(id);
    changes.commit();
  }
  MembersResponse members() const { return {store_.revision, {}, store_.members}; }

  Store::Impl& store_;
  const size_t max_answer_;
};

}  // namespace

Response Store::apply(const Command& command, size_t max_answer_bytes) {
  impl_->events.clear();
  return std::visit(Applier(*impl_, max_answer_bytes), command);
}

}  // namespace holdfast::store
