// A sample of the Twins scenarios (twins_testing.h). By hand: TWINS_SCENARIOS=1000000, TWINS_SEED for others.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "holdfast/base/random.h"
#include "holdfast/consensus/pbft/twins_testing.h"

namespace holdfast::pbft {
namespace {

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(PbftTwins, NoScenarioBreaksAPromise) {
  if (const uint64_t one = number("TWINS_SCENARIO", 0); one != 0) {
    EXPECT_EQ(TwinsRun(one).run(), "");
    return;
  }
  Random random(number("TWINS_SEED", 1));
  const uint64_t runs = number("TWINS_SCENARIOS", 1000);
  for (uint64_t i = 0; i < runs; ++i) {
    const uint64_t scenario = random.below(TwinsRun::scenarios());
    const std::string violation = TwinsRun(scenario).run();
    ASSERT_EQ(violation, "") << "TWINS_SCENARIO=" << scenario << " pbft_twins_test";
  }
  std::printf("%lu of %lu scenarios\n", runs, TwinsRun::scenarios());
}

}  // namespace
}  // namespace holdfast::pbft
