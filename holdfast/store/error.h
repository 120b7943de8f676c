// What a request to the store can be told. The names are etcd's, but for those at the end, which etcd has no need of;
// server/ knows their gRPC codes and texts.
#pragma once

namespace holdfast::store {

enum class Error {
  kNone,
  kEmptyKey,
  kKeyNotFound,
  kValueProvided,
  kLeaseProvided,
  kTooManyOps,
  kDuplicateKey,
  kInvalidSortOption,
  kCompacted,
  kFutureRev,
  kNoSpace,
  kLeaseNotFound,
  kLeaseExist,
  kLeaseTtlTooLarge,
  kMemberExist,
  kPeerUrlExist,
  kMemberNotEnoughStarted,
  kMemberBadUrls,
  kMemberNotFound,
  kMemberNotLearner,
  kLearnerNotReady,
  kTooManyLearners,
  kClusterIdMismatch,
  kRequestTooLarge,
  kTooManyRequests,
  kNoLeader,
  kNotLeader,
  kLeaderChanged,
  kStopped,
  kTimeout,  // the request was not carried out, or it is not known whether it was
  kTimeoutDueToLeaderFail,
  kTimeoutDueToConnectionLost,
  kTimeoutWaitAppliedIndex,
  kUnhealthy,
  kCorrupt,
  kNotSupportedForLearner,
  kBadLeaderTransferee,
  kInvalidArgument,  // an enum or union arm this version does not know
  // Of a group whose members need not trust each other:
  kAdministratorNeeded,  // its members change only by what its administrator has signed
  kNoLearners,           // its members vote, all of them
  kChangeUnsigned,       // by another, or by nobody
  kChangeOutdated,       // signed for members that are not, or not yet, the present ones
  kChangeUnderWay,       // another one is not in force yet
  kChangeImpossible,     // it makes no sense, or leaves no valid group
  kNoAdministrator,      // a signed change came to a group that has no administrator
  kAnswerTooLarge,       // larger than any answer of a group may be
};
constexpr Error last_value(Error) { return Error::kAnswerTooLarge; }

}  // namespace holdfast::store
