// Draws a laid-out space-time diagram.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "holdfast/diagram/layout.h"

namespace holdfast::diagram {
namespace {

using What = SpaceTime::What;

// Okabe and Ito's colours, which people who do not see all colours can tell apart, darkened for thin lines.
constexpr const char* kPalette[] = {"#0060a8", "#c4500a", "#00805c", "#a8447a",
                                    "#8a6d00", "#2f8fc4", "#444444", "#7a4fbf",
                                    "#5f7a00", "#d0406a", "#008a96", "#7a3b16"};
constexpr const char* kInk = "#222222";
constexpr const char* kBad = "#c01020";
constexpr const char* kRoleColours[] = {"#f2b134", "#7fc4a0", "#b9a7e0", "#e79fb5", "#9ec9ea"};
constexpr const char* kFont = "font-family=\"system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif\"";
constexpr double kLegendLine = 18;

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", v);
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters are not allowed in XML at all.
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

class Drawing {
 public:
  explicit Drawing(const SpaceTime& d) : d_(d) {}

  std::string run() {
    give_colours();
    const double least = Layout().x(std::max<size_t>(d_.processes().size(), 2) - 1) + kColumnWidth;
    const double top = legend(least);
    layout_ = lay_out(d_, top + 30);
    const double width = std::max(least, layout_.width);
    ticks(top);
    stretches();
    names(top);
    arrows();
    across(width);
    marks();
    labels();
    const double height = foot(layout_.height);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width) + "\" height=\"" + number(height) +
           "\" viewBox=\"0 0 " + number(width) + " " + number(height) + "\" " + kFont + ">\n<title>" +
           escaped(d_.title()) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + body_ +
           "</svg>\n";
  }

 private:
  // --- Colours ---
  void give_colours() {
    for (const auto& m : d_.messages()) {
      if (!kinds_.contains(m.kind)) {
        const size_t n = kinds_.size();
        kinds_[m.kind] = kPalette[n % std::size(kPalette)];
        kind_order_.push_back(m.kind);
      }
    }
    for (const auto& e : d_.events()) {
      if (e.what != What::kRole || e.label.empty() || roles_.contains(e.label)) continue;
      const size_t n = roles_.size();
      roles_[e.label] = kRoleColours[n % std::size(kRoleColours)];
      role_order_.push_back(e.label);
    }
  }
  const char* colour_of(const SpaceTime::Event& e) const {
    if (e.what == What::kSend) return kinds_.at(d_.messages()[e.message].kind);
    switch (e.mark) {
      case MarkKind::kCrash:
      case MarkKind::kLie:
      case MarkKind::kFailure:
        return kBad;
      case MarkKind::kTimeout:
      case MarkKind::kSuspicion:
        return "#a05a00";
      case MarkKind::kDecision:
      case MarkKind::kStart:
        return "#106b2e";
      default:
        return kInk;
    }
  }

  // --- Parts ---
  // The title and what the colours mean; where it ends.
  double legend(double width) {
    text(16, 28, d_.title(), 18, kInk, "start", true);
    double x = 16, y = 52;
    const auto room = [&](double wanted) {
      if (x + wanted > width - 16 && x > 16) {
        x = 16;
        y += kLegendLine;
      }
    };
    for (const std::string& kind : kind_order_) {
      const double w = width_of(kind, 12) + 48;
      room(w);
      line(x, y - 4, x + 22, y - 4, kinds_[kind], 2, "");
      head(x + 24, y - 4, 1, 0, kinds_[kind]);
      text(x + 30, y, kind, 12, kinds_[kind], "start");
      x += w;
    }
    for (const std::string& role : role_order_) {
      const double w = width_of(role, 12) + 48;
      room(w);
      line(x, y - 4, x + 22, y - 4, roles_[role], 8, "");
      text(x + 30, y, role, 12, kInk, "start");
      x += w;
    }
    return y + 12;
  }
  void names(double top) {
    for (size_t c = 0; c < d_.processes().size(); ++c) {
      const std::string& name = d_.processes()[c].name;
      const bool lies = d_.processes()[c].lies;
      const double w = std::max(44.0, width_of(name, 13 * 1.1) + (lies ? 40 : 18)), x = layout_.x(c);
      body_ += "<g>" + tip(lies ? name + " lies" : name);
      body_ += "<rect x=\"" + number(x - w / 2) + "\" y=\"" + number(top + 4) + "\" width=\"" + number(w) +
               "\" height=\"24\" rx=\"6\" fill=\"" + (lies ? "#fbe6e8" : "#eef2f6") + "\" stroke=\"" +
               (lies ? kBad : "#8899aa") + "\"/>\n";
      text(lies ? x + 9 : x, top + 21, name, 13, lies ? kBad : kInk, "middle", true);
      if (lies) symbol(MarkKind::kLie, x - w / 2 + 13, top + 16);
      body_ += "</g>\n";
    }
  }
  void ticks(double top) {
    for (const Tick& t : layout_.ticks) text(kLeft - 46, t.y + 3, t.text, 9.5, "#8a8a8a", "end");
    if (!layout_.ticks.empty()) text(14, top + 21, "ms", 9.5, "#8a8a8a", "start");
  }
  void stretches() {
    for (const Stretch& s : layout_.stretches) {
      const double x = layout_.x(s.column);
      if (!s.role.empty()) line(x, s.from, x, s.to, roles_[s.role], 9, "");
      if (s.up && !s.paused) line(x, s.from, x, s.to, "#667788", 1.6, "");
      if (s.up && s.paused) line(x, s.from, x, s.to, "#667788", 1.6, "5 4");
      if (!s.up) line(x, s.from, x, s.to, "#d0d4d8", 1.2, "2 5");
    }
  }
  void across(double width) {
    for (const Across& a : layout_.across) {
      if (!a.told) line(kLeft - 28, a.y, width - 12, a.y, "#b07000", 1, "7 4");
      double w = 0;
      for (const std::string& l : a.lines) w = std::max(w, width_of(l, kBandText) + 14);
      const double x = a.told ? kLeft - 20 : kLeft + 22, h = a.height();
      // Arrows shine through: who follows one with his eyes finds it again on the other side.
      box(x, a.y - h / 2, a.told ? width - 12 - x : w, h, a.told ? "#e9f0fa" : "#fff6e0", a.told ? "#b4c6de" : "#d8b060",
          0.8);
      for (size_t i = 0; i < a.lines.size(); ++i) {
        text(x + 7, a.y - h / 2 + 13 + kTextHeight * static_cast<double>(i), a.lines[i], kBandText,
             a.told ? "#1c3557" : "#704800", "start");
      }
    }
  }
  // How everybody stands, what came of the promises, and the caption; where it ends.
  double foot(double y) {
    size_t most = 0;
    for (const auto& [column, state] : d_.ends()) {
      const std::vector<std::string> lines = broken(state, kColumnWidth - 26, kLabelText);
      most = std::max(most, lines.size());
      double w = 44;
      for (const std::string& l : lines) w = std::max(w, width_of(l, kLabelText) + 16);
      const double x = layout_.x(column), h = 8 + kTextHeight * static_cast<double>(lines.size());
      box(x - w / 2, y - 12, w, h, "#eef2f6", "#8899aa");
      for (size_t i = 0; i < lines.size(); ++i) {
        text(x, y + 3 + kTextHeight * static_cast<double>(i), lines[i], 11.5, kInk, "middle");
      }
    }
    if (most > 0) y += 8 + kTextHeight * static_cast<double>(most);
    for (const auto& c : d_.conclusions()) {
      y += kTextHeight + 3;
      const char* colour = c.colour == Colour::kGood ? "#106b2e" : c.colour == Colour::kBad ? kBad : "#a05a00";
      text(16, y - 8, c.text, 12, colour, "start", true);
    }
    if (!d_.caption().empty()) {
      y += 26;
      text(16, y - 14, d_.caption(), 11, "#555555", "start");
    }
    return y;
  }
  void box(double x, double y, double w, double h, const char* fill, const char* stroke,
           double opacity = 1) {
    body_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(w) + "\" height=\"" + number(h) +
             "\" rx=\"4\" fill=\"" + fill + "\" stroke=\"" + stroke + "\"" +
             (opacity < 1 ? " fill-opacity=\"" + number(opacity) + "\"" : "") + "/>\n";
  }
  void arrows() {
    for (const Arrow& a : layout_.arrows) {
      if (a.from == a.to) continue;
      const char* colour = kinds_.at(d_.messages()[a.message].kind);
      const double x1 = layout_.x(a.from), x = a.x_to, y = std::max(a.y_to, a.y_from + 3);
      body_ += "<g>" + tip(d_.messages()[a.message].kind + ": " + a.detail);
      line(x1, a.y_from, x, y, colour, a.again ? 1 : 1.4, a.end == Arrow::End::kDelivered && !a.again ? "" : "5 3");
      if (a.end == Arrow::End::kLost || a.end == Arrow::End::kMissed) {
        cross(x, y, 5, kBad, 2);
      } else {
        head(x, y, x - x1, y - a.y_from, colour);
      }
      body_ += "</g>\n";
    }
  }
  void marks() {
    for (size_t i = 0; i < d_.events().size(); ++i) {
      const auto& e = d_.events()[i];
      const double x = layout_.x(e.column), y = layout_.y_of[i];
      if (e.what == What::kSend) {
        circle(x, y, 2.6, kinds_.at(d_.messages()[e.message].kind), "none");
      } else if (e.what == What::kMark) {
        body_ += "<g>" + tip(e.detail.empty() ? e.label : e.detail);
        symbol(e.mark, x, y);
        body_ += "</g>\n";
      }
    }
  }
  void symbol(MarkKind kind, double x, double y) {
    const std::string fill = colour_of_mark(kind);
    switch (kind) {
      case MarkKind::kCrash:
        return cross(x, y, 8, kBad, 3.4);
      case MarkKind::kStart:
        return polygon({{x - 7, y - 5}, {x + 7, y - 5}, {x, y + 7}}, fill);
      case MarkKind::kDecision:
        return polygon({{x, y - 8}, {x + 8, y}, {x, y + 8}, {x - 8, y}}, fill);
      case MarkKind::kTimeout:
        circle(x, y, 6.5, "#ffffff", fill);
        line(x, y, x, y - 4.4, fill.c_str(), 1.6, "");
        return line(x, y, x + 3.2, y, fill.c_str(), 1.6, "");
      case MarkKind::kSuspicion:
        circle(x, y, 7, "#ffe9c4", fill);
        return text(x, y + 4, "?", 11, fill.c_str(), "middle", true);
      case MarkKind::kLie:
        circle(x, y, 7, kBad, kBad);
        return text(x, y + 4, "!", 11, "#ffffff", "middle", true);
      case MarkKind::kFailure:
        polygon({{x, y - 10}, {x + 10, y + 7}, {x - 10, y + 7}}, kBad);
        return text(x, y + 5, "!", 12, "#ffffff", "middle", true);
      case MarkKind::kState:
        body_ += "<rect x=\"" + number(x - 4.5) + "\" y=\"" + number(y - 4.5) +
                 "\" width=\"9\" height=\"9\" fill=\"#ffffff\" stroke=\"#222222\" stroke-width=\"1.4\"/>";
        return;
      case MarkKind::kPause:
      case MarkKind::kResume:
        line(x - 3, y - 6, x - 3, y + 6, kInk, 2.4, "");
        return line(x + 3, y - 6, x + 3, y + 6, kInk, 2.4, "");
      case MarkKind::kNote:
        return circle(x, y, 3.4, "#ffffff", kInk);
    }
  }
  std::string colour_of_mark(MarkKind kind) const {
    SpaceTime::Event e;
    e.mark = kind;
    return colour_of(e);
  }
  void labels() {
    // What lies behind a label is dimmed: arrows must not strike it through.
    for (const Label& l : layout_.labels) {
      const bool mark = d_.events()[l.event].what == What::kMark;
      body_ += "<rect x=\"" + number(layout_.x(l.column) + (mark ? kMarkRoom : kSendRoom) - 1) + "\" y=\"" +
               number(l.y - (mark ? 6 : 13)) + "\" width=\"" + number(l.width + 2) +
               "\" height=\"12\" fill=\"#ffffff\" fill-opacity=\"0.85\"/>\n";
    }
    for (const Label& l : layout_.labels) {
      const auto& e = d_.events()[l.event];
      const bool mark = e.what == What::kMark;
      body_ += "<g>" + tip(l.detail);
      // What is sent goes downwards: its label stands above it.
      text(layout_.x(l.column) + (mark ? kMarkRoom : kSendRoom), l.y + (mark ? 4 : -3), l.text, kLabelText,
           colour_of(e), "start", l.strong, true);
      body_ += "</g>\n";
    }
  }

  // --- Shapes ---
  static std::string tip(const std::string& what) { return "<title>" + escaped(what) + "</title>"; }
  void line(double x1, double y1, double x2, double y2, const char* colour, double width, const char* dashes) {
    body_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) +
             "\" stroke=\"" + colour + "\" stroke-width=\"" + number(width) + "\"";
    if (dashes[0] != '\0') body_ += std::string(" stroke-dasharray=\"") + dashes + "\"";
    body_ += "/>\n";
  }
  void circle(double x, double y, double r, const std::string& fill, const std::string& stroke) {
    body_ += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(r) + "\" fill=\"" + fill +
             "\" stroke=\"" + stroke + "\" stroke-width=\"1.4\"/>\n";
  }
  void polygon(const std::vector<std::pair<double, double>>& points, const std::string& fill) {
    body_ += "<polygon points=\"";
    for (const auto& [x, y] : points) body_ += number(x) + "," + number(y) + " ";
    body_ += "\" fill=\"" + fill + "\"/>\n";
  }
  void cross(double x, double y, double r, const char* colour, double width) {
    line(x - r, y - r, x + r, y + r, colour, width, "");
    line(x - r, y + r, x + r, y - r, colour, width, "");
  }
  // An arrow head whose point is at (x, y) and that comes from the direction (dx, dy) lies in.
  void head(double x, double y, double dx, double dy, const char* colour) {
    // Corners 10 back, turned by 0.38 to both sides; no function but the square root, which is the same everywhere.
    constexpr double kCos = 9.287, kSin = 3.709;
    const double length = std::sqrt(dx * dx + dy * dy), ux = dx / length, uy = dy / length;
    polygon({{x, y},
             {x - ux * kCos + uy * kSin, y - uy * kCos - ux * kSin},
             {x - ux * kCos - uy * kSin, y - uy * kCos + ux * kSin}},
            colour);
  }
  // `halo`: legible above lines.
  void text(double x, double y, const std::string& what, double size, const char* colour, const char* anchor,
            bool bold = false, bool halo = false) {
    body_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" font-size=\"" + number(size) + "\" fill=\"" +
             colour + "\" text-anchor=\"" + anchor + "\"" + (bold ? " font-weight=\"600\"" : "") +
             (halo ? " stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\" stroke-linejoin=\"round\"" : "") +
             ">" + escaped(what) + "</text>\n";
  }

  const SpaceTime& d_;
  Layout layout_;
  std::map<std::string, const char*> kinds_;
  std::vector<std::string> kind_order_;
  std::map<std::string, const char*> roles_;
  std::vector<std::string> role_order_;
  std::string body_;
};

}  // namespace

std::string to_svg(const SpaceTime& diagram) { return Drawing(diagram).run(); }

}  // namespace holdfast::diagram
