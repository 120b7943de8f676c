#include "holdfast/diagram/space_time.h"

#include "holdfast/base/assert.h"

namespace holdfast::diagram {

void SpaceTime::add_process(NodeId id, std::string name) {
  ensure(!has_process(id), "a process is added to a diagram once");
  column_of_[id] = processes_.size();
  processes_.push_back({id, std::move(name), false});
}

size_t SpaceTime::column(NodeId id) const {
  const auto found = column_of_.find(id);
  ensure(found != column_of_.end(), "a process that is drawn has been added");
  return found->second;
}

void SpaceTime::add(Event event) {
  ensure(events_.empty() || events_.back().at <= event.at, "a diagram is drawn in the order of time");
  events_.push_back(std::move(event));
}

SpaceTime::Message SpaceTime::send(Time at, NodeId from, NodeId to, std::string kind, std::string label,
                                   std::string detail) {
  messages_.push_back({column(from), column(to), std::move(kind)});
  add({at, What::kSend, column(from), messages_.size() - 1, {}, std::move(label), std::move(detail)});
  return messages_.size() - 1;
}

void SpaceTime::deliver(Message message, Time at) {
  add({at, What::kDeliver, messages_.at(message).to, message, {}, {}, {}});
}

void SpaceTime::lose(Message message, Time at) {
  add({at, What::kLose, messages_.at(message).from, message, {}, {}, {}});
}

void SpaceTime::miss(Message message, Time at) {
  add({at, What::kMiss, messages_.at(message).to, message, {}, {}, {}});
}

void SpaceTime::mark(Time at, NodeId who, MarkKind kind, std::string label, std::string detail) {
  add({at, What::kMark, column(who), 0, kind, std::move(label), std::move(detail)});
}

void SpaceTime::role(Time at, NodeId who, std::string role) {
  add({at, What::kRole, column(who), 0, {}, std::move(role), {}});
}

void SpaceTime::end(NodeId who, std::string state) { ends_[column(who)] = std::move(state); }

void SpaceTime::tell(Time at, std::string text) { add({at, What::kTell, 0, 0, {}, std::move(text), {}}); }

void SpaceTime::say(Time at, std::string text) { add({at, What::kSay, 0, 0, {}, std::move(text), {}}); }

}  // namespace holdfast::diagram
