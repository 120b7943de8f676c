// Engines behind their common face: what is another engine's is neither heard nor believed.
#include "holdfast/replica/engines.h"

#include <gtest/gtest.h>

#include "holdfast/replica/engine_name.h"

namespace holdfast::replica {
namespace {

std::unique_ptr<Engine> engine(EngineKind kind) {
  Config config;
  config.engine = kind;
  config.consensus.self = NodeId(1);
  config.bootstrap.voters = {NodeId(1), NodeId(2), NodeId(3)};
  return make_engine(config);
}

TEST(Engines, RefuseTheRecordsOfAnother) {
  const auto raft = engine(EngineKind::kRaft);
  raft->replay(StableSeq(1), paxos::Record(paxos::Promised{}));
  EXPECT_TRUE(absl::IsFailedPrecondition(raft->recovered()));
  const auto paxos = engine(EngineKind::kPaxos);
  paxos->replay(StableSeq(1), raft::Record(raft::HardState{}));
  EXPECT_TRUE(absl::IsFailedPrecondition(paxos->recovered()));
  EXPECT_TRUE(engine(EngineKind::kPaxos)->recovered().ok());
}

TEST(Engines, IgnoreTheMessagesOfAnother) {
  const auto paxos = engine(EngineKind::kPaxos);
  Engine::Out out;
  paxos->start(Time(), out);
  out.clear();
  paxos->on_message(Time(), NodeId(2), raft::Message(raft::Heartbeat{consensus::Term(7), {}, 1}), out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(paxos->term(), consensus::Term(0));
  paxos->on_message(Time(), NodeId(2), paxos::Message(paxos::Success{{consensus::Term(7), NodeId(2)}, {}, 1}), out);
  EXPECT_EQ(paxos->term(), consensus::Term(7));
}

// Clusters of Raft read and write what they always did: new engines' messages and records are appended.
TEST(Engines, KeepTheirPlacesInTheVariants) {
  EXPECT_EQ(Wire(raft::Message()).index(), 0u);
  EXPECT_EQ(Wire(Farewell()).index(), 4u);
  EXPECT_EQ(Wire(paxos::Message()).index(), 5u);
  EXPECT_EQ(Record(raft::Record()).index(), 0u);
  EXPECT_EQ(Record(Incarnation()).index(), 1u);
  EXPECT_EQ(Record(paxos::Record()).index(), 2u);
}

TEST(Engines, HaveNames) {
  for (const EngineKind kind : {EngineKind::kRaft, EngineKind::kPaxos, EngineKind::kPbft}) {
    EXPECT_EQ(engine_named(name_of(kind)), kind);
  }
  EXPECT_EQ(name_of(EngineKind::kFlooding), "flooding");
  EXPECT_EQ(engine_named("flooding"), std::nullopt);
  EXPECT_EQ(machine_engine_named("flooding"), EngineKind::kFlooding);
  EXPECT_EQ(machine_engine_named("pbft"), EngineKind::kPbft);
  EXPECT_EQ(machine_engine_named("zab"), std::nullopt);
  EXPECT_EQ(name_of(EngineKind::kRaft), "raft");
  EXPECT_EQ(name_of(EngineKind::kPaxos), "paxos");
  EXPECT_EQ(name_of(EngineKind::kPbft), "pbft");
  EXPECT_EQ(engine_names(), "raft, paxos or pbft");
  EXPECT_EQ(machine_engine_names(), "raft, paxos, pbft or flooding");
  EXPECT_EQ(engine_named("Raft"), std::nullopt);
  EXPECT_EQ(engine_named(""), std::nullopt);
}

}  // namespace
}  // namespace holdfast::replica
