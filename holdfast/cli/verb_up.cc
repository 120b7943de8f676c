// up: a cluster on this machine.
#include "holdfast/cli/demo.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/up.h"
#include "holdfast/replica/engine_name.h"

namespace holdfast::cli {
namespace {

struct UpFlags {
  int members = 0;
  int base_port = -1;
  std::string directory = "holdfast-up";
  std::string consensus;  // empty: as the directory says
  bool demo = false;
  std::string pace = "4s";
};

void run(Shell& shell, const UpFlags& flags, const std::string& program) {
  const std::optional<std::chrono::nanoseconds> pace = parse_duration(flags.pace);
  if (!pace || *pace > std::chrono::hours(1)) {
    return shell.usage_error(cat("--pace=", flags.pace, " must be a duration of at most an hour, such as 4s"));
  }
  const auto engine = replica::engine_named(flags.consensus);
  if (!flags.consensus.empty() && !engine) {
    return shell.usage_error(cat("--consensus=", flags.consensus, " must be ", replica::engine_names()));
  }
  if (engine && replica::is_byzantine(*engine) && flags.members > 0 && flags.members < 4) {
    return shell.usage_error(cat("--consensus=", flags.consensus, " needs at least four members, of which one may lie; "
                                 "write -n 4"));
  }
  // Before anything is made.
  const auto too_few = [&](const std::string& what) {
    shell.usage_error(cat("--demo kills one member and then more of them: it needs at least three, and ", what));
  };
  if (flags.demo && flags.members > 0 && flags.members < 3) return too_few(cat("-n says ", flags.members));
  Interrupts interrupts;  // before any thread is started
  LocalCluster::Options options;
  options.members = flags.members;
  options.directory = flags.directory;
  options.base_port = flags.base_port;
  options.engine = engine;
  options.program = program;
  StatusOr<std::unique_ptr<LocalCluster>> cluster = LocalCluster::open(options);
  if (!cluster.ok()) {
    shell.err << "holdfast up: " << cat(cluster.status().message()) << "\n";
    shell.exit_code = kExitFailed;
    return;
  }
  if (flags.demo && (*cluster)->size() < 3) {
    return too_few(cat((*cluster)->directory(), " holds a cluster of ", (*cluster)->size()));
  }
  const auto pace_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*pace);
  shell.exit_code =
      flags.demo ? run_demo(**cluster, interrupts, pace_ms, shell.out) : run_up(**cluster, interrupts, shell.out);
}

}  // namespace

void add_up(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("up", "Run a whole cluster on this machine, to try it and to break it");
  auto flags = std::make_shared<UpFlags>();
  app->add_option("-n,--members", flags->members, "How many members; 3 when the directory is new, 4 with pbft")
      ->check(CLI::Range(1, LocalCluster::kMaxMembers))
      ->type_name("N");
  app->add_option("--dir", flags->directory, "Directory for data and logs; a second run goes on with it")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--base-port", flags->base_port,
                  "First of two ports per member; 0 takes any free ones; 2379 when the directory is new")
      ->check(CLI::Range(0, 65'500))
      ->type_name("PORT");
  app->add_option("--consensus", flags->consensus,
                  "What keeps the members in step: raft, paxos or pbft (four members, of which one may lie); raft when "
                  "the directory is new")
      ->type_name("ENGINE");
  CLI::Option* demo =
      app->add_flag("--demo", flags->demo, "Write under load, kill and restart members, check everything, and end");
  app->add_option("--pace", flags->pace, "With --demo: how long to write before and after a member is killed")
      ->needs(demo)
      ->type_name("DURATION")
      ->capture_default_str();
  app->footer(
      "Shows every member's state, and takes commands: k 2 kills member 2 (kill -9), r 2 restarts it, p 2 pauses or\n"
      "resumes it, q or Ctrl-C stops all. What the members print is in DIR/m1.log and so on.\n"
      "--demo exits with 0 when every acknowledged write survived and none was acknowledged wrongly.\n"
      "\n"
      "Examples:\n"
      "  holdfast up\n"
      "  holdfast up -n 5 --dir=/tmp/five --base-port=0\n"
      "  holdfast up --consensus=pbft -n 4 --dir=/tmp/pbft\n"
      "  holdfast up --demo --dir=/tmp/demo --base-port=0");
  app->callback([flags, &shell] { run(shell, *flags, own_program()); });
}

}  // namespace holdfast::cli
