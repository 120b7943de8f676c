// detect: an agent of a group that watches itself.
#include "holdfast/cli/detect_agent.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {

void add_detect(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("detect", "Join a group whose members watch each other, and tell who fails");
  auto flags = std::make_shared<DetectFlags>();
  app->add_option("--name", flags->name, "This member's name, unique in the group; HOSTNAME-PORT if left out")
      ->type_name("NAME");
  app->add_option("--listen", flags->listen, "UDP address to listen on; port 0 takes any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app->add_option("--advertise", flags->advertise, "Address that others send to, if not that of --listen")
      ->type_name("HOST:PORT");
  list_option(*app, "--join", flags->join, "Members to find the group by, separated by commas; none begins a group");
  app->add_option("--group", flags->group, "Name of the group; members of others are refused")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--detector", flags->detector, "swim, heartbeat, probe or phi; the same for the whole group")
      ->type_name("KIND")
      ->capture_default_str();
  app->add_option("--interval", flags->interval, "Between two probes or heartbeats; the same for the whole group")
      ->type_name("DURATION")
      ->capture_default_str();
  app->add_option("--phi-threshold", flags->phi_threshold, "With phi: suspect when a mistake has chance 1 in 10^N")
      ->type_name("N")
      ->default_str("8");
  app->add_flag("--no-lifeguard", flags->no_lifeguard, "With swim: do not heed this process's own slowness");
  app->add_option(
         "--key-file", flags->key_file,
         "Encrypt with the keys in this file, one per line: the first seals, each opens; read again when changed")
      ->type_name("FILE");
  app->add_flag("--json", shell.json, "Print a JSON object per event");
  app->footer(
      "Shows who is alive, who is suspected and by whom, who is dead, and whom this member takes for the leader: as a\n"
      "table in a terminal, else a line for each change. Ctrl-C or SIGTERM leaves the group, so that nobody is "
      "alarmed.\n"
      "\n"
      "  swim       probes one member per interval, others help; membership spreads with the probes (the default)\n"
      "  heartbeat  everybody tells everybody; the timeout grows after every false suspicion\n"
      "  probe      everybody asks everybody; likewise\n"
      "  phi        heartbeats, and a level of suspicion from their rhythm\n"
      "\n"
      "Examples, each in a terminal of its own:\n"
      "  holdfast detect --name=a\n"
      "  holdfast detect --name=b --listen=127.0.0.1:7947 --join=127.0.0.1:7946\n"
      "  holdfast detect --name=c --listen=127.0.0.1:7948 --join=127.0.0.1:7946\n"
      "then pause one (Ctrl-Z), let it go on (fg), or kill it (kill -9), and watch the others.\n"
      "  openssl rand -hex 32 > group.key; chmod 600 group.key; holdfast detect --key-file=group.key");
  app->callback([flags, &shell] {
    const StatusOr<DetectOptions> options = check_detect_flags(*flags);
    if (!options.ok()) return shell.usage_error(cat(options.status().message()));
    run_detect(shell, *options);
  });
}

}  // namespace holdfast::cli
