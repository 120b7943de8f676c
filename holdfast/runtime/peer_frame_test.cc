#include "holdfast/runtime/peer_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/print.h"
#include "holdfast/base/random.h"

namespace holdfast::runtime {
namespace {

constexpr size_t kMax = size_t{1} << 20;

// Feeds `bytes` in portions chosen by `portion(left)`, and collects the frames until the end or the first error.
template <class Portion>
Status feed(FrameReader& reader, std::string_view bytes, std::vector<Frame>& out, Portion&& portion) {
  while (true) {
    while (true) {
      auto f = reader.next();
      if (!f.ok()) return f.status();
      if (!f->has_value()) break;
      out.push_back(std::move(**f));
    }
    if (bytes.empty()) return absl::OkStatus();
    const FrameReader::Space space = reader.space();
    EXPECT_GT(space.size, 0u);
    const size_t n = std::min({space.size, bytes.size(), portion(bytes.size())});
    std::memcpy(space.data, bytes.data(), n);
    reader.filled(n);
    bytes.remove_prefix(n);
  }
}

Status feed_all(std::string_view bytes, std::vector<Frame>& out, bool preamble = false, size_t max = kMax) {
  FrameReader reader(max, preamble);
  return feed(reader, bytes, out, [](size_t left) { return left; });
}

std::string bytes_of(const Chain& c) { return c.flatten().str(); }

std::string body_of(size_t size, uint64_t seed) {
  Random random(seed);
  std::string s(size, 0);
  for (char& c : s) c = static_cast<char>(random.next());
  return s;
}

// Fault N7: a stream that is cut at every byte gives the same frames.
TEST(PeerFrame, SurvivesFragmentationAtEveryByte) {
  const std::vector<std::string> bodies = {"", "a", body_of(100, 1), ""};
  std::string stream(kPeerPreamble);
  for (const std::string& b : bodies) stream += bytes_of(frame(FrameKind::kMessage, Chain(Slice::copy_of(b))));
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameReader reader(kMax, true);
    std::vector<Frame> got;
    const auto whole = [](size_t left) { return left; };
    ASSERT_TRUE(feed(reader, std::string_view(stream).substr(0, cut), got, whole).ok());
    ASSERT_TRUE(feed(reader, std::string_view(stream).substr(cut), got, whole).ok());
    ASSERT_EQ(got.size(), bodies.size()) << cut;
    for (size_t i = 0; i < bodies.size(); ++i) EXPECT_EQ(got[i].body.view(), bodies[i]);
  }
}

TEST(PeerFrame, CarriesBodiesOfEverySizeInPortionsOfEverySize) {
  Random random(7);
  std::vector<std::string> bodies;
  for (const size_t size : {0, 1, 4095, 4096, 4097, 16383, 16384, 16385, 65523, 65524, 65525, 65536, 200000, 3}) {
    bodies.push_back(body_of(size, size));
  }
  std::string stream;
  for (const std::string& b : bodies) {
    Chain chain;  // in two parts, of which one may be large enough to be attached
    chain.push(Slice::copy_of(std::string_view(b).substr(0, b.size() / 3)));
    chain.push(Slice::copy_of(std::string_view(b).substr(b.size() / 3)));
    stream += bytes_of(frame(FrameKind::kMessage, chain));
  }
  for (int round = 0; round < 50; ++round) {
    FrameReader reader(kMax, false);
    std::vector<Frame> got;
    const uint64_t most = uint64_t{1} << random.below(18);
    ASSERT_TRUE(feed(reader, stream, got, [&](size_t) { return 1 + random.below(most); }).ok());
    ASSERT_EQ(got.size(), bodies.size());
    for (size_t i = 0; i < bodies.size(); ++i) EXPECT_TRUE(got[i].body.view() == bodies[i]) << i;
  }
}

TEST(PeerFrame, ASmallBodyDoesNotShareMemoryWithTheBuffer) {
  std::vector<Frame> got;
  FrameReader reader(kMax, false);
  const std::string stream = bytes_of(frame(FrameKind::kMessage, Chain(Slice::copy_of("first"))));
  ASSERT_TRUE(feed(reader, stream, got, [](size_t left) { return left; }).ok());
  const FrameReader::Space space = reader.space();
  std::memset(space.data, 'x', space.size);
  EXPECT_EQ(got[0].body.view(), "first");
}

// Fault N6: one flipped bit anywhere is noticed, unless it makes the frame longer but not too long: then it is noticed
// with the bytes that follow.
TEST(PeerFrame, NoticesEveryFlippedBit) {
  const std::string good = bytes_of(frame(FrameKind::kMessage, Chain(Slice::copy_of("some message"))));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    std::vector<Frame> got;
    const Status s = feed_all(bad, got);
    EXPECT_TRUE(got.empty()) << bit;
    const bool longer = bit < 20 && (good[bit / 8] & (1 << (bit % 8))) == 0;
    EXPECT_EQ(s.ok(), longer) << bit;
  }
}

TEST(PeerFrame, RefusesWhatIsTooLongBeforeReceivingIt) {
  const std::string stream = bytes_of(frame(FrameKind::kMessage, Chain(Slice::copy_of(body_of(101, 1)))));
  std::vector<Frame> got;
  const Status s = feed_all(stream.substr(0, kFrameHeaderBytes), got, false, 100);
  EXPECT_EQ(s.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(s.message()), testing::HasSubstr("101 bytes, more than the 100 allowed"));
  EXPECT_TRUE(feed_all(stream, got, false, 101).ok());
  EXPECT_EQ(got.size(), 1u);
}

TEST(PeerFrame, StaysFailedOnceItHasFailed) {
  FrameReader reader(kMax, true);
  std::vector<Frame> got;
  const auto whole = [](size_t left) { return left; };
  EXPECT_EQ(feed(reader, "GET / HTTP/1.1\r\n\r\n", got, whole).code(), StatusCode::kDataLoss);
  EXPECT_EQ(reader.next().status().code(), StatusCode::kDataLoss);
}

TEST(PeerFrame, ControlMessagesSurviveTheRoundTrip) {
  const std::vector<Control> all = {Hello{1, 2, {77}, NodeId(1), NodeId(2), {99}, {"http://a:1"}},
                                    Welcome{1, {5}},
                                    Refused{2, "why"},
                                    Ping{3},
                                    Pong{4},
                                    MembersRequest{1, 1, {"http://a:1", "http://b:2"}},
                                    MembersReply{{8}, NodeId(3), {{NodeId(1), "n", {"http://a:1"}, {}, true}}}};
  for (const Control& c : all) {
    std::vector<Frame> got;
    ASSERT_TRUE(feed_all(bytes_of(control_frame(c)), got).ok());
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].kind, FrameKind::kControl);
    const auto back = codec::decode<Control>(got[0].body);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(print(*back), print(c));
  }
  EXPECT_EQ(refusal_of(Refused{1000, ""}), Refusal::kOther);
  EXPECT_EQ(refusal_of(Refused{2, ""}), Refusal::kCluster);
}

}  // namespace
}  // namespace holdfast::runtime
