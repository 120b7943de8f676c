// What `holdfast lab` prints and exits with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "holdfast/cli/command.h"
#include "holdfast/cli/exit_code.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(const std::vector<std::string>& args) {
  std::istringstream in;
  std::ostringstream out, err;
  const int code = run_command(args, {}, in, out, err);
  return {code, out.str(), err.str()};
}

// Plays a scenario of two generals with these lines besides.
Outcome play(const std::string& text, const std::vector<std::string>& flags = {}) {
  const std::string path = ::testing::TempDir() + "/lab_command_test.toml";
  std::ofstream(path) << "protocol = \"two-generals\"\nprocesses = [\"A\", \"B\"]\n" << text;
  std::vector<std::string> args = {"lab", "run", path};
  args.insert(args.end(), flags.begin(), flags.end());
  return run(args);
}

constexpr const char* kPlan = "step = [{ who = \"A\", do = \"plan\", value = \"now\" }]\n";

TEST(LabCommand, ExitsWithZeroWhenItComesAsTheFileSays) {
  const Outcome scenario = run({"lab", "run", "two_generals"});
  EXPECT_EQ(scenario.code, kExitOk);
  EXPECT_EQ(scenario.err, "");
  EXPECT_THAT(scenario.out, AllOf(StartsWith("Two generals: the last message\n"), HasSubstr("agreement: BROKEN")));
}

TEST(LabCommand, ExitsWithOneWhenItComesOtherwise) {
  const Outcome other = play(std::string(kPlan) + "[promises]\nagreement = \"open\"\n");
  EXPECT_EQ(other.code, kExitFailed);
  EXPECT_THAT(other.err, HasSubstr("holdfast lab: not as expected: agreement is kept, and should be open"));
}

TEST(LabCommand, ExitsWithTwoWhenTheFileOrTheNameIsWrong) {
  const Outcome name = run({"lab", "run", "two_general"});
  EXPECT_EQ(name.code, kExitUsage);
  EXPECT_THAT(name.err, HasSubstr("did you mean two_generals?"));
  const Outcome file = play("colour = 1\n");
  EXPECT_EQ(file.code, kExitUsage);
  EXPECT_THAT(file.err, AllOf(HasSubstr("lab_command_test.toml"), HasSubstr("unknown key \"colour\"")));
  const Outcome nothing = play("");
  EXPECT_EQ(nothing.code, kExitUsage);
  EXPECT_THAT(nothing.err, AllOf(HasSubstr("lab_command_test.toml: it has no step"), HasSubstr("add a [[step]]")));
}

TEST(LabCommand, WarnsOfWhatNothingCameOf) {
  const Outcome warned = play(std::string(kPlan) + "message = [{ kind = \"Plam\", lose = true }]\n");
  EXPECT_EQ(warned.code, kExitOk);
  EXPECT_THAT(warned.err, AllOf(StartsWith("holdfast lab: warning: "), HasSubstr("nobody sent a Plam")));
}

// What a file does not say leaves no gap.
TEST(LabCommand, WithoutASourceOrAnAboutNoLinesAreBlank) {
  const Outcome bare = play(kPlan);
  EXPECT_THAT(bare.out, Not(AnyOf(HasSubstr("\n\n\n"), StartsWith("\n"))));
  EXPECT_THAT(bare.out.substr(0, bare.out.find('\n')), testing::EndsWith("lab_command_test.toml")) << "the file's name";
  const Outcome full = play(std::string("title = \"T\"\nsource = \"S\"\nabout = \"About.\"\n") + kPlan);
  EXPECT_THAT(full.out, StartsWith("T\n=\nS\n\nAbout.\n\n    0.0"));
}

TEST(LabCommand, APictureThatCannotBeWrittenIsTold) {
  const Outcome drawn = play(kPlan, {"--svg", "/proc/none/x.svg"});
  EXPECT_EQ(drawn.code, kExitFailed);
  EXPECT_THAT(drawn.err, HasSubstr("/proc/none/x.svg: cannot be written"));
}

}  // namespace
}  // namespace holdfast::cli
