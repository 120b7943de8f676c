// The checkers of revisions, watches and leases: each accepts the true story and refuses every planted lie.
#include <gtest/gtest.h>

#include <functional>

#include "holdfast/sim/check/lease_check.h"
#include "holdfast/sim/check/watch_check.h"

namespace holdfast::sim::check {
namespace {

using store::Event;
using store::EventType;
using store::KeyValue;
using store::Revision;

Slice bytes(const std::string& s) { return Slice::copy_of(s); }
Event put(const std::string& key, const std::string& value, int64_t rev, int64_t create, int64_t version,
          int64_t lease = 0) {
  return {EventType::kPut,
          {bytes(key), Revision(create), Revision(rev), version, bytes(value), store::LeaseId(lease)},
          std::nullopt};
}
Event del(const std::string& key, int64_t rev) {
  Event e;
  e.type = EventType::kDelete;
  e.kv.key = bytes(key);
  e.kv.mod_revision = Revision(rev);
  return e;
}

// r2: a=1, r3: b=2, r4: {a=3, b deleted} by a transaction, r5: c=4 on lease 7, r6: c gone by expiry.
struct Story {
  Story() {
    add(2, {put("a", "1", 2, 2, 1)}, 15);
    add(3, {put("b", "2", 3, 3, 1)}, 25);
    add(4, {put("a", "3", 4, 2, 2), del("b", 4)}, 35);
    add(5, {put("c", "4", 5, 5, 1, 7)}, 55);
    add(6, {del("c", 6)}, 3000);
    call(10, 20, store::PutRequest{bytes("a"), bytes("1")}, store::PutResponse{Revision(2), {}});
    call(20, 30, store::PutRequest{bytes("b"), bytes("2")}, std::nullopt);
    store::TxnRequest txn;
    txn.compare.push_back({store::CompareResult::kEqual, store::CompareTarget::kValue, bytes("a"), {}, 0, bytes("1")});
    txn.success = {store::PutRequest{bytes("a"), bytes("3")}, store::DeleteRangeRequest{bytes("b")}};
    call(30, 40, txn,
         store::TxnResponse{
             Revision(4), true, {store::PutResponse{Revision(4), {}}, store::DeleteRangeResponse{Revision(4), 1, {}}}});
    call(41, 42, store::RangeRequest{bytes("a"), bytes("z")}, range(4, {log.get("a", Revision(4)).value()}));
    call(45, 48, store::LeaseGrantRequest{2, store::LeaseId(7)},
         store::LeaseGrantResponse{Revision(4), store::LeaseId(7), 2});
    call(50, 60, store::PutRequest{bytes("c"), bytes("4"), store::LeaseId(7)}, store::PutResponse{Revision(5), {}});
    call(900, 910, store::LeaseKeepAliveRequest{store::LeaseId(7)},
         store::LeaseKeepAliveResponse{Revision(5), store::LeaseId(7), 2});
  }
  void add(int64_t rev, std::vector<Event> events, int64_t at) {
    const Finding f = log.add(Revision(rev), std::move(events), Time::at_millis(at));
    EXPECT_FALSE(f) << f.explanation;
  }
  Operation& call(int64_t called, int64_t returned, store::Request request, std::optional<store::Response> response) {
    Operation o;
    o.id = history.size() + 1;
    o.called = Time::at_millis(called);
    o.returned = response ? Time::at_millis(returned) : Time::never();
    o.request = std::move(request);
    o.response = std::move(response);
    history.push_back(o);
    return history.back();
  }
  static store::RangeResponse range(int64_t rev, std::vector<KeyValue> kvs) {
    store::RangeResponse r;
    r.revision = Revision(rev);
    r.count = static_cast<int64_t>(kvs.size());
    r.kvs = std::move(kvs);
    return r;
  }
  Finding revisions() { return check_revisions(history, log).finding; }
  Finding leases() {
    return check_leases(history, log, check_revisions(history, log).expiries,
                        {1'000'000, Time::at_millis(1000), Time::at_millis(20'000), Duration::seconds(2)});
  }
  TrueLog log;
  History history;
};

TEST(Revisions, TheTrueStoryIsAccepted) {
  Story s;
  const RevisionReport report = check_revisions(s.history, s.log);
  EXPECT_FALSE(report.finding) << report.finding.explanation;
  ASSERT_EQ(report.expiries.size(), 1u);
  EXPECT_EQ(report.expiries[0].revision, Revision(6));
  EXPECT_FALSE(s.leases()) << s.leases().explanation;
}

TEST(Revisions, EveryLieIsRefused) {
  struct Lie {
    const char* name;
    const char* oracle;
    std::function<void(Story&)> tell;
  };
  const Lie lies[] = {
      {"an acknowledged write that is nowhere", "DUR",
       [](Story& s) {
         s.call(70, 80, store::PutRequest{bytes("d"), bytes("5")}, store::PutResponse{Revision(9), {}});
       }},
      {"an acknowledged write whose revision holds another", "DUR",
       [](Story& s) {
         s.history[0].request = store::PutRequest{bytes("a"), bytes("other")};
       }},
      {"two writes at one revision", "LIN",
       [](Story& s) {
         s.call(11, 19, store::PutRequest{bytes("a"), bytes("1")}, store::PutResponse{Revision(2), {}});
       }},
      {"a read of the past", "LIN",
       [](Story& s) {
         s.call(50, 51, store::RangeRequest{bytes("b")}, Story::range(3, {s.log.get("b", Revision(3)).value()}));
       }},
      {"a read of what was never there", "LIN",
       [](Story& s) {
         s.call(50, 51, store::RangeRequest{bytes("b")}, Story::range(4, {s.log.get("b", Revision(3)).value()}));
       }},
      {"a serializable read of what was never there", "LIN",
       [](Story& s) {
         store::RangeRequest r{bytes("b")};
         r.serializable = true;
         s.call(50, 51, r, Story::range(4, {s.log.get("b", Revision(3)).value()}));
       }},
      {"a transaction that should have failed", "LIN",
       [](Story& s) { std::get<store::TxnRequest>(s.history[2].request).compare[0].value = bytes("7"); }},
      {"half a transaction", "DUR",
       [](Story& s) {
         auto& txn = std::get<store::TxnRequest>(s.history[2].request);
         txn.success = {store::PutRequest{bytes("a"), bytes("3")}};
         std::get<store::TxnResponse>(*s.history[2].response).responses.resize(1);
       }},
      {"a refused write that took effect", "XO",
       [](Story& s) {
         s.history[1].response = store::Refused{store::Error::kTooManyRequests, {}};
         s.history[1].returned = Time::at_millis(30);
       }},
      {"a write that nobody asked for", "XO", [](Story& s) { s.add(7, {put("e", "9", 7, 7, 1)}, 4000); }},
      {"a write applied twice", "XO", [](Story& s) { s.add(7, {put("a", "3", 7, 2, 3)}, 4000); }},
      {"a key that vanished", "XO", [](Story& s) { s.add(7, {del("a", 7)}, 4000); }},
      {"an effect before its cause", "XO", [](Story& s) { s.history[1].called = Time::at_millis(26); }},
      {"a wrong previous value", "LIN",
       [](Story& s) {
         std::get<store::PutRequest>(s.history[5].request).prev_kv = true;
         std::get<store::PutResponse>(*s.history[5].response).prev_kv = s.log.get("a", Revision(2));
       }},
  };
  for (const Lie& lie : lies) {
    Story s;
    lie.tell(s);
    const Finding finding = s.revisions();
    EXPECT_TRUE(finding) << lie.name;
    EXPECT_EQ(finding.oracle, lie.oracle) << lie.name << "\n" << finding.explanation;
  }
}

TEST(Revisions, OldSerializableReadsAndHistoricalReadsAreFine) {
  Story s;
  store::RangeRequest old{bytes("b")};
  old.serializable = true;
  s.call(50, 51, old, Story::range(3, {s.log.get("b", Revision(3)).value()}));
  store::RangeRequest at{bytes("b")};
  at.revision = Revision(3);
  s.call(70, 71, at, Story::range(5, {s.log.get("b", Revision(3)).value()}));
  EXPECT_FALSE(s.revisions()) << s.revisions().explanation;
}

TEST(TrueLog, RefusesEventsThatBreakTheRulesOfVersions) {
  const std::vector<std::vector<Event>> bad = {
      {put("a", "x", 7, 2, 9)},  // version skips
      {put("a", "x", 7, 7, 3)},  // create revision of another life
      {put("a", "x", 6, 2, 3)},  // of another revision
      {del("b", 7)},             // not there
      {},
  };
  for (const auto& events : bad) {
    Story s;
    EXPECT_TRUE(s.log.add(Revision(7), events, Time::at_millis(9)));
  }
  Story s;
  EXPECT_TRUE(s.log.add(Revision(8), {put("a", "x", 8, 2, 3)}, Time::at_millis(9))) << "a gap";
}

// --- Watches ------------------------------------------------------------------------------------------------------

WatchSession watch_all(const Story& s, int64_t from = 2) {
  WatchSession w;
  w.request = {bytes("a"), bytes("z"), Revision(from)};
  auto add = [&](store::WatchResponse r) { w.received.push_back({Time::at_millis(100), std::move(r)}); };
  store::WatchResponse created;
  created.revision = Revision(6);
  created.created = true;
  add(created);
  for (Revision r(from); r <= s.log.last(); ++r) {
    store::WatchResponse e;
    e.revision = r;
    e.events = s.log.at(r).events;
    add(e);
  }
  store::WatchResponse bookmark;
  bookmark.revision = s.log.last();
  add(bookmark);
  w.complete = true;
  return w;
}

TEST(Watch, TheTrueStoryIsAcceptedInPiecesOrTogether) {
  Story s;
  WatchSession w = watch_all(s);
  EXPECT_FALSE(check_watch(w, s.log)) << check_watch(w, s.log).explanation;
  auto& first = w.received[1].response.events;
  for (const Event& e : w.received[2].response.events) first.push_back(e);
  w.received.erase(w.received.begin() + 2);
  EXPECT_FALSE(check_watch(w, s.log));
  WatchSession late = watch_all(s, 4);
  EXPECT_FALSE(check_watch(late, s.log));
}

TEST(Watch, EveryLieIsRefused) {
  struct Lie {
    const char* name;
    std::function<void(WatchSession&)> tell;
  };
  const Lie lies[] = {
      {"an event lost", [](auto& w) { w.received.erase(w.received.begin() + 2); }},
      {"the last event lost", [](auto& w) { w.received.resize(w.received.size() - 2); }},
      {"an event twice", [](auto& w) { w.received.insert(w.received.begin() + 2, w.received[1]); }},
      {"events swapped", [](auto& w) { std::swap(w.received[1], w.received[2]); }},
      {"a revision torn apart",
       [](auto& w) {
         auto second = w.received[3];
         w.received[3].response.events.resize(1);
         second.response.events.erase(second.response.events.begin());
         w.received.insert(w.received.begin() + 4, second);
       }},
      {"another value", [](auto& w) { w.received[1].response.events[0].kv.value = bytes("9"); }},
      {"an early bookmark", [](auto& w) { std::swap(w.received.back(), w.received[w.received.size() - 2]); }},
      {"events outside of the range", [](auto& w) { w.request.key = bytes("b"); }},
      {"filtered events", [](auto& w) { w.request.no_delete = true; }},
      {"an unwanted previous value", [](auto& w) { w.received[1].response.events[0].prev_kv.emplace(); }},
      {"a wrong previous value",
       [](auto& w) {
         w.request.prev_kv = true;
         w.received[3].response.events[0].prev_kv.emplace();
       }},
      {"cancelled for a compaction that was not",
       [](auto& w) {
         w.received.resize(3);
         w.received[2].response = {};
         w.received[2].response.canceled = true;
         w.received[2].response.compact_revision = Revision(2);
       }},
      {"alive after its end",
       [](auto& w) {
         w.received[2].response = {};
         w.received[2].response.canceled = true;
       }},
  };
  for (const Lie& lie : lies) {
    Story s;
    WatchSession w = watch_all(s);
    lie.tell(w);
    const Finding finding = check_watch(w, s.log);
    EXPECT_TRUE(finding) << lie.name;
  }
}

// --- Leases -------------------------------------------------------------------------------------------------------

TEST(Lease, AKeyThatVanishesBeforeItsTimeIsFound) {
  Story s;
  s.history.back().called = Time::at_millis(1500);
  s.history.back().returned = Time::at_millis(1510);
  const Finding finding = s.leases();
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding.oracle, "LEASE");
}

TEST(Lease, ARenewalWithoutAnswerPromisesNothing) {
  Story s;
  s.call(2900, 0, store::LeaseKeepAliveRequest{store::LeaseId(7)}, std::nullopt);
  EXPECT_FALSE(s.leases()) << s.leases().explanation;
}

TEST(Lease, AKeyThatOutlivesItsLeaseIsFound) {
  Story s;
  s.call(3100, 3110, store::LeaseGrantRequest{3, store::LeaseId(8)},
         store::LeaseGrantResponse{Revision(6), store::LeaseId(8), 3});
  s.call(3190, 3210, store::PutRequest{bytes("d"), bytes("5"), store::LeaseId(8)}, store::PutResponse{Revision(7), {}});
  s.add(7, {put("d", "5", 7, 7, 1, 8)}, 3200);
  const Finding finding = s.leases();
  ASSERT_TRUE(finding);
  EXPECT_NE(finding.explanation.find("still there"), std::string::npos) << finding.explanation;
  s.call(14'000, 14'100, store::LeaseKeepAliveRequest{store::LeaseId(8)},
         store::LeaseKeepAliveResponse{Revision(7), store::LeaseId(8), 3});
  EXPECT_TRUE(s.leases());
  s.call(16'000, 16'100, store::LeaseKeepAliveRequest{store::LeaseId(8)},
         store::LeaseKeepAliveResponse{Revision(7), store::LeaseId(8), 3});
  EXPECT_FALSE(s.leases()) << "not due yet";
}

}  // namespace
}  // namespace holdfast::sim::check
