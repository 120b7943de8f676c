// Axes: round ticks that cover the data, logarithms, ranges that were asked for, values without a place.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "holdfast/base/random.h"
#include "holdfast/plot/frame.h"

namespace holdfast::plot {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

std::string texts(const Frame& frame) {
  std::string out;
  for (const Frame::Mark& m : frame.marks()) {
    if (!m.text.empty()) out += (out.empty() ? "" : " ") + m.text;
  }
  return out;
}

TEST(PlotNumber, IsShortAndReadable) {
  const std::pair<double, const char*> table[] = {{0, "0"},
                                                  {0.25, "0.25"},
                                                  {1500, "1500"},
                                                  {12345, "12345"},
                                                  {2e-7, "2e-07"},
                                                  {1e9, "1e+09"},
                                                  {0.30000000000000004, "0.3"},
                                                  {-4.5, "-4.5"},
                                                  {kInfinite, "infinite"},
                                                  {std::nan(""), "-"}};
  for (const auto& [value, text] : table) EXPECT_EQ(number(value), text);
}

TEST(PlotFrame, LinearTicksAreRoundAndCoverTheData) {
  const Frame frame({.label = ""}, {0.3, 9.4}, 6);
  EXPECT_EQ(texts(frame), "0 2 4 6 8 10");
  EXPECT_DOUBLE_EQ(*frame.place(0), 0);
  EXPECT_DOUBLE_EQ(*frame.place(5), 0.5);
  EXPECT_DOUBLE_EQ(*frame.place(10), 1);
}

TEST(PlotFrame, LogarithmicTicksArePowersOfTenWithMinorOnesBetween) {
  const Frame frame({.label = "", .scale = Scale::kLog}, {2e-5, 0.3}, 8);
  EXPECT_EQ(texts(frame), "1e-05 0.0001 0.001 0.01 0.1 1");
  EXPECT_EQ(frame.marks().size(), 6u + 5u * 8u);
  EXPECT_DOUBLE_EQ(*frame.place(1e-5), 0);
  EXPECT_NEAR(*frame.place(std::sqrt(1e-5)), 0.5, 1e-12);
  EXPECT_FALSE(frame.place(0).has_value());
  EXPECT_FALSE(frame.place(-1).has_value());
}

TEST(PlotFrame, ManyDecadesAreThinned) {
  const Frame frame({.label = "", .scale = Scale::kLog}, {1e-30, 1}, 6);
  EXPECT_EQ(texts(frame), "1e-30 1e-25 1e-20 1e-15 1e-10 1e-05 1");
}

TEST(PlotFrame, LessThanADecadeHasRoundNumbers) {
  EXPECT_EQ(texts(Frame({.label = "", .scale = Scale::kLog}, {20, 70}, 6)), "20 30 40 50 60 70");
}

TEST(PlotFrame, KeepsTheRangeAndTheTicksThatWereAskedFor) {
  const Frame frame({.label = "", .from = 1, .to = 9, .ticks = {{1, "one"}, {3, "three"}, {99, "beyond"}}}, {2, 50}, 6);
  EXPECT_EQ(texts(frame), "one three");
  EXPECT_DOUBLE_EQ(*frame.place(3), 0.25);
  EXPECT_GT(*frame.place(50), 1);
}

TEST(PlotFrame, MayBeReversed) {
  const Frame frame({.label = "", .from = 0, .to = 10, .reversed = true}, {1}, 6);
  EXPECT_DOUBLE_EQ(*frame.place(0), 1);
  EXPECT_DOUBLE_EQ(*frame.place(10), 0);
}

TEST(PlotFrame, TextsMayBeOnesOwn) {
  const Frame frame({.label = "", .text = [](double v) { return number(v * 100) + "%"; }}, {0, 0.1}, 3);
  EXPECT_EQ(texts(frame), "0% 5% 10%");
}

TEST(PlotFrame, WithoutAnythingToSeeIsEmptyButDrawable) {
  for (const auto& values : {std::vector<double>{}, {std::nan("")}, {kInfinite}}) {
    const Frame frame({.label = ""}, values, 6);
    EXPECT_TRUE(frame.empty());
    EXPECT_FALSE(frame.marks().empty());
  }
  EXPECT_TRUE(Frame({.label = "", .scale = Scale::kLog}, {0, -3}, 6).empty());
  EXPECT_FALSE(Frame({.label = ""}, {7}, 6).empty()) << "one value has room around it";
  EXPECT_NEAR(*Frame({.label = ""}, {7}, 6).place(7), 0.5, 0.3);
}

// Whatever the data: every one of them lies on its axis, ticks come in order, and not too many of them have a text.
TEST(PlotFrame, HoldsAnyData) {
  Random random(1);
  for (int round = 0; round < 5000; ++round) {
    const Scale scale = random.chance(1, 2) ? Scale::kLog : Scale::kLinear;
    std::vector<double> values;
    const double size = std::pow(10, static_cast<double>(random.between(-12, 12)));
    for (uint64_t i = 0; i <= random.below(5); ++i) {
      const double v = size * static_cast<double>(random.between(1, 1'000'000)) / 1000;
      values.push_back(scale == Scale::kLinear && random.chance(1, 2) ? -v : v);
    }
    const int ticks = static_cast<int>(random.between(2, 12));
    const Frame frame({.label = "", .scale = scale}, values, ticks);
    for (const double v : values) {
      ASSERT_GE(*frame.place(v), -1e-9) << v;
      ASSERT_LE(*frame.place(v), 1 + 1e-9) << v;
    }
    int texts = 0;
    for (size_t i = 0; i < frame.marks().size(); ++i) {
      texts += !frame.marks()[i].text.empty();
      ASSERT_TRUE(i == 0 || frame.marks()[i].place > frame.marks()[i - 1].place);
    }
    ASSERT_GE(texts, 1);
    ASSERT_LE(texts, std::max(3 * ticks, 9)) << "scale " << static_cast<int>(scale) << ", " << ticks << " wanted";
  }
}

}  // namespace
}  // namespace holdfast::plot
