// The engines of consensus that a replica can run on.
#pragma once

#include <memory>

#include "holdfast/consensus/engine.h"
#include "holdfast/replica/types.h"

namespace holdfast::replica {

using Engine = consensus::Engine<Outbox<Wire, Record, consensus::Event>>;

// Of a LogReplica: PBFT is none (docs/decisions/0007-pbft-behind-the-replica.md).
std::unique_ptr<Engine> make_engine(const Config& config);

}  // namespace holdfast::replica
