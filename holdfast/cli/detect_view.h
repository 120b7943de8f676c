// What an agent of `holdfast detect` shows: lines, JSON, and a picture for a terminal. Pure.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/cli/detect_options.h"
#include "holdfast/cli/json.h"

namespace holdfast::cli {

// Something to be told: one line, or one JSON object.
struct Notice {
  std::string event;   // "joined", "suspected", "leader", ...: stable
  std::string member;  // whom it is about; may be empty
  std::string text;    // for people, without the time
  Json details = Json::object();
};

// Turns what an agent raises into notices; remembers the names.
class AgentNames {
 public:
  AgentNames(NodeId self, std::string name) : self_(self) { cards_[self] = {std::move(name), ""}; }

  // Nothing for what nobody needs to hear.
  std::optional<Notice> notice(const detect::AgentEvent& event);
  std::string name_of(NodeId node) const;
  std::string address_of(NodeId node) const;
  void describe(NodeId node, AgentCard card) { cards_[node] = std::move(card); }
  // Who is known to suspect `node`; nobody: empty.
  std::string suspecter_of(NodeId node) const;

 private:
  Notice about(const char* event, NodeId node, const std::string& text) const;

  NodeId self_;
  std::map<NodeId, AgentCard> cards_;
  std::map<NodeId, NodeId> suspected_by_;
};

struct DetectScreen {
  std::string title;  // "Group default, detector swim, ..."
  std::string self, address;
  std::chrono::seconds up{0};
  std::string leader;  // empty: none
  uint32_t local_health = 0;
  uint64_t sent = 0, received = 0, refused = 0;
  detect::DetectorKind detector = detect::DetectorKind::kSwim;
  std::vector<detect::Fellow> fellows;
  std::deque<std::string> events;  // newest last
};

// "alive", "suspected by b", "dead", "left".
std::string state_text(const AgentNames& names, const detect::Fellow& fellow);

// The picture for a terminal of that size; members that do not fit are counted.
std::vector<std::string> render(const DetectScreen& screen, const AgentNames& names, size_t width, size_t height);

}  // namespace holdfast::cli
