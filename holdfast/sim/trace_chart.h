// A run's trace as a space-time diagram (docs/simulator.md, "Pictures").
//
// It listens to a trace, so a picture shows what `--trace` prints. Sends and deliveries are paired by their link and
// content, the oldest first.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/diagram/space_time.h"
#include "holdfast/sim/trace.h"

namespace holdfast::sim {

// A note on a message, "to n3 Vote{t1}": to whom, and what. None: the note is of another kind.
struct NotedMessage {
  NodeId to;
  std::string_view what;
};
std::optional<NotedMessage> message_in(std::string_view text);
// The type of a printed value: what stands before its brace.
std::string type_of(std::string_view printed);
// A printed value as a label, without what says nothing: "Vote{t1, n2, i0, true}" is "Vote t1 n2 yes".
std::string label_of(std::string_view printed);

struct ChartOptions {
  Time from;                // virtual time of the first thing shown
  Time to = Time::never();  // and of the last one
  // Without `to`, so many at most: of a run that broke a promise the last ones before that, else the first ones.
  size_t max_events = 140;
  std::map<NodeId, std::string> names;                           // of those that have other ones than "n1"
  std::set<std::string> omit = {"Heartbeat", "HeartbeatReply"};  // kinds of messages that are left out
};

class TraceChart {
 public:
  TraceChart(std::string title, ChartOptions options) : title_(std::move(title)), options_(std::move(options)) {}

  // As Trace::Sink.
  void note(Time at, NodeId who, std::string_view kind, std::string_view text);
  // A promise was broken: the end of the run.
  void fail(Time at, std::string oracle);

  bool empty() const { return first_.empty(); }  // nothing happened that is drawn
  diagram::SpaceTime chart(const std::string& caption) const;

 private:
  struct Note {
    Time at;
    NodeId who;
    std::string kind;
    std::string text;
  };
  // What is to be known of a process when the picture begins behind its beginning.
  struct State {
    bool up = false;
    bool paused = false;
    std::string role;
  };
  class Drawing;
  bool wanted(const Note& n) const;
  static void follow(std::map<NodeId, State>& states, const Note& n);

  std::string title_;
  ChartOptions options_;
  std::set<NodeId> liars_;  // whenever they began to lie: who looks at a part of the run must know it, too
  std::map<NodeId, State> before_first_, before_last_;  // as of first_ and last_
  std::vector<Note> first_;
  std::deque<Note> last_;
  std::optional<Note> failure_;
};

}  // namespace holdfast::sim
