// Watchers, behaviour by behaviour.
#include "holdfast/store/watch.h"

#include <gtest/gtest.h>

#include "holdfast/base/print.h"

namespace holdfast::store {
namespace {

constexpr StreamId kStream(1);

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() { reset({}); }
  void reset(const WatchConfig& config) {
    hub_ = std::make_unique<WatchHub>(config, 42);
    hub_->open(kStream);
  }
  void apply(const Command& c) {
    store_.apply(c);
    hub_->applied(now_, store_);
  }
  void put(std::string_view key, std::string_view value = "v") {
    PutRequest r;
    r.key = Slice::copy_of(key);
    r.value = Slice::copy_of(value);
    apply(r);
  }
  void del(std::string_view key) {
    DeleteRangeRequest r;
    r.key = Slice::copy_of(key);
    apply(r);
  }
  static WatchCreateRequest watch(std::string_view key, std::string_view end = {}, int64_t start = 0) {
    WatchCreateRequest r;
    r.key = Slice::copy_of(key);
    r.range_end = Slice::copy_of(end);
    r.start_revision = Revision(start);
    return r;
  }
  void request(const WatchRequest& r, StreamId stream = kStream) { hub_->request(now_, stream, r, store_); }
  void work() {
    while (hub_->work(now_, store_)) {
    }
  }
  std::vector<WatchResponse> take(StreamId stream = kStream, size_t max = 1000) { return hub_->take(stream, max); }
  // One line per response: id, flags, then each event as key@revision=value or key@revision deleted.
  std::string told(StreamId stream = kStream, size_t max = 1000) {
    work();
    std::string out;
    for (const WatchResponse& r : take(stream, max)) {
      out += "#" + std::to_string(r.watch_id);
      if (r.created) out += " created";
      if (r.canceled) out += " canceled";
      if (r.fragment) out += " fragment";
      if (r.compact_revision != Revision{}) out += " compacted " + std::to_string(r.compact_revision.value());
      if (!r.cancel_reason.empty()) out += " (" + r.cancel_reason + ")";
      if (!r.created && !r.canceled && r.events.empty()) out += " progress " + std::to_string(r.revision.value());
      for (const Event& e : r.events) {
        out += " " + e.kv.key.str() + "@" + std::to_string(e.kv.mod_revision.value());
        out += e.type == EventType::kPut ? "=" + e.kv.value.str() : " deleted";
        if (e.prev_kv) out += " was " + e.prev_kv->value.str();
      }
      out += "\n";
    }
    return out;
  }

  Time now_ = Time::at_millis(1000);
  Store store_{Limits{}};
  std::unique_ptr<WatchHub> hub_;
};

TEST_F(WatchTest, FromNowOn) {
  put("a");
  request(watch("a"));
  put("a", "1");
  put("b", "2");
  del("a");
  EXPECT_EQ(told(), "#0 created\n#0 a@3=1\n#0 a@5 deleted\n");
  EXPECT_EQ(hub_->ready().size(), 0u);
  EXPECT_EQ(hub_->watchers(), 1u);
}

TEST_F(WatchTest, Ranges) {
  request(watch("b", "d"));
  request(watch("c", std::string_view("\0", 1)));
  request(watch("", std::string_view("\0", 1)));
  take();
  put("a");
  put("b");
  put("c");
  put("d");
  const std::string got = told();
  EXPECT_EQ(got, "#2 a@2=v\n#2 b@3=v\n#0 b@3=v\n#2 c@4=v\n#0 c@4=v\n#1 c@4=v\n#2 d@5=v\n#1 d@5=v\n");
}

TEST_F(WatchTest, FromHistory) {
  put("a", "1");
  put("a", "2");
  put("b", "3");
  del("a");
  request(watch("a", {}, 3));
  EXPECT_EQ(told(), "#0 created\n#0 a@3=2 a@5 deleted\n");
  put("a", "4");
  EXPECT_EQ(told(), "#0 a@6=4\n");
}

TEST_F(WatchTest, FromTheFuture) {
  request(watch("a", {}, 4));
  put("a", "2");
  put("a", "3");
  request(WatchProgressRequest{});
  EXPECT_EQ(told(), "#0 created\n");
  put("a", "4");
  request(WatchProgressRequest{});
  EXPECT_EQ(told(), "#0 a@4=4\n#-1 progress 4\n");
}

TEST_F(WatchTest, OneTransactionIsOneResponse) {
  request(watch("a", "z"));
  take();
  TxnRequest t;
  for (const char* k : {"a", "b", "z"}) {
    PutRequest p;
    p.key = Slice::copy_of(k);
    t.success.push_back(p);
  }
  apply(t);
  EXPECT_EQ(told(), "#0 a@2= b@2=\n");
}

TEST_F(WatchTest, Filters) {
  WatchCreateRequest r = watch("a");
  r.no_put = true;
  request(r);
  r.no_put = false;
  r.no_delete = true;
  request(r);
  take();
  put("a");
  del("a");
  EXPECT_EQ(told(), "#1 a@2=v\n#0 a@3 deleted\n");
}

TEST_F(WatchTest, PreviousValues) {
  put("a", "1");
  put("a", "2");
  WatchCreateRequest r = watch("a", {}, 2);
  r.prev_kv = true;
  request(r);
  EXPECT_EQ(told(), "#0 created\n#0 a@2=1 a@3=2 was 1\n");
  put("a", "3");
  del("a");
  put("a", "4");
  EXPECT_EQ(told(), "#0 a@4=3 was 2\n#0 a@5 deleted was 3\n#0 a@6=4\n");
}

TEST_F(WatchTest, Ids) {
  request(watch("a"));
  WatchCreateRequest chosen = watch("b");
  chosen.watch_id = 1;
  request(chosen);
  request(watch("c"));
  request(chosen);
  request(watch("b", "a"));
  request(watch("b", "b"));
  request(watch("b", {}, -1));
  EXPECT_EQ(told(),
            "#0 created\n#1 created\n#2 created\n"
            "#-1 created canceled (mvcc: duplicate watch ID provided on the WatchStream)\n"
            "#-1 created canceled (mvcc: watcher range is empty)\n"
            "#-1 created canceled (mvcc: watcher range is empty)\n"
            "#-1 created canceled (etcdserver: mvcc: required revision has been compacted)\n");
  request(WatchCancelRequest{1});
  request(WatchCancelRequest{77});
  put("b");
  EXPECT_EQ(told(), "#1 canceled\n");
  EXPECT_EQ(hub_->watchers(), 2u);
}

TEST_F(WatchTest, ACompactedStartIsTold) {
  for (int i = 0; i < 5; ++i) put("a", std::to_string(i));
  apply(CompactRequest{Revision(4)});
  request(watch("a", {}, 3));
  request(watch("a", {}, 4));
  EXPECT_EQ(told(), "#0 created\n#1 created\n#0 canceled compacted 4\n#1 a@4=2 a@5=3 a@6=4\n");
  EXPECT_EQ(hub_->watchers(), 1u);
}

TEST_F(WatchTest, ASlowStreamFallsBehindAndIsCaughtUp) {
  WatchConfig config;
  config.max_queued_responses = 2;
  config.catch_up_events = 3;
  reset(config);
  request(watch("a"));
  for (int i = 0; i < 8; ++i) put("a", std::to_string(i));
  EXPECT_EQ(take().size(), 2u) << "created and the first event; the rest is left in the history";
  EXPECT_EQ(told(), "#0 a@3=1 a@4=2 a@5=3\n#0 a@6=4 a@7=5 a@8=6\n");
  EXPECT_EQ(told(), "#0 a@9=7\n");
  put("a", "8");
  EXPECT_EQ(told(), "#0 a@10=8\n");
}

TEST_F(WatchTest, FallingBehindInTheMidstOfATickLosesNoneOfItsRevisions) {
  WatchConfig config;
  config.max_queued_responses = 1;
  reset(config);
  for (int64_t id = 1; id <= 3; ++id) {
    apply(LeaseGrantRequest{10, LeaseId(id)});
    PutRequest p;
    p.key = Slice::copy_of("k" + std::to_string(id));
    p.lease = LeaseId(id);
    apply(p);
  }
  request(watch("k", "l"));
  apply(Tick{10'001});  // three revisions in one command, and no room for a response
  EXPECT_EQ(told(kStream, 1), "#0 created\n");
  EXPECT_EQ(told(), "#0 k1@5 deleted k2@6 deleted k3@7 deleted\n");
}

TEST_F(WatchTest, ProgressNeverOvertakesEvents) {
  WatchConfig config;
  config.max_queued_responses = 2;
  reset(config);
  request(watch("a"));
  put("a", "1");
  put("a", "2");  // not delivered: no room
  request(WatchProgressRequest{});
  EXPECT_EQ(take().size(), 2u);
  request(WatchProgressRequest{});
  EXPECT_EQ(told(), "#0 a@3=2\n") << "while it lags, a request for progress is passed over";
  put("b");
  request(WatchProgressRequest{});
  request(WatchProgressRequest{});
  EXPECT_EQ(told(), "#-1 progress 4\n");
}

TEST_F(WatchTest, ALaggingWatcherIsToldOfCompaction) {
  WatchConfig config;
  config.max_queued_responses = 1;
  reset(config);
  request(watch("a"));
  put("a", "1");
  put("a", "2");
  apply(CompactRequest{Revision(3)});
  EXPECT_EQ(told(kStream, 1), "#0 created\n");
  EXPECT_EQ(told(), "#0 canceled compacted 3\n");
  EXPECT_EQ(told(), "");
}

TEST_F(WatchTest, ASyncedWatcherSurvivesCompactionAndThenASlowTime) {
  WatchConfig config;
  config.max_queued_responses = 1;
  reset(config);
  request(watch("a"));
  for (int i = 0; i < 5; ++i) put("b");
  apply(CompactRequest{Revision(6)});
  put("a", "1");
  EXPECT_EQ(told(kStream, 1), "#0 created\n");
  EXPECT_EQ(told(), "#0 a@7=1\n") << "it had seen everything before the compaction";
}

TEST_F(WatchTest, Fragments) {
  WatchConfig config;
  config.max_fragment_bytes = 300;
  reset(config);
  WatchCreateRequest r = watch("a", "z");
  r.fragment = true;
  request(r);
  r.fragment = false;
  request(r);
  take();
  TxnRequest t;
  for (const char* k : {"a", "b", "c", "d"}) {
    PutRequest p;
    p.key = Slice::copy_of(k);
    p.value = Slice::copy_of(std::string(60, 'x'));
    t.success.push_back(p);
  }
  apply(t);
  std::string shape;
  for (const WatchResponse& w : take()) {
    shape += "#" + std::to_string(w.watch_id) + (w.fragment ? "f" : "") + std::to_string(w.events.size()) + " ";
  }
  EXPECT_EQ(shape, "#0f2 #02 #14 ");
}

TEST_F(WatchTest, ProgressNoticesComeAfterQuietIntervals) {
  WatchCreateRequest r = watch("a");
  r.progress_notify = true;
  request(r);
  request(watch("b"));
  take();
  const Time due = hub_->deadline();
  EXPECT_GE(due, now_ + Duration::seconds(600));
  EXPECT_LE(due, now_ + Duration::seconds(660));
  put("a");
  EXPECT_EQ(told(), "#0 a@2=v\n");
  now_ = due;
  EXPECT_EQ(told(), "") << "the interval had events";
  EXPECT_GE(hub_->deadline(), now_ + Duration::seconds(600));
  now_ = hub_->deadline();
  EXPECT_EQ(told(), "#0 progress 2\n");
  request(WatchCancelRequest{0});
  EXPECT_EQ(hub_->deadline(), Time::never());
}

TEST_F(WatchTest, AReplacedStoreContinuesInOrder) {
  put("a", "1");
  request(watch("a"));
  request(watch("a", {}, 6));
  put("a", "2");
  EXPECT_EQ(told(), "#0 created\n#1 created\n#0 a@3=2\n");
  // The same history, further on, as a snapshot brings it.
  Store other{Limits{}};
  for (const char* v : {"1", "2", "3", "4", "5"}) {
    PutRequest p;
    p.key = Slice::copy_of("a");
    p.value = Slice::copy_of(v);
    other.apply(p);
  }
  store_ = std::move(other);
  hub_->store_replaced(store_);
  EXPECT_EQ(told(), "#0 a@4=3 a@5=4 a@6=5\n#1 a@6=5\n");
  put("a", "6");
  EXPECT_EQ(told(), "#0 a@7=6\n#1 a@7=6\n");
}

TEST_F(WatchTest, AReplacedStoreThatCompactedTooFarIsTold) {
  request(watch("a"));
  take();
  Store other{Limits{}};
  for (const char* v : {"1", "2", "3"}) {
    PutRequest p;
    p.key = Slice::copy_of("a");
    p.value = Slice::copy_of(v);
    other.apply(p);
  }
  other.apply(CompactRequest{Revision(4)});
  store_ = std::move(other);
  hub_->store_replaced(store_);
  EXPECT_EQ(told(), "#0 canceled compacted 4\n");
}

TEST_F(WatchTest, AClientThatNeverReadsLosesItsStream) {
  WatchConfig config;
  config.max_watchers_per_stream = 10;
  reset(config);
  for (int i = 0; i < 5000; ++i) request(watch("a"));
  EXPECT_EQ(hub_->watchers(), 0u);
  const auto got = take(kStream, 100'000);
  EXPECT_EQ(got.size(), 1035u);
  EXPECT_EQ(got.back().watch_id, -1);
  EXPECT_TRUE(got.back().canceled);
  request(watch("a"));
  EXPECT_EQ(told(), "");
}

TEST_F(WatchTest, TheNumberOfWatchersIsBounded) {
  WatchConfig config;
  config.max_watchers_per_stream = 1;
  reset(config);
  request(watch("a"));
  request(watch("a"));
  EXPECT_EQ(told(), "#0 created\n#-1 created canceled (too many watchers on one watch stream)\n");
}

TEST_F(WatchTest, AStreamWithResponsesIsNamedOnceUntilItIsTakenDry) {
  hub_->open(StreamId(2));
  request(watch("a"));
  EXPECT_EQ(print(hub_->newly_ready()), "[w1]");
  put("a");
  request(watch("a"), StreamId(2));
  EXPECT_EQ(print(hub_->newly_ready()), "[w2]");
  EXPECT_EQ(hub_->take(kStream, 2).size(), 2u);
  put("a");
  EXPECT_EQ(print(hub_->newly_ready()), "[]") << "the first may have more, and must be asked again; the second has";
  EXPECT_EQ(hub_->take(kStream, 2).size(), 1u);
  put("a");
  EXPECT_EQ(print(hub_->newly_ready()), "[w1]");
  hub_->take(StreamId(2), 10);
  put("a");
  hub_->close(StreamId(2));
  EXPECT_EQ(print(hub_->newly_ready()), "[]");
}

TEST_F(WatchTest, StreamsAreIndependent) {
  hub_->open(StreamId(2));
  request(watch("a"));
  request(watch("a"), StreamId(2));
  put("a");
  EXPECT_EQ(print(hub_->ready()), "[w1, w2]");
  hub_->close(kStream);
  EXPECT_EQ(told(StreamId(2)), "#0 created\n#0 a@2=v\n");
  EXPECT_EQ(hub_->watchers(), 1u);
  request(watch("a"), kStream);  // a request of a stream that is gone
  EXPECT_EQ(hub_->watchers(), 1u);
}

}  // namespace
}  // namespace holdfast::store
