// A chart as a value: what is to be seen, said once, and drawn as SVG (plot/svg.h) or as text (plot/text_plot.h).
//
//   plot::Chart chart;
//   chart.title = "Detection time under loss";
//   chart.x = {.label = "messages lost", .text = [](double v) { return plot::number(v * 100) + " %"; }};
//   chart.y = {.label = "time to detect (s)", .scale = plot::Scale::kLog};
//   chart.series.push_back({"heartbeat", {{0, 1.0}, {0.1, 1.4}, {0.2, 2.9}}});
//   chart.series.push_back({"phi-accrual", {{0, 0.8}, {0.1, 0.9}, {0.2, 1.5}}});
//   chart.levels.push_back({2.0, "what was asked for"});
//   write_file("detection.svg", plot::svg(chart));
//
// Drawing never fails. A point that has no place (not finite, or not positive on a logarithmic axis) is left out and
// breaks its line, so that a gap is seen as a gap; a chart without any point says so. The same chart gives the same
// bytes on every machine.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::plot {

enum class Scale { kLinear, kLog };
constexpr Scale last_value(Scale) { return Scale::kLog; }

struct Point {
  double x = 0;
  double y = 0;
};

// A place on an axis that has a word of its own: {0.001, "99.9%"}.
struct Tick {
  double at = 0;
  std::string text;
};

struct Axis {
  std::string label;  // with the unit: "repair time (minutes)"
  Scale scale = Scale::kLinear;
  // The range shown. What is left out comes from the data and the levels, widened to round numbers.
  std::optional<double> from, to;
  bool reversed = false;  // great values at the left, or at the bottom
  // Instead of round numbers (1, 2 and 5 times powers of ten; powers of ten on a logarithmic axis).
  std::vector<Tick> ticks;
  // How a round number is written; number() when empty.
  std::function<std::string(double)> text;
};

struct Series {
  std::string name;  // in the legend; empty: not in it
  std::vector<Point> points;
  bool line = true;   // joins the points in their order
  bool marks = true;  // a mark at each of them; every series has a colour, a shape and a dash of its own
};

// A line across the chart at one value of y: a target, a limit.
struct Level {
  double y = 0;
  std::string text;
};

struct Chart {
  std::string title;
  std::string subtitle;  // the assumptions, in one line
  Axis x, y;
  std::vector<Series> series;
  std::vector<Level> levels;
};

// The shortest text that shows up to four digits of it: "0.25", "1500", "2e-07".
std::string number(double value);

}  // namespace holdfast::plot
