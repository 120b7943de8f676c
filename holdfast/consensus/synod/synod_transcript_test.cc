// Plays the transcripts of testdata/*.txt (sim/explore/transcript_testing.h says how, and how to write them anew). They
// are the scenarios from which lecture 003 builds up Paxos.
#include <gtest/gtest.h>

#include "holdfast/consensus/synod/member.h"
#include "holdfast/sim/explore/transcript_testing.h"

namespace holdfast::synod {
namespace {

// A server of the lecture: operations o1, o2, ... are instances of single-decree Paxos, over one stream of records.
struct Of {
  uint64_t operation = 0;
  Message message;
};
struct RecordOf {
  uint64_t operation = 0;
  Record record;
};
struct EventOf {
  uint64_t operation = 0;
  Event event;
};
std::string to_text(const Of& m) { return "o" + std::to_string(m.operation) + " " + print(m.message); }
std::string to_text(const RecordOf& r) { return "o" + std::to_string(r.operation) + " " + print(r.record); }
std::string to_text(const EventOf& e) { return "o" + std::to_string(e.operation) + " " + print(e.event); }

class Server {
 public:
  using Out = Outbox<Of, RecordOf, EventOf>;

  Server(const Config& config, size_t operations) : operations_(operations, Member(config)) {}

  void replay(StableSeq seq, const RecordOf& r) { operations_.at(r.operation - 1).replay(seq, r.record); }
  void start(Time now, Out& out) {
    for (uint64_t o = 1; o <= operations_.size(); ++o) {
      with(o, out, [&](Member& m, synod::Out& to) { m.start(now, to); });
    }
  }
  void on_message(Time now, NodeId from, const Of& wire, Out& out) {
    with(wire.operation, out, [&](Member& m, synod::Out& to) { m.on_message(now, from, wire.message, to); });
  }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) {
    for (uint64_t o = 1; o <= operations_.size(); ++o) {
      with(o, out, [&](Member& m, synod::Out& to) { m.on_time(now, to); });
    }
  }
  Time deadline() const {
    Time first = Time::never();
    for (const Member& m : operations_) first = std::min(first, m.deadline());
    return first;
  }
  void check_invariants() const {
    for (const Member& m : operations_) m.check_invariants();
  }

  template <class Step>
  void with(uint64_t operation, Out& out, Step&& step) {
    synod::Out to;
    to.continue_at(out.next_seq());
    step(operations_.at(operation - 1), to);
    for (auto& p : to.persisted) out.persist({operation, std::move(p.record)});
    for (auto& s : to.sent) out.send(s.to, {operation, std::move(s.wire)}, s.after);
    for (auto& e : to.raised) out.raise({operation, std::move(e.event)}, e.after);
  }
  size_t operations() const { return operations_.size(); }

 private:
  std::vector<Member> operations_;
};

// servers N OPERATIONS | leader NODE (trusted by all that are up) | trust NODE LEADER | propose NODE o1 VALUE
class ServerPlayer : public explore::Player<Server> {
 public:
  ServerPlayer()
      : Player([this](NodeId id) {
          Config config{.self = id, .seed = id.value(), .acceptors = everybody_, .learners = everybody_};
          config.accepts_to_all = to_all_;
          config.ask_interval = Duration::seconds(10);
          return std::make_unique<Server>(config, operations_);
        }) {}

 private:
  bool perform(const std::string& verb, const Arguments& args) override {
    if (verb == "servers") {
      operations_ = std::stoull(args[1]);
      to_all_ = args.size() > 2 && args[2] == "accepts-to-all";
      for (uint64_t i = 1; i <= std::stoull(args[0]); ++i) everybody_.push_back(NodeId(i));
      for (const NodeId id : everybody_) world_.add(id);
    } else if (verb == "leader") {
      for (auto& [id, n] : world_.nodes) {
        if (n.up()) trust(n, node_id(args[0]));
      }
    } else if (verb == "trust") {
      trust(node(args[0]), node_id(args[1]));
    } else if (verb == "propose") {
      world_.step(node(args[0]), [&](Server& server, Server::Out& out) {
        server.with(std::stoull(args[1].substr(1)), out,
                    [&](Member& m, synod::Out& to) { m.propose(world_.now, Slice::copy_of(args[2]), to); });
      });
    } else {
      return false;
    }
    return true;
  }
  void trust(World::Node& n, NodeId leader) {
    world_.step(n, [&](Server& server, Server::Out& out) {
      for (uint64_t o = 1; o <= server.operations(); ++o) {
        server.with(o, out, [&](Member& m, synod::Out& to) { m.trust(world_.now, leader, to); });
      }
    });
  }
  std::vector<NodeId> everybody_;
  size_t operations_ = 1;
  bool to_all_ = false;
};

const std::string kFolder = "holdfast/consensus/synod/testdata/";
const std::vector<std::string> kTranscripts = {"lost_messages",
                                               "two_servers_one_crash",
                                               "three_servers_two_crashes",
                                               "leader_crash_after_executing",
                                               "leader_crash_after_executing_missed_accept",
                                               "leader_crash_after_accept",
                                               "leader_crash_after_accept_missed",
                                               "false_suspicion",
                                               "takeover"};

class SynodTranscript : public testing::TestWithParam<std::string> {};

TEST_P(SynodTranscript, HasExactlyTheWrittenEffects) {
  explore::expect_transcript(kFolder + GetParam() + ".txt", std::make_unique<ServerPlayer>());
}

INSTANTIATE_TEST_SUITE_P(All, SynodTranscript, testing::ValuesIn(kTranscripts), [](const auto& i) { return i.param; });

TEST(SynodTranscripts, EveryFileIsPlayed) { EXPECT_EQ(explore::transcripts_in(kFolder), kTranscripts.size()); }

}  // namespace
}  // namespace holdfast::synod
