// A cast whose processes all run one core. Internal to lab/.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "holdfast/lab/cast.h"

namespace holdfast::lab {

template <class Core>
class CoreCast : public Cast {
 public:
  std::vector<sim::Process*> processes() override {
    std::vector<sim::Process*> out;
    for (auto& n : nodes_) out.push_back(n.get());
    return out;
  }

 protected:
  using Node = sim::SimNode<Core>;
  using Out = typename Core::Out;
  using Event = typename Out::Event;

  explicit CoreCast(Stage& stage) : stage_(stage) { stage.speaks<typename Out::Wire>(); }

  // One node for each process of the scenario.
  void add_nodes(const typename Node::Make& make) {
    for (const NodeId id : stage_.everyone()) {
      nodes_.push_back(std::make_unique<Node>(
          stage_.world(), stage_.net(), id, make, [this, id](Event event) { on_event(id, event); },
          stage_.storage(id)));
      stage_.prepare(*nodes_.back());
    }
  }
  virtual void on_event(NodeId who, const Event& event) = 0;

  Node& node(NodeId id) { return *nodes_.at(id.value() - 1); }
  const Core* core(NodeId id) const { return std::as_const(*nodes_.at(id.value() - 1)).core(); }
  void input(NodeId who, std::function<void(Core&, Time, Out&)> step) { node(who).input(std::move(step)); }
  // Those that are up at the end: they must have come to an end.
  std::vector<NodeId> survivors() const {
    std::vector<NodeId> out;
    for (const auto& n : nodes_) {
      if (n->up()) out.push_back(n->id());
    }
    return out;
  }
  // A step's value is wrong; `wanted`: what it needs instead.
  static Status wrong_value(const Step& step, const std::string& wanted) {
    return absl::InvalidArgumentError("its value must be " + wanted + ", not \"" + step.value + "\"");
  }
  // This process does no such thing; `who_does`: who does.
  static Status wrong_process(const std::string& who_does) {
    return absl::InvalidArgumentError("it cannot do that: " + who_does);
  }

  Stage& stage_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace holdfast::lab
