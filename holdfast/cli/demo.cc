#include "holdfast/cli/demo.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "holdfast/cli/client.h"
#include "holdfast/cli/cluster_watch.h"
#include "holdfast/cli/demo_load.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"

namespace holdfast::cli {
namespace {

using Clock = Attempt::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kWriters = 8;
constexpr milliseconds kAttemptTime{1500};
constexpr milliseconds kPatience{60'000};  // for an election, a restart, a catch-up on a busy machine

std::string ms(std::chrono::microseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(time.count()) / 1000);
  return text;
}

// Ends the demo: what was promised did not happen, or somebody pressed Ctrl-C.
struct Ended {
  std::string why;
  bool interrupted = false;
};

class Demo {
 public:
  Demo(LocalCluster& cluster, Interrupts& interrupts, milliseconds pace, std::ostream& out)
      : cluster_(cluster),
        interrupts_(interrupts),
        pace_(pace),
        out_(out),
        prefix_(cat("demo/", Clock::now().time_since_epoch().count(), "/")),
        watch_(cluster.endpoints(), milliseconds(100)),
        writers_(cluster.endpoints(), prefix_, kWriters, kAttemptTime) {}

  std::optional<Ended> run() {
    for (const auto step : {&Demo::start, &Demo::write_under_load, &Demo::kill_the_leader, &Demo::restart_it,
                            &Demo::kill_too_many, &Demo::restart_them, &Demo::kill_all, &Demo::check}) {
      (this->*step)();
      if (ended_) break;
    }
    writers_.stop();
    return ended_;
  }

 private:
  void say(const std::string& text) {
    char time[16];
    std::snprintf(time, sizeof time, "[%6.2f s] ", std::chrono::duration<double>(Clock::now() - began_).count());
    out_ << time << text << std::endl;
  }
  void more(const std::string& text) { out_ << "           " << text << std::endl; }
  void fail(std::string why) {
    if (!ended_) ended_ = Ended{std::move(why), false};
  }

  // False when the demo has ended in the meantime.
  bool pause(milliseconds time) {
    const Clock::time_point until = Clock::now() + time;
    while (!ended_ && Clock::now() < until) {
      if (interrupts_.wait(milliseconds(20))) ended_ = Ended{"interrupted", true};
      note_deaths();
    }
    return !ended_;
  }
  template <class Condition>
  bool wait_until(const Condition& condition, const std::string& what) {
    const Clock::time_point until = Clock::now() + kPatience;
    while (!ended_ && !condition()) {
      if (Clock::now() >= until) fail(cat("waited ", kPatience.count() / 1000, " s in vain for ", what));
      pause(milliseconds(20));
    }
    return !ended_;
  }

  // A member that ends without having been killed by us breaks the promise.
  void note_deaths() {
    for (int number = 1; number <= cluster_.size(); ++number) {
      LocalMember& member = cluster_.member(number);
      if (const auto how = member.reap()) {
        fail(cat("member ", number, " ", *how, " by itself; ", member.log_path(), " ends with:\n",
                 member.last_output(5)));
      }
    }
  }

  bool byzantine() const { return replica::is_byzantine(cluster_.engine()); }
  // Any two share a member; of n members f of which may lie, f + 1.
  int quorum() const {
    const int n = cluster_.size(), liars = byzantine() ? (n - 1) / 3 : 0;
    return (n + liars) / 2 + 1;
  }
  int leader() const { return leader_of(watch_.views()); }
  MemberView view(int number) const { return watch_.views()[static_cast<size_t>(number) - 1]; }

  void kill_member(int number) {
    LocalMember& member = cluster_.member(number);
    member.signal(SIGKILL);
    if (!member.wait(seconds(10))) fail(cat("member ", number, " survived kill -9"));
  }
  void restart(int number) {
    if (Status status = cluster_.member(number).start(); !status.ok())
      fail(cat("member ", number, ": ", status.message()));
  }
  bool all_follow_one_leader() const {
    const int number = leader();
    if (number == 0) return false;
    const MemberView first = view(number);
    for (const MemberView& other : watch_.views()) {
      if (!other.reachable || other.leader != first.id || other.term != first.term) return false;
    }
    return true;
  }

  size_t acknowledged() const {
    return figures(writers_.attempts(), Clock::time_point{}, Clock::time_point::max()).acknowledged;
  }
  // The end of the first write that began after `moment` and was acknowledged.
  std::optional<Clock::time_point> first_success(Clock::time_point moment) const {
    std::optional<Clock::time_point> first;
    for (const Attempt& attempt : writers_.attempts()) {
      if (attempt.outcome != Attempt::Outcome::kAcknowledged || attempt.began < moment) continue;
      if (!first || attempt.ended < *first) first = attempt.ended;
    }
    return first;
  }
  bool wait_for_success(Clock::time_point moment) {
    return wait_until([&] { return first_success(moment).has_value(); }, "a write to be acknowledged");
  }
  milliseconds since(Clock::time_point from, Clock::time_point to) const {
    return std::chrono::duration_cast<milliseconds>(to - from);
  }

  void start() {
    say(cat("starting ", cluster_.size(), " members in ", cluster_.directory(),
            cluster_.was_there() ? ", which holds data already" : ""));
    if (Status status = cluster_.start_all(); !status.ok()) return fail(cat(status.message()));
    if (!wait_until([&] { return all_follow_one_leader(); }, "a first leader")) return;
    say(cat("member ", leader(), " leads in term ", view(leader()).term));
  }

  void write_under_load() {
    say(cat(kWriters, " clients write, each key once; every answer is remembered"));
    const Clock::time_point from = Clock::now();
    writers_.start();
    if (!wait_for_success(from) || !pause(pace_)) return;
    const LoadFigures load = figures(writers_.attempts(), from, Clock::now());
    say(cat(load.acknowledged, " writes acknowledged, ", static_cast<int64_t>(load.per_second), " per second; median ",
            ms(load.median), ", 99th percentile ", ms(load.p99)));
  }

  void kill_the_leader() {
    victim_ = leader();
    if (victim_ == 0) return fail("there is no leader, though nobody was killed");
    say(cat("kill -9 member ", victim_, ", the leader, in the midst of it"));
    const Clock::time_point killed = Clock::now();
    kill_member(victim_);
    if (!wait_for_success(Clock::now())) return;
    if (!wait_until([&] { return leader() != 0 && leader() != victim_; }, "a new leader")) return;
    if (!pause(pace_ / 2)) return;
    const milliseconds gap = longest_pause(writers_.attempts(), killed, Clock::now());
    say(cat("writes go on: member ", leader(), " leads in term ", view(leader()).term));
    more(cat("the longest pause that the clients saw was ", gap.count(), " ms"));
  }

  void restart_it() {
    say(cat("restarting member ", victim_));
    const Clock::time_point restarted = Clock::now();
    restart(victim_);
    const auto caught_up = [&] {
      const MemberView leading = view(std::max(1, leader()));
      return all_follow_one_leader() && view(victim_).revision + 2'000 >= leading.revision;
    };
    if (!wait_until(caught_up, cat("member ", victim_, " to catch up"))) return;
    say(cat("member ", victim_, " is back and has caught up, ", since(restarted, Clock::now()).count(), " ms after"));
    pause(pace_ / 4);
  }

  void kill_too_many() {
    const int survivor = victim_;
    std::vector<std::string> names;
    const int to_kill = cluster_.size() - quorum() + 1;  // one more than the cluster can do without
    for (int number = 1; number <= cluster_.size() && static_cast<int>(dead_.size()) < to_kill; ++number) {
      if (number != survivor) dead_.push_back(number);
    }
    for (const int number : dead_) names.push_back(cat(number));
    const int left = cluster_.size() - to_kill;
    say(cat("kill -9 members ", join(names, " and "), ": ",
            byzantine() ? cat(left, " of ", cluster_.size(), " are left, and PBFT's quorum is ", quorum())
                        : "no majority is left"));
    for (const int number : dead_) kill_member(number);
    const Clock::time_point from = Clock::now();
    const auto load = [&] { return figures(writers_.attempts(), from, Clock::now()); };
    if (!wait_until([&] { return load().refused_by_member > 0; }, "the survivor to refuse a write")) return;
    if (!pause(pace_)) return;
    const milliseconds time = since(from, Clock::now());
    const LoadFigures seen = load();
    if (seen.acknowledged != 0) {
      return fail(cat(seen.acknowledged, " writes were acknowledged by too few: they may be lost"));
    }
    say(cat("of ", seen.refused + seen.unknown, " writes tried in ", time.count(), " ms none was acknowledged"));
    const char* survivors = left == 1 ? "the survivor" : "the survivors";
    more(cat(seen.refused_by_member, " were refused by ", survivors, " (\"", seen.refusal, "\"), ",
             seen.refused - seen.refused_by_member, " met nobody, ", seen.unknown, " had no answer in time"));
    read_from_survivor(survivor);
  }

  // What cannot be known to be current must not be answered either.
  void read_from_survivor(int survivor) {
    Client::Options options;
    options.endpoints = {cluster_.endpoint(survivor)};
    options.timeout = kAttemptTime;
    options.require_leader = true;
    StatusOr<std::unique_ptr<Client>> client = Client::create(options);
    if (!client.ok()) return fail(cat(client.status().message()));
    pb::RangeRequest request;
    request.set_key(prefix_ + "w0/0");
    const auto answer = (*client)->range(request);
    if (answer.ok()) return fail(cat("member ", survivor, " answered a linearizable read without a quorum"));
    more(cat("a read that asks for current data is refused, too (\"", answer.status().message(), "\")"));
  }

  void restart_them() {
    say("restarting them");
    const Clock::time_point restarted = Clock::now();
    for (const int number : dead_) restart(number);
    if (!wait_for_success(restarted)) return;
    say(cat("writes are acknowledged again, ", since(restarted, first_success(restarted).value_or(restarted)).count(),
            " ms after"));
    pause(pace_ / 2);
  }

  void kill_all() {
    say("kill -9 all members at once, then restart all");
    for (int number = 1; number <= cluster_.size(); ++number) cluster_.member(number).signal(SIGKILL);
    for (int number = 1; number <= cluster_.size(); ++number) kill_member(number);
    writers_.stop();
    const auto nobody_answers = [&] {
      const std::vector<MemberView> views = watch_.views();
      return std::none_of(views.begin(), views.end(), [](const MemberView& view) { return view.reachable; });
    };
    if (!wait_until(nobody_answers, "the death of all to be noticed")) return;
    if (Status status = cluster_.start_all(); !status.ok()) return fail(cat(status.message()));
    if (!wait_until([&] { return all_follow_one_leader(); }, "a leader after the restart of all")) return;
    say(cat("member ", leader(), " leads in term ", view(leader()).term));
  }

  void check() {
    const std::vector<Attempt> attempts = writers_.attempts();
    const LoadFigures load = figures(attempts, Clock::time_point{}, Clock::time_point::max());
    say(cat("checking ", attempts.size(), " writes: ", load.acknowledged, " acknowledged, ", load.refused, " refused, ",
            load.unknown, " without a clear answer"));
    Client::Options options;
    options.endpoints = cluster_.endpoints();
    options.timeout = seconds(10);
    StatusOr<std::unique_ptr<Client>> client = Client::create(options);
    if (!client.ok()) return fail(cat(client.status().message()));
    const StatusOr<Verdict> verdict = verify(**client, prefix_, attempts);
    if (!verdict.ok()) return fail(cat("reading everything back failed: ", verdict.status().message()));
    if (!verdict->wrong.empty()) return fail(join(verdict->wrong, "\n"));
    say(cat("all ", verdict->present, " acknowledged writes are there, each with its value, at its revision"));
    more(cat("of the refused ones none is there; of those without a clear answer ", verdict->unknown_done,
             " took effect and ", verdict->unknown_not_done, " did not"));
  }

  LocalCluster& cluster_;
  Interrupts& interrupts_;
  const milliseconds pace_;
  std::ostream& out_;
  const std::string prefix_;
  const Clock::time_point began_ = Clock::now();
  ClusterWatch watch_;
  Writers writers_;
  int victim_ = 0;
  std::vector<int> dead_;
  std::optional<Ended> ended_;
};

}  // namespace

int run_demo(LocalCluster& cluster, Interrupts& interrupts, milliseconds pace, std::ostream& out) {
  std::optional<Ended> ended = Demo(cluster, interrupts, pace, out).run();
  for (const std::string& ending : cluster.stop_all(seconds(15))) {
    if (!ended && !ending.ends_with("code 0")) ended = Ended{cat(ending, " when it was asked to stop"), false};
  }
  if (!ended) {
    out << "\nEverything was as promised. The data and the members' logs are in " << cluster.directory() << std::endl;
    return kExitOk;
  }
  if (ended->interrupted) {
    out << "\nInterrupted; nothing was verified." << std::endl;
    return 130;
  }
  out << "\nTHE DEMO FAILED: " << ended->why << "\nThe members' logs are in " << cluster.directory() << std::endl;
  return kExitFailed;
}

}  // namespace holdfast::cli
