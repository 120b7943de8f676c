// Space-time diagrams (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978): processes as
// lines, messages as arrows between them, and what happened at each of them, in the order in which it happened.
//
//   SpaceTime d("Three generals");
//   d.add_process(NodeId(1), "commander");
//   const auto m = d.send(t0, NodeId(1), NodeId(2), "Order", "attack");
//   d.deliver(m, t1);
//   d.mark(t1, NodeId(2), MarkKind::kDecision, "decides attack");
//   write(file, to_svg(d));
//
// Things are added in the order in which they happen; times never fall, and what has equal times is drawn in the order
// of adding. The picture's time runs downwards and is not to scale: a step that matters gets room, an hour in which
// nothing happens gets little. Every label's full text is also a tool tip.
//
// Thread rule: one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/model/types.h"

namespace holdfast::diagram {

enum class MarkKind {
  kNote,       // something worth knowing
  kState,      // the process's state changed
  kTimeout,    // it waited for long enough
  kSuspicion,  // it believes that another one has failed
  kDecision,   // it decided, committed, delivered: what the protocol is for
  kCrash,      // its line ends here
  kStart,      // its line begins (again) here
  kPause,      // it stands still
  kResume,
  kLie,      // it deviates from its protocol
  kFailure,  // a promise was broken here
};

enum class Colour { kGood, kBad, kOpen };

class SpaceTime {
 public:
  using Message = size_t;

  explicit SpaceTime(std::string title) : title_(std::move(title)) {}

  // From left to right. Everybody who sends, receives or is marked must have been added.
  void add_process(NodeId id, std::string name);
  // It deviates from its protocol, in whatever part of the run is drawn: seen at the head of its line.
  void lies(NodeId id) { processes_[column(id)].lies = true; }
  bool has_process(NodeId id) const { return column_of_.contains(id); }

  // `kind` gives the arrow its colour and its place in the legend; `label` is written where it is sent, once for equal
  // labels sent to several at the same time. `detail` is for the tool tip; empty: the label.
  Message send(Time at, NodeId from, NodeId to, std::string kind, std::string label, std::string detail = "");
  // A message that is delivered a second time gets a second arrow. One that is neither delivered nor lost is drawn as
  // being under way.
  void deliver(Message message, Time at);
  void lose(Message message, Time at);
  // It came to a process that was down.
  void miss(Message message, Time at);
  void mark(Time at, NodeId who, MarkKind kind, std::string label, std::string detail = "");
  // The process plays this role from now on: its line gets the role's colour. Empty: none.
  void role(Time at, NodeId who, std::string role);
  // Of the world, not of one process: a line across the picture.
  void say(Time at, std::string text);
  // The narrator's words: a band across the picture, in as many lines as they take.
  void tell(Time at, std::string text);
  // How a process stands at the end: at the foot of its line.
  void end(NodeId who, std::string state);
  // Below all lines: what came of a promise, or of the whole run.
  void conclude(std::string text, Colour colour) { conclusions_.push_back({std::move(text), colour}); }
  // Below the picture, such as a command that shows the same run again.
  void set_caption(std::string text) { caption_ = std::move(text); }

  // What the drawing reads.
  struct Process {
    NodeId id;
    std::string name;
    bool lies = false;
  };
  enum class What { kSend, kDeliver, kLose, kMiss, kMark, kRole, kSay, kTell };
  struct Event {
    Time at;
    What what = What::kMark;
    size_t column = 0;
    Message message = 0;  // kSend, kDeliver, kLose, kMiss
    MarkKind mark = MarkKind::kNote;
    std::string label;
    std::string detail;
  };
  struct Sent {
    size_t from = 0;
    size_t to = 0;
    std::string kind;
  };
  struct Conclusion {
    std::string text;
    Colour colour = Colour::kGood;
  };
  const std::map<size_t, std::string>& ends() const { return ends_; }  // by column
  const std::vector<Conclusion>& conclusions() const { return conclusions_; }
  const std::string& title() const { return title_; }
  const std::string& caption() const { return caption_; }
  const std::vector<Process>& processes() const { return processes_; }
  const std::vector<Event>& events() const { return events_; }
  const std::vector<Sent>& messages() const { return messages_; }

 private:
  size_t column(NodeId id) const;
  void add(Event event);

  std::string title_;
  std::string caption_;
  std::vector<Process> processes_;
  std::map<NodeId, size_t> column_of_;
  std::vector<Event> events_;
  std::vector<Sent> messages_;
  std::map<size_t, std::string> ends_;
  std::vector<Conclusion> conclusions_;
};

// A picture of its own, without references to fonts, scripts or other files. The same on every machine.
std::string to_svg(const SpaceTime& diagram);

}  // namespace holdfast::diagram
