// For tests: what is explored (explorer_testing.h): the processes of a protocol, what may happen to them, to which
// bounds, and what must hold.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/model/outbox.h"

namespace holdfast::explore {

template <class CoreT>
struct Model {
  using Core = CoreT;
  using Out = typename Core::Out;
  using Wire = typename Out::Wire;
  using Event = typename Out::Event;

  // One node, as guards and invariants see it.
  struct Node {
    std::optional<Core> core;  // none: down
    Time now;
    std::vector<typename Out::Persisted> disk;
    StableSeq stable;
    std::vector<typename Out::Sent> held_sends;
    std::vector<typename Out::Raised> held_events;
    std::vector<Event> raised;  // in all its lives, in order, each different one once
  };
  struct Message {
    NodeId from, to;
    Slice bytes;
    Wire wire;
  };
  class View {
   public:
    virtual ~View() = default;
    virtual const Node& node(NodeId id) const = 0;
    virtual bool in_flight(const std::function<bool(const Message&)>& such) const = 0;
    virtual bool given(size_t input) const = 0;
  };
  // Something that an owner, a detector or a faulty process does, at most once. Without `step` it only says something.
  struct Input {
    NodeId node;
    std::string name;
    std::function<void(Core&, Time, Out&)> step;
    std::function<bool(const View&)> allowed = {};
    std::optional<std::pair<NodeId, Wire>> says = {};  // from `node`, which need not be one of the nodes
  };

  std::vector<NodeId> nodes;
  std::function<Core(NodeId)> make;  // the same every time
  std::function<void(codec::Writer&, const Core&)> write;
  std::vector<Input> inputs;                                   // at most 64
  std::function<bool(const View&, NodeId)> may_time_out = {};  // none: no deadline passes
  // Reductions, on the model's word: messages of a kind that never arrive in this scope; and messages that can have no
  // effect any more at a node that has come so far, whatever else happens (checked for the moment at which it is said).
  std::function<bool(const Wire&)> never_arrives = {};
  std::function<bool(const Node&, const Message&)> dead = {};
  // Messages that stay in sight of the invariant, and are never received: they testify to what was done.
  std::function<bool(const Wire&)> testifies = {};
  // Messages of which the arrival may be tried first, and alone, where it makes the node say and raise nothing: because
  // whatever else can happen can as well happen after it, and comes to the same. Not with messages_stay.
  std::function<bool(const Node&, const Message&)> may_come_first = {};
  std::function<std::string(const View&)> invariant;  // empty: it holds

  uint32_t crashes = 0;     // in all
  uint32_t restarts = 0;    // in all
  uint32_t duplicates = 0;  // in all: messages that arrive and stay in flight
  // A message that was said may arrive at any time from then on, any number of times: every loss, repetition and
  // reordering there is, in fewer states than with messages that are used up (`duplicates` counts for nothing).
  bool messages_stay = false;
  bool keeps_order = false;                            // of the messages of each channel
  bool stable_at_once = false;                         // records are stable when they are written
  std::function<bool(NodeId)> stable_at_once_at = {};  // the same, of some nodes
  // A crash may come in the middle of a step: any of the step's messages are lost. (One that comes after other nodes'
  // steps comes to the same.)
  bool crash_cuts = false;
  std::function<bool(const View&, NodeId)> may_crash = {};  // none: anybody
};

struct Verdict {
  size_t states = 0;
  size_t steps = 0;       // transitions between them
  size_t depth = 0;       // the longest shortest way to a state
  bool complete = false;  // every state within the model's bounds was visited
  std::string violation;  // what the invariant said
  std::string schedule;   // how it came to that, a line for each step
};

}  // namespace holdfast::explore
