// What scripts and operators rely on: the shapes of --json as documented, completion in a real shell, units made for
// etcd.
#include <cstdlib>
#include <iterator>

#include "holdfast/cli/json.h"
#include "tests/serve_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;

// The part of the guide that describes JSON.
std::string guide() {
  std::ifstream in(HOLDFAST_SOURCE_DIR "/docs/guide/command-line.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return text.substr(text.find("## JSON"));
}

// The line of the guide that starts so.
std::string guide_line(const std::string& start) {
  const std::string text = "\n" + guide();
  const size_t at = text.find("\n" + start);
  EXPECT_NE(at, std::string::npos) << start;
  return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

class JsonOutput : public ServeTest {
 protected:
  // Every field of the answer stands in the guide's line for the command.
  void expect_documented(const Json& answer, const std::string& line) {
    for (const auto& [name, value] : answer.items()) {
      EXPECT_THAT(line, HasSubstr("\"" + name + "\""));
    }
  }
  Json ask(const Words& args, const std::string& row) {
    Words all = args;
    all.push_back("--json");
    const Outcome outcome = run(all);
    EXPECT_EQ(outcome.code, kExitOk) << join(args, " ") << ": " << outcome.err;
    EXPECT_EQ(outcome.err, "");
    Json last;
    for (std::string_view line : split(trim(outcome.out), '\n')) {
      last = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      EXPECT_TRUE(last.is_object()) << outcome.out;
      expect_documented(last, guide_line("| `" + row + "` |"));
    }
    return last;
  }
};

TEST_F(JsonOutput, EveryAnswerIsAnObjectWithTheDocumentedFields) {
  LocalMember one = started(flags("data"));
  ask({"put", "a", "1"}, "put");
  expect_documented(ask({"put", "a", "2", "--prev-kv"}, "put")["prev_kv"], guide_line("`KV` is"));
  const Json found = ask({"get", "a"}, "get");
  expect_documented(found["kvs"][0], guide_line("`KV` is"));
  expect_documented(found["header"], guide_line("A `header` is"));
  EXPECT_TRUE(ask({"get", "--prefix", "", "--count-only"}, "get")["kvs"].empty());
  ask({"watch", "a", "--rev=1", "--count=2"}, "watch");
  ask({"del", "a", "--prev-kv"}, "del");
  const std::string lease = ask({"lease", "grant", "100"}, "lease grant")["id"];
  ask({"lease", "timetolive", lease, "--keys"}, "lease timetolive");
  ask({"lease", "keep-alive", lease, "--once"}, "lease keep-alive");
  ask({"lease", "list"}, "lease list");
  ask({"lease", "revoke", lease}, "lease revoke");
  const Json members = ask({"member", "list"}, "member ...");
  expect_documented(members["members"][0], guide_line("key only `key` and `mod_revision`."));
  const Json status = ask({"status"}, "status");
  for (const auto& [name, value] : status["members"][0].items()) {
    EXPECT_THAT(guide_line("| `status` | `{"), HasSubstr(name));
  }
  const Outcome txn = run_in_process({"txn", "--json", cat("--endpoints=127.0.0.1:", port(0))}, {},
                                     "version(\"a\") = \"0\"\n\nput a 1\nget a\ndel b\n\n\n");
  expect_documented(Json::parse(txn.out), guide_line("| `txn` | `{"));
  stop(one);
  expect_documented(Json::parse(run_in_process({"wal", "verify", path("data"), "--json"}, {}).out),
                    guide_line("| `wal verify` | `{"));
  const Json plan = Json::parse(run_in_process({"dependability", "--json", "--mission-time=1y"}, {}).out);
  for (const Json& part :
       {plan, Json(plan["rows"][0]), Json(plan["slowest_repair"][0]), Json(plan["mission"]["groups"][0])}) {
    expect_documented(part, guide_line("| `dependability` | `{"));
  }
  std::istringstream scenarios(run_in_process({"lab", "list", "--json"}, {}).out);
  for (std::string line; std::getline(scenarios, line);) {
    expect_documented(Json::parse(line), guide_line("| `lab list` | a line"));
  }
  const Json scene = Json::parse(run_in_process({"lab", "run", "two_generals", "--json"}, {}).out);
  for (const Json& part : {scene, Json(scene["story"][0])}) expect_documented(part, guide_line("| `lab run` | `{"));
  expect_documented(Json::parse(run_in_process({"sim", "--seed=1", "--json"}, {}).out), guide_line("| `sim` | a line"));
  std::istringstream lines(run_in_process({"wal", "dump", path("data"), "--json", "--bytes"}, {}).out);
  for (std::string line; std::getline(lines, line);) {
    expect_documented(Json::parse(line), guide_line("| `wal dump` |"));
  }
}

TEST_F(JsonOutput, FailuresAreJsonToo) {
  for (const Words& args : {Words{"get", "a"}, Words{"put", "a", "b"}, Words{"status"}, Words{"member", "list"}}) {
    Words all = args;
    all.push_back("--json");
    const Outcome outcome = run(all);
    EXPECT_NE(outcome.code, kExitOk);
    const Json error = Json::parse(outcome.err, nullptr, false)["error"];
    EXPECT_EQ(error["code"], "UNAVAILABLE");
    EXPECT_THAT(std::string(error["advice"]), HasSubstr("Start one with `holdfast serve`"));
    expect_documented(error, guide_line("One object per line on standard output;"));
  }
}

// What a shell makes of the words: the exit code, and what came on standard error.
Outcome in_shell(const std::string& directory, const std::string& words) {
  const std::string errors = directory + "/errors";
  const int status = std::system(cat("exec 2> ", errors, "; ", words).c_str());
  std::ifstream in(errors);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", {std::istreambuf_iterator<char>(in), {}}};
}

using Output = ServeTest;

TEST_F(Output, ThatCannotBeWrittenIsAFailure) {
  LocalMember one = started(flags("data"));
  run({"put", "a", "1"});
  const std::string get = cat("get a --endpoints=127.0.0.1:", port(0));
  for (const std::string& words :
       {get, get + " --json", std::string("lab show two_generals"), std::string("lab run two_generals"),
        std::string("dependability"), std::string("sim --seed 1 --json"), std::string("sim --seeds 1..2 --jobs 2 --json"),
        std::string("completion bash"), std::string("version"), std::string("--help")}) {
    const Outcome outcome = in_shell(directory_, cat(kProgram, " ", words, " > /dev/full"));
    EXPECT_EQ(outcome.code, kExitFailed) << words;
    EXPECT_THAT(outcome.err, HasSubstr("standard output")) << words;
    // The processes of a run with several do not say why.
    EXPECT_THAT(outcome.err, HasSubstr(words.find("--jobs") == std::string::npos ? "No space left on device" : "not all"));
  }
  EXPECT_EQ(in_shell(directory_, cat(kProgram, " lab list > /dev/null")).code, kExitOk);
  // Who reads only the beginning has seen enough: the writer ends without a word, as any tool in a pipe.
  const Outcome piped = in_shell(directory_, cat("(", kProgram, " lab show two_generals; :) | :"));
  EXPECT_EQ(piped.code, kExitOk);
  EXPECT_EQ(piped.err, "");
  stop(one);
}

// What bash would offer for the last word.
std::string completed(const std::string& directory, const std::string& words) {
  const std::string script = directory + "/script", out = directory + "/out";
  std::ofstream(script) << run_in_process({"completion", "bash"}, {}).out << "COMP_WORDS=(" << words
                        << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_holdfast\necho \"${COMPREPLY[*]}\"\n";
  EXPECT_EQ(std::system(("bash " + script + " > " + out).c_str()), 0);
  std::ifstream in(out);
  std::string line;
  std::getline(in, line);
  return line;
}

using Completion = ServeTest;

TEST_F(Completion, OffersCommandsAndTheirFlagsInBash) {
  const std::pair<const char*, const char*> table[] = {
      {"holdfast st", "status"},
      {"holdfast lease gr", "grant"},
      {"holdfast lease grant --js", "--json"},
      {"holdfast get --endpoints=x:1 key --pre", "--prefix"},
      {"holdfast serve --data", "--data-dir"},
      {"holdfast sim --seed", "--seed --seeds"},
      {"holdfast dep", "dependability"},
      {"holdfast dependability --mtt", "--mttf --mttr"},
      {"holdfast completion z", "zsh"},
      {"holdfast up --xyz", ""},
      {"holdfast up --consensus pb", "pbft"},
      {"holdfast up --demo --consensus = p", "paxos pbft"},  // as bash splits --consensus=p
      {"holdfast up --consensus =", "raft paxos pbft"},
      {"holdfast up --consensus pbft --de", "--demo"},
      {"holdfast serve --log-level d", "debug"},
      {"holdfast get key --order D", "DESCEND"},
      {"holdfast detect --detector h", "heartbeat"},
      {"holdfast dependability --model b", "byzantine"},
      {"holdfast sim --engine r", "raft"},
      {"holdfast lab run two_g", "two_generals"},
      {"holdfast lab run two_generals --q", "--quiet"},
  };
  for (const auto& [words, offered] : table) EXPECT_EQ(completed(directory_, words), offered) << words;
}

TEST(CompletionScripts, NameEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = run_in_process({"completion", shell}, {}).out;
    for (const char* command : {"serve", "up", "status", "watch", "keep-alive", "promote", "verify", "scenario"}) {
      EXPECT_THAT(script, HasSubstr(command)) << shell;
    }
    EXPECT_THAT(script, HasSubstr("'raft paxos pbft'")) << shell;
    EXPECT_THAT(script, HasSubstr("two_generals")) << shell;
  }
}

// A unit file: its Environment= and ExecStart= lines, as systemd reads them.
class Unit : public ServeTest {
 protected:
  std::string filled(std::string text) const {
    const std::pair<const char*, std::string> places[] = {
        {"%H", "host-1"}, {"/var/lib/etcd", path("data")}, {":2379", cat(":", port(0))}, {":2380", cat(":", port(1))}};
    for (const auto& [from, to] : places) {
      for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, std::string_view(from).size(), to);
      }
    }
    return text;
  }
  // Starts what the unit starts, with etcd's name replaced by ours.
  LocalMember started_by(const std::string& unit) const {
    Words variables = {"env"}, words;
    const std::string text = filled(unit);
    for (std::string_view line : split(text, '\n')) {
      if (line.starts_with("Environment=")) variables.emplace_back(line.substr(12));
      if (!line.starts_with("ExecStart=")) continue;
      for (std::string_view word : split(line.substr(10), ' ')) words.emplace_back(word);
    }
    EXPECT_EQ(words.at(0), "/usr/bin/etcd");
    words.erase(words.begin());
    LocalMember one = member(words, variables);
    EXPECT_TRUE(one.start().ok());
    EXPECT_TRUE(comes_true([&] { return answers() || one.reap().has_value(); }));
    EXPECT_TRUE(one.running()) << one.last_output(5);
    return one;
  }
};

TEST_F(Unit, WithVariablesWorksAfterChangingTheName) {
  LocalMember one = started_by(R"([Service]
Type=notify
Environment=ETCD_NAME=%H
Environment=ETCD_DATA_DIR=/var/lib/etcd
Environment=ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:2379
Environment=ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:2379
Environment=ETCD_LISTEN_PEER_URLS=http://127.0.0.1:2380
Environment=ETCD_INITIAL_ADVERTISE_PEER_URLS=http://127.0.0.1:2380
Environment=ETCD_INITIAL_CLUSTER=%H=http://127.0.0.1:2380
Environment=ETCD_INITIAL_CLUSTER_STATE=new
Environment=ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster
Environment=ETCD_HEARTBEAT_INTERVAL=200
Environment=ETCD_ELECTION_TIMEOUT=2000
Environment=ETCD_SNAPSHOT_COUNT=10000
Environment=ETCD_QUOTA_BACKEND_BYTES=4294967296
Environment=ETCD_MAX_REQUEST_BYTES=1572864
Environment=ETCD_AUTO_COMPACTION_RETENTION=0
Environment=ETCD_ENABLE_V2=false
Environment=ETCD_LOGGER=zap
Environment=ETCD_LOG_LEVEL=info
ExecStart=/usr/bin/etcd
Restart=on-abnormal
)");
  put_keys();
  expect_keys();
  EXPECT_THAT(run({"member", "list"}).out, HasSubstr("host-1"));
  EXPECT_THAT(one.last_output(100), ::testing::Not(HasSubstr("no meaning")));
  stop(one);
}

TEST_F(Unit, WithFlagsWorksAfterChangingTheName) {
  LocalMember one = started_by(
      "ExecStart=/usr/bin/etcd --name %H --data-dir /var/lib/etcd --listen-client-urls http://127.0.0.1:2379 "
      "--advertise-client-urls=http://127.0.0.1:2379 -listen-peer-urls http://127.0.0.1:2380 "
      "--initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster %H=http://127.0.0.1:2380 "
      "--initial-cluster-token tkn --initial-cluster-state new --snapshot-count=5000 --max-txn-ops=256 "
      "--pre-vote=true --strict-reconfig-check --logger zap --log-outputs stderr\n");
  put_keys();
  stop(one);
}

}  // namespace
}  // namespace holdfast::cli
