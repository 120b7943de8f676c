// A closed-loop load of one kind of call on a running store.
// Usage: kv_load KIND ENDPOINTS SERVER_PIDS OUTSTANDING CONNECTIONS SECONDS
//   KIND         put | get | stale-get (serializable) | fill (puts every key once, measures nothing)
//   ENDPOINTS    127.0.0.1:2379,127.0.0.1:22379,...
//   SERVER_PIDS  of the members, with commas, for their processor time
// Keys are 24 bytes, 10,000 of them, drawn at random; values are 256 bytes.
#include <cstdlib>
#include <sstream>

#include "bench/load/closed_loop.h"
#include "holdfast/base/random.h"
#include "rpc.pb.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kKeys = 10'000;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::stringstream in(text);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

std::string key(uint64_t i) {
  const std::string digits = std::to_string(i);
  return "registry/objects/" + std::string(7 - digits.size(), '0') + digits;
}

std::string put(const std::string& key) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(std::string(256, 'v'));
  return request.SerializeAsString();
}

std::string get(const std::string& key, bool stale) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_serializable(stale);
  return request.SerializeAsString();
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  if (argc != 7) fail("usage: kv_load KIND ENDPOINTS SERVER_PIDS OUTSTANDING CONNECTIONS SECONDS");
  const std::string kind = argv[1];
  holdfast::Random random(1);
  uint64_t next = 0;
  Load load;
  load.endpoints = split(argv[2]);
  load.outstanding = std::atoi(argv[4]);
  load.connections = std::atoi(argv[5]);
  std::vector<int> pids;
  for (const std::string& pid : split(argv[3])) pids.push_back(std::atoi(pid.c_str()));
  if (kind == "put") {
    load.method = "/etcdserverpb.KV/Put";
    load.request = [&] { return put(key(random.below(kKeys))); };
  } else if (kind == "fill") {
    load.method = "/etcdserverpb.KV/Put";
    load.request = [&] { return put(key(next++ % kKeys)); };
  } else if (kind == "get" || kind == "stale-get") {
    load.method = "/etcdserverpb.KV/Range";
    load.request = [&] { return get(key(random.below(kKeys)), kind == "stale-get"); };
    load.shortest_answer = 256;
  } else {
    fail("unknown kind \"" + kind + "\": put, get, stale-get or fill");
  }
  print(run(load, std::chrono::seconds(std::atoi(argv[6])), pids));
  if (kind == "fill" && next < kKeys) fail("not every key was put: give it more seconds");
}
