#include "holdfast/plot/svg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "holdfast/plot/frame.h"

namespace holdfast::plot {
namespace {

// Okabe and Ito, "Color Universal Design", without the yellow that white paper swallows.
constexpr std::array kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
constexpr std::array kDashes = {"", "7 3", "2 3", "10 3 2 3", "12 5"};
constexpr int kShapes = 6;
constexpr double kText = 13, kTitle = 18;
constexpr double kLineHeight = 19;

std::string fixed(double v) {
  char digits[64];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::fixed, 2).ptr);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

// How wide a text is about, in characters: continuation bytes of UTF-8 do not count.
double width_of(std::string_view text) {
  double n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n * kText * 0.64;  // of the widest of the fonts that are asked for
}

class Picture {
 public:
  Picture(const Chart& chart, SvgSize size)
      : chart_(chart), size_(size), frames_(chart, x_ticks(chart, size), std::max(3, size.height / 55)) {
    lay_out();
  }

  std::string drawn() {
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + fixed(size_.width) + "\" height=\"" +
           fixed(size_.height) + "\" viewBox=\"0 0 " + fixed(size_.width) + " " + fixed(size_.height) +
           "\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"" + fixed(kText) +
           "\" role=\"img\">\n<title>" + xml_escaped(chart_.title) + "</title>\n" + clip("lines", 1.2) +
           clip("plot", 6) +
           "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    headings();
    axes();
    levels();
    for (const Series& s : chart_.series) runs_.push_back(runs_of(s));
    // A line that leaves the frame ends at it; a mark on its edge is whole.
    out_ += "<g clip-path=\"url(#lines)\">\n";
    for (size_t i = 0; i < chart_.series.size(); ++i) lines_of(i);
    out_ += "</g>\n<g clip-path=\"url(#plot)\">\n";
    for (size_t i = 0; i < chart_.series.size(); ++i) marks_of(i);
    out_ += "</g>\n";
    level_texts();
    legend();
    if (frames_.x.empty() || frames_.y.empty()) {
      text((left_ + right_) / 2, (top_ + bottom_) / 2, "middle", "no data", "fill=\"#555555\"");
    }
    return out_ + "</svg>\n";
  }

 private:
  static int x_ticks(const Chart& chart, SvgSize size) {
    const double widest = chart.x.text ? std::max(width_of(chart.x.text(1234)), 40.0) : 40.0;
    return std::max(2, static_cast<int>(size.width * 0.65 / (widest + 20)));
  }

  void lay_out() {
    double labels = 0, names = 0;
    for (const Frame::Mark& m : frames_.y.marks()) labels = std::max(labels, width_of(m.text));
    for (const Series& s : chart_.series) names = std::max(names, width_of(s.name));
    left_ = 16 + (chart_.y.label.empty() ? 0 : kLineHeight + 4) + labels + 10;
    right_ = size_.width - (names > 0 ? std::min(names + 64, size_.width * 0.45) : 24);
    top_ = 16 + (chart_.title.empty() ? 0 : 24) + (chart_.subtitle.empty() ? 0 : kLineHeight) + 8;
    bottom_ = size_.height - 16 - kLineHeight - (chart_.x.label.empty() ? 0 : kLineHeight + 6);
    right_ = std::max(right_, left_ + 20), bottom_ = std::max(bottom_, top_ + 20);
  }

  double x_at(double place) const { return left_ + (right_ - left_) * place; }
  double y_at(double place) const { return bottom_ - (bottom_ - top_) * place; }

  // The frame and so much around it.
  std::string clip(const std::string& name, double around) const {
    return "<clipPath id=\"" + name + "\"><rect x=\"" + fixed(left_ - around) + "\" y=\"" + fixed(top_ - around) +
           "\" width=\"" + fixed(right_ - left_ + 2 * around) + "\" height=\"" + fixed(bottom_ - top_ + 2 * around) +
           "\"/></clipPath>\n";
  }

  void text(double x, double y, const char* anchor, std::string_view words, std::string_view more = "") {
    out_ += "<text x=\"" + fixed(x) + "\" y=\"" + fixed(y) + "\" text-anchor=\"" + anchor + "\"";
    if (!more.empty()) out_ += " " + std::string(more);
    out_ += ">" + xml_escaped(words) + "</text>\n";
  }
  void line(double x1, double y1, double x2, double y2, std::string_view style) {
    out_ += "<line x1=\"" + fixed(x1) + "\" y1=\"" + fixed(y1) + "\" x2=\"" + fixed(x2) + "\" y2=\"" + fixed(y2) +
            "\" " + std::string(style) + "/>\n";
  }

  void headings() {
    double y = 16 + kTitle;
    if (!chart_.title.empty()) {
      text(16, y, "start", chart_.title, "font-size=\"" + fixed(kTitle) + "\" font-weight=\"bold\" fill=\"#111111\"");
      y += kLineHeight + 2;
    }
    if (!chart_.subtitle.empty()) text(16, y, "start", chart_.subtitle, "fill=\"#555555\"");
  }

  void axes() {
    constexpr const char* kMajor = "stroke=\"#d5d5d5\" stroke-width=\"1\"";
    constexpr const char* kMinor = "stroke=\"#eeeeee\" stroke-width=\"1\"";
    constexpr const char* kEdge = "stroke=\"#333333\" stroke-width=\"1.2\"";
    for (const Frame::Mark& m : frames_.x.marks()) {
      line(x_at(m.place), top_, x_at(m.place), bottom_, m.text.empty() ? kMinor : kMajor);
      if (!m.text.empty()) text(x_at(m.place), bottom_ + kLineHeight, "middle", m.text, "fill=\"#333333\"");
    }
    for (const Frame::Mark& m : frames_.y.marks()) {
      line(left_, y_at(m.place), right_, y_at(m.place), m.text.empty() ? kMinor : kMajor);
      if (!m.text.empty()) text(left_ - 8, y_at(m.place) + kText * 0.35, "end", m.text, "fill=\"#333333\"");
    }
    line(left_, bottom_, right_, bottom_, kEdge);
    line(left_, top_, left_, bottom_, kEdge);
    if (!chart_.x.label.empty()) text((left_ + right_) / 2, size_.height - 16, "middle", chart_.x.label);
    if (!chart_.y.label.empty()) {
      const std::string middle = fixed((top_ + bottom_) / 2);
      text(28, (top_ + bottom_) / 2, "middle", chart_.y.label, "transform=\"rotate(-90 28 " + middle + ")\"");
    }
  }

  void levels() {
    for (const Level& level : chart_.levels) {
      const auto at = frames_.y.place(level.y);
      if (!at || *at < 0 || *at > 1) continue;
      line(left_, y_at(*at), right_, y_at(*at), "stroke=\"#444444\" stroke-width=\"1.4\" stroke-dasharray=\"5 4\"");
    }
  }
  // On top of the series, with white behind the letters, and where no curve is if there is such a place.
  void level_texts() {
    for (const Level& level : chart_.levels) {
      const auto at = frames_.y.place(level.y);
      if (!at || *at < 0 || *at > 1) continue;
      const Point end = end_of_text(y_at(*at), width_of(level.text));
      text(end.x, end.y, "end", level.text,
           "fill=\"#222222\" font-style=\"italic\" stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\"");
    }
  }
  // As far to the right as can be, rather above the line at `y` than below it.
  Point end_of_text(double y, double width) const {
    constexpr double kStep = 6, kAround = 4;
    const Point above{right_ - 6, y - 5}, below{right_ - 6, y + kText + 3};
    const bool fits_above = above.y - kText > top_, fits_below = below.y < bottom_;
    for (double x = right_ - 6; x - width > left_; x -= kStep) {
      for (const Point& p : {above, below}) {
        if (!(p.y == above.y ? fits_above : fits_below)) continue;
        const Point from{x - width - kAround, p.y - kText}, to{x + kAround, p.y + kAround};
        if (clear(from, to)) return {x, p.y};
      }
    }
    return fits_above ? above : below;
  }
  // Whether no curve and no mark touches the rectangle.
  bool clear(const Point& from, const Point& to) const {
    for (size_t i = 0; i < runs_.size(); ++i) {
      for (const std::vector<Point>& run : runs_[i]) {
        for (size_t k = 0; k < run.size(); ++k) {
          if (touches(run[k], run[k], from, to)) return false;
          if (k > 0 && chart_.series[i].line && touches(run[k - 1], run[k], from, to)) return false;
        }
      }
    }
    return true;
  }
  // Whether the segment from a to b and the rectangle have a point in common (Liang, Barsky, 1984).
  static bool touches(const Point& a, const Point& b, const Point& from, const Point& to) {
    double begin = 0, end = 1;
    const auto within = [&](double direction, double room) {
      if (direction == 0) return room >= 0;
      const double t = room / direction;
      direction < 0 ? begin = std::max(begin, t) : end = std::min(end, t);
      return begin <= end;
    };
    return within(a.x - b.x, a.x - from.x) && within(b.x - a.x, to.x - a.x) && within(a.y - b.y, a.y - from.y) &&
           within(b.y - a.y, to.y - a.y);
  }

  std::string colour(size_t i) const { return kColours[i % kColours.size()]; }
  std::string stroke(size_t i) const {
    const std::string dash = kDashes[i % kDashes.size()];
    return "fill=\"none\" stroke=\"" + colour(i) + "\" stroke-width=\"2.2\" stroke-linejoin=\"round\"" +
           (dash.empty() ? "" : " stroke-dasharray=\"" + dash + "\"");
  }

  void mark(size_t i, double x, double y) {
    const std::string fill = " fill=\"" + colour(i) + "\" stroke=\"#ffffff\" stroke-width=\"0.8\"/>\n";
    const auto polygon = [&](std::initializer_list<Point> corners) {
      out_ += "<polygon points=\"";
      const char* before = "";
      for (const Point& c : corners) out_ += before + fixed(x + c.x) + "," + fixed(y + c.y), before = " ";
      out_ += "\"" + fill;
    };
    switch (i % kShapes) {
      case 0:
        out_ += "<circle cx=\"" + fixed(x) + "\" cy=\"" + fixed(y) + "\" r=\"4.2\"" + fill;
        return;
      case 1:
        return polygon({{-4, -4}, {4, -4}, {4, 4}, {-4, 4}});
      case 2:
        return polygon({{0, -5}, {5, 4}, {-5, 4}});
      case 3:
        return polygon({{0, -5.5}, {5.5, 0}, {0, 5.5}, {-5.5, 0}});
      case 4:
        return polygon({{0, 5}, {5, -4}, {-5, -4}});
      default:
        return polygon({{-5, -2},
                        {-2, -2},
                        {-2, -5},
                        {2, -5},
                        {2, -2},
                        {5, -2},
                        {5, 2},
                        {2, 2},
                        {2, 5},
                        {-2, 5},
                        {-2, 2},
                        {-5, 2}});
    }
  }

  using Run = std::vector<Point>;  // points between two gaps, where they are in the picture

  std::vector<Run> runs_of(const Series& s) const {
    std::vector<Run> out(1);
    for (const Point& p : s.points) {
      const auto x = frames_.x.place(p.x), y = frames_.y.place(p.y);
      // Far outside is as good as just outside, and keeps the numbers small.
      if (x && y) {
        out.back().push_back({x_at(std::clamp(*x, -100.0, 100.0)), y_at(std::clamp(*y, -100.0, 100.0))});
      } else if (!out.back().empty()) {
        out.emplace_back();
      }
    }
    return out;
  }
  void lines_of(size_t i) {
    for (const Run& run : runs_[i]) {
      if (!chart_.series[i].line || run.size() < 2) continue;
      out_ += "<polyline points=\"";
      const char* before = "";
      for (const Point& p : run) out_ += before + fixed(p.x) + "," + fixed(p.y), before = " ";
      out_ += "\" " + stroke(i) + "/>\n";
    }
  }
  void marks_of(size_t i) {
    for (const Run& run : runs_[i]) {
      // A lone point would be invisible without its mark.
      if (!chart_.series[i].marks && run.size() != 1) continue;
      for (const Point& p : run) mark(i, p.x, p.y);
    }
  }

  void legend() {
    const double x = right_ + 18;
    double y = top_ + 8;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const Series& s = chart_.series[i];
      if (s.name.empty()) continue;
      if (s.line) line(x, y, x + 26, y, stroke(i));
      if (s.marks) mark(i, x + 13, y);
      text(x + 34, y + kText * 0.35, "start", s.name, "fill=\"#222222\"");
      y += kLineHeight + 3;
    }
  }

  const Chart& chart_;
  const SvgSize size_;
  const Frames frames_;
  std::vector<std::vector<Run>> runs_;  // of each series
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  std::string out_;
};

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') {
      out += c;
    }
  }
  return out;
}

std::string svg(const Chart& chart, SvgSize size) {
  size.width = std::clamp(size.width, 200, 10'000);
  size.height = std::clamp(size.height, 150, 10'000);
  return Picture(chart, size).drawn();
}

}  // namespace holdfast::plot
