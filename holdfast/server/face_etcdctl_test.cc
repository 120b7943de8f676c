// Debian's etcdctl against the face, with a store behind it that has no log.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>

#include "holdfast/server/client_test_kit.h"

extern char** environ;

namespace holdfast::server {
namespace {

// One run of etcdctl while the server goes on.
class Etcdctl {
 public:
  Etcdctl(TestServer& server, std::vector<std::string> arguments, const std::string& input = "")
      : server_(server), out_(server.loop) {
    arguments.insert(arguments.begin(), {"etcdctl", "--endpoints=127.0.0.1:" + std::to_string(server.tcp_port()),
                                         "--command-timeout=20s"});
    int in[2], out[2];
    EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    ::setenv("ETCDCTL_API", "3", 1);
    EXPECT_EQ(::posix_spawnp(&pid_, "etcdctl", &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    EXPECT_EQ(::write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(in[1]);
    out_.assign(out[0]);
    read();
  }
  ~Etcdctl() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  // Everything it wrote; its exit code.
  std::string finish(int expected_code = 0) {
    EXPECT_TRUE(server_.run_until([this] { return ended_; })) << "etcdctl does not end: " << text;
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, expected_code) << text;
    return text;
  }
  bool shows(const std::string& what) {
    return server_.run_until([&] { return text.find(what) != std::string::npos || ended_; }) &&
           text.find(what) != std::string::npos;
  }

  std::string text;

 private:
  void read() {
    out_.async_read_some(asio::buffer(buffer_), [this](const asio::error_code& error, size_t n) {
      text.append(buffer_, n);
      if (error) {
        ended_ = true;
      } else {
        read();
      }
    });
  }
  TestServer& server_;
  asio::posix::stream_descriptor out_;
  char buffer_[4096];
  pid_t pid_ = 0;
  bool ended_ = false;
};

std::string run(TestServer& server, std::vector<std::string> arguments, const std::string& input = "", int code = 0) {
  return Etcdctl(server, std::move(arguments), input).finish(code);
}

TEST(FaceEtcdctl, PutsGetsAndDeletes) {
  TestServer server;
  EXPECT_EQ(run(server, {"put", "a", "1"}), "OK\n");
  EXPECT_EQ(run(server, {"put", "b", "2"}), "OK\n");
  EXPECT_EQ(run(server, {"put", "a", "3", "--prev-kv"}), "OK\na\n1\n");
  EXPECT_EQ(run(server, {"get", "a"}), "a\n3\n");
  EXPECT_EQ(run(server, {"get", "", "--prefix", "--keys-only"}), "a\n\nb\n\n");
  EXPECT_EQ(run(server, {"get", "a", "--rev=2"}), "a\n1\n");
  EXPECT_EQ(run(server, {"get", "a", "c", "--order=DESCEND", "--sort-by=VALUE", "--limit=1"}), "a\n3\n");
  EXPECT_EQ(run(server, {"del", "a", "--prev-kv"}), "1\na\n3\n");
  EXPECT_EQ(run(server, {"get", "a"}), "");
  const std::string json = run(server, {"get", "b", "-w", "json"});
  EXPECT_NE(json.find("\"cluster_id\":193"), std::string::npos) << json;
  EXPECT_NE(json.find("\"member_id\":17"), std::string::npos) << json;
  EXPECT_NE(json.find("\"raft_term\":3"), std::string::npos) << json;
}

TEST(FaceEtcdctl, SaysWhatIsWrong) {
  TestServer server;
  EXPECT_NE(run(server, {"get", "a", "--rev=99"}, "", 1).find("required revision is a future revision"),
            std::string::npos);
  EXPECT_NE(run(server, {"put", "a", "1", "--lease=77"}, "", 1).find("requested lease not found"), std::string::npos);
}

TEST(FaceEtcdctl, RunsTransactionsAndCompacts) {
  TestServer server;
  run(server, {"put", "a", "1"});
  const std::string txn = run(server, {"txn"}, "value(\"a\") = \"1\"\n\nput a 2\nget a\n\nput a 9\n\n");
  EXPECT_NE(txn.find("SUCCESS"), std::string::npos) << txn;
  EXPECT_EQ(run(server, {"get", "a", "--print-value-only"}), "2\n");
  EXPECT_EQ(run(server, {"compact", "3"}), "compacted revision 3\n");
  EXPECT_NE(run(server, {"get", "a", "--rev=2"}, "", 1).find("required revision has been compacted"),
            std::string::npos);
}

TEST(FaceEtcdctl, Watches) {
  TestServer server;
  run(server, {"put", "k", "old"});
  Etcdctl watch(server, {"watch", "k", "--rev=2", "--prev-kv"});
  EXPECT_TRUE(watch.shows("PUT\nk\nold\n")) << watch.text;
  run(server, {"put", "k", "new"});
  EXPECT_TRUE(watch.shows("PUT\nk\nold\nk\nnew\n")) << watch.text;
  run(server, {"del", "k"});
  EXPECT_TRUE(watch.shows("DELETE\nk\nnew\nk\n")) << watch.text;
}

TEST(FaceEtcdctl, GrantsAndRenewsLeases) {
  TestServer server;
  EXPECT_EQ(run(server, {"lease", "grant", "60"}), "lease 00000000000003e9 granted with TTL(60s)\n");
  EXPECT_EQ(run(server, {"put", "l", "1", "--lease=3e9"}), "OK\n");
  EXPECT_EQ(run(server, {"lease", "keep-alive", "--once", "3e9"}), "lease 00000000000003e9 keepalived with TTL(60)\n");
  EXPECT_NE(run(server, {"lease", "timetolive", "3e9", "--keys"}).find("attached keys([l])"), std::string::npos);
  EXPECT_EQ(run(server, {"lease", "list"}), "found 1 leases\n00000000000003e9\n");
  EXPECT_EQ(run(server, {"lease", "revoke", "3e9"}), "lease 00000000000003e9 revoked\n");
  EXPECT_EQ(run(server, {"get", "l"}), "");
}

TEST(FaceEtcdctl, ListsMembersAndTellsStatus) {
  TestServer server;
  EXPECT_EQ(run(server, {"member", "list"}),
            "11, started, alone, http://localhost:2380, http://localhost:2379, false\n");
  EXPECT_NE(run(server, {"endpoint", "status"}).find(", 11, 3.6.0, "), std::string::npos);
  EXPECT_NE(run(server, {"endpoint", "health"}).find("is healthy"), std::string::npos);
  EXPECT_NE(run(server, {"endpoint", "hashkv"}).find(", "), std::string::npos);
  EXPECT_EQ(run(server, {"alarm", "list"}), "");
  EXPECT_NE(run(server, {"defrag"}, "", 1).find("not supported by this server"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
