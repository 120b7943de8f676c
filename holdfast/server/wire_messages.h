// The messages of the API, by field number, and the few that are not plain lists of fields.
#pragma once

#include "holdfast/server/wire_fields.h"

namespace holdfast::server::wire {

// The messages that need more than a list.
bool read_message(Reader& r, store::Compare& v);  // a union: only the arm that `target` names counts
void write_message(Writer& w, const store::Compare& v);
bool read_message(Reader& r, store::RequestOp& v);  // no known arm: NoOp
void write_message(Writer& w, const store::RequestOp& v);
bool read_message(Reader& r, store::ResponseOp& v);
void write_message(Writer& w, const store::ResponseOp& v);
bool read_message(Reader& r, store::WatchCreateRequest& v);  // filters
void write_message(Writer& w, const store::WatchCreateRequest& v);
bool read_message(Reader& r, std::optional<store::WatchRequest>& v);  // no known arm: stays empty, to be passed over
void write_message(Writer& w, const store::WatchRequest& v);

using store::AlarmMember;
using store::AlarmRequest;
using store::AlarmResponse;
using store::DeleteRangeRequest;
using store::DeleteRangeResponse;
using store::HashKvRequest;
using store::HashKvResponse;
using store::KeyValue;
using store::LeaseGrantRequest;
using store::LeaseGrantResponse;
using store::LeaseTimeToLiveResponse;
using store::PutRequest;
using store::PutResponse;
using store::RangeRequest;
using store::RangeResponse;
using store::TxnRequest;
using store::TxnResponse;

template <>
struct MessageOf<KeyValue>
    : Plain<Field<1, &KeyValue::key>, Field<2, &KeyValue::create_revision>, Field<3, &KeyValue::mod_revision>,
            Field<4, &KeyValue::version>, Field<5, &KeyValue::value>, Field<6, &KeyValue::lease>> {};

// --- KV ---
template <>
struct MessageOf<RangeRequest>
    : Plain<Field<1, &RangeRequest::key>, Field<2, &RangeRequest::range_end>, Field<3, &RangeRequest::limit>,
            Field<4, &RangeRequest::revision>, Field<5, &RangeRequest::sort_order>,
            Field<6, &RangeRequest::sort_target>, Field<7, &RangeRequest::serializable>,
            Field<8, &RangeRequest::keys_only>, Field<9, &RangeRequest::count_only>,
            Field<10, &RangeRequest::min_mod_revision>, Field<11, &RangeRequest::max_mod_revision>,
            Field<12, &RangeRequest::min_create_revision>, Field<13, &RangeRequest::max_create_revision>> {};
template <>
struct MessageOf<RangeResponse>
    : Response<Field<2, &RangeResponse::kvs>, Field<3, &RangeResponse::more>, Field<4, &RangeResponse::count>> {};
template <>
struct MessageOf<PutRequest>
    : Plain<Field<1, &PutRequest::key>, Field<2, &PutRequest::value>, Field<3, &PutRequest::lease>,
            Field<4, &PutRequest::prev_kv>, Field<5, &PutRequest::ignore_value>, Field<6, &PutRequest::ignore_lease>> {
};
template <>
struct MessageOf<PutResponse> : Response<Field<2, &PutResponse::prev_kv>> {};
template <>
struct MessageOf<DeleteRangeRequest>
    : Plain<Field<1, &DeleteRangeRequest::key>, Field<2, &DeleteRangeRequest::range_end>,
            Field<3, &DeleteRangeRequest::prev_kv>> {};
template <>
struct MessageOf<DeleteRangeResponse>
    : Response<Field<2, &DeleteRangeResponse::deleted>, Field<3, &DeleteRangeResponse::prev_kvs>> {};
template <>
struct MessageOf<TxnRequest>
    : Plain<Field<1, &TxnRequest::compare>, Field<2, &TxnRequest::success>, Field<3, &TxnRequest::failure>> {};
template <>
struct MessageOf<TxnResponse> : Response<Field<2, &TxnResponse::succeeded>, Field<3, &TxnResponse::responses>> {};
template <>
struct MessageOf<store::CompactRequest>
    : Plain<Field<1, &store::CompactRequest::revision>, Field<2, &store::CompactRequest::physical>> {};
template <>
struct MessageOf<store::CompactResponse> : Response<> {};

// --- Leases ---
template <>
struct MessageOf<LeaseGrantRequest>
    : Plain<Field<1, &LeaseGrantRequest::ttl_seconds>, Field<2, &LeaseGrantRequest::id>> {};
template <>
struct MessageOf<LeaseGrantResponse>
    : Response<Field<2, &LeaseGrantResponse::id>, Field<3, &LeaseGrantResponse::ttl_seconds>> {};
template <>
struct MessageOf<store::LeaseRevokeRequest> : Plain<Field<1, &store::LeaseRevokeRequest::id>> {};
template <>
struct MessageOf<store::LeaseRevokeResponse> : Response<> {};
template <>
struct MessageOf<store::LeaseKeepAliveRequest> : Plain<Field<1, &store::LeaseKeepAliveRequest::id>> {};
template <>
struct MessageOf<store::LeaseKeepAliveResponse>
    : Response<Field<2, &store::LeaseKeepAliveResponse::id>, Field<3, &store::LeaseKeepAliveResponse::ttl_seconds>> {};
template <>
struct MessageOf<store::LeaseTimeToLiveRequest>
    : Plain<Field<1, &store::LeaseTimeToLiveRequest::id>, Field<2, &store::LeaseTimeToLiveRequest::keys>> {};
template <>
struct MessageOf<LeaseTimeToLiveResponse>
    : Response<Field<2, &LeaseTimeToLiveResponse::id>, Field<3, &LeaseTimeToLiveResponse::ttl_seconds>,
               Field<4, &LeaseTimeToLiveResponse::granted_ttl_seconds>, Field<5, &LeaseTimeToLiveResponse::keys>> {};
template <>
struct MessageOf<store::LeaseLeasesRequest> : Plain<> {};

// One element of LeaseLeasesResponse is a message of its own.
struct LeaseStatus {
  store::LeaseId id;
};
template <>
struct MessageOf<LeaseStatus> : Plain<Field<1, &LeaseStatus::id>> {};
inline bool read(Reader& r, std::vector<store::LeaseId>& v) {
  LeaseStatus status;
  if (!r.count_element() || !read(r, status)) return false;
  v.push_back(status.id);
  return true;
}
inline void write(Writer& w, uint32_t number, const std::vector<store::LeaseId>& v) {
  for (auto id = v.rbegin(); id != v.rend(); ++id) write(w, number, LeaseStatus{*id});
}
template <>
struct MessageOf<store::LeaseLeasesResponse> : Response<Field<2, &store::LeaseLeasesResponse::leases>> {};

// --- Cluster ---
template <>
struct MessageOf<store::Member>
    : Plain<Field<1, &store::Member::id>, Field<2, &store::Member::name>, Field<3, &store::Member::peer_urls>,
            Field<4, &store::Member::client_urls>, Field<5, &store::Member::is_learner>> {};
template <>
struct MessageOf<store::MemberAddRequest>
    : Plain<Field<1, &store::MemberAddRequest::peer_urls>, Field<2, &store::MemberAddRequest::is_learner>,
            Field<1001, &store::MemberAddRequest::signed_change>> {};
template <>
struct MessageOf<store::MemberRemoveRequest>
    : Plain<Field<1, &store::MemberRemoveRequest::id>, Field<1001, &store::MemberRemoveRequest::signed_change>> {};
template <>
struct MessageOf<store::MemberUpdateRequest>
    : Plain<Field<1, &store::MemberUpdateRequest::id>, Field<2, &store::MemberUpdateRequest::peer_urls>> {};
template <>
struct MessageOf<store::MemberPromoteRequest> : Plain<Field<1, &store::MemberPromoteRequest::id>> {};
template <>
struct MessageOf<store::MemberListRequest> : Plain<Field<1, &store::MemberListRequest::linearizable>> {};
// Remove, Update, Promote and List. Add has the new member before the list:
template <>
struct MessageOf<store::MembersResponse>
    : Response<Field<2, &store::MembersResponse::members>, Field<1001, &store::MembersResponse::founders>> {};
struct MemberAddResponse : store::MembersResponse {};
template <>
struct MessageOf<MemberAddResponse>
    : Response<Field<2, &MemberAddResponse::member>, Field<3, &MemberAddResponse::members>,
               Field<1001, &MemberAddResponse::founders>> {};

// --- Maintenance ---
template <>
struct MessageOf<store::StatusRequest> : Plain<> {};
// The store's part of it with what the server adds.
struct StatusResponse : store::StatusResponse {
  std::string version;
  std::string storage_version;
  std::string consensus;
};
template <>
struct MessageOf<StatusResponse>
    : Response<Field<2, &StatusResponse::version>, Field<3, &StatusResponse::db_size>,
               Field<4, &StatusResponse::leader>, Field<5, &StatusResponse::raft_index>,
               Field<6, &StatusResponse::raft_term>, Field<7, &StatusResponse::raft_applied_index>,
               Field<8, &StatusResponse::errors>, Field<9, &StatusResponse::db_size_in_use>,
               Field<10, &StatusResponse::is_learner>, Field<11, &StatusResponse::storage_version>,
               Field<12, &StatusResponse::db_size_quota>, Field<1001, &StatusResponse::consensus>> {};
template <>
struct MessageOf<HashKvRequest> : Plain<Field<1, &HashKvRequest::revision>> {};
template <>
struct MessageOf<HashKvResponse>
    : Response<Field<2, &HashKvResponse::hash>, Field<3, &HashKvResponse::compact_revision>,
               Field<4, &HashKvResponse::hash_revision>> {};
template <>
struct MessageOf<store::MoveLeaderRequest> : Plain<Field<1, &store::MoveLeaderRequest::target>> {};
template <>
struct MessageOf<store::MoveLeaderResponse> : Response<> {};
template <>
struct MessageOf<AlarmRequest>
    : Plain<Field<1, &AlarmRequest::action>, Field<2, &AlarmRequest::member>, Field<3, &AlarmRequest::alarm>> {};
template <>
struct MessageOf<AlarmMember> : Plain<Field<1, &AlarmMember::member>, Field<2, &AlarmMember::alarm>> {};
template <>
struct MessageOf<AlarmResponse> : Response<Field<2, &AlarmResponse::alarms>> {};

// --- Watch ---
template <>
struct MessageOf<store::Event>
    : Plain<Field<1, &store::Event::type>, Field<2, &store::Event::kv>, Field<3, &store::Event::prev_kv>> {};
template <>
struct MessageOf<store::WatchCancelRequest> : Plain<Field<1, &store::WatchCancelRequest::watch_id>> {};
template <>
struct MessageOf<store::WatchProgressRequest> : Plain<> {};
template <>
struct MessageOf<store::WatchResponse>
    : Response<Field<2, &store::WatchResponse::watch_id>, Field<3, &store::WatchResponse::created>,
               Field<4, &store::WatchResponse::canceled>, Field<5, &store::WatchResponse::compact_revision>,
               Field<6, &store::WatchResponse::cancel_reason>, Field<7, &store::WatchResponse::fragment>,
               Field<11, &store::WatchResponse::events>> {};

// --- Others ---
struct AuthStatusResponse {
  store::Revision revision;
  bool enabled = false;
  uint64_t auth_revision = 0;
};
template <>
struct MessageOf<AuthStatusResponse>
    : Response<Field<2, &AuthStatusResponse::enabled>, Field<3, &AuthStatusResponse::auth_revision>> {};
struct HealthCheckRequest {
  std::string service;
};
template <>
struct MessageOf<HealthCheckRequest> : Plain<Field<1, &HealthCheckRequest::service>> {};
enum class Serving { kUnknown, kServing, kNotServing, kServiceUnknown };
constexpr Serving last_value(Serving) { return Serving::kServiceUnknown; }
struct HealthCheckResponse {
  Serving status = Serving::kUnknown;
};
template <>
struct MessageOf<HealthCheckResponse> : Plain<Field<1, &HealthCheckResponse::status>> {};

// Reads a whole message into `v`, which must be fresh.
template <class T>
Problem parse(const Slice& message, T& v, uint32_t max_elements = kMaxElements) {
  Budget budget{.max_elements = max_elements};
  Reader r(message, budget);
  if constexpr (Message<T>) {
    read_fields(r, v);
  } else {
    read_message(r, v);
  }
  return budget.problem;
}

}  // namespace holdfast::server::wire
