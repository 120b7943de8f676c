// Where everything of a space-time diagram goes. Internal to diagram/.
//
// Time runs downwards. Events keep their order; a distance in time becomes a distance that grows with its logarithm;
// and labels of one line never overlap, because the next one waits until there is room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "holdfast/diagram/space_time.h"

namespace holdfast::diagram {

inline constexpr double kColumnWidth = 240;
inline constexpr double kLeft = 100;       // of the first line; the times stand before it
inline constexpr double kTextHeight = 14;  // of a line of a label
inline constexpr double kBandText = 11.5;  // the size of letters in a band across
inline constexpr double kLabelText = 11.5;
inline constexpr double kMarkRoom = 13;    // from a line to the label of a mark on it
inline constexpr double kSendRoom = 7;     // and to that of a message sent
// From a label to the next line at the least: what is drawn there stays whole.
inline constexpr double kNeighbourRoom = 10;

// A label beside a line.
struct Label {
  size_t column = 0;
  double y = 0;  // of its middle
  std::string text;    // cut to the room before the next line
  std::string detail;  // all of it
  size_t event = 0;    // which gives it its colour
  double width = 0;
  bool strong = false;
};
// A message as it is drawn. One that does not arrive is a stub, which ends on its way.
struct Arrow {
  SpaceTime::Message message = 0;
  size_t from = 0, to = 0;
  double x_to = 0;
  double y_from = 0, y_to = 0;
  enum class End { kDelivered, kLost, kMissed, kUnderWay } end = End::kUnderWay;
  bool again = false;  // a further delivery of the same message
  std::string detail;
};
// A piece of a process's line.
struct Stretch {
  size_t column = 0;
  double from = 0, to = 0;
  bool up = true;
  bool paused = false;
  std::string role;
};
struct Tick {
  double y = 0;
  std::string text;
};
struct Across {
  double y = 0;
  std::vector<std::string> lines;
  bool told = false;  // by the narrator
  double height() const { return 4 + kTextHeight * static_cast<double>(lines.size()); }
};

struct Layout {
  double width = 0, height = 0;
  std::vector<double> y_of;  // of each event
  std::vector<Label> labels;
  std::vector<Arrow> arrows;
  std::vector<Stretch> stretches;
  std::vector<Tick> ticks;
  std::vector<Across> across;
  double x(size_t column) const { return kLeft + kColumnWidth * static_cast<double>(column); }
};

// Broken at spaces into lines of at most so many pixels; a longer word has a line of its own.
std::vector<std::string> broken(const std::string& text, double width, double size);
// As much of it as fits, with an ellipsis for the rest.
std::string shortened(const std::string& text, double width, double size);
// How wide a text is, in pixels, in the widest of the usual fonts.
double width_of(std::string_view text, double size);

// `top`: where the lines begin.
Layout lay_out(const SpaceTime& diagram, double top);

}  // namespace holdfast::diagram
