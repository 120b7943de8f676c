// The whole line: a real member with its log on disk, the face before it, Debian's etcdctl as its client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "holdfast/server/face.h"
#include "holdfast/server/member.h"

namespace holdfast::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A single-member store on a loopback address that only this process uses.
class RunningMember {
 public:
  explicit RunningMember(const fs::path& directory) {
    const auto pid = static_cast<unsigned>(::getpid());
    host = "127." + std::to_string(65 + (pid >> 16 & 0x3f)) + '.' + std::to_string(pid >> 8 & 0xff) + '.' +
           std::to_string(1 + (pid & 0xff) % 254);
    MemberConfig config;
    config.name = "one";
    config.data_dir = directory;
    config.listen_peer_urls = config.initial_advertise_peer_urls = {"http://" + host + ":2380"};
    config.listen_client_urls = config.advertise_client_urls = {"http://" + host + ":2379"};
    auto started = Member::start(config, make_face);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return;
    member_ = *std::move(started);
    thread_ = std::thread([this] { EXPECT_TRUE(member_->run().ok()); });
  }
  ~RunningMember() {
    if (!thread_.joinable()) return;
    member_->stop();
    thread_.join();
  }
  std::string etcdctl(const std::string& arguments) const {
    const std::string command = "ETCDCTL_API=3 etcdctl --endpoints=" + host + ":2379 " + arguments + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    char buffer[4096];
    for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
    ::pclose(pipe);
    return text;
  }
  std::string host;

 private:
  std::unique_ptr<Member> member_;
  std::thread thread_;
};

TEST(FaceMember, WhatEtcdctlWroteIsThereAfterARestart) {
  const fs::path directory = fs::temp_directory_path() / ("face_member_test." + std::to_string(::getpid()));
  fs::remove_all(directory);
  {
    const RunningMember member(directory);
    EXPECT_EQ(member.etcdctl("put a 1"), "OK\n");
    EXPECT_EQ(member.etcdctl("get a"), "a\n1\n");
    EXPECT_THAT(member.etcdctl("member list"), HasSubstr(", started, one, http://" + member.host + ":2380, "));
    EXPECT_THAT(member.etcdctl("endpoint health"), HasSubstr("is healthy"));
    EXPECT_THAT(member.etcdctl("endpoint status"), HasSubstr(", 3.6.0, "));
    EXPECT_THAT(member.etcdctl("lease grant 60"), HasSubstr("granted with TTL(60s)"));
  }
  {
    const RunningMember member(directory);
    EXPECT_EQ(member.etcdctl("get a"), "a\n1\n");
    EXPECT_THAT(member.etcdctl("lease list"), HasSubstr("found 1 leases"));
    EXPECT_EQ(member.etcdctl("del a"), "1\n");
  }
  fs::remove_all(directory);
}

}  // namespace
}  // namespace holdfast::server
