// For tests: Twins (Bano, Sonnino, Chursin, Perelman, Malkhi, "Twins: BFT Systems Made Robust", 2020). One of four
// members is doubled: two processes with one key and one name, each of them correct code. What a Byzantine member can
// do by saying one thing here and another there, twins do by themselves, when the network parts the group suitably.
//
// A scenario is a number. Its digits, lowest first:
//   4        which member is doubled
//   then for each of kRounds rounds:
//   16       who hears whom: the five processes in two sets, the first in the left one
//   4        what happens at the round's end: nothing; time for a timeout passes; the primary's first process is
//            restarted; time passes with commits lost during the round
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/consensus/pbft/oracle_testing.h"

namespace holdfast::pbft {

class TwinsRun {
 public:
  static constexpr int kRounds = 6;
  static constexpr uint64_t scenarios() {
    uint64_t n = 4;
    for (int i = 0; i < kRounds; ++i) n *= 64;
    return n;
  }

  explicit TwinsRun(uint64_t scenario) : scenario_(scenario), names_requests_(scenario * 0x9e3779b97f4a7c15 >> 63 == 1) {
    for (uint64_t i = 1; i <= 4; ++i) configuration_.members.push_back({NodeId(i), Notary::key_of(NodeId(i))});
    configuration_.clients.push_back({NodeId(101), Notary::key_of(NodeId(101))});
    const NodeId doubled(1 + digit(4));
    for (uint64_t i = 1; i <= 4; ++i) add(NodeId(i), NodeId(i) != doubled);
    add(doubled, false);
  }
  // The first violation; empty when all went well.
  std::string run() {
    for (auto& p : processes_) p->member->start(now_);
    for (int round = 0; round < kRounds; ++round) {
      sides_ = digit(16) << 1;
      const uint64_t end = digit(4);
      commits_lost_ = end == 3;
      ask();
      rest();
      if (end == 1 || end == 3) pass_a_timeout();
      if (end == 2) restart_primary();
    }
    sides_ = 0;
    commits_lost_ = false;
    for (int i = 0; i < 12 && oracle_.violation().empty() && !everything_executed(); ++i) pass_a_timeout();
    if (oracle_.violation().empty() && !everything_executed()) {
      oracle_.fail("LIVE: a request is not executed long after the parts are joined");
    }
    return oracle_.violation();
  }

 private:
  struct Process {
    size_t place;
    bool correct;
    std::unique_ptr<FastAuthority> authority;
    std::unique_ptr<TestMember> member;
  };
  struct Wire {
    size_t from;
    NodeId to;
    Packet packet;
  };

  uint64_t digit(uint64_t base) {
    const uint64_t d = scenario_ % base;
    scenario_ /= base;
    return d;
  }
  void add(NodeId id, bool correct) {
    auto& p = *processes_.emplace_back(std::make_unique<Process>());
    p.place = processes_.size() - 1;
    p.correct = correct;
    p.authority = std::make_unique<FastAuthority>(notary_, id);
    const Config config{.self = id,
                        .cluster = 1,
                        .configuration = configuration_,
                        .request_timeout = Duration::millis(100),
                        .resend_interval = Duration::millis(40),
                        .checkpoint_interval = 4,
                        .window = 8,
                        .whole_proposal_bytes = names_requests_ ? 0u : 1024u};
    TestMember::Hooks hooks;
    hooks.transmit = [this, &p](NodeId to, const Packet& packet) { wires_.push_back({p.place, to, packet}); };
    hooks.applied = [this, &p](const Execute& e, const Image& after) {
      if (!p.correct) return;
      oracle_.applies(p.member->id(), e, after);
      for (const Request& r : e.requests) executed_ = std::max(executed_, r.id.sequence);
    };
    p.member = std::make_unique<TestMember>(config, *p.authority, hooks);
  }
  // The client tells everybody.
  void ask() {
    Request r{.id = {NodeId(101), 1, ++asked_}, .floor = asked_ > 8 ? asked_ - 8 : 0};
    const std::string operation = absl::StrCat("op", asked_);
    r.operations.push_back(Slice::copy_of(operation));
    oracle_.submits(asked_, operation);
    FastAuthority client(notary_, NodeId(101));
    const Envelope envelope(Submit{{r, client.sign(text_of(1, r))}, false});
    for (auto& p : processes_) {
      p->member->receive(now_, NodeId(101),
                         envelope.seal(1, NodeId(101), p->member->id(), Notary::key_of(p->member->id()), client));
    }
  }
  bool hears(size_t from, size_t to) const { return ((sides_ >> from) & 1) == ((sides_ >> to) & 1); }
  // Until nothing moves at this moment.
  void rest() {
    for (int i = 0; i < 200; ++i) {
      bool moved = false;
      for (auto& p : processes_) {
        for (int j = 0; j < 20 && p->member->replica().deadline() <= now_; ++j) {
          p->member->tick(now_);
          moved = true;
        }
        while (p->member->dirty()) p->member->sync(now_);
      }
      if (wires_.empty() && !moved) return;
      std::deque<Wire> now;
      std::swap(now, wires_);
      for (const Wire& w : now) {
        if (commits_lost_ && std::holds_alternative<Commit>(*codec::decode<Message>(w.packet.body))) continue;
        for (auto& p : processes_) {
          if (p->member->id() != w.to || p->place == w.from || !hears(w.from, p->place)) continue;
          p->member->receive(now_, processes_[w.from]->member->id(), w.packet);
          while (p->member->dirty()) p->member->sync(now_);
        }
      }
      if (!oracle_.violation().empty()) return;
    }
  }
  void pass_a_timeout() {
    for (int i = 0; i < 3; ++i) {
      now_ = now_ + Duration::millis(45);
      rest();
    }
  }
  void restart_primary() {
    const NodeId primary = processes_[0]->member->replica().primary();
    for (auto& p : processes_) {
      if (p->member->id() != primary) continue;
      p->member->crash(0);
      p->member->start(now_);
      break;
    }
    rest();
  }
  bool everything_executed() const { return executed_ == asked_; }

  uint64_t scenario_;
  Notary notary_{3};
  const bool names_requests_;
  Configuration configuration_;
  Oracle oracle_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::deque<Wire> wires_;
  Time now_ = Time::at_millis(1000);
  uint64_t sides_ = 0, asked_ = 0, executed_ = 0;
  bool commits_lost_ = false;
};

}  // namespace holdfast::pbft
