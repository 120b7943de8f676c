#include "holdfast/plot/text_plot.h"

#include <algorithm>
#include <cmath>

#include "holdfast/plot/frame.h"

namespace holdfast::plot {
namespace {

constexpr std::string_view kLetters = "ox+*#@abcdefghijklmnpqrstuvwyz";

class Canvas {
 public:
  Canvas(int columns, int rows)
      : columns_(columns),
        rows_(rows),
        cells_(static_cast<size_t>(rows), std::string(static_cast<size_t>(columns), ' ')) {}

  int column(double place) const { return static_cast<int>(std::lround(place * (columns_ - 1))); }
  int row(double place) const { return rows_ - 1 - static_cast<int>(std::lround(place * (rows_ - 1))); }
  void put(int column, int row, char c, bool over) {
    if (column < 0 || column >= columns_ || row < 0 || row >= rows_) return;
    char& cell = cells_[static_cast<size_t>(row)][static_cast<size_t>(column)];
    if (over || cell == ' ') cell = c;
  }
  const std::string& line(int row) const { return cells_[static_cast<size_t>(row)]; }

 private:
  int columns_, rows_;
  std::vector<std::string> cells_;
};

void draw(const Series& s, char letter, const Frames& frames, Canvas& canvas) {
  std::optional<Point> before;
  for (const Point& p : s.points) {
    const auto x = frames.x.place(p.x), y = frames.y.place(p.y);
    if (!x || !y || *x < -1 || *x > 2 || *y < -1 || *y > 2) {
      before.reset();
      continue;
    }
    constexpr int kSteps = 400;
    for (int i = 1; s.line && before && i < kSteps; ++i) {
      const double part = static_cast<double>(i) / kSteps;
      canvas.put(canvas.column(before->x + (*x - before->x) * part), canvas.row(before->y + (*y - before->y) * part),
                 s.marks ? '.' : letter, !s.marks);
    }
    before = Point{*x, *y};
  }
  for (const Point& p : s.points) {
    const auto x = frames.x.place(p.x), y = frames.y.place(p.y);
    if (x && y && std::abs(*x) < 2 && std::abs(*y) < 2) canvas.put(canvas.column(*x), canvas.row(*y), letter, true);
  }
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// The texts below the axis, as many as have room between them.
std::string tick_line(const Frame& x, const Canvas& canvas, size_t margin, size_t columns) {
  std::string line(margin + columns + 1, ' ');
  size_t free_from = 0;
  std::vector<Frame::Mark> marks = x.marks();
  std::sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.place < b.place; });
  for (const Frame::Mark& m : marks) {
    if (m.text.empty()) continue;
    const size_t at = margin + 1 + static_cast<size_t>(canvas.column(m.place));
    size_t begin = at > m.text.size() / 2 ? at - m.text.size() / 2 : 0;
    if (begin + m.text.size() > line.size()) begin = line.size() > m.text.size() ? line.size() - m.text.size() : 0;
    if (begin < free_from) continue;
    line.replace(begin, std::min(m.text.size(), line.size() - begin), m.text, 0, line.size() - begin);
    free_from = begin + m.text.size() + 2;
  }
  return trimmed(line);
}

std::string legend(const Chart& chart, size_t columns) {
  std::string out, line = "  ";
  for (size_t i = 0; i < chart.series.size(); ++i) {
    if (chart.series[i].name.empty()) continue;
    const std::string item = std::string(1, kLetters[i % kLetters.size()]) + " " + chart.series[i].name + "   ";
    if (line.size() > 2 && line.size() + item.size() > columns) out += trimmed(line), line = "  ";
    line += item;
  }
  if (line.size() > 2) out += trimmed(line);
  for (const Level& level : chart.levels) {
    if (!level.text.empty()) out += trimmed("  - " + level.text);
  }
  return out;
}

}  // namespace

std::string text_plot(const Chart& chart, TextSize size) {
  const int rows = std::clamp(size.rows, 4, 200);
  const Frames frames(chart, std::clamp(size.columns, 30, 500) / 10, rows / 2 + 1);
  size_t margin = 0;
  for (const Frame::Mark& m : frames.y.marks()) margin = std::max(margin, m.text.size());
  const size_t all = static_cast<size_t>(std::clamp(size.columns, 30, 500));
  const size_t columns = std::max<size_t>(10, all > margin + 2 ? all - margin - 2 : 0);
  Canvas canvas(static_cast<int>(columns), rows);
  for (const Level& level : chart.levels) {
    const auto at = frames.y.place(level.y);
    for (size_t i = 0; at && i < columns; ++i) canvas.put(static_cast<int>(i), canvas.row(*at), '-', true);
  }
  for (size_t i = 0; i < chart.series.size(); ++i) draw(chart.series[i], kLetters[i % kLetters.size()], frames, canvas);

  std::string out;
  if (!chart.title.empty()) out += trimmed(chart.title);
  if (!chart.subtitle.empty()) out += trimmed(chart.subtitle);
  if (!chart.y.label.empty()) out += trimmed(chart.y.label);
  if (frames.x.empty() || frames.y.empty()) return out + "  no data\n";
  for (int row = 0; row < rows; ++row) {
    std::string label;
    for (const Frame::Mark& m : frames.y.marks()) {
      if (canvas.row(m.place) == row && label.empty()) label = m.text;
    }
    out += trimmed(std::string(margin - std::min(margin, label.size()), ' ') + label + (label.empty() ? "|" : "+") +
                   canvas.line(row));
  }
  out += std::string(margin, ' ') + "+" + std::string(columns, '-') + "\n";
  out += tick_line(frames.x, canvas, margin, columns);
  if (!chart.x.label.empty()) {
    const size_t wide = margin + 1 + columns;
    const size_t indent = wide > chart.x.label.size() ? (wide - chart.x.label.size()) / 2 : 0;
    out += trimmed(std::string(indent, ' ') + chart.x.label);
  }
  return out + legend(chart, all);
}

}  // namespace holdfast::plot
