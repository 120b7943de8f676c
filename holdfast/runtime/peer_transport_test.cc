// The transport over real sockets on loopback.
#include "holdfast/runtime/peer_transport.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "holdfast/base/mark.h"
#include "holdfast/base/random.h"
#include "holdfast/runtime/connect.h"
#include "holdfast/runtime/peer_query.h"

namespace holdfast::runtime {
namespace {

using testing::HasSubstr;

constexpr uint64_t kCluster = 0xc1;

PeerConfig config_of(uint64_t id) {
  PeerConfig c;
  c.cluster_id = kCluster;
  c.self = NodeId(id);
  c.incarnation = id * 1000;
  c.listen = {{"127.0.0.1", 0}};
  c.ping_interval = Duration::millis(20);
  c.backoff_min = Duration::millis(1);
  c.backoff_max = Duration::millis(10);
  c.backoff_refused = Duration::millis(5);
  return c;
}

struct Node : PeerTransport::Owner {
  Node(asio::io_context& loop, PeerConfig config) { open(loop, std::move(config)); }
  void open(asio::io_context& loop, PeerConfig config) {
    auto t = PeerTransport::listen(loop, std::move(config), *this, metrics);
    ASSERT_TRUE(t.ok()) << t.status();
    transport = *std::move(t);
  }
  bool on_peer_message(NodeId from, Slice message) override {
    if (message.view() == "malformed") return false;
    received.push_back({from, std::move(message)});
    return true;
  }
  void on_peer_refused(NodeId peer, Refusal reason) override { refusals.emplace_back(peer, reason); }
  bool was_removed(NodeId id) const override { return removed.contains(id); }
  std::vector<PeerMember> peer_members() const override { return members; }
  Url url() const { return transport->listening().at(0); }
  std::string url_text() const { return fmt::format("http://127.0.0.1:{}", url().port); }
  uint64_t count(const std::string& name) { return metrics.counter(name, "").value(); }

  Metrics metrics;
  std::vector<PeerMember> members;
  std::set<NodeId> removed;
  std::vector<std::pair<NodeId, Refusal>> refusals;
  std::vector<std::pair<NodeId, Slice>> received;
  std::unique_ptr<PeerTransport> transport;
};

PeerMember member(uint64_t id, std::string url) { return {NodeId(id), "", {std::move(url)}, {}, false}; }

class PeerTransportTest : public testing::Test {
 protected:
  // Runs the loop until `done`, or fails after a time that is never reached when all is well.
  template <class Done>
  testing::AssertionResult until(Done&& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << "it did not come to pass";
      loop.restart();
      loop.run_one_until(deadline);
    }
    return testing::AssertionSuccess();
  }
  void introduce(Node& a, uint64_t a_id, Node& b, uint64_t b_id) {
    a.transport->set_members({member(a_id, a.url_text()), member(b_id, b.url_text())});
    b.transport->set_members({member(a_id, a.url_text()), member(b_id, b.url_text())});
  }

  asio::io_context loop{1};
};

Chain text(std::string_view s) { return Chain(Slice::copy_of(s)); }

// A peer made by hand.
class Raw {
 public:
  Raw(asio::io_context& loop, const Url& url) : socket(loop) {
    socket.connect({asio::ip::make_address(url.host), url.port});
  }
  void write(std::string_view bytes) {
    asio::error_code ignored;  // the other side may have closed already
    asio::write(socket, asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void write(const Chain& c) { write(c.flatten().view()); }
  // True when the other side has closed; gathers what it sent.
  bool closed() {
    socket.non_blocking(true);
    char buffer[4096];
    asio::error_code error;
    const size_t n = socket.read_some(asio::buffer(buffer), error);
    got.append(buffer, n);
    return error && error != asio::error::would_block;
  }
  template <class T>
  std::optional<T> answer() {
    closed();
    FrameReader reader(kControlFrameBytes, false);
    std::string_view rest = got;
    while (true) {
      auto next = reader.next();
      if (!next.ok()) return std::nullopt;
      if (next->has_value()) {
        const auto control = codec::decode<Control>((*next)->body);
        if (control.ok() && std::holds_alternative<T>(*control)) return std::get<T>(*control);
        continue;
      }
      if (rest.empty()) return std::nullopt;
      const auto space = reader.space();
      const size_t n = std::min(space.size, rest.size());
      std::memcpy(space.data, rest.data(), n);
      reader.filled(n);
      rest.remove_prefix(n);
    }
  }
  Tcp::socket socket;
  std::string got;
};

Hello hello_to(uint64_t receiver, uint64_t sender = 2) {
  Hello h;
  h.cluster = {kCluster};
  h.sender = NodeId(sender);
  h.receiver = NodeId(receiver);
  h.incarnation = {1};
  return h;
}

TEST_F(PeerTransportTest, CarriesMessagesBothWaysInOrder) {
  Node a(loop, config_of(1)), b(loop, config_of(2));
  introduce(a, 1, b, 2);
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)) && b.transport->connected(NodeId(1)); }));
  std::vector<std::string> sent;
  for (size_t i = 0; i < 200; ++i) {
    sent.push_back(std::string(i * i, static_cast<char>('a' + i % 26)) + std::to_string(i));
    Chain parts;
    parts.push(Slice::copy_of(std::string_view(sent[i]).substr(0, sent[i].size() / 2)));
    parts.push(Slice::copy_of(std::string_view(sent[i]).substr(sent[i].size() / 2)));
    a.transport->send(NodeId(2), parts);
  }
  b.transport->send(NodeId(1), text("back"));
  ASSERT_TRUE(until([&] { return b.received.size() == sent.size() && a.received.size() == 1; }));
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(b.received[i].first, NodeId(1));
    EXPECT_TRUE(b.received[i].second.view() == sent[i]) << i;
  }
  EXPECT_EQ(a.received[0].second.view(), "back");
}

TEST_F(PeerTransportTest, ConnectsAgainAfterTheOtherSideHasRestarted) {
  Node a(loop, config_of(1));
  auto b = std::make_unique<Node>(loop, config_of(2));
  introduce(a, 1, *b, 2);
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)); }));
  PeerConfig again = config_of(2);
  again.listen = {b->url()};
  again.incarnation = 77;
  b.reset();
  ASSERT_TRUE(until([&] { return !a.transport->connected(NodeId(2)); }));
  a.transport->send(NodeId(2), text("lost"));
  b = std::make_unique<Node>(loop, again);
  introduce(a, 1, *b, 2);
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)) && b->transport->connected(NodeId(1)); }));
  a.transport->send(NodeId(2), text("arrives"));
  ASSERT_TRUE(until([&] { return !b->received.empty(); }));
  EXPECT_EQ(b->received[0].second.view(), "arrives");
  EXPECT_EQ(a.count("holdfast_peer_dropped_messages_total"), 1u);
}

TEST_F(PeerTransportTest, RefusesWithAReasonWhoDoesNotBelongHere) {
  Node a(loop, config_of(1));
  a.removed = {NodeId(3)};
  struct Case {
    const char* name;
    std::function<void(Hello&)> change;
    Refusal reason;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"another cluster", [](Hello& h) { h.cluster = {0xc2}; }, Refusal::kCluster, "cluster ID mismatch"},
      {"a too new version", [](Hello& h) { h.min_version = h.max_version = kPeerMaxVersion + 1; }, Refusal::kVersion,
       "upgrade"},
      {"a too old version", [](Hello& h) { h.min_version = h.max_version = 0; }, Refusal::kVersion, "upgrade"},
      {"itself", [](Hello& h) { h.sender = NodeId(1); }, Refusal::kSelf, "that is me"},
      {"another receiver", [](Hello& h) { h.receiver = NodeId(9); }, Refusal::kReceiver, "you look for member 9"},
      {"a removed member", [](Hello& h) { h.sender = NodeId(3); }, Refusal::kRemoved, "was removed"},
      {"nobody", [](Hello& h) { h.sender = NodeId(0); }, Refusal::kOther, "not 0"},
      {"another engine", [](Hello& h) { h.engine = "paxos"; }, Refusal::kEngine, "you run paxos, I run raft"},
      {"no engine", [](Hello& h) { h.engine = "pax\nos"; }, Refusal::kEngine, "you run ?, I run raft"},
  };
  for (const Case& c : cases) {
    Raw raw(loop, a.url());
    Hello hello = hello_to(1);
    c.change(hello);
    raw.write(kPeerPreamble);
    raw.write(control_frame(hello));
    raw.write(frame(FrameKind::kMessage, text("must not arrive")));
    ASSERT_TRUE(until([&] { return raw.closed(); })) << c.name;
    const auto refused = raw.answer<Refused>();
    ASSERT_TRUE(refused.has_value()) << c.name;
    EXPECT_EQ(refusal_of(*refused), c.reason) << c.name;
    EXPECT_THAT(refused->text, HasSubstr(c.words));
  }
  EXPECT_TRUE(a.received.empty());
  EXPECT_EQ(a.count("holdfast_peer_refused_connections_total"), cases.size());
  EXPECT_EQ(a.transport->sessions(), 0u);
}

TEST_F(PeerTransportTest, ALinkThatIsRefusedTriesAgainAndConnectsWhenItMay) {
  Node a(loop, config_of(1)), b(loop, config_of(2));
  // 1 believes that 9 lives where 2 does.
  a.transport->set_members({member(9, b.url_text())});
  ASSERT_TRUE(until([&] { return b.count("holdfast_peer_refused_connections_total") >= 2; }));
  EXPECT_FALSE(a.transport->connected(NodeId(9)));
  ASSERT_TRUE(until([&] { return !a.refusals.empty(); }));
  EXPECT_EQ(a.refusals[0], std::make_pair(NodeId(9), Refusal::kReceiver));
  a.transport->set_members({member(2, b.url_text())});
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)); }));
}

TEST_F(PeerTransportTest, ClosesMalformedConnections) {
  Node a(loop, config_of(1));
  const std::string greeting = std::string(kPeerPreamble) + control_frame(hello_to(1)).flatten().str();
  std::string flipped = frame(FrameKind::kMessage, text("message")).flatten().str();
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  const std::string cases[] = {
      "GET / HTTP/1.1\r\n\r\n",
      std::string(kPeerPreamble) + frame(FrameKind::kMessage, text("before the handshake")).flatten().str(),
      std::string(kPeerPreamble) + frame(FrameKind::kControl, text("no control message")).flatten().str(),
      std::string(kPeerPreamble) + control_frame(Ping{1}).flatten().str(),
      std::string(kPeerPreamble) + std::string("\xff\xff\xff\x7f\x01\0\0\0\0\0\0\0", 12),
      greeting + flipped,
      greeting + control_frame(hello_to(1)).flatten().str(),
      greeting + frame(FrameKind::kMessage, text("malformed")).flatten().str(),
  };
  uint64_t before = 0;
  for (const std::string& bytes : cases) {
    Raw raw(loop, a.url());
    raw.write(bytes);
    ASSERT_TRUE(until([&] { return raw.closed(); })) << bytes;
    EXPECT_EQ(a.count("holdfast_peer_malformed_total"), ++before) << bytes;
  }
  EXPECT_TRUE(a.received.empty());
}

// Fault N7, over a socket: the stream arrives byte by byte.
TEST_F(PeerTransportTest, ReadsAStreamThatArrivesByteByByte) {
  Node a(loop, config_of(1));
  Raw raw(loop, a.url());
  raw.socket.set_option(Tcp::no_delay(true));
  const std::string stream = std::string(kPeerPreamble) + control_frame(hello_to(1)).flatten().str() +
                             frame(FrameKind::kMessage, text("slowly")).flatten().str();
  for (const char& byte : stream) {
    raw.write(std::string_view(&byte, 1));
    loop.poll();
  }
  ASSERT_TRUE(until([&] { return a.received.size() == 1; }));
  EXPECT_EQ(a.received[0].second.view(), "slowly");
}

// Fault N16: a peer that accepts and never reads. What waits is bounded; the rest is dropped and counted.
TEST_F(PeerTransportTest, BoundsWhatWaitsForASlowReader) {
  PeerConfig config = config_of(1);
  config.max_queue_bytes = 1 << 20;
  config.ping_interval = Duration::seconds(100);
  Node a(loop, config);
  Tcp::acceptor slow(loop, {asio::ip::make_address("127.0.0.1"), 0});
  a.transport->set_members({member(2, fmt::format("http://127.0.0.1:{}", slow.local_endpoint().port()))});
  Tcp::socket socket(loop);
  bool accepted = false;
  slow.async_accept(socket, [&](const asio::error_code& error) { accepted = !error; });
  ASSERT_TRUE(until([&] { return accepted; }));
  asio::write(socket, asio::buffer(control_frame(Welcome{1, {1}}).flatten().str()));
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)); }));
  const Chain message = text(std::string(100'000, 'x'));
  const auto dropped = [&] { return a.count("holdfast_peer_dropped_messages_total"); };
  // The kernel takes some megabytes, the queue one; far less than these 400.
  for (int i = 0; i < 4000 && dropped() < 10; ++i) {
    a.transport->send(NodeId(2), message);
    loop.poll();
  }
  EXPECT_EQ(dropped(), 10u);
  const Gauge& connections = a.metrics.gauge("holdfast_peer_connections", "");
  EXPECT_EQ(connections.value(), 1);
  a.transport->close();
  EXPECT_EQ(connections.value(), 0);
}

// Fault N15: the other side is gone without a word, the connection stays.
TEST_F(PeerTransportTest, GivesUpASilentConnection) {
  Node a(loop, config_of(1));
  Tcp::acceptor mute(loop, {asio::ip::make_address("127.0.0.1"), 0});
  a.transport->set_members({member(2, fmt::format("http://127.0.0.1:{}", mute.local_endpoint().port()))});
  int accepted = 0;
  std::vector<Tcp::socket> sockets;
  std::function<void()> accept = [&] {
    mute.async_accept([&](const asio::error_code& error, Tcp::socket s) {
      if (error) return;
      ++accepted;
      const auto welcome = control_frame(Welcome{1, {1}}).flatten().str();
      asio::error_code ignored;
      asio::write(s, asio::buffer(welcome), ignored);
      sockets.push_back(std::move(s));
      accept();
    });
  };
  accept();
  ASSERT_TRUE(until([&] { return accepted >= 2; }));  // it gave the first one up and tried again
  mute.close();
}

TEST_F(PeerTransportTest, EndsASessionOnWhichNothingArrives) {
  PeerConfig config = config_of(1);
  config.ping_interval = Duration::millis(5);
  config.connect_timeout = Duration::millis(30);
  Node a(loop, config);
  Raw greeted(loop, a.url());
  greeted.write(kPeerPreamble);
  greeted.write(control_frame(hello_to(1)));
  Raw mute(loop, a.url());
  ASSERT_TRUE(until([&] { return greeted.closed() && mute.closed(); }));
  EXPECT_TRUE(greeted.answer<Welcome>().has_value());
  EXPECT_EQ(a.transport->sessions(), 0u);
}

TEST_F(PeerTransportTest, AnswersASenderThatItDoesNotKnowYet) {
  Node a(loop, config_of(1));
  PeerConfig config = config_of(2);
  Node placeholder(loop, config);  // to learn a free port
  config.listen = {placeholder.url()};
  config.advertise_urls = {placeholder.url_text()};
  placeholder.transport.reset();
  Node b(loop, config);
  b.transport->set_members({member(1, a.url_text())});
  ASSERT_TRUE(until([&] { return b.transport->connected(NodeId(1)); }));
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)); }));
  a.transport->send(NodeId(2), text("answer"));
  ASSERT_TRUE(until([&] { return b.received.size() == 1; }));
  // Becoming a member keeps the connection.
  a.transport->set_members({member(1, a.url_text()), member(2, b.url_text())});
  EXPECT_TRUE(a.transport->connected(NodeId(2)));
}

TEST_F(PeerTransportTest, AConnectedMemberThatIsRemovedIsToldSo) {
  Node a(loop, config_of(1)), b(loop, config_of(2));
  const std::vector<PeerMember> both = {member(1, a.url_text()), member(2, b.url_text())};
  a.transport->set_members(both);
  b.transport->set_members(both);
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)) && b.transport->connected(NodeId(1)); }));
  a.removed = {NodeId(2)};
  a.transport->set_members({both[0]});
  ASSERT_TRUE(until([&] { return !b.refusals.empty(); }));
  EXPECT_EQ(b.refusals[0], std::make_pair(NodeId(1), Refusal::kRemoved));
}

// A member that restarts knows its peers from a file that may be newer than its log: nobody counts as removed for it.
TEST_F(PeerTransportTest, HintsAreConnectedToAndNeverCountAsRemoved) {
  Node a(loop, config_of(1)), b(loop, config_of(2));
  a.transport->add_hints({member(1, a.url_text()), member(2, b.url_text())});
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)); }));
  a.transport->set_members({member(1, a.url_text())});
  EXPECT_TRUE(a.transport->connected(NodeId(2)));
  b.transport->set_members({member(1, a.url_text())});
  ASSERT_TRUE(until([&] { return b.transport->connected(NodeId(1)); }));
}

TEST_F(PeerTransportTest, ANewSessionOfASenderReplacesTheOldOne) {
  Node a(loop, config_of(1));
  Raw first(loop, a.url()), second(loop, a.url());
  first.write(kPeerPreamble);
  first.write(control_frame(hello_to(1)));
  ASSERT_TRUE(until([&] { return first.answer<Welcome>().has_value(); }));
  second.write(kPeerPreamble);
  second.write(control_frame(hello_to(1)));
  ASSERT_TRUE(until([&] { return second.answer<Welcome>().has_value() && first.closed(); }));
  EXPECT_EQ(a.transport->sessions(), 1u);
}

TEST_F(PeerTransportTest, ReadsNothingWhilePaused) {
  Node a(loop, config_of(1)), b(loop, config_of(2));
  introduce(a, 1, b, 2);
  ASSERT_TRUE(until([&] { return a.transport->connected(NodeId(2)) && b.transport->connected(NodeId(1)); }));
  b.transport->pause(true);
  // One read may be under way, which takes less than the first message; what follows it stays in the socket.
  a.transport->send(NodeId(2), text(std::string(1 << 20, 'x')));
  a.transport->send(NodeId(2), text("held back"));
  for (size_t i = 1; i <= 50; ++i) {
    b.transport->send(NodeId(1), text("meanwhile"));
    ASSERT_TRUE(until([&] { return a.received.size() == i; }));
  }
  EXPECT_TRUE(b.received.empty());
  b.transport->pause(false);
  ASSERT_TRUE(until([&] { return b.received.size() == 2; }));
}

TEST_F(PeerTransportTest, LimitsTheNumberOfConnections) {
  PeerConfig config = config_of(1);
  config.max_sessions = 2;
  Node a(loop, config);
  Raw one(loop, a.url()), two(loop, a.url()), three(loop, a.url());
  ASSERT_TRUE(until([&] { return one.closed() || two.closed() || three.closed(); }));
  EXPECT_EQ(a.count("holdfast_peer_refused_connections_total"), 1u);
}

TEST_F(PeerTransportTest, WithoutDescriptorsListenersWaitForThemWithoutSpinning) {
  PeerConfig config = config_of(1);
  config.listen = {{"127.0.0.1", 0}, {"127.0.0.1", 0}};
  Node a(loop, config);
  const std::vector<Url> urls = a.transport->listening();
  ASSERT_EQ(urls.size(), 2u);
  const Raw one(loop, urls[0]), two(loop, urls[1]);
  const auto refusals = [] { return MarkHolder<"peer.accept_failed">::mark.hits.load(); };
  const uint64_t before = refusals();
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const int next = ::fcntl(0, F_DUPFD, 0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  // Both have failed, and one has failed once more: by then the other has not done so more than twice.
  EXPECT_TRUE(until([&] { return refusals() >= before + 3; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(until([&] { return refusals() >= before + 8; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(300));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_TRUE(until([&] { return a.transport->sessions() == 2; }));
}

TEST_F(PeerTransportTest, ABusyPortIsNamed) {
  Node a(loop, config_of(1));
  PeerConfig config = config_of(2);
  config.listen = {a.url()};
  const auto t = PeerTransport::listen(loop, config, a, a.metrics);
  EXPECT_EQ(t.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(t.status().message()), HasSubstr(fmt::format("127.0.0.1:{}", a.url().port)));
}

// Of the addresses of a name, those of the other kind may refuse.
TEST(ConnectToAny, TakesTheFirstAddressThatAnswers) {
  asio::io_context loop{1};
  auto acceptor = listen_on(loop, {"127.0.0.1", 0});
  ASSERT_TRUE(acceptor.ok());
  const uint16_t port = acceptor->local_endpoint().port();
  const Tcp::endpoint refuses(asio::ip::make_address("127.0.0.2"), port);
  const Tcp::endpoint answers(asio::ip::make_address("127.0.0.1"), port);
  const auto connect = [&](const std::vector<Tcp::endpoint>& endpoints) {
    Tcp::socket socket(loop);
    std::string error = "never called";
    connect_to_any(socket, endpoints, [&](const std::string& e) { error = e; });
    loop.restart();
    loop.run();
    return error.empty() ? address_of(socket) : error;
  };
  EXPECT_EQ(connect({refuses, answers}), fmt::format("127.0.0.1:{}", port));
  EXPECT_EQ(connect({refuses}), "Connection refused");
}

TEST_F(PeerTransportTest, TellsAJoinerWhoTheMembersAre) {
  Node a(loop, config_of(1));
  a.members = {member(1, a.url_text()), member(5, "http://joiner:1")};
  const Url there = a.url();
  asio::io_context closed_loop(1);
  Tcp::acceptor nobody(closed_loop, {asio::ip::make_address("127.0.0.1"), 0});
  const Url refusing{"127.0.0.1", nobody.local_endpoint().port()};
  nobody.close();
  auto guard = asio::make_work_guard(loop);
  std::thread server([&] { loop.run(); });
  MembersRequest joiner;
  joiner.peer_urls = {"http://joiner:1"};
  const auto replies = ask_members({refusing, there}, joiner, 1, Duration::seconds(60));
  const auto none = ask_members({refusing}, {}, 1, Duration::seconds(60));
  guard.reset();
  asio::post(loop, [&] { a.transport->close(); });
  server.join();
  ASSERT_TRUE(replies.ok()) << replies.status();
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().cluster.value, kCluster);
  EXPECT_EQ(replies->front().members, a.members);
  EXPECT_EQ(none.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr(std::to_string(refusing.port)));
}

// It listens, but is too busy to say anything before the time is up.
TEST_F(PeerTransportTest, AJoinerWaitsForWhoHasAcceptedItsConnection) {
  Node a(loop, config_of(1));
  a.members = {member(1, a.url_text())};
  const Url there = a.url();
  const auto guard = asio::make_work_guard(loop);
  std::thread server([&] {
    asio::io_context busy(1);
    asio::steady_timer(busy, std::chrono::milliseconds(1100)).wait();
    loop.run();
  });
  const auto replies = ask_members({there}, {}, SIZE_MAX, Duration::seconds(1), Duration::seconds(60));
  asio::post(loop, [&] {
    a.transport->close();
    loop.stop();
  });
  server.join();
  ASSERT_TRUE(replies.ok()) << replies.status();
  EXPECT_EQ(replies->size(), 1u);
}

}  // namespace
}  // namespace holdfast::runtime
