#include "holdfast/server/errors.h"

#include <array>

#include "holdfast/base/assert.h"

namespace holdfast::server {
namespace {

constexpr ApiError kApiErrors[] = {
    {"EmptyKey", Code::kInvalidArgument, "etcdserver: key is not provided"},
    {"KeyNotFound", Code::kInvalidArgument, "etcdserver: key not found"},
    {"ValueProvided", Code::kInvalidArgument, "etcdserver: value is provided"},
    {"LeaseProvided", Code::kInvalidArgument, "etcdserver: lease is provided"},
    {"TooManyOps", Code::kInvalidArgument, "etcdserver: too many operations in txn request"},
    {"DuplicateKey", Code::kInvalidArgument, "etcdserver: duplicate key given in txn request"},
    {"InvalidClientAPIVersion", Code::kInvalidArgument, "etcdserver: invalid client api version"},
    {"InvalidSortOption", Code::kInvalidArgument, "etcdserver: invalid sort option"},
    {"Compacted", Code::kOutOfRange, "etcdserver: mvcc: required revision has been compacted"},
    {"FutureRev", Code::kOutOfRange, "etcdserver: mvcc: required revision is a future revision"},
    {"NoSpace", Code::kResourceExhausted, "etcdserver: mvcc: database space exceeded"},
    {"LeaseNotFound", Code::kNotFound, "etcdserver: requested lease not found"},
    {"LeaseExist", Code::kFailedPrecondition, "etcdserver: lease already exists"},
    {"LeaseTTLTooLarge", Code::kOutOfRange, "etcdserver: too large lease TTL"},
    {"WatchCanceled", Code::kCanceled, "etcdserver: watch canceled"},
    {"MemberExist", Code::kFailedPrecondition, "etcdserver: member ID already exist"},
    {"PeerURLExist", Code::kFailedPrecondition, "etcdserver: Peer URLs already exists"},
    {"MemberNotEnoughStarted", Code::kFailedPrecondition,
     "etcdserver: re-configuration failed due to not enough started members"},
    {"MemberBadURLs", Code::kInvalidArgument, "etcdserver: given member URLs are invalid"},
    {"MemberNotFound", Code::kNotFound, "etcdserver: member not found"},
    {"MemberNotLearner", Code::kFailedPrecondition, "etcdserver: can only promote a learner member"},
    {"LearnerNotReady", Code::kFailedPrecondition,
     "etcdserver: can only promote a learner member which is in sync with leader"},
    {"TooManyLearners", Code::kFailedPrecondition, "etcdserver: too many learner members in cluster"},
    {"ClusterIDMismatch", Code::kFailedPrecondition, "etcdserver: cluster ID mismatch"},
    {"RequestTooLarge", Code::kInvalidArgument, "etcdserver: request is too large"},
    {"RequestTooManyRequests", Code::kResourceExhausted, "etcdserver: too many requests"},
    {"RootUserNotExist", Code::kFailedPrecondition, "etcdserver: root user does not exist"},
    {"RootRoleNotExist", Code::kFailedPrecondition, "etcdserver: root user does not have root role"},
    {"UserAlreadyExist", Code::kFailedPrecondition, "etcdserver: user name already exists"},
    {"UserEmpty", Code::kInvalidArgument, "etcdserver: user name is empty"},
    {"UserNotFound", Code::kFailedPrecondition, "etcdserver: user name not found"},
    {"RoleAlreadyExist", Code::kFailedPrecondition, "etcdserver: role name already exists"},
    {"RoleNotFound", Code::kFailedPrecondition, "etcdserver: role name not found"},
    {"RoleEmpty", Code::kInvalidArgument, "etcdserver: role name is empty"},
    {"AuthFailed", Code::kInvalidArgument, "etcdserver: authentication failed, invalid user ID or password"},
    {"PermissionNotGiven", Code::kInvalidArgument, "etcdserver: permission not given"},
    {"PermissionDenied", Code::kPermissionDenied, "etcdserver: permission denied"},
    {"RoleNotGranted", Code::kFailedPrecondition, "etcdserver: role is not granted to the user"},
    {"PermissionNotGranted", Code::kFailedPrecondition, "etcdserver: permission is not granted to the role"},
    {"AuthNotEnabled", Code::kFailedPrecondition, "etcdserver: authentication is not enabled"},
    {"InvalidAuthToken", Code::kUnauthenticated, "etcdserver: invalid auth token"},
    {"InvalidAuthMgmt", Code::kInvalidArgument, "etcdserver: invalid auth management"},
    {"AuthOldRevision", Code::kInvalidArgument, "etcdserver: revision of auth store is old"},
    {"NoLeader", Code::kUnavailable, "etcdserver: no leader"},
    {"NotLeader", Code::kFailedPrecondition, "etcdserver: not leader"},
    {"LeaderChanged", Code::kUnavailable, "etcdserver: leader changed"},
    {"NotCapable", Code::kFailedPrecondition, "etcdserver: not capable"},
    {"Stopped", Code::kUnavailable, "etcdserver: server stopped"},
    {"Timeout", Code::kUnavailable, "etcdserver: request timed out"},
    {"TimeoutDueToLeaderFail", Code::kUnavailable,
     "etcdserver: request timed out, possibly due to previous leader failure"},
    {"TimeoutDueToConnectionLost", Code::kUnavailable,
     "etcdserver: request timed out, possibly due to connection lost"},
    {"TimeoutWaitAppliedIndex", Code::kUnavailable,
     "etcdserver: request timed out, waiting for the applied index took too long"},
    {"Unhealthy", Code::kUnavailable, "etcdserver: unhealthy cluster"},
    {"Corrupt", Code::kDataLoss, "etcdserver: corrupt cluster"},
    {"NotSupportedForLearner", Code::kFailedPrecondition, "etcdserver: rpc not supported for learner"},
    {"BadLeaderTransferee", Code::kFailedPrecondition, "etcdserver: bad leader transferee"},
    {"WrongDowngradeVersionFormat", Code::kInvalidArgument, "etcdserver: wrong downgrade target version format"},
    {"InvalidDowngradeTargetVersion", Code::kInvalidArgument, "etcdserver: invalid downgrade target version"},
    {"ClusterVersionUnavailable", Code::kFailedPrecondition, "etcdserver: cluster version not found during downgrade"},
    {"DowngradeInProcess", Code::kFailedPrecondition, "etcdserver: cluster has a downgrade job in progress"},
    {"NoInflightDowngrade", Code::kFailedPrecondition, "etcdserver: no inflight downgrade job"},
    {"Canceled", Code::kCanceled, "etcdserver: request canceled"},
    {"DeadlineExceeded", Code::kDeadlineExceeded, "etcdserver: context deadline exceeded"},
};

constexpr std::array<std::string_view, kCodes> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

// The names under which the table knows the refusals of the store. Those of our own have none.
constexpr std::pair<store::Error, std::string_view> kErrorNames[] = {
    {store::Error::kEmptyKey, "EmptyKey"},
    {store::Error::kKeyNotFound, "KeyNotFound"},
    {store::Error::kValueProvided, "ValueProvided"},
    {store::Error::kLeaseProvided, "LeaseProvided"},
    {store::Error::kTooManyOps, "TooManyOps"},
    {store::Error::kDuplicateKey, "DuplicateKey"},
    {store::Error::kInvalidSortOption, "InvalidSortOption"},
    {store::Error::kCompacted, "Compacted"},
    {store::Error::kFutureRev, "FutureRev"},
    {store::Error::kNoSpace, "NoSpace"},
    {store::Error::kLeaseNotFound, "LeaseNotFound"},
    {store::Error::kLeaseExist, "LeaseExist"},
    {store::Error::kLeaseTtlTooLarge, "LeaseTTLTooLarge"},
    {store::Error::kMemberExist, "MemberExist"},
    {store::Error::kPeerUrlExist, "PeerURLExist"},
    {store::Error::kMemberNotEnoughStarted, "MemberNotEnoughStarted"},
    {store::Error::kMemberBadUrls, "MemberBadURLs"},
    {store::Error::kMemberNotFound, "MemberNotFound"},
    {store::Error::kMemberNotLearner, "MemberNotLearner"},
    {store::Error::kLearnerNotReady, "LearnerNotReady"},
    {store::Error::kTooManyLearners, "TooManyLearners"},
    {store::Error::kClusterIdMismatch, "ClusterIDMismatch"},
    {store::Error::kRequestTooLarge, "RequestTooLarge"},
    {store::Error::kTooManyRequests, "RequestTooManyRequests"},
    {store::Error::kNoLeader, "NoLeader"},
    {store::Error::kNotLeader, "NotLeader"},
    {store::Error::kLeaderChanged, "LeaderChanged"},
    {store::Error::kStopped, "Stopped"},
    {store::Error::kTimeout, "Timeout"},
    {store::Error::kTimeoutDueToLeaderFail, "TimeoutDueToLeaderFail"},
    {store::Error::kTimeoutDueToConnectionLost, "TimeoutDueToConnectionLost"},
    {store::Error::kTimeoutWaitAppliedIndex, "TimeoutWaitAppliedIndex"},
    {store::Error::kUnhealthy, "Unhealthy"},
    {store::Error::kCorrupt, "Corrupt"},
    {store::Error::kNotSupportedForLearner, "NotSupportedForLearner"},
    {store::Error::kBadLeaderTransferee, "BadLeaderTransferee"},
};
constexpr std::string_view name_of(store::Error error) {
  for (const auto& [known, name] : kErrorNames) {
    if (known == error) return name;
  }
  return "";
}

// What etcd has no error for; nothing when it has one.
Outcome own_outcome(store::Error error) {
  switch (error) {
    case store::Error::kInvalidArgument:
      return {Code::kInvalidArgument, "etcdserver: the request has an option that this server does not know"};
    case store::Error::kAdministratorNeeded:
      return {Code::kPermissionDenied,
              "etcdserver: the members of this cluster (--consensus=pbft) change only by what its administrator has "
              "signed: use holdfast member add or remove with --administrator-key-file (docs/guide/consensus.md)"};
    case store::Error::kNoLearners:
      return {
          Code::kFailedPrecondition,
          "etcdserver: this cluster (--consensus=pbft) has no learners: a new member votes as soon as it has caught "
          "up; see docs/guide/consensus.md"};
    case store::Error::kChangeUnsigned:
      return {Code::kPermissionDenied,
              "etcdserver: the change of the members is not signed by the administrator of this cluster, whose public "
              "key its members were given (--administrator-key)"};
    case store::Error::kChangeOutdated:
      return {Code::kFailedPrecondition,
              "etcdserver: the members have changed since this change was signed; look at them (member list) and sign "
              "anew what is still wanted"};
    case store::Error::kChangeUnderWay:
      return {Code::kFailedPrecondition,
              "etcdserver: another change of the members is under way; ask again when it is in force"};
    case store::Error::kChangeImpossible:
      return {Code::kFailedPrecondition,
              "etcdserver: the change leaves no valid group: it needs four members at least, each with a key and an "
              "identity of its own, and nobody who was removed before; see docs/guide/consensus.md"};
    case store::Error::kNoAdministrator:
      return {Code::kFailedPrecondition,
              "etcdserver: this cluster has no administrator who signs changes of its members; ask without "
              "--administrator-key-file"};
    case store::Error::kAnswerTooLarge:
      return {Code::kResourceExhausted,
              "etcdserver: the answer has more than the 8 MiB that a cluster with --consensus=pbft answers with: ask "
              "for less at a time, with a limit, for keys only, or as a serializable read"};
    default:
      return {};
  }
}

}  // namespace

std::string_view code_name(Code code) { return kCodeNames[static_cast<size_t>(code)]; }

std::span<const ApiError> api_errors() { return kApiErrors; }

const ApiError& api_error(std::string_view name) {
  for (const ApiError& e : kApiErrors) {
    if (e.name == name) return e;
  }
  fail_assertion("a refusal is named as in the table of errors", Place::here());
}

Outcome outcome_of(const ApiError& error) { return {error.code, std::string(error.text)}; }

Outcome outcome_of(store::Error error) {
  if (error == store::Error::kNone) return {};
  if (Outcome own = own_outcome(error); !own.ok()) return own;
  return outcome_of(api_error(name_of(error)));
}

}  // namespace holdfast::server
