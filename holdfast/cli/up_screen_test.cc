#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "holdfast/cli/cluster_watch.h"
#include "holdfast/cli/demo_load.h"
#include "holdfast/cli/screen.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/up.h"

namespace holdfast::cli {
namespace {

Screen example() {
  Screen screen;
  screen.directory = "/d";
  screen.up = std::chrono::seconds(3661);
  screen.members = {{"127.0.0.1:1", 11, false, {true, 1, 2, 3, 17, 20, 0}},
                    {"127.0.0.1:3", 12, false, {true, 2, 2, 3, 18, 21, 41.6}},
                    {"127.0.0.1:5", 0, false, {}},
                    {"127.0.0.1:7", 13, true, {}},
                    {"127.0.0.1:9", 14, false, {}},
                    {"127.0.0.1:11", 15, false, {true, 6, 0, 2, 3, 4, 0}}};
  screen.events = {"12:00:00  member 2 leads in term 3"};
  screen.consensus = "paxos";
  screen.hints = {"Try next:"};
  screen.typed = "k";
  return screen;
}

TEST(Screen, ShowsEveryMember) {
  EXPECT_EQ("\n" + join(render(example()), "\n"), R"(
Holdfast: 6 members by paxos in /d, up 01:01:01, 42 operations/s

  MEMBER  CLIENTS       STATE      TERM  REVISION  OPS/S  PROCESS
  1       127.0.0.1:1   follower   3     17        0      11
  2       127.0.0.1:3   leader     3     18        42     12
  3       127.0.0.1:5   stopped    -     -         -      -
  4       127.0.0.1:7   paused     -     -         -      13
  5       127.0.0.1:9   starting   -     -         -      14
  6       127.0.0.1:11  no leader  2     3         0      15

Last events
  12:00:00  member 2 leads in term 3

Try next:

k N: kill -9 member N   r N: restart it   p N: pause or resume it   q or Ctrl-C: stop all
> k)");
}

TEST(Screen, WhatIsToBeCopiedIsNeverCut) {
  Screen screen = example();
  screen.hints = {"  " + std::string(150, 'x')};
  const std::vector<std::string> lines = render(screen, 80, 24);
  EXPECT_THAT(lines, testing::Contains(screen.hints[0]));
  EXPECT_EQ(rows_of(lines, 80), lines.size() + 2);  // the hint and the line of commands wrap
  EXPECT_EQ(rows_of({"", "12345", "123456", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"}, 5), 5u);
}

// A picture that is higher than the terminal could not be drawn over.
TEST(Screen, FitsIntoItsTerminal) {
  Screen screen = example();
  screen.events = {"first", "second", "third"};
  screen.hints = {"hint", "hint"};
  EXPECT_EQ(render(screen, 100, 40), render(screen));
  EXPECT_EQ(render(screen, 100, 20), render(screen));
  const std::string without_first = join(render(screen, 100, 19), "\n");
  EXPECT_THAT(without_first, testing::Not(testing::HasSubstr("first")));
  EXPECT_THAT(without_first, testing::HasSubstr("second"));
  EXPECT_THAT(without_first, testing::HasSubstr("hint"));
  const std::string without_hints = join(render(screen, 100, 17), "\n");
  EXPECT_THAT(without_hints, testing::Not(testing::HasSubstr("hint")));
  EXPECT_THAT(without_hints, testing::HasSubstr("third"));
  for (size_t height = 2; height < 21; ++height) {
    for (const size_t width : {20, 80, 100}) {
      const std::vector<std::string> lines = render(screen, width, height);
      EXPECT_TRUE(rows_of(lines, width) <= height || lines.size() == 2) << width << "x" << height;
      EXPECT_EQ(lines.back(), "> k");
    }
  }
}

TEST(Screen, SummaryIsOneLine) {
  EXPECT_EQ(summary(example()),
            "leader=2 term=3 revision=18 ops/s=42 m1=follower m2=leader m3=stopped m4=paused m5=starting m6=no-leader");
}

TEST(Screen, TheLeaderOfTheGreatestTermCounts) {
  std::vector<MemberView> views(3);
  EXPECT_EQ(leader_of(views), 0);
  views[0] = {true, 1, 1, 4};  // a deposed leader that does not know it yet
  views[2] = {true, 3, 3, 5};
  EXPECT_EQ(leader_of(views), 3);
  views[2].reachable = false;
  EXPECT_EQ(leader_of(views), 1);
}

TEST(UpCommand, IsALetterAndAMember) {
  std::string problem;
  EXPECT_EQ(parse_up_command(" k 2 ", 3, problem)->member, 2);
  EXPECT_EQ(parse_up_command("r3", 3, problem)->kind, UpCommand::Kind::kRestart);
  EXPECT_EQ(parse_up_command("p 1", 3, problem)->kind, UpCommand::Kind::kPause);
  EXPECT_EQ(parse_up_command("q", 3, problem)->kind, UpCommand::Kind::kQuit);
  for (const char* line : {"k", "k 0", "k 4", "k x", "x 1", "2", "k 1 2"}) {
    problem.clear();
    EXPECT_FALSE(parse_up_command(line, 3, problem)) << line;
    EXPECT_EQ(problem, cat("\"", line, "\" is no command: k, r or p and a number from 1 to 3, or q"));
  }
}

TEST(Metrics, SamplesOfACounterAreSummed) {
  const char* text =
      "# HELP calls_total x\n"
      "calls_total{service=\"a.KV\",code=\"OK\"} 3\n"
      "calls_total{service=\"a.KV\",code=\"Bad\"} 4.5\n"
      "calls_total{service=\"a.Watch\"} 100\n"
      "calls_total_more{service=\"a.KV\"} 100\n"
      "calls_total 100\n";
  EXPECT_EQ(sum_of_samples(text, "calls_total", "a.KV"), 7.5);
  EXPECT_EQ(sum_of_samples("", "calls_total", "a.KV"), 0);
}

using Moment = Attempt::Clock::time_point;

Moment at(int ms) { return Moment(std::chrono::milliseconds(ms)); }

Attempt attempt(Attempt::Outcome outcome, int began, int ended) {
  Attempt out;
  out.outcome = outcome;
  out.began = at(began);
  out.ended = at(ended);
  return out;
}

TEST(Demo, FiguresCountWhatBeganInTheInterval) {
  const std::vector<Attempt> attempts = {
      attempt(Attempt::Outcome::kAcknowledged, 0, 10), attempt(Attempt::Outcome::kAcknowledged, 500, 530),
      attempt(Attempt::Outcome::kRefused, 600, 601), attempt(Attempt::Outcome::kUnknown, 700, 2200),
      attempt(Attempt::Outcome::kAcknowledged, 2000, 2001)};
  const LoadFigures load = figures(attempts, at(0), at(2000));
  EXPECT_EQ(load.acknowledged, 2u);
  EXPECT_EQ(load.refused, 1u);
  EXPECT_EQ(load.unknown, 1u);
  EXPECT_EQ(load.per_second, 1.0);
  EXPECT_EQ(load.median, std::chrono::milliseconds(30));
}

TEST(Demo, ThePauseIsTheLongestTimeBetweenAcknowledgements) {
  const std::vector<Attempt> attempts = {
      attempt(Attempt::Outcome::kAcknowledged, 0, 100), attempt(Attempt::Outcome::kUnknown, 0, 500),
      attempt(Attempt::Outcome::kAcknowledged, 0, 900), attempt(Attempt::Outcome::kAcknowledged, 0, 950)};
  EXPECT_EQ(longest_pause(attempts, at(50), at(1000)).count(), 800);
  EXPECT_EQ(longest_pause(attempts, at(940), at(3000)).count(), 2050);
  EXPECT_EQ(longest_pause({}, at(0), at(10)).count(), 10);
}

// As under nohup.
TEST(Interrupts, AHangupThatIsToBeIgnoredIsNone) {
  std::signal(SIGHUP, SIG_IGN);
  Interrupts interrupts;
  raise(SIGHUP);
  EXPECT_FALSE(interrupts.wait(std::chrono::milliseconds(0)));
  raise(SIGTERM);
  EXPECT_TRUE(interrupts.wait(std::chrono::milliseconds(0)));
  std::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace holdfast::cli
