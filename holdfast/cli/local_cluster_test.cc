#include "holdfast/cli/local_cluster.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class LocalClusterTest : public ::testing::Test {
 protected:
  LocalClusterTest() {
    char name[] = "/tmp/holdfast-local-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~LocalClusterTest() override { std::filesystem::remove_all(directory_); }

  LocalCluster::Options options(int members = 0, int base_port = 0) const {
    LocalCluster::Options out;
    out.members = members;
    out.base_port = base_port;
    out.directory = directory_ + "/cluster";
    out.program = "/bin/true";
    return out;
  }
  LocalMember shell(const std::string& script) const {
    return LocalMember({"/bin/sh", {"-c", script}, directory_ + "/log"});
  }
  static std::string error(const StatusOr<std::unique_ptr<LocalCluster>>& cluster) {
    return cluster.ok() ? "no error" : cat(cluster.status().message());
  }

  std::string directory_;
};

constexpr std::chrono::seconds kLong{60};

// False when the condition does not come true within kLong.
template <class Condition>
bool comes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 2);
  }
  return true;
}

TEST_F(LocalClusterTest, AMemberSaysHowItEnded) {
  LocalMember leaves = shell("exit 3");
  ASSERT_TRUE(leaves.start().ok());
  EXPECT_EQ(leaves.wait(kLong), "exited with code 3");
  EXPECT_FALSE(leaves.running());
  EXPECT_EQ(leaves.reap(), std::nullopt);

  LocalMember stays = shell("sleep 1000");
  ASSERT_TRUE(stays.start().ok());
  EXPECT_EQ(stays.start().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(stays.reap(), std::nullopt);
  stays.signal(SIGKILL);
  EXPECT_EQ(stays.wait(kLong), "killed by SIGKILL");
}

TEST_F(LocalClusterTest, OutputGoesToTheLogAndNothingOfOursIsInherited) {
  setenv("ETCD_NAME", "mine", 1);
  setenv("HOLDFAST_NAME", "mine", 1);
  setenv("NOTIFY_SOCKET", "/run/mine", 1);
  setenv("KEPT", "yes", 1);
  LocalMember member = shell("echo \"[$ETCD_NAME$HOLDFAST_NAME$NOTIFY_SOCKET] $KEPT\"; echo second >&2; echo third");
  ASSERT_TRUE(member.start().ok());
  EXPECT_EQ(member.wait(kLong), "exited with code 0");
  EXPECT_EQ(member.last_output(3), "[] yes\nsecond\nthird");
  EXPECT_EQ(member.last_output(1), "third");
  for (const char* name : {"ETCD_NAME", "HOLDFAST_NAME", "NOTIFY_SOCKET", "KEPT"}) unsetenv(name);
}

TEST_F(LocalClusterTest, AMemberSitsInAProcessGroupOfItsOwn) {
  LocalMember member = shell("sleep 1000");
  ASSERT_TRUE(member.start().ok());
  EXPECT_TRUE(comes_true([&] { return getpgid(member.pid()) == member.pid(); }));
}

TEST_F(LocalClusterTest, AMemberDiesWithItsParent) {
  const std::string pid_file = directory_ + "/pid";
  const pid_t parent = fork();
  if (parent == 0) {
    LocalMember member =
        shell("echo $$ > " + pid_file + ".new; mv " + pid_file + ".new " + pid_file + "; exec sleep 1000");
    if (!member.start().ok()) _exit(1);
    _exit(comes_true([&] { return std::filesystem::exists(pid_file); })
              ? 0
              : 2);  // without running destructors: as if it had crashed
  }
  int status = 0;
  waitpid(parent, &status, 0);
  ASSERT_EQ(status, 0);
  pid_t child = 0;
  std::ifstream(pid_file) >> child;
  ASSERT_GT(child, 0);
  // Once it is dead, it is gone, or waits as a zombie for whoever inherited it.
  const auto alive = [child] {
    std::ifstream stat(cat("/proc/", child, "/stat"));
    std::string text{std::istreambuf_iterator<char>(stat), {}};
    return !text.empty() && text.find(") Z ") == std::string::npos;
  };
  EXPECT_TRUE(comes_true([&] { return !alive(); }));
}

TEST_F(LocalClusterTest, ADirectoryIsContinuedAsItWas) {
  uint16_t port = 0;
  {
    const auto cluster = LocalCluster::open(options(5));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    EXPECT_FALSE((*cluster)->was_there());
    EXPECT_EQ((*cluster)->size(), 5);
    port = (*cluster)->client_port(1);
    EXPECT_EQ((*cluster)->endpoint(2), cat("127.0.0.1:", port + 2));
    EXPECT_THAT(error(LocalCluster::open(options(5))), HasSubstr("is used by another `holdfast up`"));
  }
  LocalCluster::Options as_before = options();
  as_before.base_port = -1;
  const auto again = LocalCluster::open(as_before);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE((*again)->was_there());
  EXPECT_EQ((*again)->size(), 5);
  EXPECT_EQ((*again)->client_port(1), port);
}

TEST_F(LocalClusterTest, ADirectoryIsNotContinuedAsSomethingElse) {
  int port = 0;
  {
    const auto cluster = LocalCluster::open(options(3));
    ASSERT_TRUE(cluster.ok());
    port = (*cluster)->client_port(1);
  }
  EXPECT_THAT(error(LocalCluster::open(options(4))), HasSubstr("holds a cluster of 3 members, not 4; leave -n out"));
  EXPECT_THAT(error(LocalCluster::open(options(3, port + 100))), HasSubstr("leave --base-port out"));
  for (const char* text :
       {"{", "3", "[]", R"({"members":"three","base_port":2379})", R"({"members":-1,"base_port":2379})",
        R"({"members":1000000,"base_port":2379})", R"({"members":3,"base_port":65535})", R"({"members":3})"}) {
    std::ofstream(directory_ + "/cluster/cluster.json") << text;
    EXPECT_THAT(error(LocalCluster::open(options(3))), HasSubstr("cannot be read as a cluster's description")) << text;
  }
  std::ofstream(directory_ + "/file") << "x";
  LocalCluster::Options on_file = options();
  on_file.directory = directory_ + "/file";
  EXPECT_THAT(error(LocalCluster::open(on_file)), HasSubstr("cannot make"));
}

TEST_F(LocalClusterTest, ADirectoryKeepsItsEngine) {
  LocalCluster::Options by_paxos = options(3);
  by_paxos.engine = replica::EngineKind::kPaxos;
  EXPECT_EQ((*LocalCluster::open(by_paxos))->engine(), replica::EngineKind::kPaxos);
  EXPECT_EQ((*LocalCluster::open(options()))->engine(), replica::EngineKind::kPaxos);
  by_paxos.engine = replica::EngineKind::kRaft;
  EXPECT_THAT(error(LocalCluster::open(by_paxos)), HasSubstr("holds a cluster that runs paxos, not raft"));
  const auto write = [&](const char* text) { std::ofstream(directory_ + "/cluster/cluster.json") << text; };
  write(R"({"members":3,"base_port":31000})");  // of before there was a choice
  EXPECT_EQ((*LocalCluster::open(options()))->engine(), replica::EngineKind::kRaft);
  for (const char* text :
       {R"({"members":3,"base_port":31000,"consensus":"zab"})", R"({"members":3,"base_port":31000,"consensus":7})"}) {
    write(text);
    EXPECT_THAT(error(LocalCluster::open(options())), HasSubstr("cannot be read as a cluster's description")) << text;
  }
}

TEST_F(LocalClusterTest, ABusyPortIsNamed) {
  uint16_t port = 0;
  {
    const auto probe = LocalCluster::open(options(1));
    ASSERT_TRUE(probe.ok());
    port = (*probe)->client_port(1);
  }
  std::filesystem::remove_all(directory_ + "/cluster");
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port + 1));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_THAT(error(LocalCluster::open(options(1, port))),
              AllOf(HasSubstr(cat("port ", port + 1, " of 127.0.0.1, wanted for member 1, is in use")),
                    HasSubstr("--base-port=0")));
  // Nothing was settled by the failure: free ports may be asked for.
  EXPECT_EQ(error(LocalCluster::open(options(1, 0))), "no error");
  close(fd);
}

// The flag of the members, as they would be started.
std::string flag_of(LocalCluster& cluster, int number, const std::string& name) {
  EXPECT_TRUE(cluster.member(number).start().ok());
  EXPECT_EQ(cluster.member(number).wait(kLong), "exited with code 0");
  const std::string said = cluster.member(number).last_output(1);
  const size_t at = said.find(" --" + name + "=");
  return at == std::string::npos ? "" : said.substr(at + 1, said.find(' ', at + 1) - at - 1);
}

TEST_F(LocalClusterTest, AMovedDirectoryKeepsItsTokenAndKeys) {
  LocalCluster::Options by_pbft = options(4);
  by_pbft.engine = replica::EngineKind::kPbft;
  by_pbft.program = "/bin/echo";
  const std::vector<std::string> kept = {"initial-cluster-token", "initial-cluster", "administrator-key"};
  std::vector<std::string> before;
  {
    const auto cluster = LocalCluster::open(by_pbft);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    for (const std::string& name : kept) before.push_back(flag_of(**cluster, 1, name));
    EXPECT_EQ(before[0], cat("--initial-cluster-token=", directory_, "/cluster"));
  }
  std::filesystem::rename(directory_ + "/cluster", directory_ + "/moved");
  by_pbft.directory = directory_ + "/moved";
  by_pbft.base_port = -1;
  // The private key of one member is lost: it will not start, and the others are told what they were told before.
  std::filesystem::remove(directory_ + "/moved/m2.key");
  const auto cluster = LocalCluster::open(by_pbft);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(flag_of(**cluster, 1, kept[i]), before[i]);
  EXPECT_EQ(flag_of(**cluster, 2, "member-key-file"), cat("--member-key-file=", directory_, "/moved/m2.key"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/moved/m2.key")) << "a new key is that of another member";
}

// A directory of before tokens and keys were kept.
TEST_F(LocalClusterTest, AKeyThatIsNowhereElseMustBeThere) {
  LocalCluster::Options by_pbft = options(4);
  by_pbft.engine = replica::EngineKind::kPbft;
  by_pbft.program = "/bin/echo";
  int port = 0;
  std::string before;
  {
    const auto cluster = LocalCluster::open(by_pbft);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    port = (*cluster)->client_port(1);
    before = flag_of(**cluster, 1, "initial-cluster");
  }
  by_pbft.base_port = -1;
  std::ofstream(directory_ + "/cluster/cluster.json")
      << cat(R"({"members":4,"consensus":"pbft","base_port":)", port, "}");
  {
    const auto cluster = LocalCluster::open(by_pbft);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    EXPECT_EQ(flag_of(**cluster, 1, "initial-cluster"), before);
    EXPECT_EQ(flag_of(**cluster, 1, "initial-cluster-token"), cat("--initial-cluster-token=", directory_, "/cluster"));
  }
  std::filesystem::remove(directory_ + "/cluster/m2.key");
  EXPECT_THAT(error(LocalCluster::open(by_pbft)), AllOf(HasSubstr("/cluster/m2.key"), HasSubstr("restore it")));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/cluster/m2.key"));
  for (const char* keys : {R"(["ab"])", "3", R"(["x","x","x","x","x"])"}) {
    std::ofstream(directory_ + "/cluster/cluster.json")
        << cat(R"({"members":4,"consensus":"pbft","keys":)", keys, R"(,"base_port":)", port, "}");
    EXPECT_THAT(error(LocalCluster::open(by_pbft)), HasSubstr("cannot be read as a cluster's description")) << keys;
  }
}

TEST_F(LocalClusterTest, NothingIsPutBetweenWhatSomebodyElseKeeps) {
  std::filesystem::create_directory(directory_ + "/cluster");
  std::ofstream(directory_ + "/cluster/thesis.tex") << "x";
  EXPECT_THAT(error(LocalCluster::open(options(1))),
              AllOf(HasSubstr("holds other things (thesis.tex)"), HasSubstr("--dir")));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/cluster/LOCK"));
  std::filesystem::remove(directory_ + "/cluster/thesis.tex");
  // What a founding leaves that was cut off is no obstacle to the next.
  for (const char* name : {"LOCK", "m1.key", "administrator.key"}) std::ofstream(directory_ + "/cluster/" + name);
  EXPECT_EQ(error(LocalCluster::open(options(1))), "no error");
}

TEST_F(LocalClusterTest, MembersAreStartedWithEachOthersAddresses) {
  LocalCluster::Options with_echo = options(2);
  with_echo.program = "/bin/echo";
  with_echo.flags = {"--log-level=debug"};
  const auto cluster = LocalCluster::open(with_echo);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->start_all().ok());
  const uint16_t port = (*cluster)->client_port(1);
  EXPECT_EQ((*cluster)->member(2).wait(kLong), "exited with code 0");
  EXPECT_THAT(
      (*cluster)->member(2).last_output(1),
      AllOf(HasSubstr("serve --name=m2 "), HasSubstr(cat("--listen-client-urls=http://127.0.0.1:", port + 2)),
            HasSubstr(cat("--initial-cluster=m1=http://127.0.0.1:", port + 1, ",m2=http://127.0.0.1:", port + 3)),
            HasSubstr("--log-level=debug")));
}

TEST_F(LocalClusterTest, StoppingAllWaitsAndKillsTheStubborn) {
  std::ofstream(directory_ + "/member") << "#!/bin/sh\n"
                                           "case $2 in\n"
                                           "*m1) trap 'exit 0' TERM; touch "
                                        << directory_
                                        << "/ready1 ;;\n"
                                           "*m2) trap '' TERM; touch "
                                        << directory_
                                        << "/ready2 ;;\n"
                                           "esac\n"
                                           "while :; do sleep 0.01; done\n";
  std::filesystem::permissions(directory_ + "/member", std::filesystem::perms::owner_all);
  LocalCluster::Options scripted = options(2);
  scripted.program = directory_ + "/member";
  const auto cluster = LocalCluster::open(scripted);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->start_all().ok());
  ASSERT_TRUE(comes_true([&] {
    return std::filesystem::exists(directory_ + "/ready1") && std::filesystem::exists(directory_ + "/ready2");
  }));
  EXPECT_THAT(
      (*cluster)->stop_all(std::chrono::seconds(2)),
      ::testing::ElementsAre("member 1 exited with code 0", "member 2 did not stop in time: killed by SIGKILL"));
}

}  // namespace
}  // namespace holdfast::cli
