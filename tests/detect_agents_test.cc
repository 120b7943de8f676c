// `holdfast detect` as users run it: real processes on loopback that watch each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/local_member.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;

// One agent, and what it has said.
class RunningAgent {
 public:
  RunningAgent(const std::string& directory, std::string name, const std::vector<std::string>& more)
      : name_(std::move(name)), member_({kProgram, args(name_, more), cat(directory, "/", name_, ".log")}) {
    EXPECT_TRUE(member_.start().ok());
  }
  // Waits until it has told of such an event, after the last one that was waited for.
  ::testing::AssertionResult tells(std::string_view event, std::string_view member = "") {
    const bool came = comes_true([&] {
      const std::vector<Json> lines = events();
      for (size_t i = seen_; i < lines.size(); ++i) {
        if (lines[i].value("event", "") != event) continue;
        const Json& who = lines[i].contains("member") ? lines[i]["member"] : Json("");
        if (!member.empty() && (!who.is_string() || who != Json(member))) continue;
        last_ = lines[i];
        seen_ = i + 1;
        return true;
      }
      return false;
    });
    if (came) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << name_ << " did not tell \"" << event << "\" of \"" << member
                                         << "\"; it said\n"
                                         << member_.last_output(50);
  }
  const Json& last() const { return last_; }
  // Where it listens, once it does.
  std::string address() const {
    std::string address;
    EXPECT_TRUE(comes_true([&] {
      for (const Json& line : events()) {
        if (line.value("event", "") == "started") address = line.value("address", "");
      }
      return !address.empty();
    })) << output();
    return address;
  }
  bool ever_told(std::string_view event) const {
    for (const Json& line : events()) {
      if (line.value("event", "") == event) return true;
    }
    return false;
  }
  void signal(int number) { member_.signal(number); }
  std::string ending() { return member_.wait(kLong).value_or("still runs"); }
  std::string output() const { return member_.last_output(50); }

 private:
  static std::vector<std::string> args(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"detect", "--name", name, "--listen=127.0.0.1:0", "--json", "--interval=100ms"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<Json> events() const {
    std::vector<Json> out;
    const std::string text = member_.last_output(100'000);
    for (const std::string_view line : split(text, '\n')) {
      Json json = Json::parse(line, nullptr, false);
      if (json.is_object()) out.push_back(std::move(json));
    }
    return out;
  }
  std::string name_;
  LocalMember member_;
  size_t seen_ = 0;
  Json last_;
};

class Agents : public ::testing::Test {
 protected:
  Agents() : directory_(temporary_directory()) {}
  ~Agents() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = cat(directory_, "/", name);
    std::ofstream(cat(path, ".new")) << text;
    std::filesystem::permissions(cat(path, ".new"),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::rename(cat(path, ".new"), path);
    return path;
  }
  const std::string directory_;
};

TEST_F(Agents, SuspectRefuteDieComeBackAndLeave) {
  RunningAgent a(directory_, "a", {});
  const std::string seed = cat("--join=", a.address());
  RunningAgent b(directory_, "b", {seed});
  ASSERT_TRUE(a.tells("joined", "b"));
  RunningAgent c(directory_, "c", {seed});
  EXPECT_TRUE(a.tells("joined", "c") && b.tells("joined", "c") && c.tells("joined", "a"));
  EXPECT_TRUE(a.tells("leader"));
  const std::string leader = a.last()["member"];
  EXPECT_TRUE(b.tells("leader", leader));
  EXPECT_TRUE(c.tells("leader", leader));

  // Paused, it cannot answer: the others suspect it. Waking, it refutes, and condemns nobody for its own absence.
  c.signal(SIGSTOP);
  EXPECT_TRUE(a.tells("suspected", "c"));
  EXPECT_TRUE(b.tells("suspected", "c"));
  c.signal(SIGCONT);
  EXPECT_TRUE(a.tells("restored", "c"));
  EXPECT_TRUE(b.tells("restored", "c"));
  EXPECT_FALSE(c.ever_told("suspected")) << c.output();

  // Killed, it is dead; started again under its name, elsewhere, it is back.
  c.signal(SIGKILL);
  EXPECT_TRUE(a.tells("died", "c"));
  EXPECT_TRUE(b.tells("died", "c"));
  c.ending();
  RunningAgent again(directory_, "c", {seed});
  EXPECT_TRUE(a.tells("restored", "c"));
  EXPECT_TRUE(b.tells("restored", "c"));

  // Who leaves is not suspected.
  b.signal(SIGTERM);
  EXPECT_EQ(b.ending(), "exited with code 0");
  EXPECT_TRUE(b.tells("stopped"));
  EXPECT_TRUE(a.tells("left", "b"));
}

class EveryKind : public Agents, public ::testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(Detectors, EveryKind, ::testing::Values("heartbeat", "probe", "phi"),
                         [](const auto& i) { return i.param; });

TEST_P(EveryKind, SuspectsWhoIsPausedAndRestoresWhoWakes) {
  const std::string kind = cat("--detector=", GetParam());
  RunningAgent a(directory_, "a", {kind});
  const std::string seed = cat("--join=", a.address());
  RunningAgent b(directory_, "b", {kind, seed}), c(directory_, "c", {kind, seed});
  EXPECT_TRUE(b.tells("joined", "c") && c.tells("joined", "b"));
  c.signal(SIGSTOP);
  EXPECT_TRUE(a.tells("suspected", "c"));
  EXPECT_TRUE(b.tells("suspected", "c"));
  EXPECT_EQ(b.last().value("by", ""), "b");
  c.signal(SIGCONT);
  EXPECT_TRUE(a.tells("restored", "c"));
  EXPECT_TRUE(b.tells("restored", "c"));
  c.signal(SIGINT);
  EXPECT_EQ(c.ending(), "exited with code 0");
  EXPECT_TRUE(a.tells("left", "c"));
}

TEST_F(Agents, RefuseWhoHasAnotherKeyOrNone) {
  const std::string ours = cat("--key-file=", write("ours", std::string(64, 'a')));
  const std::string theirs = cat("--key-file=", write("theirs", std::string(64, 'b')));
  RunningAgent a(directory_, "a", {ours});
  const std::string seed = cat("--join=", a.address());
  RunningAgent b(directory_, "b", {ours, seed});
  EXPECT_TRUE(a.tells("joined", "b"));
  RunningAgent wrong(directory_, "wrong", {theirs, seed});
  EXPECT_TRUE(a.tells("refused"));
  EXPECT_THAT(a.last().value("reason", ""), HasSubstr("another key"));
  RunningAgent none(directory_, "none", {seed});
  EXPECT_TRUE(a.tells("refused"));
  EXPECT_THAT(a.last().value("reason", ""), HasSubstr("not encrypted"));
  RunningAgent other(directory_, "other", {ours, seed, "--group=elsewhere"});
  EXPECT_TRUE(a.tells("refused"));
  EXPECT_THAT(a.last().value("reason", ""), HasSubstr("another group"));
  // The one that is refused learns that it is alone, and what that may come from.
  for (RunningAgent* refused : {&wrong, &none, &other}) {
    EXPECT_TRUE(refused->tells("unanswered"));
    EXPECT_EQ(refused->last().value("addresses", Json::array()), Json::array({a.address()}));
  }
  EXPECT_FALSE(b.ever_told("unanswered")) << b.output();
  EXPECT_FALSE(wrong.ever_told("joined") || none.ever_told("joined") || other.ever_told("joined"));
}

TEST_F(Agents, ExchangeTheirKeyWithoutAnInterruption) {
  const std::string one(64, '1'), two(64, '2');
  const std::string file_a = write("a.key", one), file_b = write("b.key", one);
  RunningAgent a(directory_, "a", {cat("--key-file=", file_a)});
  RunningAgent b(directory_, "b", {cat("--key-file=", file_b), cat("--join=", a.address())});
  EXPECT_TRUE(a.tells("joined", "b") && b.tells("joined", "a"));
  for (const std::string& step : {cat(one, "\n", two), cat(two, "\n", one), two}) {
    write("a.key", cat("# ", step.size(), "\n", step, "\n"));
    EXPECT_TRUE(a.tells("keys"));
    write("b.key", cat("# ", step.size(), "\n", step, "\n"));
    EXPECT_TRUE(b.tells("keys"));
  }
  EXPECT_FALSE(a.ever_told("suspected") || b.ever_told("suspected")) << a.output() << b.output();
  EXPECT_FALSE(a.ever_told("refused") || b.ever_told("refused")) << a.output() << b.output();
  write("a.key", "nonsense");
  EXPECT_TRUE(a.tells("keys_refused"));
  // With the new key alone a third one joins.
  RunningAgent c(directory_, "c", {cat("--key-file=", write("c.key", two)), cat("--join=", b.address())});
  EXPECT_TRUE(c.tells("joined", "a"));
}

TEST_F(Agents, TwoOfOneNameAreTold) {
  RunningAgent a(directory_, "a", {});
  const std::string seed = cat("--join=", a.address());
  RunningAgent b(directory_, "b", {seed});
  ASSERT_TRUE(a.tells("joined", "b"));
  std::filesystem::create_directory(cat(directory_, "/other"));
  RunningAgent twin(cat(directory_, "/other"), "b", {seed});
  EXPECT_TRUE(comes_true([&] { return b.ever_told("conflict") || twin.ever_told("conflict"); })) << b.output();
}

// Without a third that hears both, they hear each other.
TEST_F(Agents, TwoOfOneNameThatJoinEachOtherAreTold) {
  RunningAgent a(directory_, "a", {});
  std::filesystem::create_directory(cat(directory_, "/other"));
  RunningAgent twin(cat(directory_, "/other"), "a", {cat("--join=", a.address())});
  EXPECT_TRUE(a.tells("conflict", "a"));
  EXPECT_TRUE(twin.tells("conflict", "a"));
}

// What can be found out only by trying: a sentence for people, an object for programs, and the exit code.
TEST_F(Agents, WhatKeepsOneFromStartingIsToldInTheFormThatWasAskedFor) {
  RunningAgent a(directory_, "a", {});
  struct Mistake {
    std::string flag;
    int code;
    std::string status, text;
  };
  for (const Mistake& mistake : std::vector<Mistake>{
           {cat("--listen=", a.address()), kExitFailed, "UNAVAILABLE", "the address is in use"},
           {"--listen=192.0.2.1:0", kExitFailed, "FAILED_PRECONDITION",
            "cannot listen on 192.0.2.1:0: that is no address of this machine; give one"},
           {"--listen=no.such.host.invalid:1", kExitUsage, "INVALID_ARGUMENT", "--listen: no.such.host.invalid"},
           {cat("--key-file=", write("bad.key", "secret")), kExitUsage, "INVALID_ARGUMENT", "bad.key: line 1"}}) {
    const Outcome plain = run_in_process({"detect", mistake.flag}, {});
    EXPECT_EQ(plain.code, mistake.code) << mistake.flag;
    EXPECT_THAT(plain.err, HasSubstr("holdfast: ")) << mistake.flag;
    EXPECT_THAT(plain.err, HasSubstr(mistake.text)) << mistake.flag;
    const Outcome json = run_in_process({"detect", "--json", mistake.flag}, {});
    EXPECT_EQ(json.code, mistake.code) << mistake.flag;
    EXPECT_EQ(json.out, "");
    const Json error = Json::parse(json.err, nullptr, false);
    ASSERT_TRUE(error.is_object()) << mistake.flag << ": " << json.err;
    EXPECT_EQ(error["error"].value("code", ""), mistake.status);
    EXPECT_THAT(error["error"].value("message", ""), HasSubstr(mistake.text));
  }
}

TEST(DetectCommand, WrongUseIsExplained) {
  for (const auto& [flag, text] : std::vector<std::pair<std::string, std::string>>{
           {"--listen=nowhere", "--listen: \"nowhere\" is no address; write HOST:PORT"},
           {"--join=127.0.0.1:1,b", "--join: \"b\" is no address"},
           {"--join=127.0.0.1:0", "--join: \"127.0.0.1:0\" has port 0"},
           {"--listen=0.0.0.0:1", "--advertise=HOST:PORT"},
           {"--detector=oracle", "--detector=oracle must be swim, heartbeat, probe or phi"},
           {"--interval=1ms", "--interval=1ms must be a duration from 20ms to 1h"},
           {"--name=a b", "--name must be at most 64 visible characters"},
           {"--detector=phi --phi-threshold=0", "--phi-threshold must be"},
           {"--phi-threshold=8", "--phi-threshold goes with --detector=phi; with swim it does nothing"},
           {"--detector=phi --no-lifeguard", "--no-lifeguard goes with --detector=swim; with phi it does nothing"},
           {"--key-file=/nonexistent/k", "openssl rand -hex 32"},
           {"--advertize=x", "did you mean --advertise?"}}) {
    std::vector<std::string> args = {"detect"};
    const bool several = flag.find(" --") != std::string::npos;
    for (std::string_view word : split(flag, several ? ' ' : '\0')) args.emplace_back(word);
    const Outcome outcome = run_in_process(args, {});
    EXPECT_EQ(outcome.code, kExitUsage) << flag;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << flag;
  }
  const Outcome json = run_in_process({"detect", "--json", "--listen=nowhere"}, {});
  EXPECT_THAT(Json::parse(json.err)["error"].value("message", ""), HasSubstr("is no address"));
  const Outcome help = run_in_process({"detect", "--help"}, {});
  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("holdfast detect --name=b --listen=127.0.0.1:7947 --join=127.0.0.1:7946"));
}

}  // namespace
}  // namespace holdfast::cli
