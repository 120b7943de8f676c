#include "holdfast/sim/check/revisions.h"

#include <algorithm>

#include "holdfast/base/print.h"

namespace holdfast::sim::check {
namespace {

using store::EventType;
using store::Revision;

template <class T>
void forget_revisions(std::vector<T>& responses) {
  for (auto& response : responses) {
    std::visit([](auto& r) { r.revision = Revision(); }, response);
    if (auto* txn = std::get_if<store::TxnResponse>(&response)) forget_revisions(txn->responses);
  }
}

// Where an operation stands in the order.
struct Placed {
  const Operation* op;
  Revision revision;
  bool writes = false;      // it made `revision`
  bool lower_bound = true;  // a serializable read may be old
};

class Checker {
 public:
  Checker(const History& history, const TrueLog& log) : history_(history), log_(log) {}

  RevisionReport run() {
    for (const Operation& op : history_) {
      if (succeeded(op)) std::visit([&](const auto& request) { answered(op, request); }, op.request);
    }
    if (!report_.finding) attribute_the_rest();
    if (!report_.finding) check_real_time();
    return std::move(report_);
  }

 private:
  void fail(const char* oracle, std::string text) {
    if (!report_.finding) report_.finding = {oracle, std::move(text)};
  }
  std::string at(Revision r) const {
    std::string text = "revision " + to_text(r) + ":";
    if (!log_.contains(r)) return text + " not made";
    for (const auto& e : log_.at(r).events) text += " " + print(e);
    return text + " (applied " + describe(log_.at(r).at) + " ms)";
  }

  template <class Response>
  const Response* response_of(const Operation& op) {
    const auto* r = std::get_if<Response>(&*op.response);
    if (r == nullptr) fail("LIN", "an answer of another kind than the request:\n  " + describe(op));
    return r;
  }

  bool exists(const Operation& op, Revision r) {
    if (r == Revision(1) || log_.contains(r)) return true;
    fail("DUR", "acknowledged at a revision that no member holds:\n  " + describe(op) + "\n  the log ends at " +
                    to_text(log_.last()));
    return false;
  }

  // The write `op` made revision `r` with exactly `events`.
  void wrote(const Operation& op, Revision r, const std::vector<store::Event>& events) {
    if (!log_.contains(r)) {
      return fail("DUR", "an acknowledged write is in nobody's log:\n  " + describe(op) + "\n  the log ends at " +
                             to_text(log_.last()));
    }
    const auto& logged = log_.at(r).events;
    bool same = logged.size() == events.size();
    for (size_t i = 0; same && i < events.size(); ++i) {
      same = logged[i].type == events[i].type && logged[i].kv == events[i].kv;
    }
    if (!same) {
      return fail("DUR", "an acknowledged write is not what its revision holds:\n  " + describe(op) + "\n  " + at(r));
    }
    const auto [it, fresh] = makers_.emplace(r, &op);
    if (!fresh) {
      return fail(
          "LIN", "two writes claim one revision:\n  " + describe(*it->second) + "\n  " + describe(op) + "\n  " + at(r));
    }
    if (log_.at(r).at < op.called || log_.at(r).at > op.returned) {
      return fail("LIN", "a write took effect outside of its call:\n  " + describe(op) + "\n  " + at(r));
    }
    placed_.push_back({&op, r, true, true});
  }
  void read(const Operation& op, Revision r, bool serializable = false) {
    placed_.push_back({&op, r, false, !serializable});
  }
  template <class Response>
  void expect(const Operation& op, Response want, Response got) {
    if constexpr (std::is_same_v<Response, store::TxnResponse>) {
      forget_revisions(want.responses);
      forget_revisions(got.responses);
    }
    if (print(want) == print(got)) return;
    std::string text =
        "an answer that the state of its revision does not give:\n  " + describe(op) + "\n  expected " + print(want);
    if (log_.contains(got.revision)) text += "\n  " + at(got.revision);
    fail("LIN", text);
  }

  void answered(const Operation& op, const store::RangeRequest& request) {
    const auto* got = response_of<store::RangeResponse>(op);
    if (got == nullptr || !exists(op, got->revision)) return;
    expect(op, View(log_, got->revision).range(request, got->revision), *got);
    read(op, got->revision, request.serializable);
  }
  void answered(const Operation& op, const store::PutRequest& request) {
    const auto* got = response_of<store::PutResponse>(op);
    if (got == nullptr) return;
    View view(log_, got->revision - 1);
    const store::PutResponse want = view.put(request, got->revision);
    wrote(op, got->revision, view.events());
    expect(op, want, *got);
  }
  void answered(const Operation& op, const store::DeleteRangeRequest& request) {
    const auto* got = response_of<store::DeleteRangeResponse>(op);
    if (got == nullptr) return;
    if (got->deleted == 0) {
      if (!exists(op, got->revision)) return;
      expect(op, View(log_, got->revision).delete_range(request, got->revision), *got);
      return read(op, got->revision);
    }
    View view(log_, got->revision - 1);
    const store::DeleteRangeResponse want = view.delete_range(request, got->revision);
    wrote(op, got->revision, view.events());
    expect(op, want, *got);
  }
  static bool wrote_something(const store::TxnResponse& txn) {
    for (const store::ResponseOp& r : txn.responses) {
      if (std::holds_alternative<store::PutResponse>(r)) return true;
      if (const auto* d = std::get_if<store::DeleteRangeResponse>(&r); d != nullptr && d->deleted > 0) return true;
      if (const auto* t = std::get_if<store::TxnResponse>(&r); t != nullptr && wrote_something(*t)) return true;
    }
    return false;
  }
  void answered(const Operation& op, const store::TxnRequest& request) {
    const auto* got = response_of<store::TxnResponse>(op);
    if (got == nullptr) return;
    if (!wrote_something(*got)) {
      if (!exists(op, got->revision)) return;
      expect(op, View(log_, got->revision).txn(request, got->revision), *got);
      return read(op, got->revision);
    }
    View view(log_, got->revision - 1);
    const store::TxnResponse want = view.txn(request, got->revision);
    expect(op, want, *got);
    wrote(op, got->revision, view.events());
  }
  void answered(const Operation& op, const store::LeaseRevokeRequest& request) {
    const auto* got = response_of<store::LeaseRevokeResponse>(op);
    if (got == nullptr || !exists(op, got->revision)) return;
    if (log_.contains(got->revision) && !makers_.contains(got->revision) && ends_lease(got->revision, request.id)) {
      makers_.emplace(got->revision, &op);
    }
    read(op, got->revision);
  }
  void answered(const Operation& op, const store::LeaseGrantRequest&) {
    const auto* got = response_of<store::LeaseGrantResponse>(op);
    if (got != nullptr && exists(op, got->revision)) read(op, got->revision);
  }
  template <class Other>
  void answered(const Operation&, const Other&) {}

  // The revision deletes keys of this lease and of no other.
  bool ends_lease(Revision r, store::LeaseId lease) const {
    for (const store::Event& e : log_.at(r).events) {
      if (e.type != EventType::kDelete) return false;
      const auto before = log_.get(e.kv.key.str(), r - 1);
      if (!before || before->lease != lease || !lease) return false;
    }
    return true;
  }

  // What an operation without an answer would have done at this revision.
  bool explains(const Operation& op, Revision r) const {
    View view(log_, r - 1);
    if (const auto* put = std::get_if<store::PutRequest>(&op.request)) {
      view.put(*put, r);
    } else if (const auto* del = std::get_if<store::DeleteRangeRequest>(&op.request)) {
      view.delete_range(*del, r);
    } else if (const auto* txn = std::get_if<store::TxnRequest>(&op.request)) {
      view.txn(*txn, r);
    } else if (const auto* revoke = std::get_if<store::LeaseRevokeRequest>(&op.request)) {
      return ends_lease(r, revoke->id);
    } else {
      return false;
    }
    const auto& logged = log_.at(r).events;
    if (view.events().size() != logged.size()) return false;
    for (size_t i = 0; i < logged.size(); ++i) {
      if (view.events()[i].type != logged[i].type || !(view.events()[i].kv == logged[i].kv)) return false;
    }
    return true;
  }

  void attribute_the_rest() {
    std::set<const Operation*> used;
    for (Revision r(2); r <= log_.last(); ++r) {
      if (makers_.contains(r)) continue;
      const Operation* maker = nullptr;
      for (const Operation& op : history_) {
        if (!open(op) || used.contains(&op) || op.called > log_.at(r).at || !explains(op, r)) continue;
        maker = &op;
        break;
      }
      if (maker != nullptr) {
        used.insert(maker);
        makers_.emplace(r, maker);
        placed_.push_back({maker, r, true, true});
      } else if (!note_expiry(r)) {
        return unexplained(r);
      }
    }
  }
  bool note_expiry(Revision r) {
    Expiry expiry{r, {}};
    for (const store::Event& e : log_.at(r).events) {
      const auto before = log_.get(e.kv.key.str(), r - 1);
      if (e.type != EventType::kDelete || !before || !before->lease) return false;
      expiry.leases.insert(before->lease);
    }
    report_.expiries.push_back(std::move(expiry));
    return true;
  }
  void unexplained(Revision r) {
    std::string text = "no operation explains a revision:\n  " + at(r);
    for (const Operation& op : history_) {
      for (const store::Event& e : log_.at(r).events) {
        const auto* put = std::get_if<store::PutRequest>(&op.request);
        if (e.type != EventType::kPut || put == nullptr || put->value != e.kv.value) continue;
        text += std::string("\n  its value was written by ") + describe(op);
        for (const auto& [other, maker] : makers_) {
          if (maker == &op) text += "\n  which also made " + at(other);
        }
      }
    }
    fail("XO", text);
  }

  // 1. above. The latest revision among all that had returned is the least that a new call may see.
  void check_real_time() {
    std::vector<const Placed*> by_call, by_return;
    for (const Placed& p : placed_) by_call.push_back(&p), by_return.push_back(&p);
    auto stable = [](auto member) {
      return [member](const Placed* a, const Placed* b) {
        return a->op->*member != b->op->*member ? a->op->*member < b->op->*member : a->op->id < b->op->id;
      };
    };
    std::sort(by_call.begin(), by_call.end(), stable(&Operation::called));
    std::sort(by_return.begin(), by_return.end(), stable(&Operation::returned));
    const Placed* latest = nullptr;
    size_t returned = 0;
    for (const Placed* p : by_call) {
      for (; returned < by_return.size() && by_return[returned]->op->returned < p->op->called; ++returned) {
        // An operation whose outcome is open has not returned, even if its caller has.
        if (open(*by_return[returned]->op)) continue;
        if (latest == nullptr || by_return[returned]->revision > latest->revision) latest = by_return[returned];
      }
      if (latest == nullptr || !p->lower_bound) continue;
      if (p->writes ? p->revision > latest->revision : p->revision >= latest->revision) continue;
      return fail("LIN", "an operation that was called after another had returned is ordered before it:\n  " +
                             describe(*latest->op) + "\n  " + describe(*p->op) + "\n  " + at(p->revision));
    }
  }

  const History& history_;
  const TrueLog& log_;
  RevisionReport report_;
  std::map<Revision, const Operation*> makers_;
  std::vector<Placed> placed_;
};

}  // namespace

RevisionReport check_revisions(const History& history, const TrueLog& log) { return Checker(history, log).run(); }

}  // namespace holdfast::sim::check
