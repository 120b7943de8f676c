// Members over real sockets, threads and files: one alone, and three on loopback.
#include "holdfast/server/member.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <asio/post.hpp>
#include "holdfast/base/print.h"

namespace holdfast::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// An address of the loopback network that only this process uses, so that its ports are free.
std::string own_host() {
  const auto pid = static_cast<uint32_t>(getpid());
  return fmt::format("127.{}.{}.{}", 1 + (pid >> 16 & 0x3f), pid >> 8 & 0xff, 1 + (pid & 0xff) % 254);
}

// Clients inside the process: calls are made from the test's thread.
class TestClients : public Clients {
 public:
  void on_reply(service::CallId call, store::Response response) override {
    auto it = waiting.find(call);
    if (it == waiting.end()) return;
    it->second.set_value(std::move(response));
    waiting.erase(it);
  }
  void on_watch_ready(store::StreamId) override {}
  void on_role_changed(const service::RoleChanged& change) override {
    const std::lock_guard lock(mutex);
    role = change;
    changed.notify_all();
  }
  void on_stopped(const std::string& why) override {
    stopped_why = why;
    waiting.clear();
  }

  std::map<service::CallId, std::promise<store::Response>> waiting;  // the loop's
  std::string stopped_why;
  std::mutex mutex;
  std::condition_variable changed;
  service::RoleChanged role;  // under mutex
};

class Running {
 public:
  explicit Running(const MemberConfig& config) {
    auto started = Member::start(config, [this](auto&, Backend& backend, const auto&, auto&) {
      auto c = std::make_unique<TestClients>();
      clients = c.get();
      backend.set_clients(clients);
      return StatusOr<std::unique_ptr<Clients>>(std::move(c));
    });
    status = started.status();
    if (!started.ok()) return;
    member = *std::move(started);
    thread = std::thread([this] { result = member->run(); });
  }
  ~Running() { (void)stop(); }

  Status stop() {
    if (thread.joinable()) {
      member->stop();
      thread.join();
    }
    return result;
  }
  // As kill -9 would, as far as that is possible within one process: nothing is handed over.
  void abandon() {
    asio::post(member->loop(), [this] { member->loop().stop(); });
    thread.join();
    member.reset();
  }

  std::future<store::Response> call(store::Request request) {
    auto promise = std::make_shared<std::promise<store::Response>>();
    auto future = promise->get_future();
    asio::post(member->loop(), [this, promise, request = std::move(request)] {
      Backend& backend = member->backend();
      const service::CallId id = backend.next_call();
      clients->waiting.emplace(id, std::move(*promise));
      backend.step(
          [&](service::Service& s, Time now, service::Service::Out& out) { s.call(now, id, request, false, out); });
    });
    return future;
  }
  // On the loop's thread.
  template <class F>
  auto ask(F&& f) {
    std::promise<decltype(f(member->backend()))> promise;
    auto future = promise.get_future();
    asio::post(member->loop(), [&] { promise.set_value(f(member->backend())); });
    return future.get();
  }
  bool await_leader() {
    std::unique_lock lock(clients->mutex);
    return clients->changed.wait_for(lock, std::chrono::seconds(60),
                                     [this] { return clients->role.leader != NodeId{}; });
  }
  bool leads() {
    const std::lock_guard lock(clients->mutex);
    return clients->role.role == consensus::Role::kLeader;
  }

  Status status;
  Status result;
  std::unique_ptr<Member> member;
  TestClients* clients = nullptr;
  std::thread thread;
};

store::PutRequest put(std::string_view key, std::string_view value) {
  store::PutRequest r;
  r.key = Slice::copy_of(key);
  r.value = Slice::copy_of(value);
  return r;
}

class MemberTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(getenv("HOLDFAST_TEST_LOG") != nullptr ? spdlog::level::debug : spdlog::level::warn);
    dir = fs::path(testing::TempDir()) / fmt::format("member_test.{}", getpid());
    fs::remove_all(dir);
  }
  void TearDown() override { fs::remove_all(dir); }

  std::string peer_url(int n) const { return fmt::format("http://{}:{}", own_host(), 23800 + n); }

  MemberConfig config(int n = 1, int of = 1) const {
    MemberConfig c;
    c.name = fmt::format("m{}", n);
    c.data_dir = dir / c.name;
    c.listen_peer_urls = c.initial_advertise_peer_urls = {peer_url(n)};
    c.advertise_client_urls = {fmt::format("http://{}:{}", own_host(), 23700 + n)};
    for (int i = of == 1 ? n : 1; i <= std::max(n, of); ++i)
      c.initial_cluster.push_back({fmt::format("m{}", i), {peer_url(i)}});
    c.heartbeat_interval = Duration::millis(20);
    c.election_timeout = Duration::millis(200);
    c.wal_segment_bytes = uint64_t{1} << 20;
    return c;
  }

  // Calls until it is answered by other than a refusal that says to try again.
  static store::Response persistently(Running& m, const store::Request& request) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      store::Response response = m.call(request).get();
      const auto* refused = std::get_if<store::Refused>(&response);
      if (refused == nullptr || std::chrono::steady_clock::now() > deadline) return response;
    }
  }
  static std::string value_of(Running& m, std::string_view key) {
    store::RangeRequest r;
    r.key = Slice::copy_of(key);
    const store::Response response = persistently(m, r);
    const auto* range = std::get_if<store::RangeResponse>(&response);
    if (range == nullptr || range->kvs.empty()) return "(none)";
    return range->kvs[0].value.str();
  }
  static bool store_key(Running& m, std::string_view key, std::string_view value) {
    return std::holds_alternative<store::PutResponse>(persistently(m, put(key, value)));
  }

  fs::path dir;
};

TEST_F(MemberTest, AMemberAloneServesAndKeepsWhatItAcknowledged) {
  const NodeId first = [&] {
    Running m(config());
    EXPECT_TRUE(m.status.ok()) << m.status;
    EXPECT_TRUE(m.await_leader());
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(store_key(m, fmt::format("k{}", i), fmt::format("v{}", i)));
    EXPECT_TRUE(m.stop().ok());
    return m.member->backend().identity().member_id;
  }();
  Running again(config());
  ASSERT_TRUE(again.status.ok()) << again.status;
  EXPECT_EQ(again.member->backend().identity().member_id, first);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(value_of(again, fmt::format("k{}", i)), fmt::format("v{}", i));
}

TEST_F(MemberTest, AMemberThatIsCutOffKeepsWhatItAcknowledged) {
  for (int round = 0; round < 3; ++round) {
    Running m(config());
    ASSERT_TRUE(m.status.ok()) << m.status;
    for (int i = 0; i < round; ++i) EXPECT_EQ(value_of(m, fmt::format("k{}", i)), "v");
    EXPECT_TRUE(store_key(m, fmt::format("k{}", round), "v"));
    m.abandon();
  }
}

TEST_F(MemberTest, SnapshotsLetTheLogGoAndAreRecoveredFrom) {
  const auto files = [this](const char* directory, const char* prefix) {
    const fs::directory_iterator all(dir / "m1" / directory);
    return static_cast<size_t>(std::count_if(begin(all), end(all), [&](const fs::directory_entry& e) {
      return e.path().filename().string().starts_with(prefix);
    }));
  };
  MemberConfig c = config();
  c.snapshot_count = 50;
  c.snapshot_catchup_entries = 5;
  {
    Running m(c);
    ASSERT_TRUE(m.status.ok()) << m.status;
    const std::string value(10'000, 'x');
    for (int i = 0; i < 400; ++i) ASSERT_TRUE(store_key(m, fmt::format("k{}", i % 40), value));
    // A snapshot is written beside the load; the log is let go when it is done.
    for (int i = 0; i < 4000 && files("wal", "wal-") > 3; ++i) {
      ASSERT_TRUE(store_key(m, fmt::format("k{}", i % 40), value));
    }
    EXPECT_LE(files("wal", "wal-"), 3u);  // of more than four without snapshots
    ASSERT_TRUE(store_key(m, "last", "one"));
    EXPECT_TRUE(m.stop().ok());
  }
  const size_t snapshots = files("snapshots", "blob-");
  EXPECT_GE(snapshots, 1u);
  EXPECT_LE(snapshots, 3u);
  Running again(c);
  ASSERT_TRUE(again.status.ok()) << again.status;
  EXPECT_EQ(value_of(again, "last"), "one");
  EXPECT_EQ(value_of(again, "k39").size(), 10'000u);
}

TEST_F(MemberTest, ThreeMembersReplicateAndSurviveAnyOneOfThem) {
  std::map<int, std::unique_ptr<Running>> members;
  std::map<int, std::future<std::unique_ptr<Running>>> starting;
  for (int n = 1; n <= 3; ++n) {
    starting[n] = std::async(std::launch::async, [this, n] { return std::make_unique<Running>(config(n, 3)); });
  }
  for (int n = 1; n <= 3; ++n) {
    members[n] = starting[n].get();
    ASSERT_TRUE(members[n]->status.ok()) << members[n]->status;
  }
  for (auto& [n, m] : members) ASSERT_TRUE(m->await_leader());
  ASSERT_TRUE(store_key(*members[1], "first", "value"));
  for (auto& [n, m] : members) EXPECT_EQ(value_of(*m, "first"), "value") << n;
  for (int down = 1; down <= 3; ++down) {
    if (down == 2) {
      members[down]->abandon();
    } else {
      EXPECT_TRUE(members[down]->stop().ok());
    }
    members[down].reset();
    const int other = down % 3 + 1;
    ASSERT_TRUE(store_key(*members[other], fmt::format("without{}", down), "value")) << down;
    members[down] = std::make_unique<Running>(config(down, 3));
    ASSERT_TRUE(members[down]->status.ok()) << members[down]->status;
    EXPECT_EQ(value_of(*members[down], fmt::format("without{}", down)), "value") << down;
  }
  // All at once.
  for (auto& [n, m] : members) m->abandon();
  members.clear();
  for (int n = 1; n <= 3; ++n) members[n] = std::make_unique<Running>(config(n, 3));
  for (auto& [n, m] : members) {
    ASSERT_TRUE(m->status.ok()) << m->status;
    for (int down = 1; down <= 3; ++down) EXPECT_EQ(value_of(*m, fmt::format("without{}", down)), "value");
  }
}

TEST_F(MemberTest, AStoppingLeaderHandsOver) {
  std::vector<std::unique_ptr<Running>> members;
  for (int n = 1; n <= 3; ++n) members.push_back(std::make_unique<Running>(config(n, 3)));
  for (auto& m : members) ASSERT_TRUE(m->status.ok() && m->await_leader()) << m->status;
  ASSERT_TRUE(store_key(*members[0], "k", "v"));
  const auto leader = std::find_if(members.begin(), members.end(), [](auto& m) { return m->leads(); });
  ASSERT_NE(leader, members.end());
  EXPECT_TRUE((*leader)->stop().ok());
  const NodeId gone = (*leader)->member->backend().identity().member_id;
  members.erase(leader);
  EXPECT_TRUE(store_key(*members[0], "k", "w"));
  EXPECT_EQ(value_of(*members[1], "k"), "w");
  EXPECT_NE(members[0]->clients->role.leader, gone);
}

TEST_F(MemberTest, AMemberIsAddedJoinsAndIsRemoved) {
  Running first(config(1, 1));
  ASSERT_TRUE(first.status.ok()) << first.status;
  ASSERT_TRUE(store_key(first, "before", "it came"));
  MemberConfig joiner = config(2, 2);
  joiner.initial_cluster_state = ClusterState::kExisting;
  {
    const Running too_early(joiner);
    EXPECT_EQ(too_early.status.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(too_early.status.message()), HasSubstr("Add it first"));
  }
  const auto added = persistently(first, store::MemberAddRequest{{peer_url(2)}, true});
  ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(added)) << print(added);
  const NodeId id = std::get<store::MembersResponse>(added).member.id;
  {
    Running second(joiner);
    ASSERT_TRUE(second.status.ok()) << second.status;
    EXPECT_EQ(second.member->backend().identity().member_id, id);
    EXPECT_EQ(second.member->backend().identity().cluster_id, first.member->backend().identity().cluster_id);
    const auto promoted = persistently(first, store::MemberPromoteRequest{id});
    ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(promoted)) << print(promoted);
    EXPECT_EQ(value_of(second, "before"), "it came");
    ASSERT_TRUE(store_key(second, "after", "it came"));
    EXPECT_TRUE(second.stop().ok());
  }
  // It restarts with its own log, whatever its flags say, and is removed for good.
  joiner.initial_cluster_state = ClusterState::kNew;
  Running second(joiner);
  ASSERT_TRUE(second.status.ok()) << second.status;
  EXPECT_EQ(second.member->backend().identity().member_id, id);
  ASSERT_TRUE(store_key(second, "again", "it came"));
  EXPECT_EQ(value_of(second, "after"), "it came");
  const auto removed = persistently(first, store::MemberRemoveRequest{id});
  EXPECT_TRUE(std::holds_alternative<store::MembersResponse>(removed));
  ASSERT_TRUE(store_key(first, "alone", "again"));
  second.thread.join();  // it stops by itself
  EXPECT_THAT(std::string(second.result.message()), HasSubstr("removed"));
}

TEST_F(MemberTest, ALostDiskIsNotTakenForANewMember) {
  std::vector<std::unique_ptr<Running>> members;
  for (int n = 1; n <= 3; ++n) members.push_back(std::make_unique<Running>(config(n, 3)));
  for (auto& m : members) ASSERT_TRUE(m->status.ok()) << m->status;
  // Published: client URLs are known to all.
  for (auto& m : members) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!m->ask([](Backend& b) {
      const auto& all = b.service().store().members();
      return all.size() == 3 && std::none_of(all.begin(), all.end(), [](auto& x) { return x.client_urls.empty(); });
    })) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      ASSERT_TRUE(store_key(*m, "turn", "the wheel"));
    }
  }
  EXPECT_TRUE(members[2]->stop().ok());
  members.pop_back();
  fs::remove_all(dir / "m3");
  const Running again(config(3, 3));
  EXPECT_EQ(again.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(again.status.message()), HasSubstr("has already been part of cluster"));
}

TEST_F(MemberTest, RefusesToStartWhereItMustNot) {
  MemberConfig other = config(2);
  {
    Running m(config());
    ASSERT_TRUE(m.status.ok()) << m.status;
    other.data_dir = config().data_dir;
    const Running same_dir(other);
    EXPECT_THAT(std::string(same_dir.status.message()), HasSubstr(other.data_dir)) << same_dir.status;
    other = config(2);
    other.listen_peer_urls = config().listen_peer_urls;
    const Running same_port(other);
    EXPECT_EQ(same_port.status.code(), StatusCode::kUnavailable) << same_port.status;
    EXPECT_THAT(std::string(same_port.status.message()), HasSubstr("in use"));
  }
  MemberConfig moved = config();
  moved.wal_dir = dir / "elsewhere";
  EXPECT_THAT(std::string(Running(moved).status.message()), HasSubstr("--wal-dir"));

  fs::rename(dir / "m1" / "wal", dir / "hidden");
  EXPECT_THAT(std::string(Running(config()).status.message()), HasSubstr("the log of this member is missing"));
  fs::remove_all(dir / "m1" / "wal");
  fs::rename(dir / "hidden", dir / "m1" / "wal");
  EXPECT_TRUE(Running(config()).status.ok());

  // The log of another.
  {
    MemberConfig c = config(3);
    Running m(c);
    ASSERT_TRUE(m.status.ok()) << m.status;
  }
  fs::rename(dir / "m1" / "wal", dir / "hidden");
  fs::rename(dir / "m3" / "wal", dir / "m1" / "wal");
  EXPECT_EQ(Running(config()).status.code(), StatusCode::kFailedPrecondition);
}

TEST_F(MemberTest, ALogElsewhereInTheDataDirectoryIsFoundAgain) {
  MemberConfig inside = config();
  inside.wal_dir = dir / "m1" / "logs" / "mine";
  {
    Running m(inside);
    ASSERT_TRUE(m.status.ok()) << m.status;
  }
  inside.wal_dir += "/";
  const Running again(inside);
  EXPECT_TRUE(again.status.ok()) << again.status;
}

TEST_F(MemberTest, ADamagedLogIsRefusedAndNothingIsCut) {
  {
    Running m(config());
    ASSERT_TRUE(m.status.ok()) << m.status;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store_key(m, fmt::format("k{}", i), std::string(1000, 'x')));
  }
  fs::path segment;
  for (const auto& e : fs::directory_iterator(dir / "m1" / "wal")) {
    if (e.path().filename().string().starts_with("wal-")) segment = std::max(segment, e.path());
  }
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(16 * 1024 + 300);  // inside a record, not in the padding behind it
  file << "damage in the middle";
  file.close();
  const Running again(config());
  EXPECT_EQ(again.status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(again.status.message()), HasSubstr(segment.filename().string()));
}

}  // namespace
}  // namespace holdfast::server
