#include "holdfast/cli/serve_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "holdfast/cli/serve_flags.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ServeOptions options(const std::vector<std::string>& args, const Environment& environment = {}) {
  StatusOr<ServeCommand> command = parse_serve(args, environment);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? command->options : ServeOptions{};
}

std::string error(const std::vector<std::string>& args, const Environment& environment = {}) {
  StatusOr<ServeCommand> command = parse_serve(args, environment);
  EXPECT_FALSE(command.ok()) << "accepted";
  return std::string(command.status().message());
}

TEST(ServeOptions, NoFlagIsASingleMemberStoreOnTheDefaultPorts) {
  const ServeOptions o = options({});
  EXPECT_EQ(o.name, "default");
  EXPECT_EQ(o.data_dir, "default.holdfast");
  EXPECT_EQ(join_urls(o.listen_client_urls), "http://localhost:2379");
  EXPECT_EQ(join_urls(o.listen_peer_urls), "http://localhost:2380");
  EXPECT_EQ(o.advertise_client_urls, o.listen_client_urls);
  ASSERT_THAT(o.initial_cluster, SizeIs(1));
  EXPECT_EQ(o.initial_cluster[0].first, "default");
  EXPECT_EQ(o.initial_cluster[0].second, o.listen_peer_urls);
  EXPECT_FALSE(o.join_existing);
  EXPECT_EQ(o.heartbeat_ms, 100u);
  EXPECT_EQ(o.election_ms, 1000u);
  EXPECT_EQ(o.snapshot_count, 10'000u);
  EXPECT_EQ(o.quota_bytes, uint64_t{2} << 30);
}

TEST(ServeOptions, EverySupportedFlagReachesItsOption) {
  const ServeOptions o =
      options({"--name=a", "--data-dir=/d", "--wal-dir=/w", "--snapshot-count=77", "--snapshot-catchup-entries=55",
               "--heartbeat-interval=50", "--election-timeout=500", "--listen-peer-urls=http://10.0.0.1:1",
               "--listen-client-urls=http://10.0.0.1:2,http://127.0.0.1:2", "--max-request-bytes=4096",
               "--max-txn-ops=9", "--quota-backend-bytes=1048576", "--log-level=debug",
               "--watch-progress-notify-interval=2m", "--initial-advertise-peer-urls=http://a.example:1",
               "--initial-cluster=a=http://a.example:1,b=http://b.example:1", "--initial-cluster-state=existing",
               "--initial-cluster-token=tok", "--advertise-client-urls=http://a.example:2"});
  EXPECT_EQ(o.name, "a");
  EXPECT_EQ(o.data_dir, "/d");
  EXPECT_EQ(o.wal_dir, "/w");
  EXPECT_EQ(o.snapshot_count, 77u);
  EXPECT_EQ(o.snapshot_catchup_entries, 55u);
  EXPECT_EQ(o.heartbeat_ms, 50u);
  EXPECT_EQ(o.election_ms, 500u);
  EXPECT_EQ(join_urls(o.listen_peer_urls), "http://10.0.0.1:1");
  EXPECT_EQ(join_urls(o.listen_client_urls), "http://10.0.0.1:2,http://127.0.0.1:2");
  EXPECT_EQ(o.max_request_bytes, 4096u);
  EXPECT_EQ(o.max_txn_ops, 9u);
  EXPECT_EQ(o.quota_bytes, 1048576u);
  EXPECT_EQ(o.log_level, "debug");
  EXPECT_EQ(o.watch_progress_ms, 120'000u);
  EXPECT_EQ(join_urls(o.advertise_peer_urls), "http://a.example:1");
  ASSERT_THAT(o.initial_cluster, SizeIs(2));
  EXPECT_EQ(o.initial_cluster[1].first, "b");
  EXPECT_TRUE(o.join_existing);
  EXPECT_EQ(o.cluster_token, "tok");
  EXPECT_EQ(join_urls(o.advertise_client_urls), "http://a.example:2");
}

TEST(ServeOptions, TheEngineIsChosenByName) {
  EXPECT_EQ(options({}).engine, replica::EngineKind::kRaft);
  EXPECT_EQ(options({"--consensus=raft"}).engine, replica::EngineKind::kRaft);
  EXPECT_EQ(options({"--consensus", "paxos"}).engine, replica::EngineKind::kPaxos);
  EXPECT_EQ(options({}, {{"HOLDFAST_CONSENSUS", "paxos"}}).engine, replica::EngineKind::kPaxos);
  EXPECT_EQ(options({"--consensus=raft"}, {{"HOLDFAST_CONSENSUS", "paxos"}}).engine, replica::EngineKind::kRaft);
  EXPECT_EQ(error({"--consensus=zab"}), "--consensus=zab must be raft, paxos or pbft");
  EXPECT_EQ(error({}, {{"HOLDFAST_CONSENSUS", "zab"}}), "HOLDFAST_CONSENSUS=zab must be raft, paxos or pbft");
  EXPECT_THAT(serve_help(), HasSubstr("--consensus  (default 'raft')"));
}

TEST(ServeOptions, AllFourSpellingsOfAFlagMeanTheSame) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"--name=x"}, {"--name", "x"}, {"-name=x"}, {"-name", "x"}, {"--name=y", "--name=x"}}) {
    EXPECT_EQ(options(args).name, "x") << args[0];
  }
}

TEST(ServeOptions, FlagBeatsHoldfastVariableBeatsEtcdVariable) {
  const Environment both = {{"ETCD_NAME", "e"}, {"HOLDFAST_NAME", "h"}};
  EXPECT_EQ(options({}, {{"ETCD_NAME", "e"}}).name, "e");
  EXPECT_EQ(options({}, both).name, "h");
  EXPECT_EQ(options({"--name=f"}, both).name, "f");
  EXPECT_EQ(options({}, {{"ETCD_NAME", ""}}).name, "default");
  EXPECT_EQ(options({}, {{"ETCD_DATA_DIR", "/var/lib/etcd"}}).data_dir, "/var/lib/etcd");
}

TEST(ServeOptions, HelpAndVersionWinOverEverythingElse) {
  EXPECT_EQ(parse_serve({"--help"}, {})->action, ServeCommand::Action::kHelp);
  EXPECT_EQ(parse_serve({"-h"}, {})->action, ServeCommand::Action::kHelp);
  EXPECT_EQ(parse_serve({"--version"}, {{"ETCD_CERT_FILE", "x"}})->action, ServeCommand::Action::kVersion);
}

// etcd's whole list: whatever the flag, every value is either honoured or refused by name.
TEST(ServeOptions, NoFlagOfEtcdIsIgnored) {
  std::set<std::string_view> names;
  for (const ServeFlag& flag : serve_flags()) {
    EXPECT_TRUE(names.insert(flag.name).second) << flag.name << " is listed twice";
    EXPECT_FALSE(flag.text.empty()) << flag.name;
    if (flag.support != Support::kFixed) continue;
    for (std::string_view value : split(flag.value, '|')) {
      if (value.empty()) continue;
      EXPECT_TRUE(parse_serve({cat("--", flag.name, "=", value)}, {}).ok()) << flag.name << "=" << value;
    }
    if (flag.value == "false|true" || flag.value == "true|false") continue;
    const std::string odd = flag.kind == ValueKind::kBool ? (is_accepted(flag, "true") ? "false" : "true") : "31337";
    const std::string text = cat("--", flag.name, "=", odd, " is not supported: ", flag.text);
    EXPECT_EQ(error({cat("--", flag.name, "=", odd)}), text);
    const std::string variable = environment_name("ETCD", flag.name);
    EXPECT_EQ(error({}, {{variable, odd}}), cat(variable, "=", odd, " is not supported: ", flag.text));
  }
}

TEST(ServeOptions, FixedValuesAreComparedByMeaning) {
  for (const char* flag : {"--pre-vote=1", "--pre-vote", "--client-cert-auth=F", "--corrupt-check-time=0",
                           "--compact-hash-check-time=60s", "--bcrypt-cost=010", "--grpc-keepalive-interval=120m"}) {
    EXPECT_TRUE(parse_serve({flag}, {}).ok()) << flag;
  }
  EXPECT_THAT(error({"--pre-vote=false"}), HasSubstr("pre-vote is always on"));
  EXPECT_THAT(error({"--client-cert-auth"}), HasSubstr("--client-cert-auth=true is not supported: TLS"));
}

TEST(ServeOptions, AUnitFileWrittenForEtcdWorks) {
  const ServeOptions o =
      options({"--name",
               "infra0",
               "--initial-advertise-peer-urls",
               "http://10.0.1.10:2380",
               "--listen-peer-urls",
               "http://10.0.1.10:2380",
               "--listen-client-urls",
               "http://10.0.1.10:2379,http://127.0.0.1:2379",
               "--advertise-client-urls",
               "http://10.0.1.10:2379",
               "--initial-cluster-token",
               "etcd-cluster-1",
               "--initial-cluster",
               "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380",
               "--initial-cluster-state",
               "new",
               "--logger=zap",
               "--auto-compaction-retention=0",
               "--strict-reconfig-check",
               "--log-outputs=stderr",
               "--metrics=basic"},
              {{"ETCD_UNSUPPORTED_ARCH", "arm"}, {"ETCD_DATA_DIR", "/var/lib/etcd/default"}});
  EXPECT_EQ(o.data_dir, "/var/lib/etcd/default");
  EXPECT_THAT(o.initial_cluster, SizeIs(3));
}

TEST(ServeOptions, AllProblemsAreReportedTogether) {
  EXPECT_EQ(error({"--cert-file=x", "--max-txn-ops=0"}, {{"ETCD_AUTO_COMPACTION_RETENTION", "1h"}}),
            "--cert-file=x is not supported: TLS is not supported yet: keep members and clients on a network you "
            "trust\n"
            "ETCD_AUTO_COMPACTION_RETENTION=1h is not supported: automatic compaction is not supported yet: run "
            "`etcdctl compaction REVISION` from a timer, and use 0 here\n"
            "--max-txn-ops=0 must be a whole number from 1 to 1000000");
}

TEST(ServeOptions, VariablesThatMeanNothingAreWarnedAbout) {
  const Environment environment = {{"ETCD_DATADIR", "x"}, {"HOLDFAST_SERVICE_HOST", "y"}, {"HOLDFAST_ENDPOINTS", "z"}};
  EXPECT_THAT(parse_serve({}, environment)->warnings,
              ElementsAre("the environment variable ETCD_DATADIR has no meaning to `holdfast serve`; did you mean "
                          "ETCD_DATA_DIR?",
                          HasSubstr("HOLDFAST_SERVICE_HOST has no meaning")));
  EXPECT_THAT(parse_serve({}, {{"ETCDCTL_ENDPOINTS", "x"}})->warnings, IsEmpty());
}

struct Refusal {
  std::vector<std::string> args;
  const char* text;
};

TEST(ServeOptions, RefusalsSayWhatToDo) {
  const Refusal table[] = {
      {{"--nmae=x"}, "unknown flag --nmae; did you mean --name?"},
      {{"--listen-client-url=x"}, "unknown flag --listen-client-url; did you mean --listen-client-urls?"},
      {{"--qqqqqqqqqq"}, "unknown flag --qqqqqqqqqq; `holdfast serve --help` lists all flags"},
      {{"start"}, "unexpected argument \"start\"; flags are written --flag=value"},
      {{"--name"}, "--name needs a value: --name=VALUE"},
      {{"--name="}, "--name= must not be empty nor contain '=', ',' or '/'"},
      {{"--name=a\xff"}, "--name is not UTF-8, so that clients could not read the list of members; write another"},
      {{"--name=a/b"}, "--name=a/b must not be empty nor contain '=', ',' or '/'"},
      {{"--data-dir="}, "--data-dir is empty; name a directory"},
      {{"--data-dir=d", "--wal-dir=d"},
       "--wal-dir is the data directory itself; name another directory, or leave it out"},
      {{"--heartbeat-interval=abc"}, "--heartbeat-interval=abc must be a whole number from 1 to 50000"},
      {{"--election-timeout=99999"}, "--election-timeout=99999 must be a whole number from 1 to 50000"},
      {{"--election-timeout=499"},
       "--election-timeout=499 must be at least 5 times --heartbeat-interval=100: raise the first or lower the second"},
      {{"--snapshot-count=0"}, "--snapshot-count=0 must be a whole number from 1 to 9223372036854775807"},
      {{"--snapshot-count=18446744073709551616"},
       "--snapshot-count=18446744073709551616 must be a whole number from 1 to 9223372036854775807"},
      {{"--max-request-bytes=-1"}, "--max-request-bytes=-1 must be a whole number from 1024 to 268435456"},
      {{"--quota-backend-bytes=-1"},
       "--quota-backend-bytes=-1 asks for no quota at all, which is not supported: a full memory would end the member; "
       "give the number of bytes that the data may take"},
      {{"--watch-progress-notify-interval=soon"},
       "--watch-progress-notify-interval=soon must be a duration of at least 100ms, such as 10m"},
      {{"--log-level=loud"}, "--log-level=loud must be debug, info, warn or error"},
      {{"--initial-cluster-state=old"}, "--initial-cluster-state=old must be new or existing"},
      {{"--initial-cluster-state=existing"},
       "--initial-cluster is missing: a member that joins needs the list of all members, as `holdfast member add` "
       "printed it"},
      {{"--listen-client-urls=https://localhost:2379"},
       "--listen-client-urls: \"https://localhost:2379\" asks for TLS, which Holdfast does not support yet; use "
       "http:// "
       "on a network you trust"},
      {{"--listen-client-urls=localhost:2379"},
       "--listen-client-urls: \"localhost:2379\" does not start with http://; write http://HOST:PORT"},
      {{"--listen-client-urls=http://localhost"},
       "--listen-client-urls: \"http://localhost\" names no port; write http://HOST:PORT"},
      {{"--listen-client-urls=http://localhost:70000"},
       "--listen-client-urls: \"http://localhost:70000\" has the port 70000, which is out of range; ports go from 1 to "
       "65535"},
      {{"--listen-client-urls=http://localhost:2380"},
       "http://localhost:2380 is named by both --listen-peer-urls and --listen-client-urls; give them different ports"},
      {{"--listen-peer-urls=http://store.example:2380"},
       "--listen-peer-urls: \"http://store.example:2380\" cannot be listened on: write an IP address or localhost as "
       "host (0.0.0.0 for every address)"},
      {{"--listen-client-urls=http://0.0.0.0:2379"},
       "--advertise-client-urls is missing: --listen-client-urls listens on every address (http://0.0.0.0:2379), so "
       "say "
       "which URL others should use"},
      {{"--advertise-client-urls=http://0.0.0.0:2379"},
       "--advertise-client-urls: http://0.0.0.0:2379 means every address of this machine, which nobody can connect to; "
       "write the address that others reach this machine by"},
      {{"--initial-cluster=b=http://localhost:2380"},
       "--initial-cluster does not contain this member's name \"default\" (--name); it lists b"},
      {{"--initial-cluster=default=http://localhost:9"},
       "--initial-cluster lists http://localhost:9 for \"default\", but --initial-advertise-peer-urls is "
       "http://localhost:2380; make the two the same"},
      {{"--initial-cluster=default=http://localhost:2380,default=http://localhost:2380"},
       "--initial-cluster names \"default\" twice with http://localhost:2380"},
      {{"--initial-cluster=default=http://localhost:2380,b=http://localhost:2380"},
       "--initial-cluster gives http://localhost:2380 to both \"default\" and \"b\"; every member needs a URL of its "
       "own"},
      {{"--initial-cluster=default"}, "--initial-cluster: \"default\" is not of the form NAME=http://HOST:PORT"},
  };
  for (const Refusal& refusal : table) EXPECT_EQ(error(refusal.args), refusal.text) << refusal.args[0];
}

TEST(ServeOptions, AMemberMayHaveSeveralPeerUrls) {
  const ServeOptions o = options({"--initial-advertise-peer-urls=http://a:1,http://b:1",
                                  "--initial-cluster=default=http://b:1,x=http://c:1,default=http://a:1"});
  ASSERT_THAT(o.initial_cluster, SizeIs(2));
  EXPECT_EQ(join_urls(o.initial_cluster[0].second), "http://b:1,http://a:1");
}

TEST(ServeOptions, HelpShowsEverySupportedFlagWithItsDefault) {
  const std::string help = serve_help();
  for (const ServeFlag& flag : serve_flags()) {
    if (flag.support != Support::kFull) continue;
    EXPECT_THAT(help, HasSubstr(cat("--", flag.name, "  (default '", flag.value, "')")));
  }
}

}  // namespace
}  // namespace holdfast::cli
