// What can be refused by form alone, before a request is proposed and once more when it is applied.

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "holdfast/base/codec.h"
#include "holdfast/store/impl.h"

namespace holdfast::store {
namespace {

// A union of intervals. A request may bring thousands of them, so it is kept as disjoint pieces in order.
class IntervalSet {
 public:
  void add(const Interval& i) {
    if (i.is_empty()) return;
    add(std::string(i.begin), i.unbounded ? End() : End(i.single ? std::string(i.begin) + '\0' : std::string(i.end)));
  }
  void add(const IntervalSet& other) {
    for (const auto& [begin, end] : other.pieces_) add(begin, end);
  }
  bool contains(std::string_view key) const {
    auto it = pieces_.upper_bound(key);
    if (it == pieces_.begin()) return false;
    --it;
    return !it->second || key < *it->second;
  }

 private:
  using End = std::optional<std::string>;  // none: unbounded
  void add(std::string begin, End end) {
    auto it = pieces_.upper_bound(begin);
    if (it != pieces_.begin() && (!std::prev(it)->second || *std::prev(it)->second >= begin)) --it;
    // `it` is the first piece that may touch the new one.
    while (it != pieces_.end() && (!end || it->first <= *end)) {
      begin = std::min(begin, it->first);
      if (end && (!it->second || *it->second > *end)) end = it->second;
      it = pieces_.erase(it);
    }
    pieces_.emplace(std::move(begin), std::move(end));
  }
  std::map<std::string, End, std::less<>> pieces_;
};

// The keys that the operations of a transaction may put, and the intervals they may delete.
struct Touched {
  std::set<std::string_view> puts;
  IntervalSet deletes;
};

// No key may be put twice, or put and deleted, along one path through the transaction. As in etcd, a nested
// transaction's deletes bind what stands behind it and the puts of its own level, not the puts nested before it.
Error collect(const std::vector<RequestOp>& ops, Touched& touched) {
  for (const RequestOp& op : ops) {
    if (const auto* d = std::get_if<DeleteRangeRequest>(&op)) {
      touched.deletes.add(Interval::of(d->key, d->range_end));
    }
  }
  for (const RequestOp& op : ops) {
    const auto* nested = std::get_if<TxnRequest>(&op);
    if (nested == nullptr) continue;
    Touched success, failure;
    if (const Error e = collect(nested->success, success); e != Error::kNone) return e;
    if (const Error e = collect(nested->failure, failure); e != Error::kNone) return e;
    // Either arm is taken, never both: they are compared with what came before, not with each other.
    for (const Touched* arm : {&success, &failure}) {
      for (const std::string_view key : arm->puts) {
        if (touched.puts.contains(key) || touched.deletes.contains(key)) return Error::kDuplicateKey;
      }
    }
    for (const Touched* arm : {&success, &failure}) {
      touched.puts.insert(arm->puts.begin(), arm->puts.end());
      touched.deletes.add(arm->deletes);
    }
  }
  for (const RequestOp& op : ops) {
    const auto* put = std::get_if<PutRequest>(&op);
    if (put == nullptr) continue;
    if (touched.deletes.contains(put->key.view()) || !touched.puts.insert(put->key.view()).second) {
      return Error::kDuplicateKey;
    }
  }
  return Error::kNone;
}

// How many transactions may lie in one another. The command must be decoded again, by every member: each costs two of
// the codec's levels (a list, and an alternative in it), and the command itself is an alternative.
constexpr int kMaxTxnLevels = (codec::kMaxDepth - 1) / 2;

Error check_ops(const TxnRequest& txn, size_t max_ops, int level);

Error check_op(const RequestOp& op, size_t max_ops, int level) {
  if (const auto* range = std::get_if<RangeRequest>(&op)) return check_form(*range);
  if (const auto* put = std::get_if<PutRequest>(&op)) return check_form(*put);
  if (const auto* erase = std::get_if<DeleteRangeRequest>(&op)) return check_form(*erase);
  if (const auto* nested = std::get_if<TxnRequest>(&op)) return check_ops(*nested, max_ops, level + 1);
  return Error::kKeyNotFound;
}

Error check_ops(const TxnRequest& txn, size_t max_ops, int level) {
  if (level > kMaxTxnLevels) return Error::kTooManyOps;
  const size_t ops = std::max({txn.compare.size(), txn.success.size(), txn.failure.size()});
  if (ops > max_ops) return Error::kTooManyOps;
  for (const Compare& c : txn.compare) {
    if (c.key.empty()) return Error::kEmptyKey;
  }
  for (const auto* arm : {&txn.success, &txn.failure}) {
    for (const RequestOp& op : *arm) {
      if (const Error e = check_op(op, max_ops - ops, level); e != Error::kNone) return e;
    }
  }
  return Error::kNone;
}

Error check_txn(const TxnRequest& txn, size_t max_ops) {
  if (const Error e = check_ops(txn, max_ops, 1); e != Error::kNone) return e;
  for (const auto* arm : {&txn.success, &txn.failure}) {
    Touched touched;
    if (const Error e = collect(*arm, touched); e != Error::kNone) return e;
  }
  return Error::kNone;
}

bool is_host_and_port(std::string_view s) {
  const size_t colon = s.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == s.size()) return false;
  const std::string_view host = s.substr(0, colon), port = s.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  return std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// scheme://host:port without a path, or a Unix socket.
bool is_peer_url(std::string_view url) {
  for (const std::string_view scheme : {"unix://", "unixs://"}) {
    if (url.starts_with(scheme)) return url.size() > scheme.size();
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme)) return is_host_and_port(url.substr(scheme.size()));
  }
  return false;
}

Error check_urls(const std::vector<std::string>& urls) {
  return !urls.empty() && std::all_of(urls.begin(), urls.end(), is_peer_url) ? Error::kNone : Error::kMemberBadUrls;
}

struct Validator {
  const Limits& limits;
  Error operator()(const RangeRequest& r) const { return check_form(r); }
  Error operator()(const PutRequest& r) const { return check_form(r); }
  Error operator()(const DeleteRangeRequest& r) const { return check_form(r); }
  Error operator()(const TxnRequest& r) const { return check_txn(r, limits.max_txn_ops); }
  Error operator()(const LeaseGrantRequest& r) const {
    return r.ttl_seconds > kMaxLeaseTtlSeconds ? Error::kLeaseTtlTooLarge : Error::kNone;
  }
  Error operator()(const MemberAddRequest& r) const { return check_urls(r.peer_urls); }
  Error operator()(const MemberUpdateRequest& r) const { return check_urls(r.peer_urls); }
  template <class T>
  Error operator()(const T&) const {
    return Error::kNone;
  }
};

}  // namespace

Error check_form(const RangeRequest& r) {
  if (r.key.empty()) return Error::kEmptyKey;
  const auto is_known = [](auto option) { return option >= decltype(option){} && option <= last_value(option); };
  return is_known(r.sort_order) && is_known(r.sort_target) ? Error::kNone : Error::kInvalidSortOption;
}

Error check_form(const PutRequest& r) {
  if (r.key.empty()) return Error::kEmptyKey;
  if (r.ignore_value && !r.value.empty()) return Error::kValueProvided;
  return r.ignore_lease && r.lease != LeaseId{} ? Error::kLeaseProvided : Error::kNone;
}

Error check_form(const DeleteRangeRequest& r) { return r.key.empty() ? Error::kEmptyKey : Error::kNone; }

Error check_form(const TxnRequest& txn) { return check_txn(txn, std::numeric_limits<size_t>::max()); }

Error validate(const Request& request, const Limits& limits) { return std::visit(Validator{limits}, request); }

Error admit(Request& request, const Limits& limits) {
  if (auto* grant = std::get_if<LeaseGrantRequest>(&request)) {
    grant->ttl_seconds = std::max(grant->ttl_seconds, limits.min_lease_ttl_seconds);
  }
  return validate(request, limits);
}

bool is_read_only(const TxnRequest& txn) {
  const auto reads = [](const RequestOp& op) { return std::holds_alternative<RangeRequest>(op); };
  return std::all_of(txn.success.begin(), txn.success.end(), reads) &&
         std::all_of(txn.failure.begin(), txn.failure.end(), reads);
}

bool has_put(const TxnRequest& txn) {
  const auto puts = [](const RequestOp& op) {
    const auto* nested = std::get_if<TxnRequest>(&op);
    return std::holds_alternative<PutRequest>(op) || (nested != nullptr && has_put(*nested));
  };
  return std::any_of(txn.success.begin(), txn.success.end(), puts) ||
         std::any_of(txn.failure.begin(), txn.failure.end(), puts);
}

}  // namespace holdfast::store
