// Requests and responses of the store, as values: etcd's v3 API without its wire format.
//
// Field meanings are etcd's (docs/guide/etcd-compatibility.md). Responses carry the revision of the store at which they
// were made; cluster id, member id and Raft term are added by the server's shell.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/types.h"
#include "holdfast/store/error.h"

namespace holdfast::store {

struct RevisionTag {
  static constexpr const char* kPrefix = "r";
};
using Revision = Strong<RevisionTag, int64_t>;
struct LeaseIdTag {
  static constexpr const char* kPrefix = "l";
};
// Zero: no lease.
using LeaseId = Strong<LeaseIdTag, int64_t>;

struct KeyValue {
  Slice key;
  Revision create_revision;
  Revision mod_revision;
  int64_t version = 0;
  Slice value;
  LeaseId lease;
  bool operator==(const KeyValue&) const = default;
};

// --- KV --------------------------------------------------------------------------------------------------------------

enum class SortOrder { kNone, kAscend, kDescend };
constexpr SortOrder last_value(SortOrder) { return SortOrder::kDescend; }
enum class SortTarget { kKey, kVersion, kCreate, kMod, kValue };
constexpr SortTarget last_value(SortTarget) { return SortTarget::kValue; }

// `range_end`: empty for the one key; "\0" for every key >= key; else the half-open interval [key, range_end).
struct RangeRequest {
  Slice key;
  Slice range_end;
  int64_t limit = 0;  // 0: none
  Revision revision;  // 0: now
  SortOrder sort_order = SortOrder::kNone;
  SortTarget sort_target = SortTarget::kKey;
  bool serializable = false;
  bool keys_only = false;
  bool count_only = false;
  Revision min_mod_revision, max_mod_revision, min_create_revision, max_create_revision;  // 0: no bound
};
struct RangeResponse {
  Revision revision;
  std::vector<KeyValue> kvs;
  bool more = false;
  int64_t count = 0;
};

struct PutRequest {
  Slice key;
  Slice value;
  LeaseId lease;
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;
};
struct PutResponse {
  Revision revision;
  std::optional<KeyValue> prev_kv;
};

struct DeleteRangeRequest {
  Slice key;
  Slice range_end;
  bool prev_kv = false;
};
struct DeleteRangeResponse {
  Revision revision;
  int64_t deleted = 0;
  std::vector<KeyValue> prev_kvs;
};

enum class CompareResult { kEqual, kGreater, kLess, kNotEqual };
constexpr CompareResult last_value(CompareResult) { return CompareResult::kNotEqual; }
enum class CompareTarget { kVersion, kCreate, kMod, kValue, kLease };
constexpr CompareTarget last_value(CompareTarget) { return CompareTarget::kLease; }
struct Compare {
  CompareResult result = CompareResult::kEqual;
  CompareTarget target = CompareTarget::kVersion;
  Slice key;
  Slice range_end;
  int64_t number = 0;  // for every target but kValue
  Slice value;         // for kValue
};

struct TxnRequest;
struct NoOp {};  // a request op without an arm: an error that the server must be able to see
using RequestOp = std::variant<NoOp, RangeRequest, PutRequest, DeleteRangeRequest, TxnRequest>;
struct TxnRequest {
  std::vector<Compare> compare;
  std::vector<RequestOp> success;
  std::vector<RequestOp> failure;
};
struct TxnResponse;
using ResponseOp = std::variant<RangeResponse, PutResponse, DeleteRangeResponse, TxnResponse>;
struct TxnResponse {
  Revision revision;
  bool succeeded = false;
  std::vector<ResponseOp> responses;
};

struct CompactRequest {
  Revision revision;
  bool physical = false;
};
struct CompactResponse {
  Revision revision;
};

// --- Leases ----------------------------------------------------------------------------------------------------------

struct LeaseGrantRequest {
  int64_t ttl_seconds = 0;
  LeaseId id;  // 0: the member that serves the request chooses before it is proposed
};
struct LeaseGrantResponse {
  Revision revision;
  LeaseId id;
  int64_t ttl_seconds = 0;
};
struct LeaseRevokeRequest {
  LeaseId id;
};
struct LeaseRevokeResponse {
  Revision revision;
};
struct LeaseKeepAliveRequest {
  LeaseId id;
};
struct LeaseKeepAliveResponse {
  Revision revision;
  LeaseId id;
  int64_t ttl_seconds = 0;  // 0: there is no such lease
};
struct LeaseTimeToLiveRequest {
  LeaseId id;
  bool keys = false;
};
struct LeaseTimeToLiveResponse {
  Revision revision;
  LeaseId id;
  int64_t ttl_seconds = 0;  // -1: there is no such lease
  int64_t granted_ttl_seconds = 0;
  std::vector<Slice> keys;
};
struct LeaseLeasesRequest {};
struct LeaseLeasesResponse {
  Revision revision;
  std::vector<LeaseId> leases;
};

// --- Cluster ---------------------------------------------------------------------------------------------------------

struct Member {
  NodeId id;
  std::string name;  // empty: not started yet
  std::vector<std::string> peer_urls;
  std::vector<std::string> client_urls;
  bool is_learner = false;
  // Asked for as a voter, in a cluster of one: it would be needed for the very decision that adds it, which it learns
  // of only afterwards. So it comes as a learner and asks to be promoted once it has caught up.
  bool becomes_voter = false;
  bool operator==(const Member&) const = default;
};
// `signed_change`: in a group whose members change only so, what its administrator has signed (service/group_change.h);
// that counts, and not the rest of the request.
struct MemberAddRequest {
  std::vector<std::string> peer_urls;
  bool is_learner = false;
  Slice signed_change = {};
};
struct MemberRemoveRequest {
  NodeId id;
  Slice signed_change = {};
};
struct MemberUpdateRequest {
  NodeId id;
  std::vector<std::string> peer_urls;
};
struct MemberPromoteRequest {
  NodeId id;
};
struct MemberListRequest {
  bool linearizable = false;
};
// The answer to all of them.
struct MembersResponse {
  Revision revision;
  Member member;  // MemberAdd: the new one
  std::vector<Member> members;
  std::vector<Member> founders = {};  // of a group that newcomers follow from its founders on
};

// --- Maintenance -----------------------------------------------------------------------------------------------------

struct StatusRequest {};
struct StatusResponse {
  Revision revision;
  NodeId leader;
  uint64_t raft_index = 0;
  uint64_t raft_term = 0;
  uint64_t raft_applied_index = 0;
  int64_t db_size = 0;         // bytes held, garbage included
  int64_t db_size_in_use = 0;  // bytes of live versions
  int64_t db_size_quota = 0;
  bool is_learner = false;
  std::vector<std::string> errors;
};
struct HashKvRequest {
  Revision revision;  // 0: now
};
struct HashKvResponse {
  Revision revision;
  uint32_t hash = 0;
  Revision compact_revision;
  Revision hash_revision;
};
struct MoveLeaderRequest {
  NodeId target;
};
struct MoveLeaderResponse {
  Revision revision;
};
enum class AlarmAction { kGet, kActivate, kDeactivate };
constexpr AlarmAction last_value(AlarmAction) { return AlarmAction::kDeactivate; }
enum class AlarmType { kNone, kNoSpace, kCorrupt };
constexpr AlarmType last_value(AlarmType) { return AlarmType::kCorrupt; }
struct AlarmRequest {
  AlarmAction action = AlarmAction::kGet;
  NodeId member;  // none: every member
  AlarmType alarm = AlarmType::kNone;
};
struct AlarmMember {
  NodeId member;
  AlarmType alarm = AlarmType::kNone;
  bool operator==(const AlarmMember&) const = default;
};
struct AlarmResponse {
  Revision revision;
  std::vector<AlarmMember> alarms;
};

// --- All of them -----------------------------------------------------------------------------------------------------

using Request =
    std::variant<RangeRequest, PutRequest, DeleteRangeRequest, TxnRequest, CompactRequest, LeaseGrantRequest,
                 LeaseRevokeRequest, LeaseKeepAliveRequest, LeaseTimeToLiveRequest, LeaseLeasesRequest,
                 MemberAddRequest, MemberRemoveRequest, MemberUpdateRequest, MemberPromoteRequest, MemberListRequest,
                 StatusRequest, HashKvRequest, MoveLeaderRequest, AlarmRequest>;

// The first alternative is the refusal of any request.
struct Refused {
  Error error = Error::kNone;
  Revision revision;
};
using Response = std::variant<Refused, RangeResponse, PutResponse, DeleteRangeResponse, TxnResponse, CompactResponse,
                              LeaseGrantResponse, LeaseRevokeResponse, LeaseKeepAliveResponse, LeaseTimeToLiveResponse,
                              LeaseLeasesResponse, MembersResponse, StatusResponse, HashKvResponse, MoveLeaderResponse,
                              AlarmResponse>;

// A bound on the bytes of an answer that is none.
inline constexpr size_t kAnyAnswer = std::numeric_limits<size_t>::max();

// --- Watch -----------------------------------------------------------------------------------------------------------

enum class EventType { kPut, kDelete };
constexpr EventType last_value(EventType) { return EventType::kDelete; }
struct Event {
  EventType type = EventType::kPut;
  KeyValue kv;  // kDelete: only key and mod_revision are set
  std::optional<KeyValue> prev_kv;
  bool operator==(const Event&) const = default;
};
struct WatchCreateRequest {
  Slice key;
  Slice range_end;
  Revision start_revision;  // 0: from now on
  bool progress_notify = false;
  bool no_put = false;  // filters
  bool no_delete = false;
  bool prev_kv = false;
  bool fragment = false;
  int64_t watch_id = 0;  // 0: the server chooses
};
struct WatchCancelRequest {
  int64_t watch_id = 0;
};
struct WatchProgressRequest {};
using WatchRequest = std::variant<WatchCreateRequest, WatchCancelRequest, WatchProgressRequest>;
struct WatchResponse {
  Revision revision;
  int64_t watch_id = 0;
  bool created = false;
  bool canceled = false;
  bool fragment = false;
  Revision compact_revision;
  std::string cancel_reason;
  std::vector<Event> events;
};

}  // namespace holdfast::store
