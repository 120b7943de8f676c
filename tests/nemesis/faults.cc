#include "tests/nemesis/faults.h"

#include <ostream>
#include <thread>

#include "holdfast/cli/text.h"

namespace holdfast::nemesis {
namespace {

using cli::cat;

// Revisions behind the watch that collects everything: it must never be cut off itself, others may.
constexpr int64_t kKeptRevisions = 20;
constexpr uint64_t kOwnClient = 900;

std::string name(size_t member) { return cat("m", member + 1); }

}  // namespace

Nemesis::Nemesis(uint64_t seed, Members& members, PeerProxy& proxy, const Load& load, Record& record, std::ostream& log)
    : random_(seed), members_(members), proxy_(proxy), load_(load), record_(record), log_(log) {
  for (size_t i = 0; i < members.size(); ++i) endpoints_.push_back(std::make_unique<Endpoint>(members.endpoint(i)));
}

void Nemesis::run(Time end) {
  end_ = end;
  // Every kind comes before any comes twice.
  std::vector<Fault> bag;
  while (now() < end_ && !members_.complaint()) {
    if (bag.empty()) {
      for (int i = 0; i <= static_cast<int>(last_value(Fault())); ++i) bag.push_back(static_cast<Fault>(i));
    }
    const size_t drawn = random_.below(bag.size());
    const Fault fault = bag[drawn];
    bag.erase(bag.begin() + static_cast<std::ptrdiff_t>(drawn));
    wait(100, 1500);
    const FaultInfo& what = info(fault);
    note(cat(what.name, what.request ? "" : cat(" (", to_text(what.failure), ")")));
    strike(fault);
  }
  note("everything is healed");
  proxy_.heal();
  members_.heal();
}

void Nemesis::strike(Fault fault) {
  switch (fault) {
    case Fault::kKillLeader:
      return kill({leader_or_any()});
    case Fault::kKillFollower:
      return kill({follower()});
    case Fault::kKillMajority:
      return kill(neighbours(any(), (members_.size() + 1) / 2));
    case Fault::kKillAll:
      return kill(neighbours(0, members_.size()));
    case Fault::kKillPaused:
      return kill_paused();
    case Fault::kRestartStorm:
      return restart_storm();
    case Fault::kPauseLeader:
      return pause(leader_or_any());
    case Fault::kPauseFollower:
      return pause(follower());
    case Fault::kStop:
      return stop();
    case Fault::kMoveLeader:
      return move_leader();
    case Fault::kCompact:
      return compact();
    case Fault::kIsolate:
      return isolate(any(), true, true);
    case Fault::kIsolateLeader:
      return isolate(leader_or_any(), true, true);
    case Fault::kOneWay: {
      const bool outgoing = random_.chance(1, 2);
      return isolate(random_.chance(1, 2) ? leader_or_any() : any(), outgoing, !outgoing);
    }
    case Fault::kBridge:
      return bridge();
  }
}

void Nemesis::kill(const std::vector<size_t>& victims) {
  std::string names;
  for (const size_t victim : victims) {
    names += cat(" ", name(victim));
    members_.kill(victim);
  }
  note(cat("kill -9", names));
  wait(0, 2500);
  note(cat("start", names));
  for (const size_t victim : victims) members_.start(victim);
}

void Nemesis::kill_paused() {
  const size_t victim = leader_or_any();
  note(cat("pause ", name(victim), ", to kill it later"));
  members_.pause(victim);
  wait(1500, 3500);
  members_.kill(victim);
  note(cat("kill -9 ", name(victim), " and start it"));
  members_.start(victim);
}

void Nemesis::restart_storm() {
  const size_t victim = any();
  note(cat("kill -9 ", name(victim), " and start it, over and over"));
  for (int i = 0; i < 5; ++i) {
    members_.kill(victim);
    members_.start(victim);
    wait(5, 250);
  }
}

void Nemesis::pause(size_t victim) {
  note(cat("pause ", name(victim)));
  members_.pause(victim);
  wait(100, 4000);
  note(cat("resume ", name(victim)));
  members_.resume(victim);
  if (random_.chance(1, 2)) compact();
}

void Nemesis::stop() {
  const size_t victim = any();
  note(cat("stop ", name(victim)));
  members_.stop(victim);
  wait(0, 1500);
  note(cat("start ", name(victim)));
  members_.start(victim);
}

void Nemesis::move_leader() {
  const std::optional<size_t> leader = members_.leader();
  if (!leader) return;
  const size_t target = (*leader + 1 + random_.below(members_.size() - 1)) % members_.size();
  const StatusOr<pb::StatusResponse> status = endpoints_[target]->status(milliseconds(500));
  if (!status.ok()) return;
  note(cat("move the leadership from ", name(*leader), " to ", name(target)));
  (void)record_.call(kOwnClient, *leader, *endpoints_[*leader],
                     store::MoveLeaderRequest{NodeId(status->header().member_id())}, milliseconds(2000));
}

void Nemesis::compact() {
  const int64_t upto = load_.collector().position().value() - kKeptRevisions;
  if (upto < 2) return;
  const size_t member = any();
  note(cat("compact up to revision ", upto, " at ", name(member)));
  (void)record_.call(kOwnClient, member, *endpoints_[member],
                     store::CompactRequest{store::Revision(upto), random_.chance(1, 2)}, milliseconds(3000));
}

void Nemesis::isolate(size_t victim, bool outgoing, bool incoming) {
  note(cat("cut ", name(victim), " off", outgoing && incoming ? "" : outgoing ? ", it can hear" : ", it can be heard"));
  for (size_t other = 0; other < members_.size(); ++other) {
    if (other == victim) continue;
    proxy_.cut(victim, other, outgoing);
    proxy_.cut(other, victim, incoming);
  }
  wait(300, 5000);
  if (random_.chance(1, 2)) compact();
  note("heal the network");
  proxy_.heal();
}

void Nemesis::bridge() {
  const size_t middle = any();
  const size_t a = (middle + 1) % members_.size(), b = (middle + 2) % members_.size();
  note(cat("cut ", name(a), " and ", name(b), " from each other"));
  proxy_.cut(a, b, true);
  proxy_.cut(b, a, true);
  wait(300, 5000);
  note("heal the network");
  proxy_.heal();
}

std::vector<size_t> Nemesis::neighbours(size_t first, size_t count) const {
  std::vector<size_t> out;
  for (size_t i = 0; i < count; ++i) out.push_back((first + i) % members_.size());
  return out;
}

size_t Nemesis::leader_or_any() { return members_.leader().value_or(any()); }

size_t Nemesis::follower() { return (leader_or_any() + 1 + random_.below(members_.size() - 1)) % members_.size(); }

void Nemesis::wait(int64_t from_ms, int64_t to_ms) {
  const Time until = now() + Duration::millis(random_.between(from_ms, to_ms));
  while (now() < std::min(until, end_) && !members_.complaint()) {
    std::this_thread::sleep_for(std::min(milliseconds(20), milliseconds((until - now()).millis() + 1)));
  }
}

void Nemesis::note(const std::string& what) { log_ << "[" << check::describe(now()) << " ms] " << what << std::endl; }

}  // namespace holdfast::nemesis
