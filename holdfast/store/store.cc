#include "holdfast/store/store.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"
#include "holdfast/store/impl.h"
#include "holdfast/store/range.h"

namespace holdfast::store {

Member* Store::Impl::member(NodeId id) {
  const auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.id == id; });
  return it == members.end() ? nullptr : &*it;
}

bool Store::Impl::alarmed(AlarmType type) const {
  return std::any_of(alarms.begin(), alarms.end(), [&](const AlarmMember& a) { return a.alarm == type; });
}

Store::Store(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

// --- Reads -----------------------------------------------------------------------------------------------------------

Response Store::range(const RangeRequest& request, size_t max_answer_bytes) const {
  if (const Error e = check_form(request); e != Error::kNone) return Refused{e, impl_->revision};
  return read_range(impl_->map, impl_->revision, request, max_answer_bytes);
}

Response Store::read_txn(const TxnRequest& txn, size_t max_answer_bytes) const {
  ensure(is_read_only(txn), "a transaction outside the log only reads");
  if (const Error e = check_form(txn); e != Error::kNone) return Refused{e, impl_->revision};
  return run_txn(*impl_, txn, nullptr, max_answer_bytes);
}

Response Store::lease_leases() const {
  LeaseLeasesResponse response{impl_->revision, {}};
  for (const auto& [id, lease] : impl_->leases.all()) response.leases.push_back(id);
  return response;
}

Response Store::lease_time_to_live(const LeaseTimeToLiveRequest& request, int64_t elapsed_ms) const {
  LeaseTimeToLiveResponse response;
  response.revision = impl_->revision;
  response.id = request.id;
  response.ttl_seconds = -1;
  const Lease* lease = impl_->leases.find(request.id);
  if (lease == nullptr) return response;
  const int64_t left_ms = lease->expiry_ms - impl_->clock_ms - std::clamp<int64_t>(elapsed_ms, 0, lease->expiry_ms);
  response.ttl_seconds = std::max<int64_t>(left_ms, 0) / 1000;
  response.granted_ttl_seconds = lease->ttl_seconds;
  if (request.keys) {
    for (const KeyEntry* key : lease->keys) response.keys.push_back(key->key);
  }
  return response;
}

Response Store::hash_kv(const HashKvRequest& request) const {
  const VersionedMap& map = impl_->map;
  if (request.revision > impl_->revision) return Refused{Error::kFutureRev, impl_->revision};
  if (request.revision > Revision{} && request.revision < map.compacted()) {
    return Refused{Error::kCompacted, impl_->revision};
  }
  HashKvResponse response;
  response.revision = impl_->revision;
  response.compact_revision = map.compacted();
  response.hash_revision = request.revision.value() <= 0 ? impl_->revision : request.revision;
  for (const Version* v = map.first(); v != nullptr && v->mod <= response.hash_revision; v = v->next) {
    if (!v->is_retained(map.compacted())) continue;
    codec::Writer w;
    codec::write(w, v->mod);
    codec::write(w, v->sub);
    codec::write(w, v->is_tombstone());
    codec::write(w, to_key_value(*v));
    response.hash = crc32c(w.finish(), response.hash);
  }
  return response;
}

Response Store::alarms(AlarmType type) const {
  AlarmResponse response;
  response.revision = impl_->revision;
  for (const AlarmMember& a : impl_->alarms) {
    if (type == AlarmType::kNone || a.alarm == type) response.alarms.push_back(a);
  }
  return response;
}

// --- Measures --------------------------------------------------------------------------------------------------------

Revision Store::revision() const { return impl_->revision; }
Revision Store::compact_revision() const { return impl_->map.compacted(); }
const std::vector<Member>& Store::members() const { return impl_->members; }
const Member* Store::member(NodeId id) const { return impl_->member(id); }
int64_t Store::clock_ms() const { return impl_->clock_ms; }
bool Store::has_leases() const { return !impl_->leases.empty(); }
const Limits& Store::limits() const { return impl_->limits; }
int64_t Store::bytes_held() const { return impl_->map.bytes_held(); }
int64_t Store::bytes_in_use() const { return impl_->map.bytes_in_use(); }
const std::vector<Event>& Store::last_events() const { return impl_->events; }

std::optional<int64_t> Store::next_expiry_ms() const {
  if (impl_->alarmed(AlarmType::kCorrupt)) return std::nullopt;
  const auto first = impl_->leases.first_to_expire();
  return first ? std::optional(first->first) : std::nullopt;
}

std::optional<int64_t> Store::lease_ttl_seconds(LeaseId id) const {
  const Lease* lease = impl_->leases.find(id);
  if (lease == nullptr || lease->expiry_ms <= impl_->clock_ms) return std::nullopt;
  return lease->ttl_seconds;
}

uint64_t Store::state_hash() const { return impl_->state_hash(); }

uint64_t Store::Impl::state_hash() const {
  uint64_t h = hash_combine(map.hash(), leases.hash());
  for (const int64_t n : {revision.value(), map.compacted().value(), clock_ms}) {
    h = hash_combine(h, static_cast<uint64_t>(n));
  }
  codec::Writer w;
  codec::write(w, members);
  codec::write(w, alarms);
  return hash_combine(h, hash64(w.finish().flatten().view()));
}

namespace {

// What a request may add to the store: keys and values of its puts, and what a version costs beside them.
int64_t growth(const PutRequest& r) { return static_cast<int64_t>(r.key.size() + r.value.size() + 256); }
int64_t growth(const TxnRequest& txn);
int64_t growth(const std::vector<RequestOp>& ops) {
  int64_t sum = 0;
  for (const RequestOp& op : ops) {
    if (const auto* put = std::get_if<PutRequest>(&op)) sum += growth(*put);
    if (const auto* nested = std::get_if<TxnRequest>(&op)) sum += growth(*nested);
  }
  return sum;
}
int64_t growth(const TxnRequest& txn) { return std::max(growth(txn.success), growth(txn.failure)); }

}  // namespace

bool Store::has_room(const Request& request) const {
  int64_t needed = 0;
  if (const auto* put = std::get_if<PutRequest>(&request)) needed = growth(*put);
  if (const auto* txn = std::get_if<TxnRequest>(&request)) needed = growth(*txn);
  if (std::holds_alternative<LeaseGrantRequest>(request)) needed = 64;
  const int64_t quota = impl_->limits.quota_bytes;
  return needed == 0 || quota <= 0 || bytes_held() + needed <= quota;
}

// --- History and garbage ---------------------------------------------------------------------------------------------

bool Store::collect_garbage(size_t max_versions) { return !impl_->imaging && impl_->map.collect(max_versions); }

Store::History Store::history(Revision after, Revision upto, size_t max_events) const {
  ensure(after >= compact_revision() - 1, "history is asked for from what is not compacted");
  History history;
  history.upto = std::min(upto, impl_->revision);
  impl_->map.changes(after, [&](const Version& v) {
    if (v.mod > history.upto) return false;
    if (history.events.size() >= max_events && v.mod != history.events.back().kv.mod_revision) {
      history.upto = history.events.back().kv.mod_revision;
      return false;
    }
    history.events.push_back(to_event(v));
    return true;
  });
  return history;
}

std::optional<KeyValue> Store::at(const Slice& key, Revision revision) const {
  if (revision < compact_revision()) return std::nullopt;
  const Version* v = impl_->map.visible(key.view(), revision);
  return v == nullptr ? std::nullopt : std::optional(to_key_value(*v));
}

}  // namespace holdfast::store
