// For tests only: random commands and reads, biased towards what collides: few keys, few leases, revisions near the
// present, and now and then what must be refused.
#pragma once

#include <string>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

class RandomCommands {
 public:
  explicit RandomCommands(uint64_t seed) : random_(seed) {}

  // `revision` and `clock_ms`: where the store stands.
  Command command(int64_t revision, int64_t compacted, int64_t clock_ms) {
    revision_ = revision;
    compacted_ = compacted;
    switch (random_.below(24)) {
      case 0:
        return CompactRequest{Revision(random_.between(compacted_ - 1, revision_ + 1))};
      case 1:
        return LeaseGrantRequest{random_.between(-1, 20), lease()};
      case 2:
        return LeaseGrantRequest{some(40) ? 9'000'000'001 : random_.between(1, 5), lease()};
      case 3:
        return LeaseRevokeRequest{lease()};
      case 4:
        return LeaseRenew{{lease(), lease()}};
      case 5:
      case 6:
        return Tick{clock_ms + random_.between(-1000, 3000)};
      case 7:
        return members();
      case 8:
        return alarm();
      case 9:
      case 10:
      case 11:
        return erase();
      case 12:
      case 13:
      case 14:
      case 15:
      case 16:
      case 17:
        return txn(2);
      default:
        return put();
    }
  }

  RangeRequest range() {
    RangeRequest r;
    r.key = key();
    r.range_end = range_end();
    if (some(3)) r.limit = random_.between(-1, 4);
    if (some(3)) r.revision = Revision(random_.between(compacted_ - 1, revision_ + 1));
    if (some(2)) r.sort_order = static_cast<SortOrder>(random_.below(3));
    if (some(2)) r.sort_target = static_cast<SortTarget>(random_.below(5));
    r.keys_only = some(6);
    r.count_only = some(8);
    for (Revision* bound : {&r.min_mod_revision, &r.max_mod_revision, &r.min_create_revision, &r.max_create_revision}) {
      if (some(8)) *bound = Revision(random_.between(0, revision_));
    }
    return r;
  }
  TxnRequest read_only_txn() {
    TxnRequest t;
    t.compare = compares();
    for (uint64_t n = random_.below(3); n > 0; --n) t.success.emplace_back(range());
    for (uint64_t n = random_.below(3); n > 0; --n) t.failure.emplace_back(range());
    return t;
  }
  LeaseId lease() { return LeaseId(random_.between(some(20) ? 0 : 1, 6)); }
  Slice key() {
    if (some(60)) return {};
    std::string k(1, static_cast<char>('a' + random_.below(5)));
    if (some(4)) k += static_cast<char>('a' + random_.below(2));
    if (some(30)) k += '\0';
    return Slice::copy_of(k);
  }
  Slice range_end() {
    if (some(2)) return {};
    if (some(4)) return Slice::copy_of(std::string_view("\0", 1));
    return key();
  }
  Random& random() { return random_; }
  bool some(uint64_t one_in) { return random_.chance(1, one_in); }

 private:
  PutRequest put() {
    PutRequest r;
    r.key = key();
    if (!some(12)) r.value = Slice::copy_of(std::string(random_.below(3), static_cast<char>('p' + random_.below(4))));
    if (some(3)) r.lease = lease();
    r.prev_kv = some(3);
    if (some(8)) {
      r.ignore_value = true;
      if (!some(6)) r.value = {};
    }
    if (some(8)) {
      r.ignore_lease = true;
      if (!some(6)) r.lease = {};
    }
    return r;
  }
  DeleteRangeRequest erase() {
    DeleteRangeRequest r;
    r.key = key();
    r.range_end = range_end();
    r.prev_kv = some(2);
    return r;
  }
  std::vector<Compare> compares() {
    std::vector<Compare> all(random_.below(3));
    for (Compare& c : all) {
      c.key = key();
      if (some(3)) c.range_end = range_end();
      c.result = static_cast<CompareResult>(random_.below(4));
      c.target = static_cast<CompareTarget>(random_.below(5));
      c.number = some(3) ? random_.between(0, revision_) : random_.between(0, 3);
      c.value = Slice::copy_of(std::string(random_.below(3), static_cast<char>('p' + random_.below(4))));
    }
    return all;
  }
  TxnRequest txn(int depth) {
    TxnRequest t;
    t.compare = compares();
    for (auto* arm : {&t.success, &t.failure}) {
      for (uint64_t n = random_.below(4); n > 0; --n) {
        switch (random_.below(some(30) ? 9 : 8)) {
          case 0:
          case 1:
            arm->emplace_back(range());
            break;
          case 2:
          case 3:
            arm->emplace_back(erase());
            break;
          case 4:
            if (depth > 0) arm->emplace_back(txn(depth - 1));
            break;
          case 8:
            arm->emplace_back(NoOp{});
            break;
          default:
            arm->emplace_back(put());
            break;
        }
      }
    }
    return t;
  }
  Command members() {
    const NodeId id(random_.between(1, 4));
    const std::string url = "http://h" + std::to_string(random_.below(5)) + ":1";
    switch (random_.below(3)) {
      case 0:
        return Publish{id, "m" + std::to_string(random_.below(3)), {url}};
      case 1:
        return MemberUpdateRequest{id, {url}};
      default:
        break;
    }
    SetMembers set;
    for (uint64_t n = random_.below(5); n > 0; --n) {
      set.members.push_back({NodeId(random_.between(1, 4)), "", {url}, {}, some(2)});
    }
    set.added = id;
    return set;
  }
  AlarmRequest alarm() {
    // Mostly off, so that most commands are let through.
    AlarmRequest r;
    r.action = some(5) ? AlarmAction::kActivate : (some(4) ? AlarmAction::kGet : AlarmAction::kDeactivate);
    r.member = NodeId(random_.below(3));
    r.alarm = static_cast<AlarmType>(random_.below(3));
    if (r.action == AlarmAction::kDeactivate && some(2)) r = {AlarmAction::kDeactivate, {}, AlarmType::kNone};
    return r;
  }

  Random random_;
  int64_t revision_ = 1;
  int64_t compacted_ = 0;
};

}  // namespace holdfast::store
