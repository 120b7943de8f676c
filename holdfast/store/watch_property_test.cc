// Random watchers over a random history: slow readers, compactions, replaced stores. The oracle is the list of all
// events that ever happened; each watcher must be told exactly the part of it that it asked for, up to the revision it
// is said to have reached, unless it is told that it came too late.
#include <gtest/gtest.h>

#include <map>

#include "holdfast/base/print.h"
#include "holdfast/store/naive_store_test_kit.h"
#include "holdfast/store/random_commands_test_kit.h"
#include "holdfast/store/watch.h"
#include "holdfast/store/watch_index.h"

namespace holdfast::store {
namespace {

struct Told {
  WatchCreateRequest asked;
  int64_t from = 0;  // the first revision it must be told of
  int64_t upto = 0;  // the last it has been told of, or that progress was reported for
  std::vector<Event> events;
  std::vector<Event> part;  // fragments of a response that is not complete
  bool over = false;
  bool compacted = false;
};

class Scene {
 public:
  explicit Scene(uint64_t seed) : commands_(seed), random_(commands_.random().fork()) {
    config_.max_queued_responses = 1 + random_.below(6);
    config_.catch_up_events = 1 + random_.below(20);
    config_.max_fragment_bytes = 100 + random_.below(400);
    config_.progress_interval = Duration::millis(50);
    hub_ = std::make_unique<WatchHub>(config_, seed);
    for (uint64_t i = 1; i <= 3; ++i) hub_->open(StreamId(i));
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    // Everybody reads: then everything is told.
    for (int i = 0; i < 10'000; ++i) {
      const bool more = hub_->work(now_, store_);
      bool any = false;
      for (const StreamId stream : hub_->ready()) any = take(stream, 100) || any;
      if (!more && !any) break;
    }
    EXPECT_FALSE(hub_->has_work(now_));
    for (auto& [id, told] : watchers_) check(told, true);
  }

 private:
  using Id = std::pair<uint64_t, int64_t>;

  void step() {
    now_ = now_ + Duration::millis(1);
    const StreamId stream(1 + random_.below(3));
    switch (random_.below(12)) {
      case 0:
        create(stream);
        break;
      case 1:
        hub_->request(now_, stream, WatchProgressRequest{}, store_);
        break;
      case 2:
        if (random_.chance(1, 6)) hub_->request(now_, stream, WatchCancelRequest{random_.between(0, 5)}, store_);
        break;
      case 3:
        if (random_.chance(1, 4)) replace();
        break;
      case 4:
        store_.collect_garbage(1 + random_.below(20));
        break;
      case 5:
      case 6:
        take(stream, 1 + random_.below(3));
        break;
      case 7:
        hub_->work(now_, store_);
        break;
      default:
        apply();
        break;
    }
  }

  void apply() {
    Command c = commands_.command(naive_.revision(), naive_.compacted(), naive_.clock());
    if (std::holds_alternative<AlarmRequest>(c)) return;
    if (std::holds_alternative<CompactRequest>(c) && random_.chance(1, 2)) return;
    naive_.apply(c);
    store_.apply(c);
    hub_->applied(now_, store_);
  }

  // What a member sees that was cut off: the history goes on elsewhere, and comes back as an image.
  void replace() {
    const int n = static_cast<int>(random_.below(8));
    for (int i = 0; i < n; ++i) {
      const Command c = commands_.command(naive_.revision(), naive_.compacted(), naive_.clock());
      if (std::holds_alternative<AlarmRequest>(c)) continue;
      naive_.apply(c);
      store_.apply(c);
    }
    std::string image;
    {
      const auto reader = store_.snapshot();
      while (reader->read(10'000, image)) {
      }
    }
    const auto loader = Store::load(Limits{});
    ASSERT_TRUE(loader->add(image).ok());
    store_ = *loader->finish();
    hub_->store_replaced(store_);
  }

  void create(StreamId stream) {
    WatchCreateRequest r;
    r.key = commands_.key();
    r.range_end = commands_.range_end();
    if (random_.chance(1, 2)) r.start_revision = Revision(random_.between(-1, naive_.revision() + 5));
    r.no_put = random_.chance(1, 6);
    r.no_delete = random_.chance(1, 6);
    r.prev_kv = random_.chance(1, 3);
    r.fragment = random_.chance(1, 2);
    r.progress_notify = random_.chance(1, 2);
    asked_[stream].push_back({r, naive_.revision()});
    hub_->request(now_, stream, r, store_);
  }

  bool take(StreamId stream, size_t max) {
    const auto responses = hub_->take(stream, max);
    for (const WatchResponse& r : responses) receive(stream, r);
    return !responses.empty();
  }

  void receive(StreamId stream, const WatchResponse& r) {
    if (r.created) {
      ASSERT_FALSE(asked_[stream].empty());
      const auto [asked, at] = asked_[stream].front();
      asked_[stream].erase(asked_[stream].begin());
      if (r.canceled) {
        ASSERT_EQ(r.watch_id, -1);
        return;
      }
      ASSERT_FALSE(watchers_.contains({stream.value(), r.watch_id}));
      Told& told = watchers_[{stream.value(), r.watch_id}];
      told.asked = asked;
      told.from = asked.start_revision ? asked.start_revision.value() : at + 1;
      told.upto = told.from - 1;
      return;
    }
    if (r.watch_id == -1) {
      for (auto& [id, told] : watchers_) {
        if (id.first == stream.value() && !told.over) progress(told, r.revision.value());
      }
      return;
    }
    ASSERT_TRUE(watchers_.contains({stream.value(), r.watch_id}));
    Told& told = watchers_[{stream.value(), r.watch_id}];
    ASSERT_FALSE(told.over) << "nothing is told after the end";
    if (r.canceled) {
      told.over = true;
      told.compacted = r.compact_revision != Revision{};
      if (told.compacted) {
        ASSERT_LE(told.upto, r.compact_revision.value());
        ASSERT_LE(r.compact_revision.value(), naive_.compacted());
      }
      check(told, false);
      return;
    }
    if (r.events.empty()) return progress(told, r.revision.value());
    told.part.insert(told.part.end(), r.events.begin(), r.events.end());
    ASSERT_TRUE(!r.fragment || told.asked.fragment);
    if (r.fragment) return;
    const int64_t first = told.part.front().kv.mod_revision.value();
    const int64_t last = told.part.back().kv.mod_revision.value();
    ASSERT_GT(first, told.upto) << "in order, once, and whole revisions";
    ASSERT_LE(last, r.revision.value());
    told.events.insert(told.events.end(), told.part.begin(), told.part.end());
    told.part.clear();
    told.upto = last;
  }

  void progress(Told& told, int64_t revision) {
    ASSERT_TRUE(told.part.empty());
    ASSERT_GE(revision, told.upto);
    told.upto = std::max(told.upto, revision);
    check(told, false);
  }

  // Compares with what should have been told up to where the watcher is (`whole`: up to now). An event that a
  // compaction removed before it was told is not asked for only if the watcher was told of the compaction.
  void check(Told& told, bool whole) {
    if (whole && !told.over) told.upto = std::max(told.upto, naive_.revision());
    std::vector<Event> expected;
    for (Event e : naive_.everything(told.from - 1, told.upto)) {
      const Slice& begin = told.asked.key;
      const std::string key = begin.empty() ? std::string(1, '\0') : begin.str();
      if (!Interval::of(key, told.asked.range_end.view()).contains(e.kv.key.view())) continue;
      if (e.type == EventType::kPut ? told.asked.no_put : told.asked.no_delete) continue;
      expected.push_back(e);
    }
    std::vector<Event> got = told.events;
    for (Event& e : got) {
      if (!e.prev_kv) continue;
      ASSERT_TRUE(told.asked.prev_kv);
      const auto before = naive_.state(e.kv.mod_revision.value() - 1);
      ASSERT_TRUE(before.contains(e.kv.key.str()));
      ASSERT_EQ(print(*e.prev_kv), print(before.at(e.kv.key.str())));
      e.prev_kv = std::nullopt;
    }
    if (got == expected) return;
    // A change that its own transaction undid is gone with the compaction of that very revision.
    std::erase_if(expected,
                  [&](const Event& e) { return std::find(got.begin(), got.end(), e) == got.end() && undone(e); });
    ASSERT_EQ(print(got), print(expected)) << print(told.asked) << " from " << told.from << " upto " << told.upto;
  }
  bool undone(const Event& e) const {
    const auto same = naive_.everything(e.kv.mod_revision.value() - 1, e.kv.mod_revision.value());
    return e.type == EventType::kPut && std::any_of(same.begin(), same.end(), [&](const Event& other) {
             return other.type == EventType::kDelete && other.kv.key == e.kv.key;
           });
  }

  WatchConfig config_;
  RandomCommands commands_;
  Random random_;
  Time now_;
  NaiveStore naive_{Limits{}};
  Store store_{Limits{}};
  std::unique_ptr<WatchHub> hub_;
  std::map<StreamId, std::vector<std::pair<WatchCreateRequest, int64_t>>> asked_;
  std::map<Id, Told> watchers_;
};

TEST(WatchPropertyTest, EveryWatcherIsToldWhatItAskedForInOrderAndOnce) {
  for (uint64_t seed = 1; seed <= 300 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Scene(seed).run(400);
  }
}

// The index against a scan over all watchers.
TEST(WatchPropertyTest, TheIndexFindsWhatAScanFinds) {
  RandomCommands commands(5);
  Random& random = commands.random();
  WatchIndex index(9);
  std::vector<std::unique_ptr<Watched>> all;
  for (int step = 0; step < 20'000; ++step) {
    if (random.chance(1, 2) || all.empty()) {
      auto w = std::make_unique<Watched>();
      w->key = commands.key();
      w->range_end = commands.range_end();
      if (w->interval().is_empty()) continue;
      index.add(w.get());
      all.push_back(std::move(w));
    } else if (random.chance(3, 4)) {
      const size_t at = random.below(all.size());
      index.remove(all[at].get());
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const Slice key = commands.key();
    std::set<const Watched*> found, expected;
    index.match(key.view(), [&](Watched* w) { ASSERT_TRUE(found.insert(w).second) << "found twice"; });
    for (const auto& w : all) {
      if (w->interval().contains(key.view())) expected.insert(w.get());
    }
    ASSERT_EQ(found, expected) << "step " << step;
  }
}

}  // namespace
}  // namespace holdfast::store
