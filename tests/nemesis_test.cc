// The nemesis: real members, clients that call and watch, and faults from a seed (docs/guide/nemesis.md). What
// the clients saw is judged by the checkers that judge the simulator.
//
//   nemesis_test [--seed N] [--seconds N] [--members N] [--consensus raft|paxos|pbft] [--lie L] [--program PATH]
//   [--keep]

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "holdfast/base/print.h"
#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/key_file.h"
#include "holdfast/server/member_identity.h"
#include "tests/nemesis/faults.h"
#include "tests/nemesis/judge.h"

namespace holdfast::nemesis {
namespace {

using cli::cat;

constexpr Duration kToServe = Duration::seconds(30);  // for what takes ten election timeouts at most on an idle machine
constexpr uint64_t kProber = 901;

struct Options {
  uint64_t seed = 1;
  int seconds = 45;  // of faults
  int members = 3;
  std::string consensus = "raft";
  std::optional<pbft::Lie> lie;  // how the last member lies
  std::string lie_name;
  std::string program = HOLDFAST_BINARY_DIR "/holdfast";
  bool keep = false;
};

class Run {
 public:
  Run(const Options& options, std::string directory)
      : options_(options), directory_(std::move(directory)), ports_(*cli::find_free_ports(2 * options.members)) {
    for (int i = 0; i < options.members; ++i) {
      member_.client_ports.push_back(static_cast<uint16_t>(ports_ + 2 * i));
      member_.peer_ports.push_back(static_cast<uint16_t>(ports_ + 2 * i + 1));
    }
    proxy_ = std::make_unique<PeerProxy>(member_.peer_ports);
    member_.program = options.program;
    member_.directory = directory_;
    member_.advertised_ports = proxy_->ports();
    member_.flags = {"--consensus=" + options.consensus, "--snapshot-count=1000", "--snapshot-catchup-entries=200",
                     "--watch-progress-notify-interval=250ms"};
    for (int i = 1; i <= options.members && options.consensus == "pbft"; ++i) {
      member_.keys.push_back(to_hex(runtime::make_key_file(key_file(i))->view()));
    }
    member_.liars = options.lie ? 1 : 0;
    members_ = std::make_unique<Members>(member_);
    if (options.lie) proxy_->lend(mouth(*options.lie));
  }

  // What was wrong; empty when nothing was.
  std::string run() {
    members_->heal();
    if (!serves()) return complaint_;
    Load load(members_->endpoints(), options_.seed, options_.seconds, record_);
    Nemesis(options_.seed, *members_, *proxy_, load, record_, std::cout)
        .run(now() + Duration::seconds(options_.seconds));
    ending_.healed = now();
    if (!serves()) return complaint_;
    load.stop_calls();
    if (!leases_end() || !write_last()) return complaint_;
    const bool complete = load.stop_watches(ending_.last, now() + kToServe);
    const Verdict verdict = judge(record_, *members_, ending_);
    print(verdict);
    if (verdict.finding) return cat(verdict.finding.oracle, ": ", verdict.finding.explanation);
    if (!complete) return "LIVE: a watch has not received everything";
    for (size_t i = 0; i < members_->size(); ++i) members_->stop(i);
    return members_->complaint().value_or("");
  }

  // Everything that was seen, for those who look for the reason.
  void write_history() const {
    std::ofstream out(directory_ + "/history.txt");
    for (const check::Operation& op : record_.history()) out << check::describe(op) << "\n";
    for (const check::WatchSession& session : record_.sessions()) {
      out << "watch by client " << session.client << " at " << to_text(session.member) << " "
          << holdfast::print(session.request) << "\n";
      for (const auto& received : session.received) {
        out << "  [" << check::describe(received.at) << " ms] " << holdfast::print(received.response) << "\n";
      }
    }
  }

 private:
  std::string key_file(int member) const { return cat(directory_, "/m", member, ".key"); }

  // Of the last member.
  std::unique_ptr<Mouth> mouth(pbft::Lie lie) const {
    Voices voices;
    for (size_t i = 0; i < members_->size(); ++i) {
      voices.ids.push_back(server::member_id_of({members_->advertised(i)}, directory_));
      voices.keys.push_back(*crypto::PublicKey::from(*from_hex(member_.keys[i])));
    }
    voices.cluster = server::cluster_id_of(voices.ids, directory_);
    return std::make_unique<Mouth>(lie, members_->size() - 1, voices, key_file(options_.members), options_.seed);
  }

  bool fail(std::string what) {
    if (complaint_.empty()) complaint_ = members_->complaint().value_or(std::move(what));
    return false;
  }

  // Repeats a call at one member until it succeeds.
  std::optional<store::Response> insist(size_t member, const store::Request& request) {
    Endpoint endpoint(members_->endpoint(member));
    const Time until = now() + kToServe;
    while (now() < until && !members_->complaint()) {
      const auto response = record_.call(kProber, member, endpoint, request, milliseconds(2500));
      if (response.ok() && !std::holds_alternative<store::Refused>(*response)) return *response;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return std::nullopt;
  }

  // Every member serves a write and a read.
  bool serves() {
    const Time begin = now();
    for (size_t member = 0; member < members_->honest(); ++member) {
      const Slice key = Slice::take(cat("probe/", member));
      const Slice value = Slice::take(cat("p", ++probes_));
      if (!insist(member, store::PutRequest{key, value}) || !insist(member, store::RangeRequest{key})) {
        return fail(cat("LIVE: m", member + 1, " does not serve within ", to_text(kToServe), " although all run"));
      }
    }
    std::cout << "all members serve, after " << to_text(now() - begin) << std::endl;
    return true;
  }

  // No key hangs on a lease any more, or all of them are overdue (which the checker then finds).
  bool leases_end() {
    const Time until = now() + Duration::seconds(15);
    for (;;) {
      const auto got = insist(0, store::RangeRequest{Slice::unowned("l/"), Slice::unowned("l0")});
      if (!got) return fail("LIVE: m1 does not serve");
      if (std::get<store::RangeResponse>(*got).kvs.empty() || now() > until) return true;
      std::this_thread::sleep_for(milliseconds(100));
    }
  }

  bool write_last() {
    const auto got = insist(0, store::PutRequest{Slice::unowned("last"), Slice::take(cat("p", ++probes_))});
    if (!got) return fail("LIVE: m1 does not serve");
    ending_.last = std::get<store::PutResponse>(*got).revision;
    return true;
  }

  void print(const Verdict& verdict) const {
    size_t answered = 0, refused = 0;
    for (const check::Operation& op : record_.history()) {
      answered += check::succeeded(op);
      refused += check::refused(op);
    }
    size_t processes = 0;
    for (size_t i = 0; i < members_->size(); ++i) processes += members_->starts(i).size();
    std::cout << record_.history().size() << " calls: " << answered << " answered, " << refused << " refused, "
              << record_.history().size() - answered - refused << " open; " << verdict.revisions << " revisions, "
              << verdict.expiries << " of them by leases that ended; " << record_.sessions().size()
              << " sessions of watches; " << processes << " processes\n";
    if (verdict.gave_up > 0) std::cout << "the search for an order was given up for " << verdict.gave_up << " keys\n";
  }

  const Options options_;
  const std::string directory_;
  const int ports_;
  Members::Options member_;
  std::unique_ptr<PeerProxy> proxy_;
  std::unique_ptr<Members> members_;
  Record record_;
  Ending ending_;
  uint64_t probes_ = 0;
  std::string complaint_;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--keep") {
      options.keep = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const std::string_view value = argv[++i];
    const auto number = [&](auto& into) {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), into);
      return error == std::errc() && end == value.data() + value.size();
    };
    if (flag == "--program") {
      options.program = value;
    } else if (flag == "--consensus") {
      options.consensus = value;
    } else if (flag == "--lie") {
      options.lie = lie_named(value);
      options.lie_name = value;
      if (!options.lie) return false;
    } else if (!(flag == "--seed" && number(options.seed)) && !(flag == "--seconds" && number(options.seconds)) &&
               !(flag == "--members" && number(options.members))) {
      return false;
    }
  }
  const bool byzantine = options.consensus == "pbft";
  return replica::engine_named(options.consensus) && options.seconds > 0 && options.members >= (byzantine ? 4 : 3) && options.members <= 9 &&
         (!options.lie || byzantine);
}

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::cerr << "Usage: nemesis_test [--seed N] [--seconds N] [--members N] [--consensus raft|paxos|pbft] [--lie L] "
                 "[--program PATH] [--keep]\nWith pbft at least 4 members. L is one of "
              << lie_names() << "\n";
    return 2;
  }
  std::string directory = (std::filesystem::temp_directory_path() / "holdfast-nemesis-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) {
    std::cerr << "cannot make " << directory << "\n";
    return 2;
  }
  std::cout << "seed " << options.seed << ", " << options.seconds << " s of faults, by " << options.consensus << ", in "
            << directory << std::endl;
  std::string wrong;
  {
    Run run(options, directory);
    wrong = run.run();
    if (!wrong.empty() || options.keep) run.write_history();
  }
  if (!wrong.empty()) {
    std::cout << "\nFAILED: " << wrong << "\n\nThe members' directories, logs and the history are kept in " << directory
              << "\nRun it again (the same faults, though not the same moments):\n  " << argv[0] << " --seed "
              << options.seed << " --seconds " << options.seconds << " --members " << options.members << " --consensus "
              << options.consensus << (options.lie ? " --lie " + options.lie_name : "") << " --program "
              << options.program << std::endl;
    return 1;
  }
  if (!options.keep) std::filesystem::remove_all(directory);
  std::cout << "every promise was kept" << std::endl;
  return 0;
}

}  // namespace
}  // namespace holdfast::nemesis

int main(int argc, char** argv) { return holdfast::nemesis::main(argc, argv); }
