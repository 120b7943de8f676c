#include "holdfast/replica/engines.h"

#include "holdfast/base/assert.h"
#include "holdfast/consensus/paxos/paxos.h"
#include "holdfast/consensus/raft/raft.h"

namespace holdfast::replica {

std::unique_ptr<Engine> make_engine(const Config& config) {
  switch (config.engine) {
    case EngineKind::kRaft:
      return std::make_unique<consensus::Hosted<raft::Raft, Engine::Out>>(config.consensus, config.bootstrap);
    case EngineKind::kPbft:
    case EngineKind::kFlooding:
      break;
    case EngineKind::kPaxos:
      return std::make_unique<consensus::Hosted<paxos::Paxos, Engine::Out>>(config.consensus, config.bootstrap);
  }
  ensure(false, "a replica runs on an engine that is known");
  return nullptr;
}

}  // namespace holdfast::replica
