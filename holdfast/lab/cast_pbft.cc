// A group under PBFT and its clients.
#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/codec.h"
#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"
#include "holdfast/lab/pbft_player.h"
#include "holdfast/sim/pbft_words.h"

namespace holdfast::lab {
namespace {

using pbft::Seq;
using pbft::View;

crypto::Seed seed_of(NodeId id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id.value());
  return seed;
}
pbft::Peer peer_of(NodeId id) { return {id, crypto::Identity(seed_of(id)).public_key()}; }

std::string text_of(View v) { return absl::StrCat("view ", v.value()); }
std::string listed(const std::vector<std::string>& words) {
  return words.empty() ? "nothing" : absl::StrJoin(words, "+");
}

class PbftCast final : public CoreCast<PbftPlayer> {
 public:
  explicit PbftCast(Stage& stage) : CoreCast(stage) {
    stage.net().set_printer([this](NodeId from, NodeId, const Slice& bytes) {
      return stage_.with_names(packet(bytes, is_member(from)));
    });
    const std::vector<NodeId> all = stage.everyone();
    const int64_t clients = stage.number("clients");
    members_.assign(all.begin(), all.end() - clients);
    pbft::Configuration group;
    for (const NodeId id : all) (is_member(id) ? group.members : group.clients).push_back(peer_of(id));

    pbft::Config member;
    member.configuration = group;
    member.request_timeout = stage.millis("request_timeout_ms");
    member.resend_interval = stage.millis("resend_ms");
    pbft::ClientConfig client;
    client.configuration = group;
    client.retry = stage.millis("retry_ms");
    add_nodes([=, this](const sim::NodeStart& start) {
      if (is_member(start.self)) {
        pbft::Config own = member;
        own.self = start.self;
        return std::make_unique<PbftPlayer>(own, seed_of(start.self));
      }
      pbft::ClientConfig own = client;
      own.self = start.self;
      own.incarnation = start.start_number;
      return std::make_unique<PbftPlayer>(own, seed_of(start.self));
    });
    for (auto& n : nodes_) watch(*n);
  }

  Status perform(NodeId who, const Step& step) override {
    if (step.act == "submit") {
      if (is_member(who)) return wrong_process("a client submits, and the clients are the last processes (clients)");
      submitted_.push_back(step.value);
      owes_[who].push_back(step.value);
      input(who, [v = step.value](PbftPlayer& p, Time, Out&) { p.submit(v); });
      return absl::OkStatus();
    }
    if (!is_member(who)) return wrong_process("a member equivocates, not a client");
    return equivocate(who, step);
  }

  std::string state_of(NodeId who) const override {
    if (!is_member(who)) {
      const auto b = believed_.find(who);
      return b == believed_.end() ? "has no answer" : absl::StrCat("has answers to ", absl::StrJoin(b->second, ", "));
    }
    const std::vector<std::string> log = log_of(who);
    return log.empty() ? "executed nothing" : absl::StrCat("executed ", absl::StrJoin(log, ", "));
  }

  std::map<std::string, Verdict> promises() const override {
    Verdict agreement = Verdict::kKept, validity = Verdict::kKept, termination = Verdict::kKept;
    for (const NodeId a : members_) {
      if (liars_.contains(a)) continue;
      std::vector<std::string> log = log_of(a);
      for (const NodeId b : members_) {
        if (!liars_.contains(b) && !agree(a, b)) agreement = Verdict::kBroken;
      }
      std::sort(log.begin(), log.end());
      if (std::adjacent_find(log.begin(), log.end()) != log.end()) validity = Verdict::kBroken;
      for (const std::string& o : log) {
        if (std::count(submitted_.begin(), submitted_.end(), o) == 0) validity = Verdict::kBroken;
      }
    }
    for (const auto& [client, operations] : owes_) {
      const auto b = believed_.find(client);
      if (b == believed_.end() || b->second.size() < operations.size()) termination = Verdict::kOpen;
    }
    return {{"agreement", agreement}, {"validity", validity}, {"termination", termination}};
  }

 private:
  std::string packet(const Slice& bytes, bool from_member) {
    const StatusOr<pbft::Packet> packet = codec::decode<pbft::Packet>(bytes);
    return packet.ok() ? words_.print(*packet, from_member) : "?";
  }
  bool is_member(NodeId id) const { return std::count(members_.begin(), members_.end(), id) > 0; }
  std::vector<std::string> log_of(NodeId who) const {
    std::vector<std::string> out;
    const auto places = executed_.find(who);
    if (places == executed_.end()) return out;
    for (const auto& [place, operations] : places->second) out.insert(out.end(), operations.begin(), operations.end());
    return out;
  }
  bool agree(NodeId a, NodeId b) const {
    const auto mine = executed_.find(a), theirs = executed_.find(b);
    if (mine == executed_.end() || theirs == executed_.end()) return true;
    return std::all_of(mine->second.begin(), mine->second.end(), [&](const auto& place) {
      const auto same = theirs->second.find(place.first);
      return same == theirs->second.end() || same->second == place.second;
    });
  }

  // "B=x C=y D=": what it tells whom that its proposal holds.
  Status equivocate(NodeId who, const Step& step) {
    PbftPlayer::Lies lies;
    std::istringstream words(step.value);
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      const std::string whom = word.substr(0, equals);
      const std::optional<NodeId> told_to = stage_.find(whom);
      if (equals == std::string::npos || !told_to || !is_member(*told_to)) {
        return wrong_value(step, "such as \"B=x C=y D=\"");
      }
      auto& told = lies[*told_to];
      if (equals + 1 < word.size()) told.insert(word.substr(equals + 1));
    }
    liars_.insert(who);
    stage_.lies(who, "will lie");
    input(who, [lies](PbftPlayer& p, Time, Out&) { p.equivocate(lies); });
    return absl::OkStatus();
  }

  void watch(Node& node) {
    node.set_observer([this, id = node.id()](const PbftPlayer& p) {
      const auto wanted = p.wants_view();
      if (wanted && wanted_[id] != *wanted) stage_.times_out(id, "wants " + text_of(*wanted));
      wanted_[id] = wanted.value_or(View());
      if (leads_[id] != p.leads()) stage_.takes_role(id, p.leads() ? "primary" : "");
      leads_[id] = p.leads();
    });
  }
  void on_event(NodeId who, const Out::Event& event) override {
    if (const auto* e = std::get_if<PbftExecuted>(&event)) {
      executed_[who][e->place] = e->operations;
      stage_.decides(who, absl::StrCat("executes ", e->place.value(), ":", listed(e->operations)));
    } else if (const auto* p = std::get_if<PbftPrepared>(&event)) {
      stage_.changes(who, "prepared " + words_.place(p->vote.seq, p->vote.digest));
    } else if (const auto* v = std::get_if<pbft::ViewEntered>(&event)) {
      if (v->view != View()) stage_.changes(who, "enters " + text_of(v->view));
    } else if (const auto* b = std::get_if<PbftBelieved>(&event)) {
      believed_[who].push_back(b->operation);
      stage_.decides(who, "believes the answer to " + b->operation);
    }
  }

  sim::PbftWords words_;
  std::vector<NodeId> members_;
  std::vector<std::string> submitted_;
  std::set<NodeId> liars_;
  std::map<NodeId, std::map<Seq, std::vector<std::string>>> executed_;
  std::map<NodeId, std::vector<std::string>> owes_, believed_;
  std::map<NodeId, View> wanted_;
  std::map<NodeId, bool> leads_;
};

}  // namespace

std::unique_ptr<Cast> pbft_cast(Stage& stage) { return std::make_unique<PbftCast>(stage); }

}  // namespace holdfast::lab
