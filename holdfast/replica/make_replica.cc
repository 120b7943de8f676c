#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/replica/fail_stop_replica.h"
#include "holdfast/replica/log_replica.h"

namespace holdfast::replica {

std::unique_ptr<Replica> make_replica(const Config& config) {
  if (config.engine == EngineKind::kPbft) return std::make_unique<ByzantineReplica>(config);
  if (config.engine == EngineKind::kFlooding) return std::make_unique<FailStopReplica>(config);
  return std::make_unique<LogReplica>(config);
}

}  // namespace holdfast::replica
