// A member is added by what `member add` prints, catches up, gets its vote, and is removed: the commands, word by word.
#include <list>

#include "holdfast/cli/json.h"
#include "tests/serve_testing.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Membership = ServeTest;

// The flags that the command printed.
std::vector<std::string> printed_flags(const std::string& output) {
  std::vector<std::string> flags;
  for (std::string_view line : split(output, '\n')) {
    for (std::string_view word : split(line, ' ')) {
      if (word.starts_with("--") && word.find('=') != std::string_view::npos) flags.emplace_back(word);
    }
  }
  return flags;
}

TEST_F(Membership, AMemberIsAddedByWhatIsPrintedAndRemoved) {
  Words first = flags("one");
  first.push_back("--name=one");
  LocalMember one = started(first);
  put_keys();

  const Outcome added = run({"member", "add", "two", cat("--peer-urls=http://127.0.0.1:", port(3)), "--learner"});
  ASSERT_EQ(added.code, kExitOk) << added.err;
  const Outcome before = run({"status"});
  EXPECT_EQ(before.code, kExitNotFound);
  EXPECT_THAT(before.out, HasSubstr("never started"));

  const Words namesake = {"member", "add", "one", cat("--peer-urls=http://127.0.0.1:", port(5))};
  const Outcome refused = run(namesake);
  EXPECT_EQ(refused.code, kExitUsage);
  EXPECT_THAT(refused.err, HasSubstr("is called \"one\" already"));
  EXPECT_EQ(Json::parse(run({"member", "list", "--json"}).out)["members"].size(), 2u);

  Words second = printed_flags(added.out);
  EXPECT_EQ(second.size(), 5u) << added.out;
  second.push_back("--data-dir=" + path("two"));
  second.push_back(cat("--listen-client-urls=http://127.0.0.1:", port(2)));
  LocalMember two = member(second, {}, "two.log");
  ASSERT_TRUE(two.start().ok());
  EXPECT_TRUE(comes_true([&] { return run({"status"}).code == kExitOk; })) << two.last_output(10);
  EXPECT_THAT(run({"status"}).out, AllOf(HasSubstr("learner"), HasSubstr("two")));

  std::string id;
  const Json list = Json::parse(run({"member", "list", "--json"}).out);
  for (const Json& each : list["members"]) {
    if (each["name"] == "two") id = each["id"];
  }
  EXPECT_TRUE(comes_true([&] { return run({"member", "promote", id}).code == kExitOk; }));
  EXPECT_TRUE(comes_true([&] { return run({"get", "kept/0"}, 2).out == "kept/0\nvalue 0\n"; }));
  expect_keys(2);

  EXPECT_EQ(run({"member", "remove", id}).code, kExitOk);
  EXPECT_EQ(two.wait(kLong), "exited with code 1");
  EXPECT_THAT(two.last_output(3), HasSubstr("removed"));
  EXPECT_EQ(run({"member", "remove", id}).code, kExitNotFound);
  expect_keys();
  stop(one);
}

TEST_F(Membership, AClusterOfOneGrowsToThreeByAddingVoters) {
  Words first = flags("one");
  first.push_back("--name=one");
  LocalMember one = started(first);
  put_keys();

  const std::vector<std::pair<std::string, int>> newcomers = {{"two", 2}, {"three", 4}};  // a name, its client port
  std::list<LocalMember> members;
  for (const auto& [name, at] : newcomers) {
    Outcome added;
    EXPECT_TRUE(comes_true([&] {  // "unhealthy cluster" until the one before is in reach of the leader
      added = run({"member", "add", name, cat("--peer-urls=http://127.0.0.1:", port(at + 1))});
      return added.code == kExitOk;
    })) << added.err;
    EXPECT_TRUE(comes_true([&] {
      return run({"put", "before", name}).code == kExitOk;
    })) << "writes go on before the new member has been started";
    Words of_it = printed_flags(added.out);
    of_it.push_back("--data-dir=" + path(name));
    of_it.push_back(cat("--listen-client-urls=http://127.0.0.1:", port(at)));
    ASSERT_TRUE(members.emplace_back(member(of_it, {}, name + ".log")).start().ok());
    EXPECT_TRUE(comes_true([&] { return run({"status"}).code == kExitOk; })) << members.back().last_output(10);
    EXPECT_TRUE(comes_true([&] { return run({"status"}).out.find("learner") == std::string::npos; }))
        << run({"status"}).out;
    EXPECT_TRUE(comes_true([&] { return run({"get", "before"}, at).out == "before\n" + name + "\n"; }));
  }
  EXPECT_EQ(Json::parse(run({"member", "list", "--json"}).out)["members"].size(), 3u);
  members.front().signal(SIGKILL);
  EXPECT_TRUE(comes_true([&] { return run({"put", "after", "1"}).code == kExitOk; })) << "two of three suffice";
  expect_keys();
  stop(one);
}

}  // namespace
}  // namespace holdfast::cli
