#include "tests/nemesis/judge.h"

#include <algorithm>
#include <map>

#include "holdfast/base/print.h"
#include "holdfast/cli/text.h"
#include "holdfast/sim/check/lease_check.h"
#include "holdfast/sim/check/linearizability.h"
#include "tests/nemesis/load.h"
#include "tests/nemesis/wire.h"

namespace holdfast::nemesis {
namespace {

using check::Finding;
using cli::cat;
using store::Revision;

constexpr milliseconds kPatience{30'000};  // for what a slow machine may take
constexpr Duration kLeaseGrace = Duration::seconds(4);

using Events = std::map<Revision, std::vector<store::Event>>;

void collect(const store::WatchResponse& response, Events& into) {
  for (const store::Event& event : response.events) into[event.kv.mod_revision].push_back(event);
}

std::string describe(Revision revision, const std::vector<store::Event>* events) {
  return cat("revision ", revision.value(), ": ", events == nullptr ? "nothing" : print(*events));
}

// Everything that one member still holds the history of, up to `last`.
StatusOr<Events> read_all(Endpoint& endpoint, Revision last) {
  Revision from(2);
  for (;;) {
    if (!endpoint.connected()) return absl::UnavailableError("no connection");
    grpc::ClientContext context;
    set_deadline(context, kPatience);
    const auto stream = endpoint.watch().Watch(&context);
    pb::WatchRequest wire;
    *wire.mutable_create_request() = to_wire(everything(from));
    stream->Write(wire);
    Events events;
    Revision compacted;
    for (pb::WatchResponse got; compacted == Revision() && stream->Read(&got);) {
      const store::WatchResponse response = from_wire(got);
      collect(response, events);
      if (response.canceled) compacted = response.compact_revision;
      const bool all = !response.created && response.revision >= last && response.events.empty();
      if (all || (!events.empty() && events.rbegin()->first >= last)) {
        context.TryCancel();
        stream->Finish();
        return events;
      }
    }
    if (compacted < from) return absl::UnavailableError(stream->Finish().error_message());
    from = compacted + 1;
  }
}

class Judge {
 public:
  Judge(const Record& record, Members& members, const Ending& ending)
      : record_(record), members_(members), ending_(ending) {}

  Verdict run() {
    for (const check::WatchSession& session : record_.sessions()) collect_session(session);
    for (size_t member = 0; member < members_.honest(); ++member) compare(member);
    if (!failed()) compare_hashes();
    if (!failed()) build_log();
    if (!failed()) check_monotonic();
    if (!failed()) check_history();
    verdict_.revisions = log_.last().value();
    return verdict_;
  }

 private:
  bool failed() const { return static_cast<bool>(verdict_.finding); }
  void fail(const char* oracle, std::string text) {
    if (!failed()) verdict_.finding = {oracle, std::move(text)};
  }

  // What a watch over everything was told belongs to the truth from there on, until a member says otherwise.
  void collect_session(const check::WatchSession& session) {
    if (session.request.key.view() != std::string_view("\0", 1) || session.request.no_put ||
        session.request.no_delete) {
      return;
    }
    Events events;
    for (const auto& received : session.received) collect(received.response, events);
    for (auto& [revision, list] : events) {
      for (store::Event& event : list) event.prev_kv.reset();
      agree(revision, list, cat("a watch by client ", session.client));
    }
  }

  void compare(size_t member) {
    Endpoint endpoint(members_.endpoint(member));
    const StatusOr<Events> events = read_all(endpoint, ending_.last);
    if (!events.ok()) return fail("LIVE", cat("m", member + 1, " cannot be read: ", events.status().message()));
    const std::string who = cat("m", member + 1);
    for (const auto& [revision, list] : *events) agree(revision, list, who);
    if (events->empty()) return;
    // From its first revision on, a member must have all.
    for (auto it = truth_.lower_bound(events->begin()->first); it != truth_.end(); ++it) {
      if (!events->contains(it->first) && it->first <= ending_.last) {
        return fail("REP",
                    cat(who, " lacks what ", it->second.said_by, " has: ", describe(it->first, &it->second.events)));
      }
    }
  }

  void agree(Revision revision, const std::vector<store::Event>& events, const std::string& who) {
    const auto [it, fresh] = truth_.emplace(revision, Said{events, who});
    if (fresh || it->second.events == events) return;
    fail("REP", cat(it->second.said_by, " and ", who, " contradict each other:\n  ",
                    describe(revision, &it->second.events), "\n  ", describe(revision, &events)));
  }

  void compare_hashes() {
    std::optional<store::HashKvResponse> first;
    for (size_t member = 0; member < members_.honest(); ++member) {
      Endpoint endpoint(members_.endpoint(member));
      const StatusOr<store::Response> got = endpoint.call(store::HashKvRequest{ending_.last}, kPatience);
      const auto* hash = got.ok() ? std::get_if<store::HashKvResponse>(&*got) : nullptr;
      if (hash == nullptr) return fail("REP", cat("m", member + 1, " does not hash its keys"));
      if (!first) first = *hash;
      if (hash->hash == first->hash && hash->compact_revision == first->compact_revision) continue;
      return fail("REP", cat("m1 and m", member + 1, " have different keys at revision ", ending_.last.value(), ": ",
                             print(*first), " and ", print(*hash)));
    }
  }

  // A revision was made before anybody was told of it or of a later one: the earliest such moment stands for its time.
  // It is not earlier than the truth, which is what the checks of real time and of leases need.
  void build_log() {
    std::vector<std::pair<Revision, Time>> told;
    for (const check::Operation& op : record_.history()) {
      if (op.response) std::visit([&](const auto& r) { told.emplace_back(r.revision, op.returned); }, *op.response);
    }
    for (const check::WatchSession& session : record_.sessions()) {
      for (const auto& received : session.received) told.emplace_back(received.response.revision, received.at);
    }
    std::sort(told.begin(), told.end());
    std::map<Revision, Time> made;
    Time earliest = Time::never();
    for (auto it = told.rbegin(); it != told.rend(); ++it) made[it->first] = earliest = std::min(earliest, it->second);
    for (const auto& [revision, said] : truth_) {
      if (revision > ending_.last) break;
      const auto at = made.lower_bound(revision);
      const Finding finding = log_.add(revision, said.events, at == made.end() ? now() : at->second);
      if (finding) return fail(finding.oracle.c_str(), cat("as told by ", said.said_by, ": ", finding.explanation));
    }
    if (log_.last() < ending_.last) {
      fail("DUR",
           cat("revision ", ending_.last.value(), " was acknowledged, but the members end at ", log_.last().value()));
    }
  }

  // A process never answers with an older revision than it has answered before.
  void check_monotonic() {
    for (size_t member = 0; member < members_.honest(); ++member) {
      std::vector<const check::Operation*> by_call, by_return;
      for (const check::Operation& op : record_.history()) {
        const bool answered = check::succeeded(op) && op.request.index() <= kLastKvRequest;
        if (op.member == name_of(member) && answered) by_call.push_back(&op), by_return.push_back(&op);
      }
      std::sort(by_call.begin(), by_call.end(), [](auto a, auto b) { return a->called < b->called; });
      std::sort(by_return.begin(), by_return.end(), [](auto a, auto b) { return a->returned < b->returned; });
      const std::vector<Time>& starts = members_.starts(member);
      size_t returned = 0, start = 0;
      const check::Operation* latest = nullptr;
      for (const check::Operation* op : by_call) {
        for (; start < starts.size() && starts[start] < op->called; ++start) latest = nullptr;
        for (; returned < by_return.size() && by_return[returned]->returned < op->called; ++returned) {
          const check::Operation* before = by_return[returned];
          if (start > 0 && before->called < starts[start - 1]) continue;  // by an earlier process, perhaps
          if (latest == nullptr || revision_of(*before) > revision_of(*latest)) latest = before;
        }
        if (latest == nullptr || revision_of(*op) >= revision_of(*latest)) continue;
        return fail("MONO", cat("a process went back to an older revision:\n  ", check::describe(*latest), "\n  ",
                                check::describe(*op)));
      }
    }
  }
  static Revision revision_of(const check::Operation& op) {
    return std::visit([](const auto& r) { return r.revision; }, *op.response);
  }

  void check_history() {
    const check::RevisionReport report = check::check_revisions(record_.history(), log_);
    verdict_.finding = report.finding;
    verdict_.expiries = report.expiries.size();
    if (!failed()) verdict_.finding = check::check_linearizability(record_.history(), &verdict_.gave_up);
    for (const check::WatchSession& session : record_.sessions()) {
      if (!failed()) verdict_.finding = check::check_watch(session, log_);
    }
    check::LeaseBounds bounds;
    bounds.healed = ending_.healed;
    bounds.end = now();
    bounds.grace = kLeaseGrace;
    if (!failed()) verdict_.finding = check::check_leases(record_.history(), log_, report.expiries, bounds);
  }

  static constexpr size_t kLastKvRequest = 3;  // Range, Put, DeleteRange, Txn
  struct Said {
    std::vector<store::Event> events;
    std::string said_by;
  };
  const Record& record_;
  Members& members_;
  const Ending ending_;
  std::map<Revision, Said> truth_;
  check::TrueLog log_;
  Verdict verdict_;
};

}  // namespace

Verdict judge(const Record& record, Members& members, const Ending& ending) {
  return Judge(record, members, ending).run();
}

}  // namespace holdfast::nemesis
