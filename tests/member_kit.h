// Members as users run them (real sockets, threads, files; the client port served), inside the test's process, with
// gRPC's own client. Addresses are of the loopback network and only this process uses them.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include "holdfast/server/face.h"
#include "holdfast/server/member.h"
#include "rpc.grpc.pb.h"

namespace holdfast::server {

namespace pb = etcdserverpb;
namespace fs = std::filesystem;

inline std::string own_host() {
  const auto pid = static_cast<uint32_t>(getpid());
  return fmt::format("127.{}.{}.{}", 129 + (pid >> 16 & 0x3f), pid >> 8 & 0xff, 1 + (pid & 0xff) % 254);
}
inline std::string peer_url(int n) { return fmt::format("http://{}:{}", own_host(), 23800 + n); }

// Waits for what is due, within a bound that is never reached when all is well.
inline bool eventually(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A member that runs, and stubs to call it with.
class LiveMember {
 public:
  explicit LiveMember(const MemberConfig& config)
      : target_(config.listen_client_urls[0].substr(sizeof("http://") - 1)) {
    auto started = Member::start(config, make_face);
    status = started.status();
    if (!started.ok()) return;
    member_ = *std::move(started);
    thread_ = std::thread([this] { result_ = member_->run(); });
    connect();
  }
  ~LiveMember() { (void)stop(); }
  LiveMember(const LiveMember&) = delete;
  LiveMember& operator=(const LiveMember&) = delete;

  // Gracefully. How it ended.
  Status stop() {
    if (!thread_.joinable()) return result_;
    member_->stop();
    return join();
  }
  // Waits until it ends by itself.
  Status join() {
    thread_.join();
    member_.reset();  // lets the directory go
    return result_;
  }
  // As kill -9 would, as far as that is possible inside a process: nothing is handed over, nobody is told.
  void abandon() {
    asio::post(member_->loop(), [this] { member_->loop().stop(); });
    thread_.join();
    member_.reset();
  }
  // On the loop's thread.
  template <class F>
  auto ask(F&& f) {
    std::promise<decltype(f(member_->backend()))> promise;
    auto future = promise.get_future();
    asio::post(member_->loop(), [&] { promise.set_value(f(member_->backend())); });
    return future.get();
  }
  uint64_t id() {
    return ask([](Backend& b) { return b.identity().member_id.value(); });
  }
  pb::StatusResponse state() {
    pb::StatusResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(maintenance->Status(&context, {}, &response).ok());
    return response;
  }
  bool leads() {
    const pb::StatusResponse s = state();
    return s.leader() == s.header().member_id();
  }
  void connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a restarted member is not waited for by an old backoff
    arguments.SetMaxReceiveMessageSize(-1);
    channel = grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(), arguments);
    kv = pb::KV::NewStub(channel);
    watch = pb::Watch::NewStub(channel);
    lease = pb::Lease::NewStub(channel);
    cluster = pb::Cluster::NewStub(channel);
    maintenance = pb::Maintenance::NewStub(channel);
    auth = pb::Auth::NewStub(channel);
  }
  // One GET by hand; the whole answer.
  std::string http(const std::string& path) const;

  Status status;  // of the start
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::KV::Stub> kv;
  std::unique_ptr<pb::Watch::Stub> watch;
  std::unique_ptr<pb::Lease::Stub> lease;
  std::unique_ptr<pb::Cluster::Stub> cluster;
  std::unique_ptr<pb::Maintenance::Stub> maintenance;
  std::unique_ptr<pb::Auth::Stub> auth;

 private:
  const std::string target_;
  Status result_;
  std::unique_ptr<Member> member_;
  std::thread thread_;
};

inline std::string LiveMember::http(const std::string& path) const {
  asio::io_context loop;
  asio::ip::tcp::socket socket(loop);
  const size_t colon = target_.rfind(':');
  const auto port = static_cast<uint16_t>(std::stoi(target_.substr(colon + 1)));
  socket.connect({asio::ip::make_address(target_.substr(0, colon)), port});
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n";
  asio::write(socket, asio::buffer(request));
  std::string answer;
  asio::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}

// gRPC's code and text of one unary call. `response` stays empty unless it was OK.
struct Answered {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string text;
  bool operator==(const Answered&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Answered& a) {
  return out << a.code << " \"" << a.text << '"';
}
inline Answered of(const grpc::Status& s) { return {s.error_code(), s.error_message()}; }
inline Answered ok() { return {}; }

template <class Stub, class Request, class Response>
Answered call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const std::type_identity_t<Request>& request, Response* response = nullptr, bool has_leader = false) {
  Response ignored;
  grpc::ClientContext context;
  if (has_leader) context.AddMetadata("hasleader", "true");
  return of((stub.*method)(&context, request, response != nullptr ? response : &ignored));
}
// Until it is answered OK.
template <class Stub, class Request, class Response>
bool persistently(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const std::type_identity_t<Request>& request, Response* response = nullptr) {
  return eventually([&] { return call(stub, method, request, response) == ok(); });
}

inline pb::PutRequest put(const std::string& key, const std::string& value) {
  pb::PutRequest r;
  r.set_key(key);
  r.set_value(value);
  return r;
}
inline pb::RangeRequest get(const std::string& key, bool serializable = false) {
  pb::RangeRequest r;
  r.set_key(key);
  r.set_serializable(serializable);
  return r;
}
inline std::string value_of(LiveMember& m, const std::string& key) {
  pb::RangeResponse r;
  if (!persistently(*m.kv, &pb::KV::Stub::Range, get(key), &r) || r.kvs_size() == 0) return "(none)";
  return r.kvs(0).value();
}

// A directory for the members of a test.
class LiveTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(getenv("HOLDFAST_TEST_LOG") != nullptr ? spdlog::level::debug : spdlog::level::off);
    dir = fs::path(testing::TempDir()) / fmt::format("live_test.{}", getpid());
    fs::remove_all(dir);
  }
  void TearDown() override { fs::remove_all(dir); }

  // Member n of `of` founders; n above: alone.
  MemberConfig config(int n = 1, int of = 1) const {
    MemberConfig c;
    c.name = fmt::format("m{}", n);
    c.data_dir = dir / c.name;
    c.listen_peer_urls = c.initial_advertise_peer_urls = {peer_url(n)};
    c.listen_client_urls = c.advertise_client_urls = {fmt::format("http://{}:{}", own_host(), 23700 + n)};
    for (int i = of == 1 ? n : 1; i <= std::max(n, of); ++i) {
      c.initial_cluster.push_back({fmt::format("m{}", i), {peer_url(i)}});
    }
    c.heartbeat_interval = Duration::millis(20);
    c.election_timeout = Duration::millis(200);
    c.wal_segment_bytes = uint64_t{1} << 20;
    return c;
  }
  // Three founders that have elected a leader.
  std::vector<std::unique_ptr<LiveMember>> three(const std::function<void(MemberConfig&)>& adjust = [](auto&) {}) {
    std::vector<std::unique_ptr<LiveMember>> members;
    for (int n = 1; n <= 3; ++n) {
      MemberConfig c = config(n, 3);
      adjust(c);
      members.push_back(std::make_unique<LiveMember>(c));
      EXPECT_TRUE(members.back()->status.ok()) << members.back()->status;
    }
    for (auto& m : members) EXPECT_TRUE(persistently(*m->kv, &pb::KV::Stub::Put, put("turn", "the wheel")));
    return members;
  }
  static LiveMember& leader_of(std::vector<std::unique_ptr<LiveMember>>& members) {
    LiveMember* leader = nullptr;
    EXPECT_TRUE(eventually([&] {
      for (auto& m : members) {
        if (m->leads()) leader = m.get();
      }
      return leader != nullptr;
    }));
    return *leader;
  }

  fs::path dir;
};

}  // namespace holdfast::server
