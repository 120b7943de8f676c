#include "holdfast/lab/story.h"

#include <algorithm>

#include "holdfast/sim/trace_chart.h"

namespace holdfast::lab {

Story::Story(const Stage& stage) : stage_(stage) {}

void Story::gather(Time at, const std::string& who, const std::string& what, const std::string& whom) {
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->at == at; ++line) {
    if (line->who != who || !line->text.starts_with(what)) continue;
    line->text += ", " + whom;
    return;
  }
  lines_.push_back({at, who, what + whom, false});
}

bool Story::hidden(std::string_view message) const {
  const auto& hide = stage_.scenario().hide;
  return std::count(hide.begin(), hide.end(), sim::type_of(message)) > 0;
}

void Story::note(Time at, NodeId who, std::string_view kind, std::string_view text) {
  if (const auto message = sim::message_in(text)) {
    messages_ += kind == "send" ? 1 : 0;
    if (hidden(message->what)) return;
    const std::string label = sim::label_of(message->what);
    if (kind == "send") gather(at, name(who), label + " to ", name(message->to));
    if (kind == "lose") gather(at, "", "lost: " + label + " from " + name(who) + " to ", name(message->to));
    return;
  }
  if (kind == "down") {
    lines_.push_back({at, name(who), "crashes"});
  } else if (kind == "start" && at > Time()) {
    lines_.push_back({at, name(who), "starts again, with what it had made stable"});
  } else if (kind == "pause" || kind == "resume") {
    lines_.push_back({at, name(who), kind == "pause" ? "stands still" : "goes on"});
  } else if (kind == "cut" || kind == "heal") {
    lines_.push_back({at, "", std::string(text)});
  } else if (kind == "decide" || kind == "state" || kind == "timeout" || kind == "suspect" || kind == "lie") {
    lines_.push_back({at, name(who), std::string(text)});
  }
}

}  // namespace holdfast::lab
