#include "holdfast/sim/trace_chart.h"

#include <algorithm>

#include "holdfast/sim/store_wire.h"

namespace holdfast::sim {
namespace {

using diagram::MarkKind;
using diagram::SpaceTime;

// Whether a printed field says that there is nothing: zero of any type, no, none.
bool says_nothing(std::string_view field) {
  if (field == "false" || field == "-" || field == "\"\"" || field == "[]") return true;
  while (!field.empty() && field.front() >= 'a' && field.front() <= 'z') field.remove_prefix(1);
  return field == "0";
}

}  // namespace

std::optional<NotedMessage> message_in(std::string_view text) {
  if (!text.starts_with("to n")) return std::nullopt;
  uint64_t id = 0;
  size_t at = 4;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    id = id * 10 + static_cast<uint64_t>(text[at] - '0');
  }
  return NotedMessage{NodeId(id), text.substr(std::min(at + 1, text.size()))};
}

std::string type_of(std::string_view printed) { return std::string(printed.substr(0, printed.find('{'))); }

std::string label_of(std::string_view printed) {
  std::string out = type_of(printed);
  if (out.size() == printed.size()) return out;
  std::string_view fields = printed.substr(out.size() + 1);
  if (fields.ends_with('}')) fields.remove_suffix(1);
  while (!fields.empty()) {
    const size_t comma = std::min(fields.find(", "), fields.size());
    const std::string_view field = fields.substr(0, comma);
    if (!says_nothing(field)) out += " " + std::string(field == "true" ? "yes" : field);
    fields.remove_prefix(std::min(comma + 2, fields.size()));
  }
  return out;
}

bool TraceChart::wanted(const Note& n) const {
  if (n.kind == "send" || n.kind == "deliver" || n.kind == "lose" || n.kind == "damage") {
    const auto a = message_in(n.text);
    return a && !is_client(n.who) && !is_client(a->to) && !options_.omit.contains(type_of(a->what));
  }
  return n.kind != "persist" && n.kind != "stable";
}

void TraceChart::follow(std::map<NodeId, State>& states, const Note& n) {
  if (n.who == NodeId{} || is_client(n.who)) return;
  State& s = states[n.who];
  if (n.kind == "start") s = State{true, false, ""};
  if (n.kind == "down") s = State();
  if (n.kind == "pause" || n.kind == "resume") s.paused = n.kind == "pause";
  if (n.kind == "role") s.role = n.text;
}

void TraceChart::note(Time at, NodeId who, std::string_view kind, std::string_view text) {
  Note n{at, who, std::string(kind), std::string(text)};
  if (kind == "lie") liars_.insert(who);
  if (at < options_.from) {
    follow(before_first_, n);
    return follow(before_last_, n);
  }
  if (at > options_.to || !wanted(n)) return;
  if (options_.to != Time::never() || first_.size() < options_.max_events) {
    first_.push_back(std::move(n));
    return;
  }
  if (last_.empty()) {
    for (const Note& f : first_) last_.push_back(f);
  }
  last_.push_back(std::move(n));
  follow(before_last_, last_.front());
  last_.pop_front();
}

void TraceChart::fail(Time at, std::string oracle) { failure_ = Note{at, NodeId{}, "fail", std::move(oracle)}; }

// Turns notes into a diagram.
class TraceChart::Drawing {
 public:
  Drawing(SpaceTime& d, const std::map<NodeId, State>& before, const std::map<NodeId, std::string>& names,
          const std::set<NodeId>& liars)
      : d_(d), before_(before), names_(names), liars_(liars) {}

  template <class Notes>
  void run(const Notes& notes) {
    std::set<NodeId> ids;
    for (const auto& [id, state] : before_) ids.insert(id);
    for (const Note& n : notes) {
      if (n.who != NodeId{} && !is_client(n.who)) ids.insert(n.who);
      if (const auto a = message_in(n.text); a && !is_client(n.who)) ids.insert(a->to);
    }
    for (const auto& [id, name] : names_) ids.insert(id);
    for (const NodeId id : ids) {
      const auto named = names_.find(id);
      const auto twin = std::find_if(liars_.begin(), liars_.end(), [id = id](NodeId l) { return twin_of(l) == id; });
      d_.add_process(id, named != names_.end()   ? named->second
                         : twin != liars_.end() ? to_text(*twin) + "'s twin"
                                                : to_text(id));
      if (liars_.contains(id) || twin != liars_.end()) d_.lies(id);
    }
    if (!notes.empty()) {
      for (const auto& [id, state] : before_) begin(notes.front().at, id, state);
    }
    for (const Note& n : notes) draw(n);
  }

 private:
  void begin(Time at, NodeId id, const State& s) {
    if (!s.up) down_.insert(id);
    if (!s.up) d_.mark(at, id, MarkKind::kCrash, "down");
    if (s.up && s.paused) d_.mark(at, id, MarkKind::kPause, "paused");
    if (!s.role.empty()) d_.role(at, id, s.role);
  }
  void draw(const Note& n) {
    if (n.kind == "send" || n.kind == "deliver" || n.kind == "lose" || n.kind == "damage") return draw_message(n);
    if (n.kind == "cut" || n.kind == "heal") return d_.say(n.at, n.text.empty() ? n.kind : n.text);
    if (n.kind == "say") return d_.tell(n.at, n.text);
    if (n.who == NodeId{} || is_client(n.who)) return d_.say(n.at, n.kind + (n.text.empty() ? "" : ": " + n.text));
    if (n.kind == "role") {
      d_.role(n.at, n.who, n.text);
    } else if (n.kind == "start") {
      down_.erase(n.who);
      d_.mark(n.at, n.who, MarkKind::kStart, "start", n.text);
    } else if (n.kind == "down") {
      down_.insert(n.who);
      d_.mark(n.at, n.who, MarkKind::kCrash, "down: " + n.text);
    } else if (n.kind == "pause" || n.kind == "resume") {
      d_.mark(n.at, n.who, n.kind == "pause" ? MarkKind::kPause : MarkKind::kResume, n.kind);
    } else if (n.kind == "decide") {
      d_.mark(n.at, n.who, MarkKind::kDecision, n.text);
    } else if (n.kind == "suspect") {
      d_.mark(n.at, n.who, MarkKind::kSuspicion, n.text);
    } else if (n.kind == "timeout") {
      d_.mark(n.at, n.who, MarkKind::kTimeout, n.text);
    } else if (n.kind == "lie") {
      d_.mark(n.at, n.who, MarkKind::kLie, n.text);
    } else if (n.kind == "state") {
      d_.mark(n.at, n.who, MarkKind::kState, n.text);
    } else {
      // A client's call, or its answer, is a printed value as messages are.
      d_.mark(n.at, n.who, MarkKind::kNote, n.kind + " " + label_of(n.text), n.kind + " " + n.text);
    }
  }
  void draw_message(const Note& n) {
    const auto a = message_in(n.text);
    const std::pair<NodeId, std::string> key{n.who, n.text};
    if (n.kind == "send") {
      under_way_[key].push_back(d_.send(n.at, n.who, a->to, type_of(a->what), label_of(a->what), std::string(a->what)));
      return;
    }
    auto& queue = under_way_[key];
    if (queue.empty()) {
      // Sent before the picture begins, or delivered once more.
      const auto again = latest_.find(key);
      if (again != latest_.end() && n.kind == "deliver") d_.deliver(again->second, n.at);
      return;
    }
    const SpaceTime::Message m = queue.front();
    queue.pop_front();
    latest_[key] = m;
    if (n.kind != "deliver") return d_.lose(m, n.at);
    down_.contains(a->to) ? d_.miss(m, n.at) : d_.deliver(m, n.at);
  }

  SpaceTime& d_;
  const std::map<NodeId, State>& before_;
  std::set<NodeId> down_;
  const std::map<NodeId, std::string>& names_;
  const std::set<NodeId>& liars_;
  std::map<std::pair<NodeId, std::string>, std::deque<SpaceTime::Message>> under_way_;
  std::map<std::pair<NodeId, std::string>, SpaceTime::Message> latest_;
};

diagram::SpaceTime TraceChart::chart(const std::string& caption) const {
  SpaceTime d(title_);
  const bool end = failure_ && !last_.empty();
  Drawing drawing(d, end ? before_last_ : before_first_, options_.names, liars_);
  if (end) {
    drawing.run(last_);
  } else {
    drawing.run(first_);
  }
  if (failure_) d.say(failure_->at, "BROKEN: " + failure_->text);
  d.set_caption(caption);
  return d;
}

}  // namespace holdfast::sim
