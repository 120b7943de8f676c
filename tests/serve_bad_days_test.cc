// `holdfast serve` on bad days, as a real process: what it says, with which exit code it ends, and that nothing is
// lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "holdfast/cli/cluster_watch.h"
#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Serve : public ::testing::Test {
 protected:
  Serve() : directory_(temporary_directory()) {}
  ~Serve() override { std::filesystem::remove_all(directory_); }

  LocalMember serve(const std::vector<std::string>& flags) {
    std::vector<std::string> args = {"serve"};
    args.insert(args.end(), flags.begin(), flags.end());
    return LocalMember({kProgram, args, directory_ + "/log"});
  }
  std::pair<std::string, std::string> outcome(const std::vector<std::string>& flags) {
    std::filesystem::remove(directory_ + "/log");
    LocalMember member = serve(flags);
    EXPECT_TRUE(member.start().ok());
    const std::string how = member.wait(kLong).value_or("still runs");
    return {how, member.last_output(3)};
  }
  // Flags for free ports, found once.
  std::vector<std::string> flags(const std::string& data) {
    if (port_ == 0) {
      LocalCluster::Options options;
      options.members = 1;
      options.base_port = 0;
      options.directory = directory_ + "/ports";
      port_ = (*LocalCluster::open(options))->client_port(1);
    }
    return {"--data-dir=" + directory_ + "/" + data, cat("--listen-client-urls=http://127.0.0.1:", port_),
            cat("--listen-peer-urls=http://127.0.0.1:", port_ + 1)};
  }
  bool answers() const { return http_get(cat("127.0.0.1:", port_), "/version", kLong).has_value(); }

  std::string directory_;
  int port_ = 0;
};

TEST_F(Serve, WrongFlagsEndItWithCodeTwo) {
  const auto [how, output] = outcome({"--nmae=x"});
  EXPECT_EQ(how, "exited with code 2");
  EXPECT_EQ(output, "holdfast serve: unknown flag --nmae; did you mean --name?");
}

TEST_F(Serve, TheDataOfEtcdIsLeftAlone) {
  std::filesystem::create_directories(directory_ + "/data/member/snap");
  std::ofstream(directory_ + "/data/member/snap/db") << "bolt";
  const auto [how, output] = outcome(flags("data"));
  EXPECT_EQ(how, "exited with code 1");
  EXPECT_THAT(output, HasSubstr("holds the data of etcd, which Holdfast cannot read"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_ + "/data"), {}), 1);
}

TEST_F(Serve, ADirectoryThatIsAFileIsRefused) {
  std::ofstream(directory_ + "/data") << "x";
  const auto [how, output] = outcome(flags("data"));
  EXPECT_EQ(how, "exited with code 1");
  EXPECT_THAT(output, HasSubstr("is not a directory"));
}

TEST_F(Serve, ASecondProcessOnTheSameDirectoryIsRefused) {
  LocalMember first = serve(flags("data"));
  ASSERT_TRUE(first.start().ok());
  ASSERT_TRUE(comes_true([&] { return answers(); })) << first.last_output(5);
  const auto [how, output] = outcome({"--data-dir=" + directory_ + "/data", "--listen-client-urls=http://127.0.0.1:1",
                                      "--listen-peer-urls=http://127.0.0.1:2"});
  EXPECT_EQ(how, "exited with code 1");
  EXPECT_THAT(output, HasSubstr(cat(first.pid())));
  EXPECT_TRUE(answers());
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(kLong), "exited with code 0");
}

TEST_F(Serve, ABusyPortIsNamed) {
  LocalMember first = serve(flags("one"));
  ASSERT_TRUE(first.start().ok());
  ASSERT_TRUE(comes_true([&] { return answers(); })) << first.last_output(5);
  const auto [how, output] = outcome(flags("two"));
  EXPECT_EQ(how, "exited with code 1");
  EXPECT_THAT(output, AnyOf(HasSubstr(cat(port_)), HasSubstr(cat(port_ + 1))));
  first.signal(SIGINT);
  EXPECT_EQ(first.wait(kLong), "exited with code 0");
}

TEST_F(Serve, TellsSystemdWhenItIsReadyAndWhenItStops) {
  const std::string path = directory_ + "/notify";
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto received = [&] {
    pollfd waiting{fd, POLLIN, 0};
    char text[64];
    if (poll(&waiting, 1, 60'000) != 1) return std::string("nothing");
    return std::string(text, static_cast<size_t>(recv(fd, text, sizeof text, 0)));
  };
  std::vector<std::string> args = flags("data");
  std::string command = "exec " + kProgram + " serve";
  for (const std::string& arg : args) command += " " + arg;
  LocalMember member({"/bin/sh", {"-c", "NOTIFY_SOCKET=" + path + " " + command}, directory_ + "/log"});
  ASSERT_TRUE(member.start().ok());
  EXPECT_EQ(received(), "READY=1");
  EXPECT_TRUE(answers());
  member.signal(SIGTERM);
  EXPECT_EQ(received(), "STOPPING=1");
  EXPECT_EQ(member.wait(kLong), "exited with code 0");
  close(fd);
}

}  // namespace
}  // namespace holdfast::cli
