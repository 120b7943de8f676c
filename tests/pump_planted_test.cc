// The watcher of the write-ahead rule sees a pump that breaks it.
#include <gtest/gtest.h>

#include "holdfast/base/planted.h"
#include "holdfast/host/pump_testing.h"

namespace holdfast::host {
namespace {

TEST(PlantedPumpBug, EffectsThatDoNotWaitAreSeenByTheFirstRun) {
  EXPECT_TRUE(watch_a_run(1).empty());
  planted_bug = "WAL";
  EXPECT_FALSE(watch_a_run(1).empty());
  planted_bug = {};
}

}  // namespace
}  // namespace holdfast::host
