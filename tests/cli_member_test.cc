// The client verbs against real members.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <thread>

#include "holdfast/cli/client.h"
#include "holdfast/cli/demo_load.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

// Members of one cluster for all tests of a suite; each test uses keys of its own.
template <int kMembers>
class ClusterTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    LocalCluster::Options options;
    options.members = kMembers;
    options.base_port = 0;
    options.directory = temporary_directory();
    options.program = kProgram;
    auto opened = LocalCluster::open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    cluster_ = *std::move(opened);
    ASSERT_TRUE(cluster_->start_all().ok());
    ASSERT_TRUE(comes_true([] { return run({"put", "ready", "yes"}).code == kExitOk; })) << output();
  }
  static void TearDownTestSuite() {
    if (cluster_ == nullptr) return;
    for (const std::string& ending : cluster_->stop_all(kLong)) EXPECT_THAT(ending, HasSubstr("exited with code 0"));
    const std::string directory = cluster_->directory();
    cluster_.reset();
    if (!::testing::Test::HasFailure()) std::filesystem::remove_all(directory);
  }
  static std::string output() { return cluster_->member(1).last_output(20); }

  static Outcome run(const std::vector<std::string>& args, const std::string& input = "") {
    return run_in_process(args, {{"HOLDFAST_ENDPOINTS", join(cluster_->endpoints(), ",")}}, input);
  }
  static Json json(std::vector<std::string> args, const std::string& input = "") {
    args.push_back("--json");
    const Outcome outcome = run(args, input);
    EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
};

using OneMember = ClusterTest<1>;

TEST_F(OneMember, PutGetDel) {
  EXPECT_EQ(run({"put", "p/a", "1"}).out, "OK\n");
  EXPECT_EQ(run({"put", "p/b", "2"}).code, kExitOk);
  EXPECT_EQ(run({"put", "--prev-kv", "p/a", "3"}).out, "OK\np/a\n1\n");
  EXPECT_EQ(run({"get", "p/a"}).out, "p/a\n3\n");
  EXPECT_EQ(run({"get", "p/a", "--print-value-only"}).out, "3\n");
  EXPECT_EQ(run({"get", "p/a", "--hex"}).out, "\\x70\\x2f\\x61\n\\x33\n");
  EXPECT_EQ(run({"get", "--prefix", "p/", "--keys-only"}).out, "p/a\np/b\n");
  EXPECT_EQ(run({"get", "--prefix", "p/", "--count-only"}).out, "2\n");
  EXPECT_EQ(run({"get", "p/a", "p/b"}).out, "p/a\n3\n");
  EXPECT_EQ(run({"get", "--prefix", "p/", "--order=descend", "--limit=1"}).out, "p/b\n2\n");
  EXPECT_EQ(run({"get", "--prefix", "p/", "--sort-by=MODIFY", "--keys-only"}).out, "p/b\np/a\n");
  EXPECT_EQ(run({"get", "p/a", "--consistency=s"}).out, "p/a\n3\n");
  EXPECT_EQ(run({"del", "p/a", "--prev-kv"}).out, "1\np/a\n3\n");
  EXPECT_EQ(run({"del", "--prefix", "p/"}).out, "1\n");
  EXPECT_EQ(run({"del", "--prefix", "p/"}).code, kExitOk);
}

TEST_F(OneMember, WhatIsNotThereGivesCodeThree) {
  const Outcome outcome = run({"get", "missing"});
  EXPECT_EQ(outcome.code, kExitNotFound);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "holdfast: there is no key \"missing\"\n");
  EXPECT_EQ(run({"del", "missing"}).code, kExitNotFound);
  EXPECT_EQ(run({"get", "--prefix", "missing"}).code, kExitOk);
  EXPECT_EQ(run({"lease", "timetolive", "123abc"}).code, kExitNotFound);
  EXPECT_EQ(run({"lease", "keep-alive", "123abc"}).code, kExitNotFound);
  EXPECT_EQ(run({"lease", "revoke", "123abc"}).code, kExitNotFound);
  EXPECT_EQ(run({"put", "k", "v", "--lease=123abc"}).code, kExitNotFound);
}

TEST_F(OneMember, EveryByteGoesThroughAndJsonMarksWhatIsNoText) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(run({"put", "bytes"}, bytes).code, kExitOk);
  EXPECT_EQ(run({"get", "bytes", "--print-value-only"}).out, bytes + "\n");
  EXPECT_EQ(json({"get", "bytes"})["kvs"][0]["value"]["base64"], base64(bytes));
  EXPECT_EQ(run({"put", "empty", ""}).code, kExitOk);
  EXPECT_EQ(json({"get", "empty"})["kvs"][0]["value"], "");
}

TEST_F(OneMember, OldRevisionsCanBeRead) {
  const int64_t first = json({"put", "rev", "1"})["header"]["revision"];
  const int64_t second = json({"put", "rev", "2"})["header"]["revision"];
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(run({"get", "rev", cat("--rev=", first)}).out, "rev\n1\n");
  const Outcome future = run({"get", "rev", "--rev=1000000"});
  EXPECT_EQ(future.code, kExitFailed);
  EXPECT_THAT(future.err, HasSubstr("required revision is a future revision"));
}

TEST_F(OneMember, TransactionsTakeOneOfTwoBranches) {
  const char* text = "version(\"lock\") = \"0\"\n\nput lock me\n\nget lock\n";
  EXPECT_EQ(run({"txn"}, text).out, "SUCCESS\n\nOK\n");
  EXPECT_EQ(run({"txn"}, text).out, "FAILURE\n\nlock\nme\n");
  const Json answer = json({"txn"}, text);
  EXPECT_EQ(answer["succeeded"], false);
  EXPECT_EQ(answer["responses"][0]["get"]["kvs"][0]["value"], "me");
}

TEST_F(OneMember, WatchesShowHistoryAndWhatComes) {
  const int64_t revision = json({"put", "w/a", "1"})["header"]["revision"];
  run({"put", "w/a", "2"});
  run({"del", "w/a"});
  const std::string from = cat("--rev=", revision);
  EXPECT_EQ(run({"watch", "w/a", from, "--count=3", "--prev-kv"}).out,
            "PUT\nw/a\n1\nPUT\nw/a\n1\nw/a\n2\nDELETE\nw/a\n2\nw/a\n\n");
  Outcome live;
  std::thread watcher([&] {
    live = run({"watch", "--prefix", "w/", cat("--rev=", revision + 3), "--count=1", "--json"});
  });
  run({"put", "w/b", "3"});
  watcher.join();
  EXPECT_EQ(Json::parse(live.out)["events"][0]["kv"]["value"], "3");
}

TEST_F(OneMember, LeasesCarryKeys) {
  const Json granted = json({"lease", "grant", "1000"});
  const std::string id = granted["id"];
  EXPECT_EQ(granted["ttl"], 1000);
  EXPECT_EQ(run({"put", "leased", "x", "--lease=" + id}).code, kExitOk);
  EXPECT_EQ(json({"get", "leased"})["kvs"][0]["lease"], id);
  EXPECT_THAT(run({"lease", "timetolive", id, "--keys"}).out,
              MatchesRegex(cat("lease ", id,
                               " granted with TTL\\(1000s\\), remaining\\([0-9]+s\\), attached keys"
                               "\\(\\[leased\\]\\)\n")));
  EXPECT_THAT(run({"lease", "list"}).out, HasSubstr(id));
  EXPECT_THAT(run({"lease", "keep-alive", id, "--once"}).out, HasSubstr("keepalived with TTL(1000)"));
  EXPECT_EQ(run({"lease", "revoke", id}).out, cat("lease ", id, " revoked\n"));
  EXPECT_EQ(run({"get", "leased"}).code, kExitNotFound);
  EXPECT_EQ(json({"lease", "grant", "1000", "--id=abc"})["id"], "abc");
  EXPECT_THAT(run({"lease", "grant", "1000", "--id=abc"}).err, HasSubstr("lease already exists"));
  run({"lease", "revoke", "abc"});
}

TEST_F(OneMember, StatusAndMembers) {
  const Outcome status = run({"status"});
  EXPECT_EQ(status.code, kExitOk);
  EXPECT_THAT(status.out, AllOf(StartsWith("ENDPOINT"), HasSubstr("leader"), HasSubstr("m1")));
  const Json members = json({"member", "list"})["members"];
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0]["name"], "m1");
  EXPECT_EQ(members[0]["peer_urls"][0], cat("http://127.0.0.1:", cluster_->peer_port(1)));
  const Json health = json({"status"})["members"][0];
  EXPECT_EQ(health["healthy"], true);
  EXPECT_EQ(health["is_leader"], true);
  EXPECT_EQ(health["header"]["member_id"], members[0]["id"]);
}

// Falsified answers must be noticed, or the demo proves nothing.
TEST_F(OneMember, TheDemosCheckNoticesEveryLie) {
  Writers writers(cluster_->endpoints(), "demo-check/", 2, std::chrono::seconds(5));
  writers.start();
  ASSERT_TRUE(comes_true([&] { return writers.attempts().size() >= 20; }));
  writers.stop();
  Client::Options options;
  options.endpoints = cluster_->endpoints();
  const auto client = *Client::create(options);
  const std::vector<Attempt> honest = writers.attempts();
  const auto verdict_of = [&](std::vector<Attempt> attempts) { return *verify(*client, "demo-check/", attempts); };
  EXPECT_THAT(verdict_of(honest).wrong, ::testing::IsEmpty());
  EXPECT_EQ(verdict_of(honest).present, honest.size());

  std::vector<Attempt> lost = honest;
  lost[3].key += "-never-written";
  EXPECT_EQ(verdict_of(lost).wrong.size(), 2u);  // one that is lost, one that nobody wrote
  std::vector<Attempt> refused = honest;
  refused[4].outcome = Attempt::Outcome::kRefused;
  EXPECT_THAT(verdict_of(refused).wrong, ::testing::ElementsAre(HasSubstr("was refused, and is there nevertheless")));
  std::vector<Attempt> other_value = honest;
  other_value[5].value = "something else";
  EXPECT_THAT(verdict_of(other_value).wrong, ::testing::ElementsAre(HasSubstr("was ever written to it")));
  std::vector<Attempt> other_revision = honest;
  other_revision[6].revision += 1;
  EXPECT_THAT(verdict_of(other_revision).wrong, ::testing::ElementsAre(HasSubstr("but stands at")));
}

// The log of a running member can be looked at.
TEST_F(OneMember, TheLogIsSound) {
  const std::string directory = cluster_->directory() + "/m1";
  const Outcome text = run({"wal", "verify", directory});
  EXPECT_EQ(text.code, kExitOk) << text.err;
  EXPECT_THAT(text.out, HasSubstr("is sound: records "));
  const Outcome dump = run({"wal", "dump", directory, "--json"});
  EXPECT_THAT(dump.out, StartsWith("{\"kind\":\""));
  EXPECT_EQ(run({"wal", "verify", "/nonexistent"}).code, kExitNotFound);
}

using ThreeMembers = ClusterTest<3>;

TEST_F(ThreeMembers, StatusShowsTheWholeClusterFromOneEndpoint) {
  const Json all = json({"status", "--endpoints=" + cluster_->endpoint(2)});
  ASSERT_EQ(all["members"].size(), 3u);
  int leaders = 0;
  for (const Json& member : all["members"]) leaders += member["is_leader"] == true ? 1 : 0;
  EXPECT_EQ(leaders, 1);
  EXPECT_EQ(json({"status", "--only-given", "--endpoints=" + cluster_->endpoint(2)})["members"].size(), 1u);
}

TEST_F(ThreeMembers, ADeadMemberIsSteppedOverAndShown) {
  const Json before = json({"status"});
  int follower = 0;
  for (int i = 0; i < 3; ++i) {
    if (before["members"][i]["is_leader"] != true) follower = i + 1;
  }
  ASSERT_NE(follower, 0);
  cluster_->member(follower).signal(SIGKILL);
  EXPECT_EQ(cluster_->member(follower).wait(kLong), "killed by SIGKILL");
  std::string endpoints = cluster_->endpoint(follower);
  for (const std::string& endpoint : cluster_->endpoints()) endpoints += "," + endpoint;
  EXPECT_EQ(run({"put", "over", "it", "--endpoints=" + endpoints}).out, "OK\n");
  EXPECT_EQ(run({"get", "over", "--endpoints=" + endpoints}).out, "over\nit\n");
  const Outcome status = run({"status"});
  EXPECT_EQ(status.code, kExitNotFound);
  EXPECT_THAT(status.out, HasSubstr("unreachable"));
  ASSERT_TRUE(cluster_->member(follower).start().ok());
  EXPECT_TRUE(comes_true([&] { return run({"status"}).code == kExitOk; }));
}

TEST_F(ThreeMembers, AWatchGoesOnAtAnotherMember) {
  const int64_t revision = json({"put", "go/on", "0"})["header"]["revision"];
  const std::string order = cat(cluster_->endpoint(3), ",", cluster_->endpoint(1), ",", cluster_->endpoint(2));
  Outcome watched;
  std::thread watcher([&] {
    watched = run({"watch", "go/on", "--endpoints=" + order, cat("--rev=", revision), "--count=3", "--json"});
  });
  EXPECT_EQ(run({"put", "go/on", "1"}).code, kExitOk);
  cluster_->member(3).signal(SIGKILL);
  EXPECT_EQ(cluster_->member(3).wait(kLong), "killed by SIGKILL");
  EXPECT_TRUE(comes_true([&] { return run({"put", "go/on", "2", "--endpoints=" + order}).code == kExitOk; }));
  watcher.join();
  std::vector<std::string> values;
  for (std::string_view line : split(trim(watched.out), '\n')) {
    const Json response = Json::parse(line);
    for (const Json& event : response["events"]) values.push_back(event["kv"]["value"]);
  }
  EXPECT_THAT(values, ::testing::ElementsAre("0", "1", "2")) << watched.err;
  ASSERT_TRUE(cluster_->member(3).start().ok());
  EXPECT_TRUE(comes_true([&] { return run({"status"}).code == kExitOk; }));
}

TEST_F(ThreeMembers, ALeaseIsKeptAliveThroughTheLossOfTheMajority) {
  const std::string id = json({"lease", "grant", "5"})["id"];
  LocalMember keeper(
      {kProgram,
       {"lease", "keep-alive", id, "--command-timeout=300ms", "--endpoints=" + join(cluster_->endpoints(), ",")},
       cluster_->directory() + "/keeper.log"});
  ASSERT_TRUE(keeper.start().ok());
  const auto says = [&](const char* what) {
    return comes_true([&] { return keeper.last_output(1).find(what) != std::string::npos; });
  };
  EXPECT_TRUE(says("keepalived with TTL(5)"));
  for (const int number : {1, 2}) {
    cluster_->member(number).signal(SIGKILL);
    EXPECT_EQ(cluster_->member(number).wait(kLong), "killed by SIGKILL");
  }
  const auto waits = [&] { return keeper.last_output(2).find("was not renewed; trying again") != std::string::npos; };
  EXPECT_TRUE(comes_true(waits)) << keeper.last_output(5);
  for (const int number : {1, 2}) ASSERT_TRUE(cluster_->member(number).start().ok());
  EXPECT_TRUE(says("keepalived with TTL(5)")) << keeper.last_output(5);
  EXPECT_EQ(run({"lease", "revoke", id}).code, kExitOk);
  EXPECT_EQ(keeper.wait(kLong), "exited with code 3");
}

TEST_F(ThreeMembers, WithoutAMajorityWritesFailAndSaySo) {
  for (const int number : {1, 2}) {
    cluster_->member(number).signal(SIGKILL);
    EXPECT_EQ(cluster_->member(number).wait(kLong), "killed by SIGKILL");
  }
  const Outcome outcome =
      run({"put", "no", "majority", "--command-timeout=2s", "--endpoints=" + cluster_->endpoint(3)});
  EXPECT_EQ(outcome.code, kExitFailed);
  EXPECT_THAT(outcome.err, HasSubstr("a majority of"));
  // Once the survivor knows that it has no leader, a write has a clear outcome, and what needs no leader is answered.
  const std::string survivor = "--endpoints=" + cluster_->endpoint(3);
  EXPECT_TRUE(comes_true([&] {
    return run({"put", "no", "majority", "--command-timeout=300ms", survivor}).err.find("nothing was changed") !=
           std::string::npos;
  }));
  EXPECT_EQ(run({"get", "ready", "--print-value-only", "--consistency=s", survivor}).out, "yes\n");
  const Outcome status = run({"status"});
  EXPECT_EQ(status.code, kExitNotFound);
  EXPECT_THAT(status.out, AllOf(HasSubstr("unreachable"), HasSubstr("no leader")));
  for (const int number : {1, 2}) ASSERT_TRUE(cluster_->member(number).start().ok());
  EXPECT_TRUE(comes_true([&] { return run({"put", "yes", "majority"}).code == kExitOk; }));
}

// Several processes share the seeds; each seed runs once.
TEST(Sim, JobsRunEverySeedOnce) {
  const std::string directory = temporary_directory();
  LocalMember jobs({kProgram, {"sim", "--seeds=1..30", "--jobs=3", "--json"}, directory + "/log"});
  ASSERT_TRUE(jobs.start().ok());
  EXPECT_EQ(jobs.wait(kLong), "exited with code 0");
  std::vector<int> seeds;
  const std::string output = jobs.last_output(1'000);
  for (std::string_view line : split(output, '\n')) {  // and progress, on a slow machine
    if (line.starts_with('{')) seeds.push_back(Json::parse(line)["seed"]);
  }
  std::sort(seeds.begin(), seeds.end());
  std::vector<int> all(30);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(seeds, all);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace holdfast::cli
