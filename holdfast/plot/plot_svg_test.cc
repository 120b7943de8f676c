// Charts as SVG: well-formed whatever the words, points at their places, gaps, legend; and charts as text, seen whole.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>

#include "holdfast/plot/svg.h"
#include "holdfast/plot/text_plot.h"

namespace holdfast::plot {
namespace {

Chart example() {
  Chart chart;
  chart.title = "Time to detect a crash";
  chart.subtitle = "5 members";
  chart.x = {.label = "lost (%)", .from = 0, .to = 20};
  chart.y = {.label = "seconds", .from = 0, .to = 4};
  chart.series.push_back({"heartbeat", {{0, 1}, {10, 2}, {20, 4}}});
  chart.series.push_back({"phi", {{0, 0}, {20, 2}}});
  chart.levels.push_back({3, "limit"});
  return chart;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The complaint about the first thing that is not well-formed XML (as far as we write any); empty when all is.
std::string malformed(const std::string& xml) {
  const std::regex tag(R"(<(/?)([a-zA-Z]+)((?:\s+[-a-zA-Z0-9:]+="[^"<]*")*)\s*(/?)>)");
  std::vector<std::string> open;
  size_t at = 0;
  while (at < xml.size()) {
    if (xml[at] == '<') {
      std::smatch m;
      if (!std::regex_search(xml.begin() + static_cast<std::ptrdiff_t>(at), xml.end(), m, tag,
                             std::regex_constants::match_continuous)) {
        return "not a tag: " + xml.substr(at, 60);
      }
      if (m[1].length() > 0) {
        if (open.empty() || open.back() != m[2]) return "closes what is not open: " + m.str();
        open.pop_back();
      } else if (m[4].length() == 0) {
        open.push_back(m[2]);
      }
      at += static_cast<size_t>(m.length());
      continue;
    }
    if (xml[at] == '>' || xml[at] == '"') return "a bare " + xml.substr(at, 1);
    if (xml[at] == '&') {
      const std::string entity = xml.substr(at, xml.find(';', at) - at + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;") return "bare " + entity;
    }
    if (static_cast<unsigned char>(xml[at]) < 0x20 && xml[at] != '\n' && xml[at] != '\t') return "a control character";
    ++at;
  }
  return open.empty() ? "" : "open: " + open.back();
}

TEST(PlotSvg, IsWellFormedWhateverTheWords) {
  Chart chart = example();
  EXPECT_EQ(malformed(svg(chart)), "");
  chart.title = chart.x.label = chart.series[0].name = chart.levels[0].text = "a<b> & \"c\" \x01\x1b µ";
  chart.x.ticks = {{5, "<5>"}};
  EXPECT_EQ(malformed(svg(chart)), "");
  EXPECT_EQ(malformed(svg(Chart())), "");
  EXPECT_NE(malformed("<svg><g></svg>"), "") << "the check itself bites";
  EXPECT_NE(malformed("<text>a & b</text>"), "");
}

// The coordinates of the n-th polyline.
std::vector<Point> polyline(const std::string& text, size_t n) {
  const std::regex whole("<polyline points=\"([^\"]*)\""), pair(R"(([-0-9.]+),([-0-9.]+))");
  auto it = std::sregex_iterator(text.begin(), text.end(), whole);
  std::advance(it, static_cast<std::ptrdiff_t>(n));
  const std::string points = (*it)[1];
  std::vector<Point> out;
  for (auto p = std::sregex_iterator(points.begin(), points.end(), pair); p != std::sregex_iterator(); ++p) {
    out.push_back({std::stod((*p)[1]), std::stod((*p)[2])});
  }
  return out;
}

TEST(PlotSvg, PointsLieWhereTheAxesSay) {
  const std::string text = svg(example());
  const std::vector<Point> steep = polyline(text, 0), flat = polyline(text, 1);
  ASSERT_EQ(steep.size(), 3u);
  ASSERT_EQ(flat.size(), 2u);
  EXPECT_NEAR(steep[1].x, (steep[0].x + steep[2].x) / 2, 0.02);
  EXPECT_LT(steep[2].y, steep[0].y) << "greater is higher";
  EXPECT_NEAR(steep[1].y, flat[1].y, 0.02) << "both are 2";
  EXPECT_NEAR(flat[0].y - steep[0].y, (flat[0].y - steep[2].y) / 4, 0.02) << "1 of 4";
}

TEST(PlotSvg, ALogarithmicAxisSpacesDecadesEvenly) {
  Chart chart;
  chart.y.scale = Scale::kLog;
  chart.series.push_back({"", {{0, 0.01}, {1, 0.1}, {2, 1}}});
  const std::vector<Point> line = polyline(svg(chart), 0);
  EXPECT_NEAR(line[0].y - line[1].y, line[1].y - line[2].y, 0.02);
  EXPECT_GT(line[0].y - line[1].y, 50);
}

TEST(PlotSvg, WhatHasNoPlaceBreaksTheLine) {
  Chart chart = example();
  chart.levels.clear();
  chart.series = {
      {"s", {{0, 1}, {1, 2}, {2, std::nan("")}, {3, 2}, {4, 1}, {5, std::numeric_limits<double>::infinity()}}}};
  EXPECT_EQ(count(svg(chart), "<polyline"), 2u);
  chart.y = {.scale = Scale::kLog};
  chart.series = {{"s", {{0, 1}, {1, 0}, {2, 3}}, /*line=*/true, /*marks=*/false}};
  const std::string gaps = svg(chart);
  EXPECT_EQ(count(gaps, "<polyline"), 0u);
  EXPECT_EQ(count(gaps, "<circle"), 2u) << "lone points are seen";
}

TEST(PlotSvg, NamesAreInTheLegendAndLevelsOnTheirLines) {
  const std::string text = svg(example());
  for (const char* words : {">heartbeat<", ">phi<", ">limit<", ">seconds<", ">lost (%)<", ">5 members<"}) {
    EXPECT_EQ(count(text, words), 1u) << words;
  }
  EXPECT_EQ(count(svg(Chart()), ">no data<"), 1u);
  EXPECT_EQ(count(text, ">no data<"), 0u);
}

// The rectangle of the text, roughly, and whether a curve goes through it.
bool struck(const std::string& text, const std::string& label) {
  const std::regex place("<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"end\"[^>]*>" + label + "<");
  std::smatch found;
  if (!std::regex_search(text, found, place)) return true;
  const double right = std::stod(found[1]), base = std::stod(found[2]);
  const double left = right - static_cast<double>(label.size()) * 7;
  const size_t lines = count(text, "<polyline");
  for (size_t n = 0; n < lines; ++n) {
    const std::vector<Point> line = polyline(text, n);
    for (size_t i = 1; i < line.size(); ++i) {
      for (double t = 0; t <= 1; t += 0.001) {
        const double x = line[i - 1].x + (line[i].x - line[i - 1].x) * t;
        const double y = line[i - 1].y + (line[i].y - line[i - 1].y) * t;
        if (x > left && x < right && y > base - 9 && y < base + 2) return true;
      }
    }
  }
  return false;
}

TEST(PlotSvg, TheTextOfALevelStandsWhereNoCurveIs) {
  Chart chart = example();
  for (const double crossing : {0.0, 2.0, 10.0, 15.0, 18.0, 19.0, 20.0}) {
    // Curves that cross the level there, steeply and gently.
    chart.series = {{"a", {{0, 3 + crossing * 0.05}, {20, 3 + crossing * 0.05 - 1}}, true, false},
                    {"b", {{crossing - 0.5, 4}, {crossing + 0.5, 0}}, true, false}};
    EXPECT_FALSE(struck(svg(chart), "limit")) << crossing;
  }
  // When there is no such place it stands at its usual one.
  chart.series = {{"c", {}, true, false}};
  for (int i = 0; i <= 200; ++i) chart.series[0].points.push_back({i * 0.1, i % 2 * 4.0});
  EXPECT_EQ(count(svg(chart), ">limit<"), 1u);
}

// A line ends at the frame; a mark at its edge is whole.
TEST(PlotSvg, CurvesAreCutAtTheFrame) {
  const std::string text = svg(example());
  const size_t lines = text.find("<g clip-path=\"url(#lines)\">"), marks = text.find("<g clip-path=\"url(#plot)\">");
  ASSERT_NE(lines, std::string::npos);
  ASSERT_NE(marks, std::string::npos);
  EXPECT_GT(text.find("<polyline"), lines);
  EXPECT_LT(text.rfind("<polyline"), marks);
  EXPECT_GT(text.find("<circle"), marks);
}

TEST(PlotSvg, EverySeriesLooksDifferent) {
  Chart chart;
  for (int i = 0; i < 12; ++i) {
    chart.series.push_back({"series " + std::to_string(i), {{0, i + 1.0}, {1, i + 1.5}}, true, false});
  }
  const std::string text = svg(chart);
  const std::regex style("<polyline[^>]*(stroke=[^/]*)/>");
  std::set<std::string> styles;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), style); it != std::sregex_iterator(); ++it) {
    styles.insert((*it)[1]);
  }
  EXPECT_EQ(styles.size(), 12u);
}

TEST(TextPlot, IsSeenWhole) {
  EXPECT_EQ(text_plot(example(), {44, 9}),
            R"(Time to detect a crash
5 members
seconds
4+                                      ..o
 |                                 .....
3+-----------------------------------------
 |                       .....
2+               .....o..            .....x
 |     ...........         ...........
1+o.....         ...........
 |     ...........
0+x.....
 +-----------------------------------------
  0         5        10        15        20
                 lost (%)
  o heartbeat   x phi
  - limit
)");
  EXPECT_EQ(text_plot(Chart()), "  no data\n");
}

}  // namespace
}  // namespace holdfast::plot
