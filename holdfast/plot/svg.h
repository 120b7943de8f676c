// A chart as SVG: one self-contained picture, readable in print and on a screen.
#pragma once

#include <string>
#include <string_view>

#include "holdfast/plot/chart.h"

namespace holdfast::plot {

struct SvgSize {
  int width = 860;  // in pixels; texts have 13 to 18 of them, whatever the size
  int height = 500;
};

// A complete SVG document. The legend stands at the right of the plot, in the order of the series, and is left out when
// no series has a name. Colours can be told apart with every kind of colour blindness, and shapes and dashes without
// any.
std::string svg(const Chart& chart, SvgSize size = {});

// For pictures of other kinds: text that may stand between tags and in attributes. Characters that XML forbids are left
// out.
std::string xml_escaped(std::string_view text);

}  // namespace holdfast::plot
