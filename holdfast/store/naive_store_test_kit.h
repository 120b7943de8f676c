// For tests only: the store once more, as simple as it can be said. Every change is kept for ever in one vector, every
// read scans it from the start, everything is copied. Whatever the real store answers must be equal to what this does.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/store/store.h"

namespace holdfast::store {

class NaiveStore {
 public:
  explicit NaiveStore(const Limits& limits) : limits_(limits) {}

  Response apply(const Command& command) {
    fresh_ = changes_.size();
    return std::visit([this](const auto& c) { return run(c); }, command);
  }

  Response range(const RangeRequest& r) const {
    if (r.key.empty()) return refuse(Error::kEmptyKey);
    return range(r, revision_);
  }
  Response read_txn(const TxnRequest& t) {
    fresh_ = changes_.size();
    return run(t);
  }

  // The changes of (after, upto] that no compaction removed.
  std::vector<Event> history(int64_t after, int64_t upto) const {
    std::vector<Event> events;
    for (const Change& c : changes_) {
      if (c.kv.mod_revision.value() > after && c.kv.mod_revision.value() <= upto && is_retained(c)) {
        events.push_back(event(c));
      }
    }
    return events;
  }
  // All that ever happened in (after, upto].
  std::vector<Event> everything(int64_t after, int64_t upto) const {
    std::vector<Event> events;
    for (const Change& c : changes_) {
      if (c.kv.mod_revision.value() > after && c.kv.mod_revision.value() <= upto) events.push_back(event(c));
    }
    return events;
  }
  std::vector<Event> last_events() const {
    std::vector<Event> events;
    for (size_t i = fresh_; i < changes_.size(); ++i) events.push_back(event(changes_[i]));
    return events;
  }
  std::map<std::string, KeyValue> state(int64_t revision) const {
    std::map<std::string, KeyValue> live;
    for (const Change& c : changes_) {
      if (c.kv.mod_revision.value() > revision) break;
      if (c.deleted) {
        live.erase(c.kv.key.str());
      } else {
        live[c.kv.key.str()] = c.kv;
      }
    }
    return live;
  }
  LeaseTimeToLiveResponse time_to_live(LeaseId id) const {
    LeaseTimeToLiveResponse r;
    r.revision = Revision(revision_);
    r.id = id;
    r.ttl_seconds = -1;
    const auto it = leases_.find(id.value());
    if (it == leases_.end()) return r;
    r.ttl_seconds = std::max<int64_t>(0, it->second.expiry - clock_) / 1000;
    r.granted_ttl_seconds = it->second.ttl;
    for (const auto& [key, kv] : state(revision_)) {
      if (kv.lease == id) r.keys.push_back(kv.key);
    }
    return r;
  }
  int64_t revision() const { return revision_; }
  int64_t compacted() const { return compacted_; }
  int64_t clock() const { return clock_; }
  std::vector<int64_t> lease_ids() const {
    std::vector<int64_t> ids;
    for (const auto& [id, lease] : leases_) ids.push_back(id);
    return ids;
  }

 private:
  struct Change {
    KeyValue kv;
    bool deleted = false;
  };
  struct NaiveLease {
    int64_t ttl = 0;
    int64_t expiry = 0;
  };

  Response refuse(Error e) const { return Refused{e, Revision(revision_)}; }
  static Event event(const Change& c) { return {c.deleted ? EventType::kDelete : EventType::kPut, c.kv, std::nullopt}; }
  bool is_retained(const Change& c) const {
    if (c.kv.mod_revision.value() > compacted_) return true;
    const Change* last = nullptr;
    for (const Change& other : changes_) {
      if (other.kv.key == c.kv.key && other.kv.mod_revision.value() <= compacted_) last = &other;
    }
    return last == &c && (!c.deleted || c.kv.mod_revision.value() == compacted_);
  }
  static bool in(const std::string& key, const Slice& begin, const Slice& end) {
    if (end.empty()) return key == begin.str();
    if (end.str() == std::string(1, '\0')) return key >= begin.str();
    return key >= begin.str() && key < end.str();
  }
  bool alarmed(AlarmType t) const {
    return std::any_of(alarms_.begin(), alarms_.end(), [&](const auto& a) { return a.second == t; });
  }
  Error blocked(bool adds) const {
    if (alarmed(AlarmType::kCorrupt)) return Error::kCorrupt;
    return adds && alarmed(AlarmType::kNoSpace) ? Error::kNoSpace : Error::kNone;
  }

  Response range(const RangeRequest& r, int64_t now) const {
    if (r.revision.value() > now) return Refused{Error::kFutureRev, Revision(now)};
    const int64_t at = r.revision.value() <= 0 ? now : r.revision.value();
    if (at < compacted_) return Refused{Error::kCompacted, Revision(now)};
    std::vector<KeyValue> rows;
    RangeResponse response;
    response.revision = Revision(now);
    for (const auto& [key, kv] : state(at)) {
      if (!in(key, r.key, r.range_end)) continue;
      ++response.count;
      rows.push_back(kv);
    }
    if (r.count_only) return response;
    const bool filters = r.min_mod_revision || r.max_mod_revision || r.min_create_revision || r.max_create_revision;
    if (r.limit > 0 && r.sort_order == SortOrder::kNone && !filters && rows.size() > static_cast<size_t>(r.limit) + 1) {
      rows.resize(static_cast<size_t>(r.limit) + 1);
    }
    std::erase_if(rows, [&](const KeyValue& kv) {
      return (r.min_mod_revision && kv.mod_revision < r.min_mod_revision) ||
             (r.max_mod_revision && kv.mod_revision > r.max_mod_revision) ||
             (r.min_create_revision && kv.create_revision < r.min_create_revision) ||
             (r.max_create_revision && kv.create_revision > r.max_create_revision);
    });
    const auto field = [&](const KeyValue& kv) -> std::pair<int64_t, std::string> {
      switch (r.sort_target) {
        case SortTarget::kKey:
          return {0, kv.key.str()};
        case SortTarget::kVersion:
          return {kv.version, ""};
        case SortTarget::kCreate:
          return {kv.create_revision.value(), ""};
        case SortTarget::kMod:
          return {kv.mod_revision.value(), ""};
        case SortTarget::kValue:
          return {0, kv.value.str()};
      }
      return {};
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const KeyValue& a, const KeyValue& b) {
      return r.sort_order == SortOrder::kDescend ? field(b) < field(a) : field(a) < field(b);
    });
    if (r.limit > 0 && rows.size() > static_cast<size_t>(r.limit)) {
      rows.resize(static_cast<size_t>(r.limit));
      response.more = true;
    }
    for (KeyValue& kv : rows) {
      if (r.keys_only) kv.value = Slice();
      response.kvs.push_back(kv);
    }
    return response;
  }

  // --- Writing: `main` is the revision that the changes of the command get. ---
  void change(const std::string& key, const std::string& value, LeaseId lease, int64_t main) {
    const auto live = state(main);
    const auto it = live.find(key);
    Change c;
    c.kv = {Slice::copy_of(key), Revision(main), Revision(main), 1, Slice::copy_of(value), lease};
    if (it != live.end()) {
      c.kv.create_revision = it->second.create_revision;
      c.kv.version = it->second.version + 1;
    }
    changes_.push_back(c);
  }
  void remove(const std::string& key, int64_t main) {
    Change c;
    c.deleted = true;
    c.kv.key = Slice::copy_of(key);
    c.kv.mod_revision = Revision(main);
    changes_.push_back(c);
  }
  bool changed() const { return changes_.size() > fresh_; }
  int64_t now() const { return changed() ? revision_ + 1 : revision_; }

  PutResponse do_put(const PutRequest& r) {
    const int64_t main = revision_ + 1;
    const auto live = state(main);
    const auto it = live.find(r.key.str());
    PutResponse response;
    if (r.prev_kv && it != live.end()) response.prev_kv = it->second;
    change(r.key.str(), r.ignore_value ? it->second.value.str() : r.value.str(),
           r.ignore_lease ? it->second.lease : r.lease, main);
    response.revision = Revision(main);
    return response;
  }
  DeleteRangeResponse do_delete(const DeleteRangeRequest& r) {
    DeleteRangeResponse response;
    for (const auto& [key, kv] : state(revision_ + 1)) {
      if (!in(key, r.key, r.range_end)) continue;
      ++response.deleted;
      if (r.prev_kv) response.prev_kvs.push_back(kv);
      remove(key, revision_ + 1);
    }
    response.revision = Revision(now());
    return response;
  }
  static Error form(const PutRequest& r) {
    if (r.key.empty()) return Error::kEmptyKey;
    if (r.ignore_value && !r.value.empty()) return Error::kValueProvided;
    return r.ignore_lease && r.lease ? Error::kLeaseProvided : Error::kNone;
  }
  Error missing_key(const PutRequest& r) const {
    return (r.ignore_value || r.ignore_lease) && !state(revision_).contains(r.key.str()) ? Error::kKeyNotFound
                                                                                         : Error::kNone;
  }
  Error missing_lease(const PutRequest& r) const {
    return r.lease && !leases_.contains(r.lease.value()) ? Error::kLeaseNotFound : Error::kNone;
  }
  static Error first_of(std::initializer_list<Error> errors) {
    for (const Error e : errors) {
      if (e != Error::kNone) return e;
    }
    return Error::kNone;
  }
  Response done(Response r) {
    revision_ = now();
    return r;
  }

  Response run(const PutRequest& r) {
    const Error e = first_of({form(r), blocked(true), missing_lease(r), missing_key(r)});
    return e != Error::kNone ? refuse(e) : done(do_put(r));
  }
  Response run(const DeleteRangeRequest& r) {
    const Error e = first_of({r.key.empty() ? Error::kEmptyKey : Error::kNone, blocked(false)});
    return e != Error::kNone ? refuse(e) : done(do_delete(r));
  }

  // --- Transactions ---
  static Error form(const TxnRequest& t) {
    for (const Compare& c : t.compare) {
      if (c.key.empty()) return Error::kEmptyKey;
    }
    for (const auto* arm : {&t.success, &t.failure}) {
      for (const RequestOp& op : *arm) {
        Error e = Error::kNone;
        if (std::holds_alternative<NoOp>(op)) e = Error::kKeyNotFound;
        if (const auto* r = std::get_if<RangeRequest>(&op)) e = r->key.empty() ? Error::kEmptyKey : Error::kNone;
        if (const auto* r = std::get_if<DeleteRangeRequest>(&op)) e = r->key.empty() ? Error::kEmptyKey : Error::kNone;
        if (const auto* r = std::get_if<PutRequest>(&op)) e = form(*r);
        if (const auto* r = std::get_if<TxnRequest>(&op)) e = form(*r);
        if (e != Error::kNone) return e;
      }
    }
    return Error::kNone;
  }
  struct Touched {
    std::multiset<std::string> puts;
    std::vector<DeleteRangeRequest> deletes;
    bool hit(const std::string& key) const {
      return std::any_of(deletes.begin(), deletes.end(), [&](const auto& d) { return in(key, d.key, d.range_end); });
    }
  };
  // nullopt: some key is touched twice along a path.
  static std::optional<Touched> touch(const std::vector<RequestOp>& ops) {
    Touched t;
    for (const RequestOp& op : ops) {
      if (const auto* d = std::get_if<DeleteRangeRequest>(&op)) t.deletes.push_back(*d);
    }
    for (const RequestOp& op : ops) {
      const auto* nested = std::get_if<TxnRequest>(&op);
      if (nested == nullptr) continue;
      const auto a = touch(nested->success), b = touch(nested->failure);
      if (!a || !b) return std::nullopt;
      const Touched before = t;
      for (const auto* arm : {&*a, &*b}) {
        for (const std::string& key : arm->puts) {
          if (before.puts.contains(key) || before.hit(key)) return std::nullopt;
          t.puts.insert(key);
        }
        t.deletes.insert(t.deletes.end(), arm->deletes.begin(), arm->deletes.end());
      }
    }
    for (const RequestOp& op : ops) {
      const auto* p = std::get_if<PutRequest>(&op);
      if (p == nullptr) continue;
      if (t.puts.contains(p->key.str()) || t.hit(p->key.str())) return std::nullopt;
      t.puts.insert(p->key.str());
    }
    return t;
  }
  static bool puts(const TxnRequest& t) {
    for (const auto* arm : {&t.success, &t.failure}) {
      for (const RequestOp& op : *arm) {
        if (std::holds_alternative<PutRequest>(op)) return true;
        if (const auto* n = std::get_if<TxnRequest>(&op); n != nullptr && puts(*n)) return true;
      }
    }
    return false;
  }
  bool holds(const Compare& c) const {
    std::vector<KeyValue> rows;
    for (const auto& [key, kv] : state(revision_)) {
      if (in(key, c.key, c.range_end)) rows.push_back(kv);
    }
    if (rows.empty()) {
      if (c.target == CompareTarget::kValue) return false;
      rows.push_back(KeyValue{});
    }
    return std::all_of(rows.begin(), rows.end(), [&](const KeyValue& kv) {
      int order = 0;
      const auto sign = [](auto a, auto b) { return a < b ? -1 : (b < a ? 1 : 0); };
      switch (c.target) {
        case CompareTarget::kVersion:
          order = sign(kv.version, c.number);
          break;
        case CompareTarget::kCreate:
          order = sign(kv.create_revision.value(), c.number);
          break;
        case CompareTarget::kMod:
          order = sign(kv.mod_revision.value(), c.number);
          break;
        case CompareTarget::kLease:
          order = sign(kv.lease.value(), c.number);
          break;
        case CompareTarget::kValue:
          order = sign(kv.value.str(), c.value.str());
          break;
      }
      switch (c.result) {
        case CompareResult::kEqual:
          return order == 0;
        case CompareResult::kNotEqual:
          return order != 0;
        case CompareResult::kGreater:
          return order > 0;
        case CompareResult::kLess:
          return order < 0;
      }
      return false;
    });
  }
  // The transaction with its guards replaced by their outcome: an empty list holds, kNever does not.
  TxnRequest decided(const TxnRequest& t) const {
    TxnRequest out;
    const bool succeeded = std::all_of(t.compare.begin(), t.compare.end(), [&](const Compare& c) { return holds(c); });
    for (const RequestOp& op : succeeded ? t.success : t.failure) {
      const auto* nested = std::get_if<TxnRequest>(&op);
      (succeeded ? out.success : out.failure).push_back(nested == nullptr ? op : RequestOp(decided(*nested)));
    }
    if (!succeeded) out.compare.emplace_back();
    return out;
  }
  Error check(const TxnRequest& t) const {
    for (const RequestOp& op : t.compare.empty() ? t.success : t.failure) {
      Error e = Error::kNone;
      if (const auto* r = std::get_if<RangeRequest>(&op); r != nullptr && r->revision) {
        if (r->revision.value() > revision_) e = Error::kFutureRev;
        if (r->revision.value() < compacted_) e = Error::kCompacted;
      }
      if (const auto* r = std::get_if<PutRequest>(&op)) e = first_of({missing_key(*r), missing_lease(*r)});
      if (const auto* r = std::get_if<TxnRequest>(&op)) e = check(*r);
      if (e != Error::kNone) return e;
    }
    return Error::kNone;
  }
  TxnResponse execute(const TxnRequest& t) {
    TxnResponse response;
    response.succeeded = t.compare.empty();
    for (const RequestOp& op : response.succeeded ? t.success : t.failure) {
      if (const auto* r = std::get_if<RangeRequest>(&op)) {
        response.responses.emplace_back(std::get<RangeResponse>(range(*r, now())));
      } else if (const auto* p = std::get_if<PutRequest>(&op)) {
        response.responses.emplace_back(do_put(*p));
      } else if (const auto* d = std::get_if<DeleteRangeRequest>(&op)) {
        response.responses.emplace_back(do_delete(*d));
      } else {
        response.responses.emplace_back(execute(std::get<TxnRequest>(op)));
      }
    }
    response.revision = Revision(now());
    return response;
  }
  Response run(const TxnRequest& t) {
    const Error e = first_of(
        {form(t), touch(t.success) && touch(t.failure) ? Error::kNone : Error::kDuplicateKey, blocked(puts(t))});
    if (e != Error::kNone) return refuse(e);
    const TxnRequest fixed = decided(t);
    if (const Error bad = check(fixed); bad != Error::kNone) return refuse(bad);
    return done(execute(fixed));
  }

  // --- The rest ---
  Response run(const CompactRequest& r) {
    if (const Error e = blocked(false); e != Error::kNone) return refuse(e);
    const int64_t at = r.revision.value();
    if (at < 0 || (compacted_ > 0 && at <= compacted_)) return refuse(Error::kCompacted);
    if (at > revision_) return refuse(Error::kFutureRev);
    compacted_ = at;
    return CompactResponse{Revision(revision_)};
  }
  Response run(const LeaseGrantRequest& r) {
    const bool too_large = r.ttl_seconds > 9'000'000'000;
    const Error e = first_of({blocked(true), r.id ? Error::kNone : Error::kLeaseNotFound,
                              too_large ? Error::kLeaseTtlTooLarge : Error::kNone,
                              leases_.contains(r.id.value()) ? Error::kLeaseExist : Error::kNone});
    if (e != Error::kNone) return refuse(e);
    const int64_t ttl = r.ttl_seconds < 1 ? 1 : r.ttl_seconds;
    leases_[r.id.value()] = {ttl, clock_ + ttl * 1000 + 1};
    return LeaseGrantResponse{Revision(revision_), r.id, ttl};
  }
  void revoke(int64_t id) {
    const size_t before = changes_.size();
    for (const auto& [key, kv] : state(revision_)) {
      if (kv.lease.value() == id) remove(key, revision_ + 1);
    }
    if (changes_.size() > before) ++revision_;
    leases_.erase(id);
  }
  Response run(const LeaseRevokeRequest& r) {
    const Error e = first_of({blocked(false), leases_.contains(r.id.value()) ? Error::kNone : Error::kLeaseNotFound});
    if (e != Error::kNone) return refuse(e);
    revoke(r.id.value());
    return LeaseRevokeResponse{Revision(revision_)};
  }
  Response run(const LeaseRenew& r) {
    for (const LeaseId id : r.ids) {
      const auto it = leases_.find(id.value());
      if (it != leases_.end() && it->second.expiry > clock_) it->second.expiry = clock_ + it->second.ttl * 1000 + 1;
    }
    return refuse(Error::kNone);
  }
  Response run(const Tick& r) {
    if (r.clock_ms > clock_) clock_ = r.clock_ms;
    for (int n = 0; n < kMaxExpiriesPerTick && !alarmed(AlarmType::kCorrupt); ++n) {
      auto first = leases_.end();
      for (auto it = leases_.begin(); it != leases_.end(); ++it) {
        if (it->second.expiry <= clock_ && (first == leases_.end() || it->second.expiry < first->second.expiry)) {
          first = it;
        }
      }
      if (first == leases_.end()) break;
      revoke(first->first);
    }
    return refuse(Error::kNone);
  }
  MembersResponse members() const {
    MembersResponse r;
    r.revision = Revision(revision_);
    for (const auto& [id, m] : members_) r.members.push_back(m);
    return r;
  }
  Response run(const Publish& r) {
    if (const auto it = members_.find(r.member); it != members_.end()) {
      it->second.name = r.name;
      it->second.client_urls = r.client_urls;
    }
    return members();
  }
  Response run(const SetMembers& r) {
    std::map<NodeId, Member> next;
    for (const Member& m : r.members) {
      if (next.contains(m.id)) continue;
      Member merged = m;
      if (const auto it = members_.find(m.id); it != members_.end()) {
        merged = it->second;
        merged.is_learner = m.is_learner;
      }
      next[m.id] = merged;
    }
    members_ = next;
    MembersResponse response = members();
    if (const auto it = members_.find(r.added); it != members_.end()) response.member = it->second;
    return response;
  }
  Response run(const MemberUpdateRequest& r) {
    const auto it = members_.find(r.id);
    if (it == members_.end()) return refuse(Error::kMemberNotFound);
    for (const auto& [id, m] : members_) {
      for (const std::string& url : m.peer_urls) {
        if (id != r.id && std::find(r.peer_urls.begin(), r.peer_urls.end(), url) != r.peer_urls.end()) {
          return refuse(Error::kPeerUrlExist);
        }
      }
    }
    it->second.peer_urls = r.peer_urls;
    return members();
  }
  Response run(const AlarmRequest& r) {
    AlarmResponse response;
    response.revision = Revision(revision_);
    const std::pair<NodeId, AlarmType> named(r.member, r.alarm);
    std::set<std::pair<AlarmType, NodeId>> hit;
    for (const auto& [member, alarm] : alarms_) {
      const bool type = r.alarm == AlarmType::kNone || alarm == r.alarm;
      const bool who = r.action == AlarmAction::kGet || !r.member || member == r.member;
      if (type && who && r.action != AlarmAction::kActivate) hit.emplace(alarm, member);
    }
    if (r.action == AlarmAction::kActivate && r.alarm != AlarmType::kNone) {
      alarms_.insert(named);
      hit.emplace(r.alarm, r.member);
    }
    for (const auto& [alarm, member] : hit) {
      response.alarms.push_back({member, alarm});
      if (r.action == AlarmAction::kDeactivate) alarms_.erase({member, alarm});
    }
    return response;
  }

  Limits limits_;
  std::vector<Change> changes_;
  size_t fresh_ = 0;  // where the last command's changes begin
  int64_t revision_ = 1;
  int64_t compacted_ = 0;
  int64_t clock_ = 0;
  std::map<int64_t, NaiveLease> leases_;
  std::map<NodeId, Member> members_;
  std::set<std::pair<NodeId, AlarmType>> alarms_;
};

}  // namespace holdfast::store
