// `holdfast up` as users meet it: the demo, the plain output, and the screen in a terminal, with real members.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/local_member.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class Up : public ::testing::Test {
 protected:
  Up() : directory_(temporary_directory()) {}
  ~Up() override { std::filesystem::remove_all(directory_); }

  std::vector<std::string> args(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {"up", "--dir=" + directory_ + "/cluster"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  LocalMember started(const std::vector<std::string>& more) const {
    LocalMember up({kProgram, args(more), log()});
    EXPECT_TRUE(up.start().ok());
    return up;
  }
  std::string log() const { return directory_ + "/log"; }
  static bool says(const LocalMember& up, std::string_view text) {
    return up.last_output(10'000).find(text) != std::string::npos;
  }
  // From the hint that it prints.
  static std::string endpoints(const std::string& output) {
    const size_t at = output.find("--endpoints=") + 12;
    return output.substr(at, output.find(' ', at) - at);
  }

  const std::string directory_;
};

class UpDemo : public Up, public ::testing::WithParamInterface<const char*> {};

TEST_P(UpDemo, ShowsWhatAClusterIsForAndVerifiesIt) {
  const std::string engine = GetParam();
  LocalMember demo = started({"--demo", "--pace=400ms", "--base-port=0", "--consensus=" + engine});
  const std::string how = demo.wait(std::chrono::seconds(300)).value_or("still runs");
  const std::string output = demo.last_output(100);
  ASSERT_EQ(how, "exited with code 0") << output;
  size_t at = 0;
  for (const char* sentence :
       {engine == "pbft" ? "starting 4 members" : "starting 3 members", "leads in term", "8 clients write",
        "writes acknowledged, ", "kill -9 member ", "writes go on: member ", "the longest pause that the clients saw was ", "restarting member ",
        "is back and has caught up",
        engine == "pbft" ? "2 of 4 are left, and PBFT's quorum is 3" : "no majority is left", "none was acknowledged",
        engine == "pbft" ? "were refused by the survivors (\"etcdserver: no leader\")"
                         : "were refused by the survivor (\"etcdserver: no leader\")", "a read that asks for current data is refused, too",
        "writes are acknowledged again", "kill -9 all members at once", "acknowledged writes are there",
        "Everything was as promised."}) {
    const size_t found = output.find(sentence, at);
    EXPECT_NE(found, std::string::npos) << sentence << "\nis missing, or not in its place, in\n" << output;
    if (found != std::string::npos) at = found;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, UpDemo, ::testing::Values("raft", "pbft"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_F(Up, WithoutATerminalItPrintsLinesAndGoesOnWithTheDataNextTime) {
  LocalMember up = started({"--base-port=0"});
  ASSERT_TRUE(comes_true([&] { return says(up, "m1=") && says(up, "leader="); })) << up.last_output(100);
  const std::string output = up.last_output(100);
  EXPECT_THAT(output, ContainsRegex("leader=[123] term=[0-9]+ revision=[0-9]+ ops/s=[0-9]+ m1=(leader|follower)"));
  EXPECT_THAT(output, HasSubstr("Try next, in another terminal:\n  etcdctl --endpoints=127.0.0.1:"));
  EXPECT_THAT(output, HasSubstr("kill -9 member 1"));
  const Environment environment = {{"HOLDFAST_ENDPOINTS", endpoints(output)}};
  EXPECT_EQ(run_in_process({"put", "color", "blue"}, environment).code, kExitOk);

  LocalMember second = started({});
  EXPECT_EQ(second.wait(kLong), "exited with code 1");
  EXPECT_TRUE(says(second, "is used by another `holdfast up`"));

  up.signal(SIGINT);
  EXPECT_EQ(up.wait(kLong), "exited with code 0") << up.last_output(20);
  EXPECT_TRUE(says(up, "member 3 exited with code 0"));

  LocalMember again = started({});
  EXPECT_TRUE(comes_true([&] { return says(again, "started again, with the data that was there"); }));
  EXPECT_TRUE(comes_true([&] { return run_in_process({"get", "color"}, environment).out == "color\nblue\n"; }));
  again.signal(SIGTERM);
  EXPECT_EQ(again.wait(kLong), "exited with code 0");
}

// The cluster's token was the directory's path, and a lost key was replaced by a new one: all members ended.
TEST_F(Up, AMovedDirectoryGoesOnWithoutTheMemberWhoseKeyIsLost) {
  LocalMember up = started({"--base-port=0", "--consensus=pbft"});
  ASSERT_TRUE(comes_true([&] { return says(up, "leader=") && says(up, "m1="); })) << up.last_output(100);
  const Environment environment = {{"HOLDFAST_ENDPOINTS", endpoints(up.last_output(100))}};
  EXPECT_TRUE(comes_true([&] { return run_in_process({"put", "color", "blue"}, environment).code == kExitOk; }));
  up.signal(SIGINT);
  EXPECT_EQ(up.wait(kLong), "exited with code 0") << up.last_output(20);

  std::filesystem::rename(directory_ + "/cluster", directory_ + "/moved");
  std::filesystem::remove(directory_ + "/moved/m2.key");
  std::filesystem::remove(log());
  LocalMember again({kProgram, {"up", "--dir=" + directory_ + "/moved"}, log()});
  ASSERT_TRUE(again.start().ok());
  EXPECT_TRUE(comes_true([&] { return run_in_process({"get", "color"}, environment).out == "color\nblue\n"; }))
      << again.last_output(100);
  EXPECT_TRUE(comes_true([&] { return says(again, "member 2 exited with code 1"); }));
  EXPECT_TRUE(comes_true([&] { return says(again, "private key is not in " + directory_ + "/moved/m2.key"); }));
  EXPECT_TRUE(says(again, "restore it from a backup"));
  again.signal(SIGTERM);
  EXPECT_TRUE(again.wait(kLong).has_value());
}

TEST_F(Up, WrongUseIsExplained) {
  for (const auto& [flag, code, text] : std::vector<std::tuple<std::string, int, std::string>>{
           {"--members=0", 2, "--members"},
           {"--demo --pace=soon", 2, "--pace=soon must be a duration"},
           {"--consensus=pbft --members=3", 2, "--consensus=pbft needs at least four members"},
           {"--pace=1s", 2, "--pace requires --demo"},
           {"--demo --members=1", 2, "it needs at least three, and -n says 1"}}) {
    std::vector<std::string> more = {"--base-port=0"};
    for (std::string_view word : split(flag, ' ')) more.emplace_back(word);
    std::filesystem::remove(log());
    LocalMember up = started(more);
    EXPECT_EQ(up.wait(kLong), cat("exited with code ", code)) << flag;
    EXPECT_TRUE(says(up, text)) << up.last_output(20);
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/cluster")) << flag << " has made something";
  }
}

// The program in a terminal of its own.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> args) {
    args.insert(args.begin(), kProgram);
    winsize size{};
    size.ws_row = 40;
    size.ws_col = 120;
    std::vector<char*> words;
    for (std::string& arg : args) words.push_back(arg.data());
    words.push_back(nullptr);
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      execv(words[0], words.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(fd_);
  }
  void type(std::string_view text) {
    ASSERT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Reads until the program has written `text` since the last call.
  bool shows(std::string_view text) {
    const bool came = comes_true([&] {
      read_some();
      return output_.find(text, seen_) != std::string::npos;
    });
    if (came) seen_ = output_.find(text, seen_);
    return came;
  }
  int exit_status() {
    int status = -1;
    EXPECT_TRUE(comes_true([&] {
      read_some();
      return waitpid(pid_, &status, WNOHANG) == pid_;
    }));
    pid_ = 0;
    return status;
  }
  const std::string& output() const { return output_; }

 private:
  void read_some() {
    pollfd waiting{fd_, POLLIN, 0};
    char buffer[4096];
    while (poll(&waiting, 1, 0) == 1) {
      const ssize_t n = read(fd_, buffer, sizeof buffer);
      if (n <= 0) return;
      output_.append(buffer, static_cast<size_t>(n));
    }
  }
  int fd_ = -1;
  pid_t pid_ = 0;
  std::string output_;
  size_t seen_ = 0;
};

TEST_F(Up, InATerminalItDrawsEveryMemberAndTakesCommands) {
  Terminal terminal(args({"--base-port=0"}));
  EXPECT_TRUE(terminal.shows("MEMBER  CLIENTS"));
  EXPECT_TRUE(terminal.shows("leader "));
  EXPECT_TRUE(terminal.shows("Last events"));
  EXPECT_TRUE(terminal.shows("Try next, in another terminal:"));
  terminal.type("x 9\n");
  EXPECT_TRUE(terminal.shows("\"x 9\" is no command"));
  terminal.type("k 2\n");
  EXPECT_TRUE(terminal.shows("member 2 killed by SIGKILL; r 2 restarts it"));
  EXPECT_TRUE(terminal.shows("stopped"));
  terminal.type("r 2\n");
  EXPECT_TRUE(terminal.shows("member 2 restarted"));
  EXPECT_TRUE(terminal.shows("member 2 answers"));
  terminal.type("p 3\n");
  EXPECT_TRUE(terminal.shows("paused"));
  terminal.type("q\n");
  EXPECT_TRUE(terminal.shows("stopping all members"));
  EXPECT_EQ(terminal.exit_status(), 0) << terminal.output();
}

}  // namespace
}  // namespace holdfast::cli
