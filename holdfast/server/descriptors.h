// File descriptors: clients may use what the log, the snapshots and the other members do not need. Without that
// reserve, connections alone could make a member stop: a log that cannot open its next file is at its end.
#pragma once

#include <cstddef>

namespace holdfast::server {

// Raises this process's limit as far as it may, and returns it.
size_t raise_descriptor_limit();

// How many connections of clients fit into `limit` descriptors.
size_t connections_within(size_t limit);

}  // namespace holdfast::server
