#include "holdfast/sim/trace_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/sim/store_wire.h"

namespace holdfast::sim {
namespace {

using diagram::MarkKind;
using diagram::SpaceTime;
using testing::ElementsAre;

Time ms(int64_t n) { return Time::at_millis(n); }
constexpr NodeId kOne{1}, kTwo{2};
constexpr NodeId kClient{~uint64_t{0}};

// What a chart shows, a line each.
std::vector<std::string> lines(const SpaceTime& d) {
  std::vector<std::string> out;
  for (const auto& e : d.events()) {
    std::string text = std::to_string(e.at.millis()) + " ";
    if (e.what != SpaceTime::What::kSay) text += d.processes()[e.column].name + " ";
    switch (e.what) {
      case SpaceTime::What::kSend:
        text += "sends " + std::to_string(e.message) + " " + e.label;
        break;
      case SpaceTime::What::kDeliver:
        text += "gets " + std::to_string(e.message);
        break;
      case SpaceTime::What::kLose:
        text += "loses " + std::to_string(e.message);
        break;
      case SpaceTime::What::kRole:
        text += "is " + e.label;
        break;
      default:
        text += e.label;
    }
    out.push_back(text);
  }
  return out;
}

TEST(TraceChart, PairsSendsWithDeliveriesOfTheSameLinkAndContent) {
  TraceChart chart("t", {});
  chart.note(ms(1), kOne, "send", "to n2 Vote{t1, n1, i0, false}");
  chart.note(ms(1), kOne, "send", "to n2 Vote{t1, n1, i0, false}");
  chart.note(ms(1), kTwo, "send", "to n1 Vote{t1, n2, true}");
  chart.note(ms(2), kTwo, "deliver", "to n1 Vote{t1, n2, true}");
  chart.note(ms(3), kOne, "deliver", "to n2 Vote{t1, n1, i0, false}");
  chart.note(ms(4), kOne, "lose", "to n2 Vote{t1, n1, i0, false}");
  chart.note(ms(5), kTwo, "deliver", "to n1 Vote{t1, n2, true}");
  EXPECT_THAT(lines(chart.chart("")),
              ElementsAre("1 n1 sends 0 Vote t1 n1", "1 n1 sends 1 Vote t1 n1", "1 n2 sends 2 Vote t1 n2 yes",
                          "2 n1 gets 2", "3 n2 gets 0", "4 n1 loses 1", "5 n1 gets 2"));
}

TEST(TraceChart, LeavesOutClientsHeartbeatsAndRecords) {
  TraceChart chart("t", {});
  chart.note(ms(1), kClient, "send", "to n1 ClientCall{}");
  chart.note(ms(1), kOne, "send", "to n" + std::to_string(kClient.value()) + " ClientAnswer{}");
  chart.note(ms(1), kOne, "send", "to n2 Heartbeat{t1}");
  chart.note(ms(1), kOne, "persist", "s1 HardState{}");
  chart.note(ms(1), kOne, "stable", "s1");
  chart.note(ms(2), NodeId{}, "fault", "N9 partition");
  EXPECT_THAT(lines(chart.chart("")), ElementsAre("2 fault: N9 partition"));
}

TEST(TraceChart, AWindowBeginsWithWhatIsSoThen) {
  ChartOptions window;
  window.from = ms(10);
  window.to = ms(20);
  TraceChart chart("t", window);
  chart.note(ms(1), kOne, "start", "");
  chart.note(ms(2), kOne, "role", "leader");
  chart.note(ms(3), kTwo, "start", "");
  chart.note(ms(4), kTwo, "down", "crash");
  chart.note(ms(15), kTwo, "start", "again");
  chart.note(ms(21), kTwo, "down", "crash");
  EXPECT_THAT(lines(chart.chart("")), ElementsAre("15 n1 is leader", "15 n2 down", "15 n2 start"));
}

TEST(TraceChart, OfARunThatFailedTheEndIsShownElseTheBeginning) {
  ChartOptions few;
  few.max_events = 2;
  TraceChart good("t", few), bad("t", few);
  for (TraceChart* chart : {&good, &bad}) {
    chart->note(ms(1), kOne, "start", "");
    chart->note(ms(2), kOne, "role", "leader");
    chart->note(ms(3), kOne, "call", "a");
    chart->note(ms(4), kOne, "call", "b");
  }
  bad.fail(ms(5), "ONE");
  EXPECT_THAT(lines(good.chart("")), ElementsAre("1 n1 start", "2 n1 is leader"));
  EXPECT_THAT(lines(bad.chart("")), ElementsAre("3 n1 is leader", "3 n1 call a", "4 n1 call b", "5 BROKEN: ONE"));
}

// Who lies is known at the head of the line, whatever part of the run is drawn; so is who speaks in its name.
TEST(TraceChart, LiarsAreMarkedAtTheirHeadsWhateverTheWindow) {
  ChartOptions window;
  window.from = ms(10);
  TraceChart chart("t", window);
  chart.note(ms(1), kOne, "start", "");
  chart.note(ms(1), kTwo, "start", "");
  chart.note(ms(2), kOne, "lie", "lies from now on");
  chart.note(ms(11), twin_of(kOne), "start", "");
  const SpaceTime d = chart.chart("");
  ASSERT_EQ(d.processes().size(), 3u);
  EXPECT_TRUE(d.processes()[0].lies);
  EXPECT_FALSE(d.processes()[1].lies);
  EXPECT_TRUE(d.processes()[2].lies);
  EXPECT_EQ(d.processes()[2].name, "n1's twin");
}

}  // namespace
}  // namespace holdfast::sim
