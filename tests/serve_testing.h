// A single member as a real process, with data that must survive whatever is done to it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "holdfast/cli/cluster_watch.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast::cli {

class ServeTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;
  struct Ended {
    std::string how, output;  // "exited with code 1", the last lines
  };
  static constexpr int kKeys = 10;

  ServeTest() : directory_(temporary_directory()) {
    LocalCluster::Options options;
    options.members = 3;
    options.base_port = 0;
    options.directory = directory_ + "/ports";
    port_ = (*LocalCluster::open(options))->client_port(1);
  }
  ~ServeTest() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  // Six free ports from here on.
  int port(int offset) const { return port_ + offset; }

  Words flags(const std::string& data) const { return flags(data, 0, 1); }
  Words flags(const std::string& data, int client, int peer) const {
    return {"--data-dir=" + path(data), cat("--listen-client-urls=http://127.0.0.1:", port(client)),
            cat("--listen-peer-urls=http://127.0.0.1:", port(peer))};
  }

  // `before` are words in front of the program: env, setpriv.
  LocalMember member(const Words& flags, const Words& before = {}, const std::string& log = "log") const {
    Words words = before;
    words.push_back(kProgram);
    words.push_back("serve");
    words.insert(words.end(), flags.begin(), flags.end());
    const std::string program = words[0].starts_with("/") ? words[0] : "/usr/bin/" + words[0];
    return LocalMember({program, Words(words.begin() + 1, words.end()), path(log)});
  }
  Ended ended(const Words& flags, const Words& before = {}) const {
    std::filesystem::remove(path("log"));
    LocalMember one = member(flags, before);
    EXPECT_TRUE(one.start().ok());
    const std::string how = one.wait(kLong).value_or("still runs");
    return {how, one.last_output(5)};
  }

  bool answers(int client = 0) const {
    return http_get(cat("127.0.0.1:", port(client)), "/health", std::chrono::seconds(5)).has_value();
  }
  LocalMember started(const Words& flags, int client = 0) const {
    LocalMember one = member(flags);
    EXPECT_TRUE(one.start().ok());
    EXPECT_TRUE(comes_true([&] { return answers(client) || one.reap().has_value(); }));
    EXPECT_TRUE(one.running()) << one.last_output(5);
    return one;
  }
  static void stop(LocalMember& one) {
    one.signal(SIGTERM);
    EXPECT_EQ(one.wait(kLong), "exited with code 0");
  }
  Outcome run(Words args, int client = 0) const {
    args.push_back(cat("--endpoints=127.0.0.1:", port(client)));
    return run_in_process(args, {});
  }

  void put_keys(int client = 0) const {
    for (int i = 0; i < kKeys; ++i) EXPECT_EQ(run({"put", cat("kept/", i), cat("value ", i)}, client).code, kExitOk);
  }
  void expect_keys(int client = 0) const {
    EXPECT_EQ(run({"get", "--prefix", "kept/", "--count-only"}, client).out, cat(kKeys, "\n"));
    for (int i = 0; i < kKeys; ++i) {
      EXPECT_EQ(run({"get", cat("kept/", i), "--print-value-only"}, client).out, cat("value ", i, "\n"));
    }
  }
  // A member that has run, holds the keys, and has stopped.
  void make_data(const std::string& data) const {
    LocalMember one = started(flags(data));
    put_keys();
    stop(one);
  }
  void expect_data(const std::string& data) const {
    LocalMember one = started(flags(data));
    expect_keys();
    stop(one);
  }

  const std::string directory_;

 private:
  int port_ = 0;
};

}  // namespace holdfast::cli
