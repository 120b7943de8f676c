// The Byzantine generals, with oral and with signed messages, and traitors among them.
#include <algorithm>
#include <sstream>

#include "holdfast/consensus/generals/oral.h"
#include "holdfast/consensus/generals/written.h"
#include "holdfast/lab/casts.h"
#include "holdfast/lab/core_cast.h"

namespace holdfast::lab {
namespace {

using generals::Order;

// What a traitor tells whom instead of what its protocol says.
using Lies = std::map<NodeId, Order>;

std::string text_of(Order order) { return order == Order::kAttack ? "attack" : "retreat"; }
std::optional<Order> order_of(const std::string& text) {
  if (text == "attack") return Order::kAttack;
  if (text == "retreat") return Order::kRetreat;
  return std::nullopt;
}

generals::Config config_of(const Stage& stage, NodeId self) {
  generals::Config c;
  c.self = self;
  c.generals = stage.everyone();
  c.traitors = static_cast<uint32_t>(stage.number("traitors"));
  c.round = stage.millis("round_ms");
  return c;
}

crypto::Identity identity_of(NodeId id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id.value());
  return crypto::Identity(seed);
}

// A general that follows its protocol but for what it tells those whom it lies to.
class OralPlayer {
 public:
  using General = generals::OralGeneral;
  using Out = General::Out;

  OralPlayer(const Stage& stage, NodeId self) : general_(config_of(stage, self)) {}

  void replay(StableSeq, const generals::Record&) {}
  void start(Time, Out&) {}
  void on_message(Time now, NodeId from, const Out::Wire& wire, Out& out) {
    general_.on_message(now, from, wire, out);
    lie(out);
  }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) {
    general_.on_time(now, out);
    lie(out);
  }
  Time deadline() const { return general_.deadline(); }
  void check_invariants() const { general_.check_invariants(); }
  void begin(Time now, Order order, Out& out) {
    general_.begin(now, order, out);
    lie(out);
  }
  void set_lies(Lies lies) { lies_ = std::move(lies); }

 private:
  void lie(Out& out) const {
    for (auto& s : out.sent) {
      if (const auto told = lies_.find(s.to); told != lies_.end())
        std::get<generals::Oral>(s.wire).order = told->second;
    }
  }
  General general_;
  Lies lies_;
};

class WrittenPlayer {
 public:
  using General = generals::WrittenGeneral;
  using Out = General::Out;

  WrittenPlayer(const Stage& stage, NodeId self)
      : self_(self), identity_(identity_of(self)), general_(config_of(stage, self), identity_, keys(stage)) {}

  void replay(StableSeq, const generals::Record&) {}
  void start(Time, Out&) {}
  void on_message(Time now, NodeId from, const Out::Wire& wire, Out& out) { general_.on_message(now, from, wire, out); }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) { general_.on_time(now, out); }
  Time deadline() const { return general_.deadline(); }
  void check_invariants() const { general_.check_invariants(); }
  void begin(Time now, Order order, Out& out) {
    general_.begin(now, order, out);
    // A traitor can sign two orders as commander. The signatures of others it cannot forge.
    for (auto& s : out.sent) {
      const auto told = lies_.find(s.to);
      auto& m = std::get<generals::Written>(s.wire);
      if (told == lies_.end() || m.chain.size() != 1) continue;
      m.order = told->second;
      m.chain[0].signature = identity_.sign(generals::statement(0, m.order, {self_}));
    }
  }
  void set_lies(Lies lies) { lies_ = std::move(lies); }

 private:
  static std::map<NodeId, crypto::PublicKey> keys(const Stage& stage) {
    std::map<NodeId, crypto::PublicKey> out;
    for (const NodeId id : stage.everyone()) out[id] = identity_of(id).public_key();
    return out;
  }
  NodeId self_;
  crypto::Identity identity_;
  General general_;
  Lies lies_;
};

template <class Player>
class GeneralsCast final : public CoreCast<Player> {
 public:
  using Base = CoreCast<Player>;
  using Out = typename Player::Out;

  explicit GeneralsCast(Stage& stage) : Base(stage) {
    this->add_nodes([&stage](const sim::NodeStart& start) { return std::make_unique<Player>(stage, start.self); });
  }

  Status perform(NodeId who, const Step& step) override {
    if (step.act == "lie") return lie(who, step);
    const auto order = order_of(step.value);
    if (!order) return Base::wrong_value(step, "attack or retreat");
    if (who != NodeId(1)) return Base::wrong_process("the commander is the first process");
    ordered_ = *order;
    for (const NodeId id : this->stage_.everyone()) {
      this->input(id, [order = *order](Player& p, Time now, Out& out) { p.begin(now, order, out); });
    }
    return absl::OkStatus();
  }
  std::string state_of(NodeId who) const override {
    if (traitors_.count(who) > 0) return "is a traitor";
    const auto found = obeyed_.find(who);
    return found == obeyed_.end() ? "undecided" : "obeys " + text_of(found->second);
  }
  // IC1 and IC2 of the paper.
  std::map<std::string, Verdict> promises() const override {
    std::map<std::string, Verdict> out = {{"agreement", Verdict::kKept}, {"obedience", Verdict::kKept}};
    std::optional<Order> first;
    for (const NodeId id : this->stage_.everyone()) {
      if (traitors_.count(id) > 0) continue;
      const auto found = obeyed_.find(id);
      if (found == obeyed_.end()) return {{"agreement", Verdict::kOpen}, {"obedience", Verdict::kOpen}};
      if (first && *first != found->second) out["agreement"] = Verdict::kBroken;
      if (traitors_.count(NodeId(1)) == 0 && found->second != ordered_) out["obedience"] = Verdict::kBroken;
      first = found->second;
    }
    return out;
  }

 private:
  // "A=attack B=retreat": what it tells whom.
  Status lie(NodeId who, const Step& step) {
    Lies lies;
    std::istringstream words(step.value);
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      const auto order = equals == std::string::npos ? std::nullopt : order_of(word.substr(equals + 1));
      const std::string whom = word.substr(0, equals);
      if (!order || !this->stage_.find(whom)) return Base::wrong_value(step, "such as \"A=attack B=retreat\"");
      lies[this->stage_.id_of(whom)] = *order;
    }
    traitors_.insert({who, true});
    this->stage_.lies(who, "lies: " + step.value);
    this->input(who, [lies](Player& p, Time, Out&) { p.set_lies(lies); });
    return absl::OkStatus();
  }
  void on_event(NodeId who, const generals::Event& event) override {
    obeyed_[who] = std::get<generals::Obeyed>(event).order;
    if (traitors_.count(who) == 0) this->stage_.decides(who, "obeys " + text_of(obeyed_[who]));
  }

  Order ordered_ = generals::kDefaultOrder;
  std::map<NodeId, bool> traitors_;
  std::map<NodeId, Order> obeyed_;
};

}  // namespace

std::unique_ptr<Cast> oral_generals_cast(Stage& stage) { return std::make_unique<GeneralsCast<OralPlayer>>(stage); }
std::unique_ptr<Cast> signed_generals_cast(Stage& stage) {
  return std::make_unique<GeneralsCast<WrittenPlayer>>(stage);
}

}  // namespace holdfast::lab
