// What the command does with its arguments when no member needs to be there.
#include "holdfast/cli/command.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iterator>
#include <sstream>
#include <thread>

#include "holdfast/cli/exit_code.h"

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(const std::vector<std::string>& args, const Environment& environment = {}, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = run_command(args, environment, in, out, err);
  return {code, out.str(), err.str()};
}

TEST(Command, HelpTeachesAtEveryLevel) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {}, {"status"}, {"get"}, {"put"}, {"del"}, {"txn"}, {"watch"}, {"lease"}, {"member"}, {"dependability"}}) {
    std::vector<std::string> args = words;
    args.push_back("--help");
    const Outcome outcome = run(args);
    EXPECT_EQ(outcome.code, kExitOk);
    EXPECT_THAT(outcome.out, HasSubstr("  holdfast "));
    EXPECT_THAT(outcome.out, HasSubstr(words.empty() ? "Start here:" : "Example"));
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_THAT(run({"lease", "grant", "--help"}).out, HasSubstr("TTL"));
}

TEST(Command, WithoutArgumentsItShowsHelpAsAUsageError) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("Start here:"));
}

TEST(Command, VersionIsPrinted) {
  EXPECT_EQ(run({"--version"}).out, std::string("holdfast ") + kVersion + "\n");
  EXPECT_EQ(run({"version"}).out, std::string("holdfast ") + kVersion + "\n");
}

struct Refusal {
  std::vector<std::string> args;
  const char* text;
};

TEST(Command, UsageErrorsSayWhatWasMeant) {
  const Refusal table[] = {
      {{"satus"}, "unknown command \"satus\"; did you mean status?"},
      {{"xyzzy"}, "unknown command \"xyzzy\"\n"},
      {{"lease", "grnat", "3"}, "unknown command \"grnat\"; did you mean grant?"},
      {{"--endpoints=", "get", "k"}, "--endpoints= has no value"},
      {{"put", "--lease=", "k", "v"}, "--lease= has no value"},
      {{"get", "k", "--lmit=3"}, "did you mean --limit?"},
      {{"dependability", "--targt", "5"}, "not expected: --targt 5; did you mean --target?"},
      {{"get", "k", "--limit=x"}, "--limit: \"x\" must be a whole number from 0 to 9223372036854775807"},
      {{"get", "k", "--limit=-1"}, "--limit: \"-1\" must be"},
      {{"get", "k", "--rev=99999999999999999999"}, "--rev: \"99999999999999999999\" must be"},
      {{"watch", "k", "--count=-1"}, "--count: \"-1\" must be"},
      {{"lease", "grant", "99999999999999999999"}, "ttl: \"99999999999999999999\" must be a whole number from 1 to"},
      {{"lease", "grant", "0"}, "ttl: \"0\" must be"},
      {{"member", "add", "d", "--peer-urls=http://0.0.0.0:1"}, "nobody can connect to"},
      {{"get"}, "the key is empty; use --prefix"},
      {{"get", "k", "--order=up"}, "--order"},
      {{"get", "k", "--keys-only", "--count-only"}, "exclude each other"},
      {{"get", "a", "b", "--prefix"}, "cannot be combined with --prefix"},
      {{"put"}, "key is required"},
      {{"del", "--prefix"}, "key is required"},
      {{"del", "--from-key", "--endpoints=127.0.0.1:1"}, "key is required"},
      {{"put", "k", "v", "--ignore-value"}, "--ignore-value keeps the value that is there"},
      {{"put", "k", "v", "--lease=xyz"}, "is not a lease id"},
      {{"lease"}, "subcommand is required"},
      {{"lease", "revoke", "xyz"}, "is not a lease id"},
      {{"lease", "grant", "soon"}, "ttl"},
      {{"member", "remove", "me"}, "is not a member id"},
      {{"member", "add", "d", "--peer-urls=https://x:1"}, "asks for TLS"},
      {{"watch"}, "name a KEY to watch"},
      {{"get", "k", "--command-timeout=soon"}, "must be a duration"},
      {{"get", "k", "--endpoints=https://x:1"}, "asks for TLS"},
      {{"get", "k", "--endpoints=x"}, "names no port"},
  };
  for (const Refusal& refusal : table) {
    const Outcome outcome = run(refusal.args);
    EXPECT_EQ(outcome.code, kExitUsage) << refusal.args[0];
    EXPECT_THAT(outcome.err, StartsWith("holdfast: "));
    EXPECT_THAT(outcome.err, HasSubstr(refusal.text));
    EXPECT_EQ(outcome.out, "");
  }
}

// What is said by somebody who found nobody at them: the endpoints that the words were taken for.
std::string endpoints_of(const std::vector<std::string>& args) {
  const std::string said = run(args).err, begin = "holdfast: no member answers at ";
  EXPECT_THAT(said, StartsWith(begin));
  return said.substr(begin.size(), said.find("; is one running there?") - begin.size());
}

// The word behind the list was taken for one more endpoint, and an empty prefix was left: every key was deleted.
TEST(Command, AListTakesOneWordAndNoneThatFollows) {
  for (const std::vector<std::string>& list : std::vector<std::vector<std::string>>{
           {"--endpoints=127.0.0.1:1,127.0.0.1:2"},
           {"--endpoints", "127.0.0.1:1,127.0.0.1:2"},
           {"--endpoints=127.0.0.1:1", "--endpoints", "127.0.0.1:2"}}) {
    for (const std::string key : {"host:1", "svc", "--"}) {
      std::vector<std::string> args = {"del", "--prefix"};
      args.insert(args.end(), list.begin(), list.end());
      args.push_back(key);
      if (key == "--") args.push_back("-x:1");
      EXPECT_EQ(endpoints_of(args), "127.0.0.1:1, 127.0.0.1:2");
    }
    std::vector<std::string> before = list;
    before.insert(before.end(), {"get", "host:1"});
    EXPECT_EQ(endpoints_of(before), "127.0.0.1:1, 127.0.0.1:2");
  }
  EXPECT_THAT(run({"member", "add", "--peer-urls=http://127.0.0.1:1,https://127.0.0.1:2", "d"}).err,
              HasSubstr("\"https://127.0.0.1:2\" asks for TLS"));
  EXPECT_THAT(run({"dependability", "--members=3,5", "7"}).err, HasSubstr("7"));
  EXPECT_EQ(run({"dependability", "--members=3,5", "7"}).code, kExitUsage);
  EXPECT_EQ(run({"dependability", "--no-plot", "--mttr", "1h", "--mttr=2h,3h", "--members", "3"}).code, kExitOk);
}

// A dotted list in a help would say that more than one word is taken.
TEST(Command, NoOptionTakesSeveralWords) {
  const std::string script = run({"completion", "bash"}).out;
  size_t commands = 0;
  for (size_t at = script.find("    'holdfast "); at != std::string::npos; at = script.find("    'holdfast ", at + 1)) {
    std::istringstream path(script.substr(at + 14, script.find('\'', at + 14) - at - 14));
    std::vector<std::string> words{std::istream_iterator<std::string>(path), {}};
    if (words[0] == "serve") continue;             // whose flags have a parser of their own
    if (words.back().starts_with("--")) continue;  // the values of a flag
    words.push_back("--help");
    const Outcome help = run(words);
    EXPECT_EQ(help.code, kExitOk) << words[0];
    EXPECT_THAT(help.out, Not(HasSubstr(" ..."))) << words[0];
    ++commands;
  }
  EXPECT_GT(commands, 20u);
}

TEST(Command, AnErrorInJsonQuotesBytesThatAreNoText) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"get", "--prefix", "a", "\xff"}, {"put", "a", "b", "--lease=\xff"}, {"lease", "revoke", "\xff"}}) {
    std::vector<std::string> all = args;
    all.push_back("--json");
    const Outcome outcome = run(all);
    EXPECT_EQ(outcome.code, kExitUsage);
    EXPECT_THAT(outcome.err, StartsWith(R"({"error":{"code":"INVALID_ARGUMENT","message":")"));
    EXPECT_THAT(outcome.err, HasSubstr("\xef\xbf\xbd"));
  }
}

TEST(Command, ATransactionIsCheckedBeforeAnythingIsSent) {
  EXPECT_THAT(run({"txn"}, {}, "mod(k) = 1\n").err, HasSubstr("does not start with a quote"));
  EXPECT_THAT(run({"txn"}, {}, "\nput k\n").err, HasSubstr("names no value"));
  EXPECT_THAT(run({"txn"}, {}, "").err, HasSubstr("the transaction is empty"));
  EXPECT_EQ(run({"txn"}, {}, "").code, kExitUsage);
}

// Port 1 of loopback refuses at once.
TEST(Command, WhenNobodyAnswersItSaysWhatToDo) {
  const Outcome flag = run({"get", "k", "--endpoints=127.0.0.1:1"});
  EXPECT_EQ(flag.code, kExitFailed);
  EXPECT_THAT(flag.err, StartsWith("holdfast: no member answers at 127.0.0.1:1; is one running there? Start one with "
                                   "`holdfast serve`, or name others with --endpoints\n"));
  const Outcome before = run({"--endpoints=127.0.0.1:1", "get", "k"});
  EXPECT_EQ(before.err, flag.err);
  EXPECT_EQ(run({"get", "k"}, {{"ETCDCTL_ENDPOINTS", "http://127.0.0.1:1"}}).code, kExitFailed);
  const Outcome both = run({"put", "k", "v"}, {{"ETCDCTL_ENDPOINTS", "x"}, {"HOLDFAST_ENDPOINTS", "127.0.0.1:1"}});
  EXPECT_EQ(both.code, kExitFailed);
  const Outcome wrong = run({"get", "k"}, {{"HOLDFAST_ENDPOINTS", "https://x:1"}});
  EXPECT_EQ(wrong.code, kExitUsage);
  EXPECT_THAT(wrong.err, StartsWith("holdfast: HOLDFAST_ENDPOINTS: "));
  const Outcome json = run({"status", "--json", "--endpoints=127.0.0.1:1"});
  EXPECT_THAT(json.out, HasSubstr(R"("healthy":false)"));
  EXPECT_THAT(json.err, HasSubstr(R"("code":"UNAVAILABLE")"));
  EXPECT_EQ(json.code, kExitNotFound);
}

// A member that is frozen, or cut off, closes no connection: here one that says nothing after its HTTP/2 settings.
TEST(Command, AWatchNoticesThatItsMemberSaysNothingAnyMore) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  bool client_left = false;
  std::thread member([&] {
    const int connection = accept(listener, nullptr, nullptr);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    constexpr char kSettingsAndAck[] = "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0";
    EXPECT_EQ(write(connection, kSettingsAndAck, 18), 18);
    char buffer[4096];
    ssize_t n = 1;
    while (n > 0) n = read(connection, buffer, sizeof buffer);
    client_left = n == 0;
    close(connection);
  });
  const Outcome outcome = run({"watch", "k", "--endpoints=127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
  member.join();
  close(listener);
  EXPECT_TRUE(client_left);
  EXPECT_EQ(outcome.code, kExitFailed);
  EXPECT_NE(outcome.err, "");
}

}  // namespace
}  // namespace holdfast::cli
