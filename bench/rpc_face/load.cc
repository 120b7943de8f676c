// A closed-loop load of KV.Range calls, and what they cost the server.
// Usage: rpc_face_load PORT SERVER_PID OUTSTANDING CONNECTIONS SECONDS
#include <cstdlib>

#include "bench/load/closed_loop.h"
#include "rpc.pb.h"

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  if (argc != 6) fail("usage: rpc_face_load PORT SERVER_PID OUTSTANDING CONNECTIONS SECONDS");
  etcdserverpb::RangeRequest request;
  request.set_key("key-00000042");
  Load load;
  load.endpoints = {std::string("127.0.0.1:") + argv[1]};
  load.outstanding = std::atoi(argv[3]);
  load.connections = std::atoi(argv[4]);
  load.method = "/etcdserverpb.KV/Range";
  load.request = [message = request.SerializeAsString()] { return message; };
  load.shortest_answer = 60;
  print(run(load, std::chrono::seconds(std::atoi(argv[5])), {std::atoi(argv[2])}));
}
