// The command `holdfast sim`, without its runs in several processes (tests/cli_member_test.cc has those).
#include "holdfast/sim/sim_main.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "holdfast/sim/sim_options.h"
#include "holdfast/sim/sim_progress.h"

namespace holdfast::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(const std::vector<std::string>& args) {
  std::ostringstream out, err;
  const int code = sim_main(args, out, err);
  return {code, out.str(), err.str()};
}

std::string write_file(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/sim_main_test_" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(SimMain, ASeedIsOneRunThatCanBeRepeated) {
  const Outcome first = run({"--seed", "7"});
  EXPECT_EQ(first.code, 0);
  EXPECT_THAT(first.out, AllOf(StartsWith("seed 7: trace "), HasSubstr("; every promise kept\n")));
  EXPECT_EQ(first.err, "");
  EXPECT_EQ(run({"--seed=7"}).out, first.out);
}

TEST(SimMain, DrawsARunWithoutChangingIt) {
  const std::string file = ::testing::TempDir() + "/sim_main_test.svg";
  const Outcome drawn = run({"--seed", "7", "--svg", file, "--svg-window", "300..340"});
  EXPECT_EQ(drawn.code, 0);
  EXPECT_EQ(drawn.out, run({"--seed", "7"}).out + "The picture is in " + file + "\n");
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  EXPECT_THAT(svg.str(), AllOf(StartsWith("<svg "), HasSubstr("RequestVote"), HasSubstr("holdfast sim --seed 7")));
  const Outcome undrawn = run({"--seed", "7", "--svg", "/proc/none/x.svg"});
  EXPECT_EQ(undrawn.code, 1);
  EXPECT_THAT(undrawn.err, HasSubstr("/proc/none/x.svg: cannot be written (No such file or directory)"));
}

std::string drawn_with(std::vector<std::string> args) {
  const std::string file = ::testing::TempDir() + "/sim_main_words.svg";
  args.insert(args.end(), {"--svg", file});
  const Outcome drawn = run(args);
  EXPECT_EQ(drawn.err, "");
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  return svg.str();
}

// Pictures of every engine speak as the lab does, and of commands by what they ask for.
TEST(SimMain, APictureSaysInWordsWhatMembersSay) {
  const std::string raft = drawn_with({"--seed", "7"});
  EXPECT_THAT(raft, AllOf(HasSubstr(">RequestVote trial term 1</text>"), HasSubstr(">VoteReply trial yes term 1</text>"),
                          HasSubstr(">stands on trial</text>"), HasSubstr(">stands for term 1</text>"),
                          HasSubstr(">Forward put r/")));
  const std::string paxos = drawn_with({"--engine", "paxos", "--seed", "7"});
  EXPECT_THAT(paxos, AllOf(HasSubstr(">Inquiry trial ballot 1.n1</text>"), HasSubstr(">Collect ballot 1.n1 from 1</text>"),
                           HasSubstr(">Begin ballot 1.n1: 1:")));
  const std::string pbft = drawn_with({"--engine", "pbft", "--seed", "7"});
  EXPECT_THAT(pbft, AllOf(HasSubstr(">Submit "), HasSubstr("put r/")));
  for (const std::string& svg : {raft, paxos, pbft}) {
    EXPECT_THAT(svg, testing::Not(testing::AnyOf(HasSubstr("Origin{"), HasSubstr("runs for"), HasSubstr("Proposal{"))));
  }
  // A trace keeps every field.
  EXPECT_THAT(run({"--seed", "7", "--trace"}).out, HasSubstr("to n2 RequestVote{t1, i0, t0, true, false}"));
}

// Who begins to lie before the window is known at the head of its line.
TEST(SimMain, LiarsAreMarkedInEveryWindow) {
  const std::string file = ::testing::TempDir() + "/sim_main_liars.svg";
  run({"--engine", "pbft", "--liars", "2", "--seed", "6", "--svg", file});
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  EXPECT_THAT(svg.str(), AllOf(HasSubstr("<title>n1 lies</title>"), HasSubstr("<title>n3 lies</title>"),
                               testing::Not(HasSubstr("lies from now on"))));
}

TEST(SimMain, AWindowInWhichNothingHappensIsRefused) {
  const std::string file = ::testing::TempDir() + "/sim_main_nothing.svg";
  const Outcome empty = run({"--seed", "7", "--svg", file, "--svg-window", "1..2"});
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("--svg-window 1..2: nothing that is drawn happened in that time"));
  EXPECT_FALSE(std::ifstream(file).good());
}

TEST(SimMain, NothingIsDrawnOutsideTheRun) {
  const std::string file = ::testing::TempDir() + "/sim_main_outside.svg";
  const Outcome outside = run({"--seed", "7", "--svg", file, "--svg-window", "90000000..90000040"});
  EXPECT_EQ(outside.code, 2);
  EXPECT_THAT(outside.err, AllOf(HasSubstr("--svg-window begins at 90000000 ms, and the run ends at"),
                                 HasSubstr("there is nothing to draw")));
}

// Members of PBFT speak in packets: a picture shows what is in them.
TEST(SimMain, DrawsWhatMembersOfPbftSay) {
  const std::string file = ::testing::TempDir() + "/sim_main_pbft.svg";
  EXPECT_EQ(run({"--engine", "pbft", "--seed", "7", "--svg", file}).code, 0);
  std::stringstream svg;
  svg << std::ifstream(file).rdbuf();
  EXPECT_THAT(svg.str(), AllOf(HasSubstr(">PrePrepare</text>"), HasSubstr(">Prepare</text>")));
  EXPECT_THAT(svg.str(), testing::Not(HasSubstr("Packet")));
}

TEST(SimMain, ARangeIsSummedUp) {
  EXPECT_EQ(run({"--seeds", "1..3"}).out, "seeds 1..3: every promise kept\n");
  EXPECT_EQ(run({"--seeds=3..3"}).out, "seeds 3..3: every promise kept\n");
}

TEST(SimMain, TraceTellsEventsInTheirOrder) {
  const Outcome traced = run({"--seed", "7", "--trace"});
  EXPECT_GT(std::count(traced.out.begin(), traced.out.end(), '\n'), 100);
  EXPECT_THAT(traced.out, HasSubstr(run({"--seed", "7"}).out));  // watching changes nothing
}

TEST(SimMain, JsonIsOneObjectPerRun) {
  const Outcome runs = run({"--seeds=1..2", "--json"});
  EXPECT_THAT(runs.out, StartsWith(R"({"seed":1,"ok":true,"trace_hash":")"));
  EXPECT_EQ(std::count(runs.out.begin(), runs.out.end(), '\n'), 2);
}

TEST(SimMain, SpecDescribesAndDoesNotRun) {
  EXPECT_THAT(run({"--seed", "7", "--spec"}).out, StartsWith("seed 7: "));
  EXPECT_THAT(run({"--seed", "7", "--spec"}).out, Not(HasSubstr("trace")));
}

// The only member loses its disk: no promise can hold.
constexpr const char* kLostDisk = R"(
seed = 5
faults_ms = 3000
[cluster]
members = 1
[workload]
clients = 3
put = 10
[[fault]]
name = "wipe"
at_ms = 1000
for_ms = 1000
)";

TEST(SimMain, AFailurePrintsTheOneCommandThatReplaysIt) {
  const std::string file = write_file("lost_disk.toml", kLostDisk);
  const Outcome failed = run({"--scenario", file});
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.out, HasSubstr("seed 5 FAILED at "));
  EXPECT_THAT(failed.out, HasSubstr("this was not promised: wipe (storage: value, permanent): raft promises nothing"));
  const std::string replay = "replay: holdfast sim --scenario " + file + " --seed 5 --trace\n";
  EXPECT_THAT(failed.out, ::testing::EndsWith(replay));
  const Outcome replayed = run({"--scenario", file, "--seed", "5", "--trace"});
  EXPECT_EQ(replayed.code, 1);
  EXPECT_THAT(replayed.out, ::testing::EndsWith(failed.out));
  EXPECT_THAT(run({"--scenario", file, "--json"}).out, HasSubstr(R"("ok":false)"));
}

TEST(SimMain, ScenariosAreReadAndTheirMistakesNamed) {
  EXPECT_EQ(run({"--scenario", HOLDFAST_SOURCE_DIR "/holdfast/sim/scenarios/leader_killed_under_load.toml"}).code, 0);
  const Outcome missing = run({"--scenario=/nonexistent.toml"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_EQ(missing.err, "holdfast sim: /nonexistent.toml: cannot be read\n");
  EXPECT_EQ(run({"--scenario=/"}).code, 2);
  const Outcome wrong = run({"--scenario", write_file("wrong.toml", "sede = 3\n")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("wrong.toml"), HasSubstr("sede")));
}

TEST(SimMain, WrongUsageIsExplained) {
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{"--sede=1"}, "unknown option --sede=1; did you mean --seed?"},
      {{"--sed", "1"}, "unknown option --sed; did you mean --seed?"},
      {{"7"}, "unknown option 7"},
      {{"--seed"}, "--seed needs a whole number"},
      {{"--seed=-1"}, "--seed needs a whole number from 0 to 18446744073709551615, not \"-1\""},
      {{"--seed", "99999999999999999999"}, "not \"99999999999999999999\""},
      {{"--seeds=5..3"}, "--seeds needs a range such as 1..1000, the smaller number first, not \"5..3\""},
      {{"--seeds=5"}, "--seeds needs a range such as 1..1000"},
      {{"--seeds=1..2..3"}, "--seeds needs a range such as 1..1000"},
      {{"--jobs=0"}, "--jobs needs a number from 1 to 256"},
      {{"--scenario="}, "--scenario needs a file"},
      {{"--svg", "f.svg"}, "--svg draws one run: give --seed or --scenario"},
      {{"--seed=1", "--svg-window=1..2"}, "--svg-window needs --svg"},
      {{"--seed=1", "--svg-window=2..1"}, "--svg-window needs a range of milliseconds such as 300..340"},
      {{"--trace=yes"}, "--trace takes no value"},
      {{"--seed=1", "--seeds=1..2"}, "--seed and --seeds exclude each other"},
      {{"--seeds=1..2", "--scenario=x"}, "give it --seed, not --seeds"},
      {{"--trace", "--jobs=2"}, "--trace needs --jobs 1"},
  };
  for (const auto& [args, text] : table) {
    const Outcome outcome = run(args);
    EXPECT_EQ(outcome.code, 2) << args[0];
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, AllOf(StartsWith("holdfast sim: "), HasSubstr(text), HasSubstr("--help` explains\n")));
  }
  EXPECT_THAT(run({"--help"}).out, AllOf(HasSubstr("--scenario FILE"), HasSubstr("Examples:")));
}

TEST(SimMain, EveryOptionIsInTheHelp) {
  for (const std::string_view name : sim_option_names()) {
    EXPECT_THAT(std::string(sim_help()), HasSubstr("  " + std::string(name) + " "));
  }
}

TEST(SimProgress, TellsWhatIsDoneAndWhatIsToGo) {
  EXPECT_EQ(progress_text(1200, 5000, 0, 60'000), "1200 of 5000 seeds, 0 failed, 20.0 per second, 190 s to go");
  EXPECT_EQ(progress_text(1, 1000, 1, 500), "1 of 1000 seeds, 1 failed, 2.0 per second, 8 min to go");
  EXPECT_EQ(progress_text(0, 10, 0, 0), "0 of 10 seeds, 0 failed, 0.0 per second, 0 s to go");
}

TEST(SimProgress, LongRunsAreReportedOnceInAWhile) {
  std::ostringstream err;
  SimProgress silent(1000, Duration(), err), eager(3, Duration::millis(1), err);
  for (int i = 0; i < 1000; ++i) silent.finished(i == 3);
  EXPECT_EQ(silent.done(), 1000u);
  EXPECT_EQ(silent.failures(), 1u);
  EXPECT_EQ(err.str(), "");
}

}  // namespace
}  // namespace holdfast::sim
