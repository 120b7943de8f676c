// "How many members, repaired how fast?": the words of times and availabilities, and the answers.
#include "holdfast/cli/group_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "holdfast/cli/command.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/span.h"

namespace holdfast::cli {
namespace {

using dependability::kDay;
using dependability::kHour;
using dependability::kMinute;
using dependability::kYear;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Spans, AreReadAsPeopleWriteThem) {
  const std::pair<const char*, double> table[] = {
      {"0", 0},           {"250ms", 0.25},   {"12s", 12},           {"1h30m", 5400},
      {"30d", 30 * kDay}, {"2w", 14 * kDay}, {"1.5y", 1.5 * kYear}, {"1d12h", 1.5 * kDay}};
  for (const auto& [text, seconds] : table) EXPECT_EQ(parse_span(text), seconds) << text;
  for (const char* bad :
       {"", "5", "d", "-1d", "1x", "1d ", "1e3s", "nan s", "infs", "1d-2h", "99999999999999999999999999999999y5"}) {
    EXPECT_FALSE(parse_span(bad).has_value()) << bad;
  }
}

TEST(Spans, AreWrittenAsPeopleReadThem) {
  const std::pair<double, const char*> table[] = {{0, "0s"},
                                                  {2e-6, "2us"},
                                                  {5e-9, "< 1us"},
                                                  {0.045, "45ms"},
                                                  {3.04, "3s"},
                                                  {12.4, "12s"},
                                                  {316, "5m 16s"},
                                                  {300, "5m"},
                                                  {3599.9, "1h"},
                                                  {86399, "1d"},
                                                  {kHour + 12 * kMinute, "1h 12m"},
                                                  {30 * kDay, "30d"},
                                                  {kYear, "365d 6h"},
                                                  {47.33 * kYear, "47.3 years"},
                                                  {1.2e9 * kYear, "1.2 billion years"},
                                                  {5e6 * kYear, "5 million years"},
                                                  {4321 * kYear, "4321 years"},
                                                  {1e40 * kYear, "> a trillion years"},
                                                  {std::numeric_limits<double>::infinity(), "for ever"}};
  for (const auto& [seconds, text] : table) EXPECT_EQ(span_text(seconds), text);
}

TEST(Availabilities, AreReadAndWritten) {
  EXPECT_NEAR(*parse_availability("99.999%"), 1e-5, 1e-15);
  EXPECT_NEAR(*parse_availability("99.9"), 1e-3, 1e-15);
  EXPECT_DOUBLE_EQ(*parse_availability("5 nines"), 1e-5);
  EXPECT_NEAR(*parse_availability("0.99999"), 1e-5, 1e-15) << "a part of all time, not less than one percent";
  EXPECT_NEAR(*parse_availability(".5"), 0.5, 1e-15);
  EXPECT_NEAR(*parse_availability("0.5%"), 0.995, 1e-15);
  EXPECT_NEAR(*parse_availability("1%"), 0.99, 1e-15);
  for (const char* bad : {"", "%", "100%", "1", "0", "-0.5", "100", "-1%", "101", "many nines", "-2 nines", "99.9%%"}) {
    EXPECT_FALSE(parse_availability(bad).has_value()) << bad;
  }
  const std::pair<double, const char*> table[] = {{0.5, "50%"},
                                                  {0.104, "89.6%"},
                                                  {1e-3, "99.9%"},
                                                  {1e-5, "99.999%"},
                                                  {2.34e-7, "99.999977%"},
                                                  {0, "100%"},
                                                  {3e-20, "> 99.99999999999%"},
                                                  {1, "0%"}};
  for (const auto& [down, text] : table) EXPECT_EQ(availability_text(down), text);
}

TEST(Availabilities, AreToldAsTimeWithoutService) {
  const std::pair<double, const char*> table[] = {
      {0, "0s"}, {1e-5, "5m 16s"}, {1e-9, "32ms"}, {1e-12, "1s in 31688 years"}, {1e-17, "< 1s in a million years"}};
  for (const auto& [down, text] : table) EXPECT_EQ(downtime_text(down), text);
}

GroupQuestion question() {
  GroupQuestion q;
  q.mttr = {kMinute, kDay};
  q.members = {1, 3, 5};
  return q;
}

TEST(GroupAnswers, AreThoseOfTheFormulas) {
  const GroupAnswer a = *answer(question());
  ASSERT_EQ(a.rows.size(), 6u);
  EXPECT_EQ(a.rows[2].members, 3u);
  EXPECT_DOUBLE_EQ(a.rows[2].figures.unavailability,
                   dependability::independent_group({2, 3}, {30 * kDay, kMinute})->unavailability);
  EXPECT_FALSE(a.rows[0].enough) << "one member, repaired within a minute, is down 2.3e-5 of the time";
  EXPECT_TRUE(a.rows[2].enough);
  EXPECT_FALSE(a.rows[3].enough);
  EXPECT_TRUE(a.missions.empty());
  EXPECT_EQ(a.chart.series.size(), 3u);
}

TEST(GroupAnswers, TheSlowestRepairJustReachesTheTarget) {
  for (const size_t repairers : {0, 1}) {
    GroupQuestion q = question();
    q.repairers = repairers;
    const GroupAnswer whole = *answer(q);
    for (const SlowestRepair& s : whole.slowest) {
      ASSERT_TRUE(s.mttr.has_value());
      q.members = {s.members}, q.mttr = {*s.mttr * 0.999, *s.mttr * 1.001};
      const GroupAnswer near = *answer(q);
      EXPECT_TRUE(near.rows[0].enough && !near.rows[1].enough) << s.members;
    }
  }
  GroupQuestion q = question();
  q.target = 1e-280;
  EXPECT_FALSE(answer(q)->slowest[0].mttr.has_value()) << "no repair is that fast";
}

TEST(GroupAnswers, MissionsGoWithoutRepair) {
  GroupQuestion q = question();
  q.mission = 30 * kDay;
  q.shape = 2;
  const GroupAnswer a = *answer(q);
  ASSERT_EQ(a.missions.size(), 3u);
  const double dead = *dependability::unreliability({30 * kDay, 2}, 30 * kDay);
  EXPECT_DOUBLE_EQ(a.missions[0].unreliability, dead);
  EXPECT_DOUBLE_EQ(a.missions[1].unreliability, *dependability::k_of_n({2, 3}, dead));
  EXPECT_NEAR(a.missions[0].mttf, 30 * kDay, 1);
}

TEST(GroupAnswers, RefuseWhatTheyCannotAnswer) {
  GroupQuestion q = question();
  q.shape = 2, q.repairers = 1;
  EXPECT_FALSE(answer(q).ok());
  q = question();
  q.mission = 1, q.shape = 1000;
  EXPECT_FALSE(answer(q).ok());
  q = question();
  q.members.clear();
  EXPECT_FALSE(answer(q).ok());
}

// --- The command
// ----------------------------------------------------------------------------------------------------------

struct Outcome {
  int code = 0;
  std::string out, err;
};
Outcome command(const std::vector<std::string>& args) {
  std::istringstream in;
  std::ostringstream out, err;
  const int code = run_command(args, {}, in, out, err);
  return {code, out.str(), err.str()};
}

Outcome run(std::vector<std::string> args) {
  args.insert(args.begin(), "dependability");
  return command(args);
}

TEST(DependabilityCommand, AnswersWithATableASentencePerSizeAndAPlot) {
  const Outcome o = run({"--mttf=30d", "--mttr=1h,10m", "--members=5,3"});
  EXPECT_EQ(o.code, kExitOk) << o.err;
  EXPECT_THAT(o.out, StartsWith("MEMBERS  MAY FAIL  REPAIR  AVAILABILITY"));
  EXPECT_THAT(o.out, HasSubstr("\n3        1         10m     99.999984%"));
  EXPECT_THAT(o.out, HasSubstr("For 99.999% (5m 16s down per year):\n"
                               "  3 members, if each is repaired within 1h 19m on the average\n"
                               "  5 members, if each is repaired within 7h 19m on the average\n"));
  EXPECT_THAT(o.out, HasSubstr("mean time to repair a member"));
  EXPECT_THAT(run({"--no-plot"}).out, Not(HasSubstr("mean time to repair")));
  EXPECT_THAT(run({"--target=0.99999", "--no-plot"}).out, HasSubstr("For 99.999% (5m 16s down per year):"));
  EXPECT_THAT(run({"--mission-time=30d"}).out, HasSubstr("Without repair, for 30d:"));
}

TEST(DependabilityCommand, TellsWhatIsTooSmallForANumberAndWhatIsNotKnown) {
  const std::string huge = run({"--members=1000", "--mttr=1m", "--no-plot"}).out;
  EXPECT_THAT(huge, HasSubstr("> 99.99999999999%"));
  EXPECT_THAT(huge, HasSubstr("< 1s in a million years"));
  EXPECT_THAT(huge, HasSubstr("120ms")) << huge;
  EXPECT_THAT(run({"--members=1000", "--mttf=1s", "--mttr=1y", "--no-plot"}).out, Not(HasSubstr("-0")));
  const std::string ageing = run({"--members=3", "--mttr=1h", "--weibull-shape=2", "--json"}).out;
  EXPECT_THAT(ageing, HasSubstr("\"mean_up_seconds\":"));
  EXPECT_THAT(ageing, Not(HasSubstr("\"mttf_seconds\":31"))) << "the members' own alone";
  EXPECT_THAT(run({"--members=3", "--mttr=1h", "--json"}).out, HasSubstr("\"mttf_seconds\":313200000"));
  EXPECT_THAT(run({"--members=3", "--mttr=1h", "--weibull-shape=2", "--no-plot"}).out, HasSubstr("MEAN TIME UP"));
}

TEST(DependabilityCommand, ModelsDecideHowManyAreNeeded) {
  const std::string fail_stop = run({"--model=fail-stop", "--no-plot", "--mttr=1h"}).out;
  EXPECT_THAT(fail_stop, HasSubstr("\n2        1         1h "));
  EXPECT_THAT(fail_stop, HasSubstr("\n4        3         1h "));
  EXPECT_THAT(run({"--model=byzantine", "--no-plot", "--mttr=1h"}).out, HasSubstr("\n7        2         1h "));
  EXPECT_NE(run({"--repairers=1", "--no-plot"}).out, run({"--no-plot"}).out);
}

TEST(DependabilityCommand, ErrorsSayWhatToGiveInstead) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"--target=110%", "--target=110%: give an availability such as 99.999%, 0.99999 or \"5 nines\""},
      {"--target=1", "--target=1: give an availability such as 99.999%"},
      {"--mttf=30", "--mttf=30: give a time such as 30d, 10m"},
      {"--mttf=0", "more than nothing"},
      {"--mttr=1h,soon", "--mttr=soon: give a time"},
      {"--model=crsh", "did you mean crash?"},
      {"--members=3,x", "--members=x: give numbers from 1 to 1000"},
      {"--members=0", "--members=0: give numbers from 1 to 1000"},
      {"--mission-time=-1d", "--mission-time=-1d"},
      {"--weibull-shape=0", "--weibull-shape=0: give a number from 0.05 to 100"},
      {"--weibull-shape=1e-9", "--weibull-shape=1e-9: give"},
      {"--weibull-shape=x", "--weibull-shape=x: give"},
      {"--mtf=3d", "did you mean --mttf?"},
  };
  for (const auto& [flag, words] : mistakes) {
    const Outcome o = run({flag, "--no-plot"});
    EXPECT_EQ(o.code, kExitUsage) << flag;
    EXPECT_THAT(o.err, HasSubstr(words));
    EXPECT_EQ(o.out, "");
  }
  EXPECT_THAT(run({"--weibull-shape=2", "--repairers=1"}).err, HasSubstr("do not go together"));
}

TEST(DependabilityCommand, WritesThePlot) {
  const std::string file = ::testing::TempDir() + "/dependability_plot.svg";
  EXPECT_EQ(run({"--svg=" + file}).code, kExitOk);
  std::ifstream in(file);
  const std::string svg{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(svg, StartsWith("<svg "));
  EXPECT_THAT(svg, HasSubstr(">7 members<"));
  EXPECT_THAT(svg, HasSubstr(">target 99.999%<"));
  const Outcome failed = run({"--svg=/no/such/directory/x.svg"});
  EXPECT_EQ(failed.code, kExitFailed);
  EXPECT_THAT(failed.err, HasSubstr("/no/such/directory/x.svg: cannot be written (No such file or directory); give"));
  EXPECT_THAT(run({"--svg", ""}).err, HasSubstr("--svg: has no value"));
  const Outcome scene = command({"lab", "run", "two_generals", "--svg=/no/such/directory/x.svg"});
  EXPECT_EQ(scene.code, kExitFailed);
  EXPECT_THAT(scene.err, HasSubstr("x.svg: cannot be written (No such file or directory); give"));
  EXPECT_EQ(command({"lab", "run", "two_generals", "--svg", ""}).code, kExitUsage);
}

}  // namespace
}  // namespace holdfast::cli
