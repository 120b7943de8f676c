// A chart as text, for a terminal.
#pragma once

#include <string>

#include "holdfast/plot/chart.h"

namespace holdfast::plot {

struct TextSize {
  int columns = 80;  // of the whole, labels included
  int rows = 20;     // of the plot itself
};

// Lines of ASCII (but for the chart's own words), each ended by a line feed, without blanks at their ends. Every series
// has a letter at its points, and dots between them; without marks its lines are made of the letter. Where two series
// meet, the later one is seen. The legend follows below.
std::string text_plot(const Chart& chart, TextSize size = {});

}  // namespace holdfast::plot
