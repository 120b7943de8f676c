// The engines of consensus that a replica can run on.
#pragma once

#include <memory>

#include "holdfast/consensus/engine.h"
#include "holdfast/replica/types.h"

namespace holdfast::replica {

using Engine = consensus::Engine<Outbox<Wire, Record, consensus::Event>>;

std::unique_ptr<Engine> make_engine(const Config& config);

}  // namespace holdfast::replica
