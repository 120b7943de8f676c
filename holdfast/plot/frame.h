// Where a value lies along an axis, and which ticks the axis has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/plot/chart.h"

namespace holdfast::plot {

class Frame {
 public:
  // The frame of one axis for all the values that are to be seen. About `ticks` ticks at most have a text.
  Frame(const Axis& axis, const std::vector<double>& values, int ticks);

  // 0 at the beginning of the axis, 1 at its end, outside of that beyond them; nothing for what has no place on it.
  std::optional<double> place(double value) const;

  struct Mark {
    double place = 0;  // from 0 to 1
    std::string text;  // empty: a minor one
  };
  const std::vector<Mark>& marks() const { return marks_; }
  bool empty() const { return empty_; }  // there was nothing to be seen

 private:
  double scaled(double value) const;
  void widen(const Axis& axis, const std::vector<double>& values);
  void round_linear(const Axis& axis, int ticks);
  void round_log(const Axis& axis, int ticks);
  void add_mark(const Axis& axis, double value, bool with_text);

  Scale scale_;
  bool reversed_;
  bool empty_ = false;
  double from_ = 0, to_ = 1;  // scaled
  std::vector<Mark> marks_;
};

// The frames of both axes of a chart.
struct Frames {
  Frames(const Chart& chart, int x_ticks, int y_ticks);
  Frame x, y;
};

}  // namespace holdfast::plot
