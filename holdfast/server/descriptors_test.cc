#include "holdfast/server/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace holdfast::server {
namespace {

TEST(Descriptors, TheLimitIsRaisedAsFarAsItMayBe) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit low{usual.rlim_max / 2, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(), usual.rlim_max);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, usual.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
}

TEST(Descriptors, ClientsNeverGetAllOfThem) {
  EXPECT_EQ(connections_within(0), 0u);
  size_t before = 0;
  for (size_t limit = 1; limit < 5000; ++limit) {
    const size_t connections = connections_within(limit);
    EXPECT_LT(connections, limit);
    EXPECT_GE(connections, before);
    EXPECT_GE(limit - connections, std::min<size_t>(limit / 2, 512));
    before = connections;
  }
}

}  // namespace
}  // namespace holdfast::server
