// `holdfast up --demo`: what a cluster is for, shown and checked without anybody at the keyboard.
#pragma once

#include <chrono>
#include <ostream>

#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/up.h"

namespace holdfast::cli {

// Writes under load; kills the leader with kill -9 and restarts it; kills a majority, then restarts it; kills all
// members at once and restarts them; verifies every acknowledged write. Tells it as a story with figures.
// `pace` is how long it writes before and after a member is killed (some of these times are half or a quarter of it).
// Exit code 0: all as promised. 1: something was wrong, and the text says what. Needs at least three members.
int run_demo(LocalCluster& cluster, Interrupts& interrupts, std::chrono::milliseconds pace, std::ostream& out);

}  // namespace holdfast::cli
