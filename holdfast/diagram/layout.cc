#include "holdfast/diagram/layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace holdfast::diagram {
namespace {

using What = SpaceTime::What;

constexpr double kLeastGap = 5;
constexpr double kMostGap = 34;
constexpr double kSendLift = 7;  // the label of what is sent stands so much higher
constexpr double kTickGap = 13;
constexpr double kAcrossRoom = 22;
constexpr double kUnderWay = 26;  // how far down a message is drawn that does not arrive

// The distance between two moments: nothing for nothing, then a little more for each doubling.
double gap_of(Duration d) {
  if (d <= Duration()) return 0;
  double gap = kLeastGap;
  for (int64_t n = d.nanos() / 20'000; n > 0 && gap < kMostGap; n /= 2) gap += 2;
  return std::min(gap, kMostGap);
}

std::string shortened(const std::string& text) {
  if (text.size() <= kLabelChars) return text;
  size_t end = kLabelChars - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "…";
}

// Milliseconds with as many decimals as tell it from its neighbours, at most three.
std::string time_text(Time t) {
  const int64_t micros = t.nanos() / 1000;
  std::string text = std::to_string(micros / 1000);
  int64_t rest = micros % 1000;
  if (rest == 0) return text;
  std::string decimals = std::to_string(1000 + rest).substr(1);
  while (decimals.back() == '0') decimals.pop_back();
  return text + "." + decimals;
}

class Layouter {
 public:
  Layouter(const SpaceTime& d, double top) : d_(d), top_(top), free_(d.processes().size(), top) {}

  Layout run() {
    gather_broadcasts();
    place();
    draw_lines();
    draw_arrows();
    out_.width = out_.x(d_.processes().empty() ? 0 : d_.processes().size() - 1) + kColumnWidth;
    out_.height = bottom_;
    return std::move(out_);
  }

 private:
  // Equal labels sent by one process in one go are written once.
  void gather_broadcasts() {
    const auto& events = d_.events();
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].what != What::kSend || repeats_.contains(i)) continue;
      for (size_t j = i + 1; j < events.size() && events[j].at == events[i].at; ++j) {
        if (events[j].what == What::kSend && events[j].column == events[i].column &&
            events[j].label == events[i].label) {
          repeats_[j] = i;
        }
      }
    }
  }
  size_t band_chars() const {
    const double width = out_.x(std::max<size_t>(d_.processes().size(), 2) - 1) + kColumnWidth - kLeft - 40;
    return static_cast<size_t>(width / width_of("x", kBandText));
  }
  bool labelled(size_t i) const {
    const auto& e = d_.events()[i];
    return !e.label.empty() && (e.what == What::kMark || (e.what == What::kSend && !repeats_.contains(i)));
  }

  void place() {
    const auto& events = d_.events();
    double y = top_ + 10;
    out_.y_of.assign(events.size(), 0);
    std::map<size_t, std::string> roles;
    Time last = events.empty() ? Time() : events.front().at;
    for (size_t i = 0; i < events.size(); ++i) {
      const auto& e = events[i];
      // Who keeps its role shows nothing: neither a time nor room.
      if (e.what == What::kRole && std::exchange(roles[e.column], e.label) == e.label) {
        out_.y_of[i] = y;
        continue;
      }
      y += gap_of(e.at - last);
      last = e.at;
      if (const auto r = repeats_.find(i); r != repeats_.end()) {
        out_.y_of[i] = out_.y_of[r->second];
        continue;
      }
      if (e.what == What::kSay || e.what == What::kTell) {
        Across band{0, broken(e.label, band_chars()), e.what == What::kTell};
        const double half = kAcrossRoom / 2 + kTextHeight * static_cast<double>(band.lines.size() - 1) / 2;
        const double lowest = free_.empty() ? y : *std::max_element(free_.begin(), free_.end());
        band.y = std::max(y, lowest) + half;
        y = band.y + half;
        // What comes next starts below it.
        std::fill(free_.begin(), free_.end(), y);
        tick(band.y, e.at);
        out_.across.push_back(std::move(band));
        out_.y_of[i] = y;
        continue;
      } else if (labelled(i)) {
        // A message that arrives here just now keeps its own height; the answer to it comes a little lower.
        y = std::max(y, free_[e.column] + kTextHeight / 2 + (e.what == What::kSend ? kSendLift : 0));
        free_[e.column] = y + kTextHeight / 2 + 1 - (e.what == What::kSend ? kSendLift : 0);
        out_.labels.push_back({e.column, y, shortened(e.label), e.detail.empty() ? e.label : e.detail, i});
      }
      out_.y_of[i] = y;
      tick(y, e.at);
    }
    bottom_ = std::max(y, free_.empty() ? y : *std::max_element(free_.begin(), free_.end())) + 30;
  }
  void tick(double y, Time at) {
    const std::string text = time_text(at);
    if (!out_.ticks.empty() && (y < out_.ticks.back().y + kTickGap || text == out_.ticks.back().text)) return;
    out_.ticks.push_back({y, text});
  }

  struct Line {
    double from = 0;
    bool up = true;
    bool paused = false;
    std::string role;
  };
  void draw_lines() {
    std::vector<Line> now(d_.processes().size());
    for (Line& line : now) line.from = top_;
    const auto end = [&](size_t column, double y) {
      Line& l = now[column];
      if (y > l.from) out_.stretches.push_back({column, l.from, y, l.up, l.paused, l.role});
      l.from = y;
    };
    // A process whose first mark is a start was not there before.
    std::set<size_t> marked;
    for (const auto& e : d_.events()) {
      if (e.what != What::kMark && e.what != What::kSend) continue;
      if (marked.insert(e.column).second && e.what == What::kMark && e.mark == MarkKind::kStart)
        now[e.column].up = false;
    }
    for (size_t i = 0; i < d_.events().size(); ++i) {
      const auto& e = d_.events()[i];
      Line next = now[e.column];
      if (e.what == What::kRole) {
        next.role = e.label;
      } else if (e.what == What::kMark && e.mark == MarkKind::kCrash) {
        next = Line{0, false, false, ""};
      } else if (e.what == What::kMark && e.mark == MarkKind::kStart) {
        next = Line{0, true, false, ""};
      } else if (e.what == What::kMark && (e.mark == MarkKind::kPause || e.mark == MarkKind::kResume)) {
        next.paused = e.mark == MarkKind::kPause;
      } else {
        continue;
      }
      end(e.column, out_.y_of[i]);
      next.from = now[e.column].from;
      now[e.column] = next;
    }
    for (size_t c = 0; c < now.size(); ++c) end(c, bottom_ - 12);
  }

  void draw_arrows() {
    const auto& events = d_.events();
    std::map<SpaceTime::Message, size_t> sent;
    std::set<SpaceTime::Message> ended;
    const auto add = [&](SpaceTime::Message m, double y_to, Arrow::End end) {
      const auto& s = d_.messages()[m];
      const auto& e = events[sent.at(m)];
      out_.arrows.push_back({m, s.from, s.to, out_.y_of[sent.at(m)], y_to, end, !ended.insert(m).second,
                             e.detail.empty() ? e.label : e.detail});
    };
    for (size_t i = 0; i < events.size(); ++i) {
      const auto& e = events[i];
      if (e.what == What::kSend) sent[e.message] = i;
      if (e.what == What::kDeliver) add(e.message, out_.y_of[i], Arrow::End::kDelivered);
      if (e.what == What::kMiss) add(e.message, out_.y_of[i], Arrow::End::kMissed);
      if (e.what == What::kLose && !ended.contains(e.message)) add(e.message, out_.y_of[i], Arrow::End::kLost);
    }
    for (const auto& [m, i] : sent) {
      if (!ended.contains(m)) {
        add(m, std::min(out_.y_of[i] + kUnderWay * 2, bottom_ - 6), Arrow::End::kUnderWay);
      }
    }
  }

  const SpaceTime& d_;
  const double top_;
  std::vector<double> free_;  // below the last label of each line
  std::map<size_t, size_t> repeats_;
  double bottom_ = 0;
  Layout out_;
};

}  // namespace

double width_of(const std::string& text, double size) {
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return static_cast<double>(characters) * size * 0.58;
}

std::vector<std::string> broken(const std::string& text, size_t most) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > most) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

Layout lay_out(const SpaceTime& diagram, double top) { return Layouter(diagram, top).run(); }

}  // namespace holdfast::diagram
