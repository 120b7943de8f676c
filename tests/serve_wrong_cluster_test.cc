// Members that are told, or hold, different clusters: nothing of one gets into the other, and the mistake can be
// mended.
#include "tests/serve_testing.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::string_view kAdvice =
    "the members of one cluster must be started with the same initial cluster and token";

// Members 1 to 3; client ports 0, 2, 4, peer ports 1, 3, 5.
class ServeWrongCluster : public ServeTest {
 protected:
  std::string cluster(int members) const {
    Words all;
    for (int i = 1; i <= members; ++i) all.push_back(cat("m", i, "=http://127.0.0.1:", port(2 * i - 1)));
    return join(all, ",");
  }
  LocalMember started(int number, int members, const std::string& token, const std::string& data = "") const {
    Words all = flags(data.empty() ? cat("m", number) : data, 2 * number - 2, 2 * number - 1);
    all.push_back(cat("--name=m", number));
    all.push_back("--initial-cluster=" + cluster(members));
    all.push_back("--initial-cluster-token=" + token);
    LocalMember one = member(all, {}, cat("m", number, ".log"));
    EXPECT_TRUE(one.start().ok());
    return one;
  }
  bool writes(int number) const {
    return run({"put", "probe", "x", "--command-timeout=2s"}, 2 * number - 2).code == kExitOk;
  }
  static bool says(const LocalMember& one, std::string_view text) {
    return one.last_output(1'000).find(text) != std::string::npos;
  }
};

TEST_F(ServeWrongCluster, DifferentTokensAreTwoClustersAndBothSaySo) {
  LocalMember one = started(1, 2, "right"), two = started(2, 2, "wrong");
  for (const LocalMember* each : {&one, &two}) {
    EXPECT_TRUE(comes_true([&] { return says(*each, "cluster ID mismatch: you belong to ") && says(*each, kAdvice); }));
  }
  EXPECT_FALSE(writes(1));
  stop(two);
  fs::remove_all(path("m2"));  // it has never held anything
  LocalMember mended = started(2, 2, "right");
  EXPECT_TRUE(comes_true([&] { return writes(1) && writes(2); })) << one.last_output(10) << mended.last_output(10);
  stop(one);
  stop(mended);
}

TEST_F(ServeWrongCluster, DifferentMembersAreTwoClusters) {
  LocalMember one = started(1, 2, "same"), two = started(2, 3, "same");
  EXPECT_TRUE(comes_true([&] { return says(one, kAdvice) && says(two, kAdvice); }));
  EXPECT_FALSE(writes(1));
  stop(one);
  stop(two);
}

TEST_F(ServeWrongCluster, AMemberWithTheDirectoryOfAnotherClusterIsKeptOut) {
  {
    LocalMember foreign = started(3, 1, "foreign", "elsewhere");  // refused: its name is not in the list
    EXPECT_EQ(foreign.wait(kLong), "exited with code 2");
  }
  LocalMember one = started(1, 3, "home"), two = started(2, 3, "home"), three = started(3, 3, "home");
  ASSERT_TRUE(comes_true([&] { return writes(1) && writes(2) && writes(3); }));
  put_keys(0);
  stop(three);

  // The same name and addresses, but the data of a cluster of its own.
  Words alone = flags("alone", 4, 5);
  alone.push_back("--name=m3");
  LocalMember other = ServeTest::started(alone, 4);
  EXPECT_EQ(run({"put", "kept/0", "of another cluster"}, 4).code, kExitOk);
  stop(other);
  LocalMember intruder = started(3, 3, "home", "alone");
  EXPECT_TRUE(comes_true([&] { return says(one, kAdvice) && says(intruder, kAdvice); }));
  expect_keys(0);
  expect_keys(2);
  EXPECT_EQ(run({"get", "kept/0", "--print-value-only"}, 4).out, "of another cluster\n");  // that one is itself still
  stop(intruder);

  LocalMember mended = started(3, 3, "home");
  EXPECT_TRUE(comes_true([&] { return writes(3); })) << mended.last_output(10);
  expect_keys(4);
  for (LocalMember* each : {&mended, &two, &one}) stop(*each);
}

}  // namespace
}  // namespace holdfast::cli
