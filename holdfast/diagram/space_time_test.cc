#include "holdfast/diagram/space_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/diagram/layout.h"

namespace holdfast::diagram {
namespace {

using testing::HasSubstr;
using testing::Not;

Time ms(int64_t n) { return Time::at_millis(n); }

SpaceTime three(const std::string& title = "A title") {
  SpaceTime d(title);
  for (uint64_t n = 1; n <= 3; ++n) d.add_process(NodeId(n), "p" + std::to_string(n));
  return d;
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(SpaceTimeLayout, EventsKeepTheirOrderAndEqualTimesTheirHeight) {
  SpaceTime d = three();
  d.mark(ms(1), NodeId(1), MarkKind::kState, "a");
  d.mark(ms(1), NodeId(2), MarkKind::kState, "b");
  d.mark(ms(2), NodeId(3), MarkKind::kState, "c");
  d.mark(ms(900'000), NodeId(3), MarkKind::kState, "d");
  const Layout l = lay_out(d, 50);
  EXPECT_EQ(l.y_of[0], l.y_of[1]);
  EXPECT_LT(l.y_of[1], l.y_of[2]);
  EXPECT_LT(l.y_of[2], l.y_of[3]);
  EXPECT_LT(l.y_of[3] - l.y_of[2], 60) << "a quarter of an hour takes no more room than a step";
}

TEST(SpaceTimeLayout, LabelsOfOneLineNeverOverlap) {
  SpaceTime d = three();
  for (int i = 0; i < 50; ++i) {
    d.mark(ms(i / 10), NodeId(1 + static_cast<uint64_t>(i) % 3), MarkKind::kNote, "label " + std::to_string(i));
  }
  const Layout l = lay_out(d, 0);
  ASSERT_EQ(l.labels.size(), 50u);
  for (const Label& a : l.labels) {
    for (const Label& b : l.labels) {
      if (a.event < b.event && a.column == b.column) {
        EXPECT_GE(b.y - a.y, kTextHeight);
      }
    }
  }
}

TEST(SpaceTimeLayout, ABroadcastIsLabelledOnce) {
  SpaceTime d = three();
  d.send(ms(1), NodeId(1), NodeId(2), "Collect", "Collect 1");
  d.send(ms(1), NodeId(1), NodeId(3), "Collect", "Collect 1");
  d.send(ms(2), NodeId(1), NodeId(3), "Collect", "Collect 1");
  const Layout l = lay_out(d, 0);
  EXPECT_EQ(l.labels.size(), 2u);
  EXPECT_EQ(l.arrows.size(), 3u);
  EXPECT_EQ(l.y_of[0], l.y_of[1]);
}

TEST(SpaceTimeLayout, AMessageEndsWhereItIsDeliveredLostOrNowhere) {
  SpaceTime d = three();
  const auto delivered = d.send(ms(1), NodeId(1), NodeId(2), "m", "one");
  const auto lost = d.send(ms(1), NodeId(1), NodeId(3), "m", "two");
  d.send(ms(1), NodeId(2), NodeId(3), "m", "three");
  d.lose(lost, ms(2));
  d.deliver(delivered, ms(3));
  d.deliver(delivered, ms(4));
  const Layout l = lay_out(d, 0);
  ASSERT_EQ(l.arrows.size(), 4u);
  EXPECT_EQ(l.arrows[0].end, Arrow::End::kLost);
  EXPECT_EQ(l.arrows[1].end, Arrow::End::kDelivered);
  EXPECT_FALSE(l.arrows[1].again);
  EXPECT_EQ(l.arrows[1].y_to, l.y_of[4]);
  EXPECT_TRUE(l.arrows[2].again);
  EXPECT_EQ(l.arrows[3].end, Arrow::End::kUnderWay);
}

TEST(SpaceTimeLayout, ALineIsBrokenWhileItsProcessIsDown) {
  SpaceTime d = three();
  d.role(ms(1), NodeId(1), "leader");
  d.mark(ms(2), NodeId(1), MarkKind::kCrash, "crash");
  d.mark(ms(3), NodeId(1), MarkKind::kStart, "restart");
  d.mark(ms(4), NodeId(2), MarkKind::kStart, "joins");
  const Layout l = lay_out(d, 0);
  std::vector<std::string> first, second;
  for (const Stretch& s : l.stretches) {
    if (s.column == 0) first.push_back(s.up ? "up " + s.role : "down");
    if (s.column == 1) second.push_back(s.up ? "up" : "down");
  }
  EXPECT_THAT(first, testing::ElementsAre("up ", "up leader", "down", "up "));
  EXPECT_THAT(second, testing::ElementsAre("down", "up"));
}

TEST(SpaceTimeSvg, ShowsEverythingOnce) {
  SpaceTime d = three("Who <leads> & who follows");
  const auto m = d.send(ms(1), NodeId(1), NodeId(2), "Vote", "Vote \"n1\"", "Vote{t1, n1}");
  d.deliver(m, ms(2));
  d.mark(ms(2), NodeId(2), MarkKind::kDecision, "decides x");
  d.say(ms(3), "the network is cut");
  d.set_caption("holdfast sim --seed 1");
  const std::string svg = to_svg(d);
  EXPECT_THAT(svg, HasSubstr("Who &lt;leads&gt; &amp; who follows"));
  EXPECT_THAT(svg, Not(HasSubstr("<leads>")));
  EXPECT_EQ(count(svg, ">Vote &quot;n1&quot;</text>"), 1u);
  EXPECT_EQ(count(svg, ">decides x</text>"), 1u);
  EXPECT_EQ(count(svg, ">the network is cut</text>"), 1u);
  EXPECT_EQ(count(svg, ">holdfast sim --seed 1</text>"), 1u);
  EXPECT_EQ(count(svg, "<title>Vote: Vote{t1, n1}</title>"), 1u);
  EXPECT_EQ(count(svg, "<g>"), count(svg, "</g>"));
}

// To a process that was down: the arrow goes all the way, and ends in a cross instead of a head.
TEST(SpaceTimeLayout, WhatComesToACrashedProcessIsMissed) {
  SpaceTime d = three();
  const auto m = d.send(ms(1), NodeId(1), NodeId(2), "Vote", "Vote");
  d.mark(ms(2), NodeId(2), MarkKind::kCrash, "down");
  d.miss(m, ms(3));
  const Layout l = lay_out(d, 60);
  ASSERT_EQ(l.arrows.size(), 1u);
  EXPECT_EQ(l.arrows[0].end, Arrow::End::kMissed);
  EXPECT_EQ(l.arrows[0].y_to, l.y_of[2]);
}

// Who keeps its role shows nothing, and its time stands nowhere.
TEST(SpaceTimeLayout, ARoleThatStaysHasNoTick) {
  SpaceTime d = three();
  d.mark(ms(1), NodeId(1), MarkKind::kState, "begins");
  d.role(ms(20), NodeId(2), "");
  d.mark(ms(60), NodeId(1), MarkKind::kState, "ends");
  EXPECT_EQ(lay_out(d, 60).ticks.size(), 2u);
}

// What the reader is told stands at its time, in as many lines as it takes; how all ended stands at the foot.
TEST(SpaceTimeSvg, TellsAndConcludes) {
  SpaceTime d = three();
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  d.tell(ms(1), words + "end");
  d.mark(ms(2), NodeId(2), MarkKind::kDecision, "decides x");
  d.end(NodeId(2), "in doubt");
  d.conclude("agreement: BROKEN", Colour::kBad);
  const std::string svg = to_svg(d);
  EXPECT_THAT(svg, HasSubstr("end</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(words)));
  EXPECT_EQ(count(svg, ">in doubt</text>"), 1u);
  EXPECT_EQ(count(svg, ">agreement: BROKEN</text>"), 1u);
  const Layout l = lay_out(d, 60);
  ASSERT_EQ(l.across.size(), 1u);
  EXPECT_GT(l.across[0].lines.size(), 1u);
  EXPECT_LT(l.across[0].y, l.y_of[1]);
}

// Whatever a message holds, the file is well-formed.
TEST(SpaceTimeSvg, ControlCharactersDoNotGetIntoTheFile) {
  SpaceTime d = three();
  d.mark(ms(1), NodeId(1), MarkKind::kNote, std::string("a\x01\n]]>b", 7));
  const std::string svg = to_svg(d);
  EXPECT_THAT(svg, Not(HasSubstr("\x01")));
  EXPECT_THAT(svg, HasSubstr("a  ]]&gt;b"));
}

TEST(SpaceTimeSvg, LongLabelsAreCutBetweenCharactersAndWholeInTheToolTip) {
  SpaceTime d = three();
  std::string label;
  for (int i = 0; i < 30; ++i) label += "é";
  d.mark(ms(1), NodeId(1), MarkKind::kNote, label);
  const std::string svg = to_svg(d);
  EXPECT_THAT(svg, HasSubstr("<title>" + label + "</title>"));
  EXPECT_THAT(svg, HasSubstr("é…</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">" + label + "</text>")));
}

// A band never lies on the head of an arrow: what arrives in its moment arrives behind it, with room for the head.
TEST(SpaceTimeLayout, HeadsOfArrowsStayClearOfBands) {
  for (const bool told : {true, false}) {
    SpaceTime d = three();
    const auto before = d.send(ms(1), NodeId(1), NodeId(2), "m", "one");
    const auto after = d.send(ms(1), NodeId(2), NodeId(3), "m", "two");
    d.deliver(before, ms(2));
    told ? d.tell(ms(2), "Now.") : d.say(ms(2), "Now.");
    d.deliver(after, ms(2));
    const Layout l = lay_out(d, 0);
    ASSERT_EQ(l.across.size(), 1u);
    const double top = l.across[0].y - l.across[0].height() / 2, bottom = l.across[0].y + l.across[0].height() / 2;
    ASSERT_EQ(l.arrows.size(), 2u);
    EXPECT_LT(l.arrows[0].y_to, top - 3);
    EXPECT_GE(l.arrows[1].y_to, bottom + 10);
    EXPECT_LT(l.y_of[0] + 3, top) << "nor on what has just been sent";
  }
}

// The red cross of what is lost strikes no label: neither one of its own line nor a long one of its left neighbour's,
// and no band lies on it.
TEST(SpaceTimeLayout, CrossesOfLostMessagesStayClearOfLabelsAndBands) {
  for (const uint64_t to : {1, 3}) {
    SpaceTime d = three();
    const auto m = d.send(ms(1), NodeId(2), NodeId(to), "Decision", "commit");
    d.lose(m, ms(1));
    d.mark(ms(1), NodeId(2), MarkKind::kState, "has decided to commit");
    d.mark(ms(1), NodeId(1), MarkKind::kState, "waits for the others to say something");
    d.tell(ms(2), "Now.");
    const Layout l = lay_out(d, 0);
    ASSERT_EQ(l.arrows.size(), 1u);
    const double x = l.arrows[0].x_to, y = l.arrows[0].y_to;
    for (const Label& label : l.labels) {
      const double begin = l.x(label.column) + (label.event == 0 ? kSendRoom : kMarkRoom);
      const double above = label.event == 0 ? 13 : 6, below = label.event == 0 ? 0 : 6;
      const bool beside = x + 5 < begin || x - 5 > begin + label.width;
      const bool clear = y + 5 < label.y - above || y - 5 > label.y + below;
      EXPECT_TRUE(beside || clear) << label.text << " when lost on the way to " << to;
    }
    EXPECT_LT(y + 5, l.across.at(0).y - l.across[0].height() / 2);
  }
}

TEST(SpaceTimeLayout, LabelsEndBeforeTheNextLine) {
  SpaceTime d = three();
  const std::string texts[] = {"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMM", "ReadIndexRequest 12884901890 12884901890",
                               "0123456789012345678901234567890123", "a decision that is written in bold letters"};
  for (const std::string& text : texts) {
    d.mark(ms(1), NodeId(1), MarkKind::kDecision, text);
    d.mark(ms(1), NodeId(1), MarkKind::kNote, text);
    d.send(ms(1), NodeId(1), NodeId(2), "m", text);
  }
  const Layout l = lay_out(d, 0);
  ASSERT_EQ(l.labels.size(), 12u);
  for (const Label& label : l.labels) {
    EXPECT_LE(kMarkRoom + label.width, kColumnWidth - 8) << label.text;
    EXPECT_FALSE(label.detail.ends_with("…")) << "the tool tip has all of it";
  }
}

TEST(SpaceTimeSvg, WhoLiesIsSeenAtTheHeadOfItsLine) {
  SpaceTime d = three();
  EXPECT_EQ(count(to_svg(d), ">!</text>"), 0u);
  d.lies(NodeId(2));
  EXPECT_EQ(count(to_svg(d), ">!</text>"), 1u);
  EXPECT_EQ(count(to_svg(d), "<title>p2 lies</title>"), 1u);
}

}  // namespace
}  // namespace holdfast::diagram
