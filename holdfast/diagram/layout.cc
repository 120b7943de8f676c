#include "holdfast/diagram/layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace holdfast::diagram {
namespace {

using What = SpaceTime::What;

constexpr double kLeastGap = 5;
constexpr double kMostGap = 34;
constexpr double kSendLift = 7;  // the label of what is sent stands so much higher
constexpr double kTickGap = 13;
constexpr double kAcrossRoom = 22;
constexpr double kBandLead = 8;   // before a band: dots of what has just been sent
constexpr double kHeadRoom = 12;  // behind it: heads of arrows that end just then, which lie above their ends
constexpr double kStubRoom = 7;   // around the cross of a message that is lost
constexpr double kBold = 1.1;     // times as wide

// How a message is drawn that does not arrive.
struct Stub {
  double across, down;
};
constexpr Stub kLost{70, 16};
constexpr Stub kUnderWay{110, 26};

// The distance between two moments: nothing for nothing, then a little more for each doubling.
double gap_of(Duration d) {
  if (d <= Duration()) return 0;
  double gap = kLeastGap;
  for (int64_t n = d.nanos() / 20'000; n > 0 && gap < kMostGap; n /= 2) gap += 2;
  return std::min(gap, kMostGap);
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
  Layouter(const SpaceTime& d, double top)
      : d_(d),
        top_(top),
        free_(d.processes().size(), top),
        right_stub_end_(d.processes().size(), top),
        left_stub_end_(d.processes().size(), top) {}

  Layout run() {
    gather_broadcasts();
    gather_lost();
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
  // Whose cross stands on its way, where a label may be.
  void gather_lost() {
    std::set<SpaceTime::Message> arrived;
    for (const auto& e : d_.events()) {
      if (e.what == What::kDeliver || e.what == What::kMiss) arrived.insert(e.message);
      if (e.what == What::kLose && !arrived.contains(e.message)) lost_.insert(e.message);
    }
  }
  double band_width() const {
    return out_.x(std::max<size_t>(d_.processes().size(), 2) - 1) + kColumnWidth - kLeft - 24;
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
        keep_stub_free(e, out_.y_of[i]);
        continue;
      }
      if (e.what == What::kSay || e.what == What::kTell) {
        y = place_band(e, y);
        out_.y_of[i] = y;
        continue;
      }
      if (labelled(i)) y = place_label(i, y);
      keep_stub_free(e, y);
      out_.y_of[i] = y;
      tick(y, e.at);
    }
    bottom_ = std::max(y, free_.empty() ? y : *std::max_element(free_.begin(), free_.end())) + 30;
  }
  // Across the picture, below everything that was before; where that begins which comes next.
  double place_band(const SpaceTime::Event& e, double y) {
    Across band{0, broken(e.label, band_width(), kBandText), e.what == What::kTell};
    const double half = kAcrossRoom / 2 + kTextHeight * static_cast<double>(band.lines.size() - 1) / 2;
    // One right behind another needs no such room.
    const bool next = !out_.across.empty() && y == band_end_ + kHeadRoom;
    double lowest = next ? band_end_ + 2 : y + kBandLead;
    for (const double free : free_) lowest = std::max(lowest, free);
    for (const double end : right_stub_end_) lowest = std::max(lowest, end);
    for (const double end : left_stub_end_) lowest = std::max(lowest, end);
    band.y = lowest + half;
    std::fill(free_.begin(), free_.end(), band.y + half);
    tick(band.y, e.at);
    band_end_ = band.y + band.height() / 2;
    out_.across.push_back(std::move(band));
    return band_end_ + kHeadRoom;
  }
  double place_label(size_t i, double y) {
    const auto& e = d_.events()[i];
    const bool send = e.what == What::kSend;
    const bool strong = !send && (e.mark == MarkKind::kDecision || e.mark == MarkKind::kFailure);
    const double begin = send ? kSendRoom : kMarkRoom, size = strong ? kLabelText * kBold : kLabelText;
    std::string text = shortened(e.label, kColumnWidth - begin - kNeighbourRoom, size);
    const double width = width_of(text, size);
    // A message that arrives here just now keeps its own height; the answer to it comes a little lower.
    const double above = kTextHeight / 2 + (send ? kSendLift : 0);
    y = std::max(y, free_[e.column] + above);
    y = std::max(y, right_stub_end_[e.column] + above);
    const bool reaches = begin + width > kColumnWidth - kLost.across - kStubRoom;
    if (reaches && e.column + 1 < free_.size()) y = std::max(y, left_stub_end_[e.column + 1] + above);
    free_[e.column] = y + kTextHeight / 2 + 1 - (send ? kSendLift : 0);
    out_.labels.push_back({e.column, y, std::move(text), e.detail.empty() ? e.label : e.detail, i, width, strong});
    return y;
  }
  // Labels below a message that is lost stay below its cross.
  void keep_stub_free(const SpaceTime::Event& e, double y) {
    if (e.what != What::kSend || !lost_.contains(e.message)) return;
    const bool right = d_.messages()[e.message].to > e.column;
    double& end = (right ? right_stub_end_ : left_stub_end_)[e.column];
    end = std::max(end, y + kLost.down + kStubRoom);
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
      Arrow a{m, s.from, s.to, out_.x(s.to), out_.y_of[sent.at(m)], y_to, end, !ended.insert(m).second,
              e.detail.empty() ? e.label : e.detail};
      if (end == Arrow::End::kLost || end == Arrow::End::kUnderWay) {
        const Stub& stub = end == Arrow::End::kLost ? kLost : kUnderWay;
        a.x_to = out_.x(s.from) + (s.to > s.from ? stub.across : -stub.across);
        a.y_to = a.y_from + stub.down;
      }
      out_.arrows.push_back(std::move(a));
    };
    for (size_t i = 0; i < events.size(); ++i) {
      const auto& e = events[i];
      if (e.what == What::kSend) sent[e.message] = i;
      if (e.what == What::kDeliver) add(e.message, out_.y_of[i], Arrow::End::kDelivered);
      if (e.what == What::kMiss) add(e.message, out_.y_of[i], Arrow::End::kMissed);
      if (e.what == What::kLose && !ended.contains(e.message)) add(e.message, 0, Arrow::End::kLost);
    }
    for (const auto& [m, i] : sent) {
      if (!ended.contains(m)) add(m, 0, Arrow::End::kUnderWay);
    }
  }

  const SpaceTime& d_;
  const double top_;
  std::vector<double> free_;  // below the last label of each line
  // Below the cross of the last message of each line that was lost on its way to the right, and to the left.
  std::vector<double> right_stub_end_, left_stub_end_;
  std::map<size_t, size_t> repeats_;
  std::set<SpaceTime::Message> lost_;
  double bottom_ = 0, band_end_ = 0;
  Layout out_;
};

}  // namespace

Layout lay_out(const SpaceTime& diagram, double top) { return Layouter(diagram, top).run(); }

}  // namespace holdfast::diagram
