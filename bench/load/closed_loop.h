// A closed loop of unary gRPC calls over nghttp2: as many calls are always outstanding as were asked for, each answer
// starts the next call. One thread. Any failed call ends the program with a message: a load that fails measures
// nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace holdfast::bench {

struct Load {
  std::vector<std::string> endpoints;  // "127.0.0.1:2379"; connections are spread over them in turn
  int connections = 4;
  int outstanding = 64;                  // over all connections
  std::string method;                    // "/etcdserverpb.KV/Range"
  std::function<std::string()> request;  // the protobuf message of the next call
  size_t shortest_answer = 0;            // bytes with the frame's head; a shorter one is a failure
};

struct Measured {
  double calls_per_second = 0;
  double servers_us_per_call = 0;  // processor time of the servers, user and system, all threads
  double client_us_per_call = 0;
  uint32_t p50_us = 0, p99_us = 0;
};

// Warms up for one second, then measures. `servers` are process ids, for their processor time.
Measured run(const Load& load, std::chrono::seconds length, const std::vector<int>& servers);

void print(const Measured& m);

// Says what is wrong and ends the program.
[[noreturn]] void fail(const std::string& what);

}  // namespace holdfast::bench
