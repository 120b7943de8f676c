#include "holdfast/sim/check/watch_check.h"

#include <algorithm>

#include "holdfast/base/print.h"

namespace holdfast::sim::check {
namespace {

using store::Event;
using store::EventType;
using store::Revision;

class Checker {
 public:
  Checker(const WatchSession& session, const TrueLog& log) : session_(session), log_(log) {}

  Finding run() {
    for (const auto& received : session_.received) {
      take(received.response);
      if (finding_) return finding_;
    }
    if (session_.complete && created_ && !canceled_) missed_up_to(log_.last(), "the end of the run");
    return finding_;
  }

 private:
  void fail(const std::string& what) {
    if (finding_) return;
    std::string text = what + "\n  watch by client " + std::to_string(session_.client) + " at " +
                       to_text(session_.member) + ": " + print(session_.request) + "\n  last responses:";
    const size_t n = session_.received.size();
    for (size_t i = n > 6 ? n - 6 : 0; i < n; ++i) {
      text += "\n    [" + describe(session_.received[i].at) + " ms] " + print(session_.received[i].response);
    }
    finding_ = {"WATCH", text};
  }

  void take(const store::WatchResponse& r) {
    if (canceled_) return fail("a response after the watch was cancelled");
    if (r.created) {
      if (created_) return fail("a watch was created twice");
      created_ = true;
      next_ = session_.request.start_revision ? session_.request.start_revision : r.revision + 1;
    }
    if (!created_) {
      if (r.canceled) return void(canceled_ = true);
      return fail("a response before the watch was created");
    }
    if (r.canceled) {
      canceled_ = true;
      // Nothing may be skipped silently, and nothing that is still there may be called compacted.
      if (r.compact_revision && r.compact_revision < next_)
        fail("cancelled as compacted although its next revision is not");
      return;
    }
    if (!r.events.empty()) return take_events(r);
    if (!r.created) {
      if (r.revision < bookmark_) return fail("a progress notice goes back");
      bookmark_ = r.revision;
      missed_up_to(r.revision, "a progress notice");
      next_ = std::max(next_, r.revision + 1);
    }
  }

  void take_events(const store::WatchResponse& r) {
    for (const Event& e : r.events) {
      if (part_ < expected_.size()) {  // inside of a revision
        compare(e);
      } else {
        begin_revision(e);
      }
      if (finding_) return;
    }
    if (part_ < expected_.size() && !r.fragment) fail("the events of one revision came in two responses");
    if (r.fragment && !session_.request.fragment) fail("a fragment that was not asked for");
  }

  void begin_revision(const Event& e) {
    const Revision revision = e.kv.mod_revision;
    if (revision < next_) return fail("an event came twice or out of order: " + print(e));
    if (!log_.contains(revision)) return fail("an event of a revision that does not exist: " + print(e));
    missed_up_to(revision - 1, ("the event " + print(e)).c_str());
    if (finding_) return;
    expected_ = matching(revision);
    part_ = 0;
    next_ = revision + 1;
    if (expected_.empty()) return fail("an event that the watch does not cover: " + print(e));
    compare(e);
  }

  void compare(const Event& e) {
    const Event& want = expected_[part_++];
    if (e.type != want.type || !(e.kv == want.kv)) return fail("got " + print(e) + " where " + print(want) + " is due");
    if (!session_.request.prev_kv) {
      if (e.prev_kv) fail("a previous value that was not asked for: " + print(e));
      return;
    }
    const auto before = log_.get(e.kv.key.str(), e.kv.mod_revision - 1);
    // A compacted previous version is left out.
    if (e.prev_kv && before != e.prev_kv) fail("a wrong previous value: " + print(e) + ", due is " + print(before));
  }

  std::vector<Event> matching(Revision revision) const {
    std::vector<Event> out;
    for (const Event& e : log_.at(revision).events) {
      if (!in_range(e.kv.key, session_.request.key, session_.request.range_end)) continue;
      if (e.type == EventType::kPut ? session_.request.no_put : session_.request.no_delete) continue;
      out.push_back(e);
    }
    return out;
  }

  // No event in [next_, upto] may be outstanding.
  void missed_up_to(Revision upto, const char* when) {
    if (part_ < expected_.size()) return fail(std::string("a revision was cut short before ") + when);
    for (Revision r = std::max(next_, Revision(2)); r <= std::min(upto, log_.last()); ++r) {
      const std::vector<Event> due = matching(r);
      if (!due.empty()) return fail("missed " + print(due[0]) + " before " + when);
    }
  }

  const WatchSession& session_;
  const TrueLog& log_;
  Finding finding_;
  bool created_ = false;
  bool canceled_ = false;
  Revision next_;  // events below are delivered or not due
  Revision bookmark_;
  std::vector<Event> expected_;  // of the revision being delivered
  size_t part_ = 0;
};

}  // namespace

Finding check_watch(const WatchSession& session, const TrueLog& log) { return Checker(session, log).run(); }

}  // namespace holdfast::sim::check
