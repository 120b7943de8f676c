#include "holdfast/cli/detect_view.h"

#include <cstdio>
#include <sstream>

#include "holdfast/cli/screen.h"
#include "holdfast/cli/table.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

std::string tenths(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string place(const std::string& address) { return address.empty() ? "an unknown address" : address; }

std::vector<std::vector<std::string>> table_of(const DetectScreen& screen, const AgentNames& names) {
  const bool phi = screen.detector == detect::DetectorKind::kPhi;
  const bool timeout =
      screen.detector == detect::DetectorKind::kHeartbeat || screen.detector == detect::DetectorKind::kProbe;
  std::vector<std::vector<std::string>> rows = {{"MEMBER", "ADDRESS", "STATE", "LEADER"}};
  if (phi) rows[0].push_back("PHI");
  if (timeout) rows[0].push_back("TIMEOUT");
  rows.push_back({screen.self, screen.address, "this one", screen.leader == screen.self ? "leads" : ""});
  for (const detect::Fellow& fellow : screen.fellows) {
    const std::string name = names.name_of(fellow.node);
    rows.push_back(
        {name, names.address_of(fellow.node), state_text(names, fellow), name == screen.leader ? "leads" : ""});
    if (phi) rows.back().push_back(tenths(static_cast<double>(fellow.phi) / 1e6));
    if (timeout) rows.back().push_back(cat(tenths(static_cast<double>(fellow.timeout.nanos()) / 1e9), " s"));
  }
  return rows;
}

}  // namespace

std::string AgentNames::name_of(NodeId node) const {
  const auto it = cards_.find(node);
  return it == cards_.end() ? hex_id(node.value()) : it->second.name;
}

std::string AgentNames::address_of(NodeId node) const {
  const auto it = cards_.find(node);
  return it == cards_.end() ? "" : it->second.address;
}

std::string AgentNames::suspecter_of(NodeId node) const {
  const auto it = suspected_by_.find(node);
  return it == suspected_by_.end() ? "" : name_of(it->second);
}

Notice AgentNames::about(const char* event, NodeId node, const std::string& text) const {
  const std::string name = name_of(node);
  Notice notice{event, name, cat(name, " ", text), {{"member", name}, {"id", hex_id(node.value())}}};
  if (const std::string address = address_of(node); !address.empty()) notice.details["address"] = address;
  return notice;
}

std::optional<Notice> AgentNames::notice(const detect::AgentEvent& event) {
  if (const auto* e = std::get_if<detect::Joined>(&event)) {
    describe(e->node, decode_card(e->node, e->meta));
    return about("joined", e->node, cat("joined, at ", place(address_of(e->node))));
  }
  if (const auto* e = std::get_if<detect::Changed>(&event)) {
    describe(e->node, decode_card(e->node, e->meta));
    return about("changed", e->node, cat("is now at ", place(address_of(e->node))));
  }
  if (const auto* e = std::get_if<detect::Suspected>(&event)) {
    suspected_by_[e->node] = e->by ? e->by : self_;
    Notice notice =
        about("suspected", e->node, cat("is suspected by ", e->by == self_ ? "this member" : name_of(e->by)));
    notice.details["by"] = name_of(suspected_by_[e->node]);
    return notice;
  }
  if (const auto* e = std::get_if<detect::Restored>(&event)) {
    suspected_by_.erase(e->node);
    return about("restored", e->node, "is alive after all");
  }
  if (const auto* e = std::get_if<detect::Died>(&event)) {
    suspected_by_.erase(e->node);
    return about("died", e->node, "is dead: nobody refuted the suspicion in time");
  }
  if (const auto* e = std::get_if<detect::Left>(&event)) return about("left", e->node, "has left");
  if (const auto* e = std::get_if<detect::Forgotten>(&event)) {
    Notice notice = about("forgotten", e->node, "is forgotten");
    cards_.erase(e->node);
    suspected_by_.erase(e->node);
    return notice;
  }
  if (const auto* e = std::get_if<detect::Full>(&event)) {
    return Notice{"full",
                  "",
                  cat("no room for ", hex_id(e->node.value()), ": ", e->members,
                      " members are known, and no more are taken in; divide the group (swim takes in 10000 "
                      "members, the other detectors 1000)"),
                  {{"id", hex_id(e->node.value())}, {"members", e->members}}};
  }
  if (const auto* e = std::get_if<detect::Conflict>(&event)) {
    const AgentCard other = decode_card(self_, e->meta);
    return about("conflict", self_,
                 cat("is also the name of another agent, at ", place(other.address), "; give one of them another --name"));
  }
  if (const auto* e = std::get_if<detect::Leads>(&event)) {
    if (!e->node) return Notice{"leader", "", "nobody leads", {{"member", nullptr}}};
    return about("leader", e->node, e->node == self_ ? "leads (this member)" : "leads");
  }
  return std::nullopt;
}

std::string state_text(const AgentNames& names, const detect::Fellow& fellow) {
  switch (fellow.state) {
    case detect::MemberState::kAlive:
      return "alive";
    case detect::MemberState::kSuspect: {
      const std::string by = names.suspecter_of(fellow.node);
      return by.empty() ? "suspected" : cat("suspected by ", by);
    }
    case detect::MemberState::kDead:
      return "dead";
    case detect::MemberState::kLeft:
      break;
  }
  return "left";
}

std::vector<std::string> render(const DetectScreen& screen, const AgentNames& names, size_t width, size_t height) {
  std::vector<std::string> head = {
      cat(screen.title, ", up ", clock_text(screen.up)),
      cat("leader: ", screen.leader.empty() ? "none" : screen.leader, "   datagrams: ", screen.sent, " sent, ",
          screen.received, " received", screen.refused == 0 ? "" : cat(", ", screen.refused, " refused"),
          screen.local_health == 0 ? "" : cat("   this process is slow: local health ", screen.local_health)),
      ""};
  std::ostringstream table;
  print_table(table, table_of(screen, names));
  std::vector<std::string> members;
  const std::string drawn = table.str();
  for (const std::string_view line : split(trim(drawn), '\n')) members.emplace_back(cat("  ", line));
  std::vector<std::string> events = {"", "Last events"};
  for (const std::string& event : screen.events) events.push_back(cat("  ", event));
  std::vector<std::string> foot = {"", "Ctrl-C leaves the group"};
  const size_t fixed = rows_of(head, width) + rows_of(foot, width);
  while (events.size() > 4 && fixed + rows_of(members, width) + rows_of(events, width) > height) {
    events.erase(events.begin() + 2);
  }
  size_t hidden = 0;
  while (members.size() > 3 && fixed + rows_of(members, width) + 1 + rows_of(events, width) > height) {
    members.pop_back();
    ++hidden;
  }
  if (hidden > 0) members.push_back(cat("  ... and ", hidden, " more"));
  std::vector<std::string> lines;
  for (const auto* part : {&head, &members, &events, &foot}) lines.insert(lines.end(), part->begin(), part->end());
  return lines;
}

}  // namespace holdfast::cli
