// Datagrams: what is opened and what is refused, what is news and what is a replay, keys that change, real sockets.
#include "holdfast/runtime/datagram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <set>

#include "holdfast/base/random.h"
#include "holdfast/runtime/datagram_transport.h"

namespace holdfast::runtime {
namespace {

using ::testing::HasSubstr;

crypto::SharedKey key(uint8_t fill) {
  crypto::SharedKey k;
  k.bytes.fill(fill);
  return k;
}
crypto::Nonce nonce(uint8_t fill) {
  crypto::Nonce n;
  n.bytes.fill(fill);
  return n;
}
Datagram datagram(std::string_view text) { return {{7}, {1}, {2}, 100, 5, Payload{Slice::copy_of(text)}}; }
std::string text_of(const StatusOr<Datagram>& d) {
  if (!d.ok()) return std::string(absl::StatusCodeToString(d.status().code()));
  return std::get<Payload>(d->content).bytes.str();
}

TEST(Datagram, ComesBackWithAndWithoutAKey) {
  for (const GroupKeys& keys : {GroupKeys{}, GroupKeys{key(1)}}) {
    const std::string bytes = encode_datagram(keys, nonce(3), datagram("hello"));
    EXPECT_EQ(text_of(decode_datagram(keys, bytes)), "hello");
    EXPECT_LE(bytes.size(), 5 + kDatagramOverhead);
    EXPECT_EQ(bytes.find("hello") == std::string::npos, !keys.empty()) << "with a key nobody can read it";
  }
  Datagram widest{{~0ull}, {~0ull}, {~0ull}, ~0ull, ~0ull, Payload{Slice::copy_of(std::string(1300, 'x'))}};
  EXPECT_LE(encode_datagram({key(1)}, nonce(0), widest).size(), 1300 + kDatagramOverhead);
}

TEST(Datagram, WhatIsNotOursIsRefused) {
  const std::string sealed = encode_datagram({key(1)}, nonce(3), datagram("hello"));
  const std::string plain = encode_datagram({}, nonce(3), datagram("hello"));
  EXPECT_EQ(text_of(decode_datagram({key(2)}, sealed)), "UNAUTHENTICATED");
  EXPECT_EQ(text_of(decode_datagram({}, sealed)), "UNAUTHENTICATED");
  EXPECT_EQ(text_of(decode_datagram({key(1)}, plain)), "UNAUTHENTICATED") << "a key is not to be circumvented";
  EXPECT_EQ(text_of(decode_datagram({}, "")), "DATA_LOSS");
  EXPECT_EQ(text_of(decode_datagram({}, "GET / HTTP/1.1\r\n")), "DATA_LOSS");
  EXPECT_EQ(text_of(decode_datagram({}, std::string("HFD1\x07") + plain)), "UNIMPLEMENTED");
}

TEST(Datagram, EveryChangedBitIsNoticed) {
  for (const GroupKeys& keys : {GroupKeys{}, GroupKeys{key(1)}}) {
    const std::string good = encode_datagram(keys, nonce(3), datagram("hello"));
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      EXPECT_FALSE(decode_datagram(keys, bad).ok()) << bit;
    }
    for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(decode_datagram(keys, good.substr(0, n)).ok()) << n;
  }
}

// Add the new key behind, put it first, take the old one away: nobody is cut off on the way.
TEST(Datagram, KeysAreExchangedInThreeSteps) {
  const GroupKeys steps[] = {{key(1)}, {key(1), key(2)}, {key(2), key(1)}, {key(2)}};
  for (size_t i = 0; i + 1 < std::size(steps); ++i) {
    for (const auto& [from, to] : {std::pair(steps[i], steps[i + 1]), std::pair(steps[i + 1], steps[i])}) {
      EXPECT_EQ(text_of(decode_datagram(to, encode_datagram(from, nonce(9), datagram("x")))), "x") << i;
    }
  }
  EXPECT_EQ(text_of(decode_datagram(steps[0], encode_datagram(steps[3], nonce(9), datagram("x")))), "UNAUTHENTICATED");
}

TEST(GroupKeys, AreReadFromText) {
  const std::string hex(64, 'a');
  const auto keys =
      parse_group_keys("# ours\n" + hex + "   # the new one\n\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\r\n");
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0], (*keys)[1]) << "the same key in both writings";
  EXPECT_THAT(parse_group_keys("").status().message(), HasSubstr("no key"));
  const Status bad = parse_group_keys(hex + "\nsecret").status();
  EXPECT_THAT(bad.message(), HasSubstr("line 2"));
  EXPECT_THAT(bad.message(), HasSubstr("openssl rand -hex 32"));
  EXPECT_THAT(bad.message(), testing::Not(HasSubstr("secret"))) << "an error must not show what may be a key";
  std::string many;
  for (int i = 0; i < 9; ++i) many += hex + "\n";
  EXPECT_THAT(parse_group_keys(many).status().message(), HasSubstr("at most 8"));
}

TEST(ReplayFilter, TakesEachDatagramOnceInAnyOrder) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    ReplayFilter filter;
    std::set<uint64_t> taken;
    uint64_t highest = 0;
    for (int i = 0; i < 20'000; ++i) {
      const uint64_t n =
          highest + random.below(20) < 1500 ? 1 + random.below(1500) : highest + random.below(20) - random.below(1400);
      const bool fresh = filter.on_datagram(5, 9, n) == ReplayFilter::News::kFresh;
      highest = std::max(highest, n);
      const bool in_window = highest - n < ReplayFilter::kWindow;
      ASSERT_EQ(fresh, in_window && taken.insert(n).second) << n;
    }
  }
}

TEST(ReplayFilter, AnEarlierSessionIsStale) {
  using News = ReplayFilter::News;
  ReplayFilter filter(2);
  EXPECT_EQ(filter.on_datagram(1, 10, 500), News::kFresh);
  EXPECT_EQ(filter.on_datagram(1, 11, 1), News::kFresh);
  EXPECT_EQ(filter.on_datagram(1, 10, 501), News::kStale);
  EXPECT_EQ(filter.session_of(1), 11u);
  EXPECT_EQ(filter.on_datagram(1, 11, 2), News::kFresh);
  EXPECT_EQ(filter.on_datagram(1, kMaxSession, 2), News::kRepeated) << "no later session could follow";
  filter.on_datagram(2, 1, 1);
  filter.on_datagram(1, 11, 3);
  filter.on_datagram(3, 1, 1);
  EXPECT_EQ(filter.session_of(2), 0u) << "the one heard longest ago made room";
  EXPECT_EQ(filter.session_of(1), 11u);
}

TEST(ReplayFilter, ALaterSessionCountsFromTheBeginning) {
  using News = ReplayFilter::News;
  ReplayFilter filter;
  for (uint64_t session = 1; session <= 3; ++session) {
    for (const uint64_t number : {1, 2, 5000, 4999}) {
      EXPECT_EQ(filter.on_datagram(1, session, number), News::kFresh) << session << " " << number;
      EXPECT_EQ(filter.on_datagram(1, session, number), News::kRepeated) << session << " " << number;
    }
  }
}

// One end on loopback.
class End : DatagramTransport::Owner {
 public:
  End(asio::io_context& loop, uint64_t id, uint64_t session, GroupKeys keys, std::string group = "g") {
    DatagramConfig config{{"127.0.0.1", 0}, std::move(group), NodeId(id), session, std::move(keys)};
    auto opened = DatagramTransport::open(loop, std::move(config), *this);
    EXPECT_TRUE(opened.ok()) << opened.status();
    transport = *std::move(opened);
  }
  void say(NodeId to, std::string_view text) { transport->send(to, Chain(Slice::copy_of(text))); }

  std::unique_ptr<DatagramTransport> transport;
  std::vector<std::string> heard, refused;
  int contested = 0;

 private:
  void on_contested() override { ++contested; }
  void on_datagram(NodeId from, Slice payload) override { heard.push_back(print(from.value()) + payload.str()); }
  void on_datagram_refused(const Udp::endpoint&, const Status& why) override { refused.emplace_back(why.message()); }
  static std::string print(uint64_t n) { return std::to_string(n) + ":"; }
};

template <class Condition>
bool comes(asio::io_context& loop, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < until) loop.run_one_for(std::chrono::milliseconds(100));
  return condition();
}

TEST(DatagramTransport, ASeedAnswersUnderItsOwnName) {
  asio::io_context loop;
  End a(loop, 1, 1, {key(1)}), b(loop, 2, 1, {key(1)});
  a.transport->set_seed(NodeId(99), b.transport->listening());
  a.say(NodeId(99), "join");
  ASSERT_TRUE(comes(loop, [&] { return !b.heard.empty(); }));
  EXPECT_EQ(b.heard[0], "1:join");
  b.say(NodeId(1), "welcome");
  ASSERT_TRUE(comes(loop, [&] { return !a.heard.empty(); }));
  EXPECT_EQ(a.heard[0], "2:welcome");
  a.say(NodeId(3), "nobody");
  EXPECT_EQ(a.transport->counters().unsent, 1u);
}

TEST(DatagramTransport, StrangersAreRefusedWithTheReason) {
  asio::io_context loop;
  End us(loop, 1, 1, {key(1)}), wrong_key(loop, 2, 1, {key(2)}), no_key(loop, 3, 1, {}),
      other(loop, 4, 1, {key(1)}, "h");
  for (End* stranger : {&wrong_key, &no_key, &other}) {
    stranger->transport->set_address(NodeId(1), us.transport->listening());
    stranger->say(NodeId(1), "hello");
  }
  ASSERT_TRUE(comes(loop, [&] { return us.refused.size() == 3; }));
  EXPECT_THAT(us.refused, testing::UnorderedElementsAre(HasSubstr("another key"), HasSubstr("not encrypted"),
                                                        HasSubstr("another group")));
  EXPECT_TRUE(us.heard.empty());
}

// Somebody in the middle records what passes, and shows it again.
TEST(DatagramTransport, ARecordedDatagramIsTakenOnce) {
  asio::io_context loop;
  End a(loop, 1, 1, {key(1)}), b(loop, 2, 1, {key(1)});
  Udp::socket middle(loop, Udp::endpoint(asio::ip::address_v4::loopback(), 0));
  a.transport->set_address(NodeId(2), middle.local_endpoint());
  std::vector<std::string> recorded;
  for (const char* text : {"one", "two"}) {
    a.say(NodeId(2), text);
    std::array<char, 2048> bytes;
    Udp::endpoint from;
    recorded.emplace_back(bytes.data(), middle.receive_from(asio::buffer(bytes), from));
  }
  for (const std::string& datagram : {recorded[0], recorded[0], recorded[1], recorded[0], recorded[1]}) {
    middle.send_to(asio::buffer(datagram), b.transport->listening());
  }
  ASSERT_TRUE(comes(loop, [&] { return b.transport->counters().received == 5; }));
  EXPECT_THAT(b.heard, testing::ElementsAre("1:one", "1:two"));
  EXPECT_EQ(b.transport->counters().repeated, 3u);
}

// It knows its group and its key, but is not the one that it was sent to.
TEST(DatagramTransport, WhatIsAddressedToAnotherIsNotTaken) {
  asio::io_context loop;
  End a(loop, 1, 1, {key(1)}), b(loop, 2, 1, {key(1)});
  a.transport->set_address(NodeId(3), b.transport->listening());
  a.say(NodeId(3), "for three");
  ASSERT_TRUE(comes(loop, [&] { return b.transport->counters().received == 1; }));
  EXPECT_TRUE(b.heard.empty());
  EXPECT_EQ(b.transport->counters().refused, 1u);
}

TEST(DatagramTransport, ASenderWhoseClockWentBackIsHeardAgain) {
  asio::io_context loop;
  End receiver(loop, 1, 1, {key(1)});
  const auto address = receiver.transport->listening();
  {
    End first_life(loop, 2, 1000, {key(1)});
    first_life.transport->set_address(NodeId(1), address);
    first_life.say(NodeId(1), "first");
    ASSERT_TRUE(comes(loop, [&] { return receiver.heard.size() == 1; }));
  }
  End second_life(loop, 2, 3, {key(1)});
  second_life.transport->set_address(NodeId(1), address);
  second_life.say(NodeId(1), "lost");
  ASSERT_TRUE(comes(loop, [&] { return second_life.transport->counters().received == 1; })) << "it is told";
  second_life.say(NodeId(1), "second");
  ASSERT_TRUE(comes(loop, [&] { return receiver.heard.size() == 2; }));
  EXPECT_EQ(receiver.heard[1], "2:second");
}

// Two processes that go by one name take it from each other over and over; both find out.
TEST(DatagramTransport, ANameThatTwoUseIsContested) {
  asio::io_context loop;
  End receiver(loop, 1, 1, {key(1)}), one(loop, 2, 1, {key(1)}), other(loop, 2, 2, {key(1)});
  for (End* end : {&one, &other}) end->transport->set_address(NodeId(1), receiver.transport->listening());
  // Whoever spoke before has the later session: what this one says is stale, it is told, and what it says then is
  // taken.
  const auto speaks = [&](End& end) {
    const size_t told = end.transport->counters().received, taken = receiver.heard.size();
    end.say(NodeId(1), "me");
    ASSERT_TRUE(comes(loop, [&] { return end.transport->counters().received > told; }));
    end.say(NodeId(1), "me");
    ASSERT_TRUE(comes(loop, [&] { return receiver.heard.size() > taken; }));
  };
  other.say(NodeId(1), "me");
  ASSERT_TRUE(comes(loop, [&] { return receiver.heard.size() == 1; }));
  speaks(one), speaks(other), speaks(one), speaks(other);
  EXPECT_EQ(one.contested + other.contested, 0) << "a clock that went back is no other process";
  speaks(one), speaks(other);
  EXPECT_EQ(one.contested, 1);
  EXPECT_EQ(other.contested, 1);
}

// One joins the other directly: there is no third to find out.
TEST(DatagramTransport, ANameThatTwoUseIsContestedBetweenThem) {
  asio::io_context loop;
  End one(loop, 2, 1, {key(1)}), other(loop, 2, 2, {key(1)});
  other.transport->set_seed(NodeId(99), one.transport->listening());
  other.say(NodeId(99), "join");
  ASSERT_TRUE(comes(loop, [&] { return other.transport->counters().received == 1; }));
  EXPECT_EQ(one.contested + other.contested, 0) << "a datagram may be left of a former life";
  other.say(NodeId(99), "join");
  ASSERT_TRUE(comes(loop, [&] { return one.contested == 1 && other.contested == 1; }));
  EXPECT_EQ(one.transport->counters().sent, 2u);
  EXPECT_EQ(other.transport->counters().sent, 2u) << "being told is not answered";
  EXPECT_TRUE(one.heard.empty() && other.heard.empty());
}

TEST(DatagramTransport, WhoJoinsItselfIsNoOther) {
  asio::io_context loop;
  End one(loop, 2, 1, {key(1)});
  one.transport->set_seed(NodeId(99), one.transport->listening());
  for (int i = 0; i < 5; ++i) one.say(NodeId(99), "join");
  ASSERT_TRUE(comes(loop, [&] { return one.transport->counters().refused == 5; }));
  EXPECT_EQ(one.contested, 0);
}

TEST(DatagramTransport, ATakenPortIsExplained) {
  asio::io_context loop;
  End a(loop, 1, 1, {});
  class Nobody : public DatagramTransport::Owner {
    void on_datagram(NodeId, Slice) override {}
    void on_datagram_refused(const Udp::endpoint&, const Status&) override {}
  } nobody;
  DatagramConfig config{{"127.0.0.1", a.transport->listening().port()}, "g", NodeId(2), 1, {}};
  EXPECT_THAT(DatagramTransport::open(loop, config, nobody).status().message(), HasSubstr("in use"));
}

}  // namespace
}  // namespace holdfast::runtime
