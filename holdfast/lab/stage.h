// The stage of a scenario: a simulated world in which nothing happens by chance. Every message takes the same time,
// every disk too, unless the scenario says otherwise; processes are hosted by the very nodes of the simulator
// (sim/node.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/lab/scenario.h"
#include "holdfast/lab/words.h"
#include "holdfast/sim/node.h"

namespace holdfast::lab {

class Stage {
 public:
  explicit Stage(const Scenario& scenario);

  const Scenario& scenario() const { return scenario_; }
  sim::World& world() { return world_; }
  sim::Net& net() { return net_; }
  Time world_now() const { return world_.now(); }

  // Processes are numbered in the order in which the scenario names them, from 1.
  NodeId id_of(const std::string& name) const;
  // Of a name that may be wrong.
  std::optional<NodeId> find(const std::string& name) const;
  const std::string& name_of(NodeId id) const;
  std::vector<NodeId> everyone() const;

  // A parameter of the protocol: it has been checked, and is there.
  const std::string& text(const std::string& key) const;
  int64_t number(const std::string& key) const;
  Duration millis(const std::string& key) const { return Duration::millis(number(key)); }

  // What the processes say to each other, for the reader and for the scenario's rules about kinds of messages.
  template <class Wire>
  void speaks() {
    net_.set_printer([this](NodeId, NodeId, const Slice& bytes) {
      const StatusOr<Wire> wire = codec::decode<Wire>(bytes);
      return wire.ok() ? with_names(in_words(*wire)) : std::string("?");
    });
  }
  // Processes by their names instead of their numbers.
  std::string with_names(const std::string& text) const;

  // For the reader and the picture.
  void decides(NodeId who, const std::string& what) { show(who, "decide", what); }
  void changes(NodeId who, const std::string& what) { show(who, "state", what); }
  void times_out(NodeId who, const std::string& what) { show(who, "timeout", what); }
  void suspects(NodeId who, const std::string& what) { show(who, "suspect", what); }
  void lies(NodeId who, const std::string& what) { show(who, "lie", what); }
  void takes_role(NodeId who, const std::string& role) { show(who, "role", role); }

  // Storage that is as fast as the scenario says, and loses nothing that it reported stable.
  std::unique_ptr<sim::NodeStorage> storage(NodeId id) const;
  template <class Core>
  void prepare(sim::SimNode<Core>& node) const {
    node.set_disk_pace({scenario_.disk, scenario_.disk, scenario_.disk});
  }

 private:
  void show(NodeId who, std::string_view kind, const std::string& text) {
    world_.trace().show(world_.now(), who, kind, text);
  }

  Scenario scenario_;
  mutable sim::World world_;
  sim::Net net_;
};

}  // namespace holdfast::lab
