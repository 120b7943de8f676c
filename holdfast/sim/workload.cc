#include "holdfast/sim/workload.h"

#include <algorithm>

namespace holdfast::sim {
namespace {

constexpr std::string_view kNames[kAsks] = {
    "put",   "get",       "delete",     "compare_and_set", "transfer",     "range",   "serializable", "delete_range",
    "grant", "lease_put", "keep_alive", "revoke",          "time_to_live", "compact", "move_leader",  "status"};
// How common each is when the swarm has chosen it at all.
constexpr uint32_t kUsual[kAsks] = {30, 30, 6, 15, 15, 10, 6, 2, 3, 6, 6, 1, 2, 2, 1, 2};

}  // namespace

std::string_view ask_name(Ask ask) { return kNames[static_cast<size_t>(ask)]; }

WorkloadConfig WorkloadConfig::plain() {
  WorkloadConfig c;
  std::copy(std::begin(kUsual), std::end(kUsual), c.weights.begin());
  return c;
}

WorkloadConfig WorkloadConfig::from_swarm(Random& random) {
  WorkloadConfig c = plain();
  c.clients = 2 + random.below(6);
  c.watchers = random.below(4);
  c.keys = 1 + random.below(6);
  c.value_bytes = random.chance(1, 8) ? 2000 : 16;
  c.think = Duration::millis(static_cast<int64_t>(random.chance(1, 3) ? 5 : 20 + random.below(80)));
  c.change_members = random.chance(1, 3);
  for (size_t i = 2; i < kAsks; ++i) {  // puts and gets are always there
    if (random.chance(1, 2)) c.weights[i] = 0;
  }
  return c;
}

std::string Asker::unique_value() {
  std::string value = "c" + std::to_string(client_) + "-" + std::to_string(++writes_);
  if (value.size() < config_.value_bytes) value.append(config_.value_bytes - value.size(), '.');
  return value;
}

Slice Asker::key(const char* family) { return Slice::take(family + std::to_string(random_.below(config_.keys))); }

store::LeaseId Asker::some_lease() {
  return leases_.empty() ? store::LeaseId() : leases_[random_.below(leases_.size())];
}

store::Request Asker::next(const std::vector<NodeId>& members) {
  uint64_t total = 0;
  for (const uint32_t w : config_.weights) total += w;
  uint64_t draw = random_.below(total);
  size_t ask = 0;
  while (draw >= config_.weights[ask]) draw -= config_.weights[ask++];
  return make(static_cast<Ask>(ask), members);
}

store::Request Asker::compare_and_set() {
  store::PutRequest put{key("r/"), Slice::take(unique_value())};
  store::Compare compare;
  compare.key = put.key;
  const auto seen = seen_.find(put.key.str());
  if (seen != seen_.end()) {
    compare.target = store::CompareTarget::kValue;
    compare.value = seen->second.value;
  }  // else: version == 0, "not there yet"
  store::TxnRequest txn;
  txn.compare.push_back(std::move(compare));
  txn.success.emplace_back(std::move(put));
  return txn;
}

store::Request Asker::transfer() {
  const Slice from = key("t/"), to = key("t/");
  store::TxnRequest txn;
  const auto seen = seen_.find(from.str());
  if (seen != seen_.end()) {
    store::Compare unchanged;
    unchanged.target = store::CompareTarget::kMod;
    unchanged.key = from;
    unchanged.number = seen->second.mod_revision.value();
    txn.compare.push_back(unchanged);
  }
  store::PutRequest put{from, Slice::take(unique_value())};
  put.prev_kv = random_.chance(1, 2);
  txn.success.emplace_back(std::move(put));
  if (from != to) {
    if (random_.chance(1, 4)) {
      txn.success.emplace_back(store::DeleteRangeRequest{to});
    } else {
      txn.success.emplace_back(store::PutRequest{to, Slice::take(unique_value())});
    }
  }
  store::RangeRequest all{Slice::unowned("t/"), Slice::unowned("t0")};
  if (random_.chance(1, 2)) txn.success.emplace_back(all);
  txn.failure.emplace_back(all);
  return txn;
}

store::Request Asker::range() {
  const char* const families[] = {"r/", "t/", "d/", "l/"};
  const std::string family = families[random_.below(4)];
  store::RangeRequest range{Slice::copy_of(family), Slice::take(family.substr(0, 1) + "0")};
  if (random_.chance(1, 4)) range.limit = 1 + static_cast<int64_t>(random_.below(3));
  range.keys_only = random_.chance(1, 8);
  range.count_only = random_.chance(1, 8);
  if (random_.chance(1, 4) && known_ > store::Revision(10)) {
    range.revision = known_ - static_cast<int64_t>(random_.below(8));
  }
  range.serializable = random_.chance(1, 8);
  return range;
}

store::Request Asker::make(Ask ask, const std::vector<NodeId>& members) {
  switch (ask) {
    case Ask::kPut: {
      store::PutRequest put{key(random_.chance(1, 4) ? "d/" : "r/"), Slice::take(unique_value())};
      put.prev_kv = random_.chance(1, 4);
      return put;
    }
    case Ask::kGet:
      return store::RangeRequest{key("r/")};
    case Ask::kDelete: {
      store::DeleteRangeRequest del{key("r/")};
      del.prev_kv = random_.chance(1, 4);
      return del;
    }
    case Ask::kCompareAndSet:
      return compare_and_set();
    case Ask::kTransfer:
      return transfer();
    case Ask::kRange:
      return range();
    case Ask::kSerializable: {
      store::RangeRequest get{key("r/")};
      get.serializable = true;
      return get;
    }
    case Ask::kDeleteRange:
      return store::DeleteRangeRequest{Slice::unowned("d/"), Slice::unowned("d0")};
    case Ask::kGrant:
      return store::LeaseGrantRequest{random_.between(1, 4)};
    case Ask::kLeasePut: {
      if (leases_.empty()) return store::LeaseGrantRequest{random_.between(1, 4)};
      return store::PutRequest{key("l/"), Slice::take(unique_value()), some_lease()};
    }
    case Ask::kKeepAlive:
      if (leases_.empty()) return store::RangeRequest{key("l/")};
      return store::LeaseKeepAliveRequest{some_lease()};
    case Ask::kRevoke:
      if (leases_.empty()) return store::LeaseLeasesRequest{};
      return store::LeaseRevokeRequest{some_lease()};
    case Ask::kTimeToLive:
      if (leases_.empty()) return store::LeaseLeasesRequest{};
      return store::LeaseTimeToLiveRequest{some_lease(), random_.chance(1, 2)};
    case Ask::kCompact:
      if (known_ < store::Revision(20)) return store::StatusRequest{};
      return store::CompactRequest{known_ - random_.between(5, 15), random_.chance(1, 2)};
    case Ask::kMoveLeader:
      return store::MoveLeaderRequest{members[random_.below(members.size())]};
    case Ask::kStatus:
      break;
  }
  if (random_.chance(1, 3)) return store::HashKvRequest{};
  if (random_.chance(1, 3)) return store::MemberListRequest{random_.chance(1, 2)};
  return store::StatusRequest{};
}

void Asker::learn(const store::Request& request, const store::Response& response) {
  std::visit([&](const auto& r) { known_ = std::max(known_, r.revision); }, response);
  const auto see = [&](const std::vector<store::KeyValue>& kvs) {
    for (const store::KeyValue& kv : kvs) {
      if (!kv.value.empty()) seen_[kv.key.str()] = kv;
    }
  };
  if (const auto* got = std::get_if<store::RangeResponse>(&response)) {
    const auto* asked = std::get_if<store::RangeRequest>(&request);
    if (got->kvs.empty() && asked != nullptr) seen_.erase(asked->key.str());
    see(got->kvs);
  }
  if (const auto* txn = std::get_if<store::TxnResponse>(&response)) {
    for (const auto& op : txn->responses) {
      if (const auto* got = std::get_if<store::RangeResponse>(&op)) see(got->kvs);
    }
    const auto* asked = std::get_if<store::TxnRequest>(&request);
    if (asked != nullptr && !txn->succeeded && !asked->compare.empty()) seen_.erase(asked->compare[0].key.str());
  }
  if (const auto* put = std::get_if<store::PutRequest>(&request)) {
    if (const auto* done = std::get_if<store::PutResponse>(&response)) {
      store::KeyValue kv;
      kv.key = put->key;
      kv.value = put->value;
      kv.mod_revision = done->revision;
      seen_[put->key.str()] = kv;
    }
  }
  if (const auto* granted = std::get_if<store::LeaseGrantResponse>(&response)) leases_.push_back(granted->id);
  const auto* no = std::get_if<store::Refused>(&response);
  const auto* lease_put = std::get_if<store::PutRequest>(&request);
  if (no != nullptr && no->error == store::Error::kLeaseNotFound && lease_put != nullptr) {
    std::erase(leases_, lease_put->lease);
  }
}

}  // namespace holdfast::sim
