// The real face with a store behind it, but no log and no other members: what the shell costs. Usage: rpc_face_face
// PORT
#include <asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>

#include "holdfast/server/face.h"
#include "holdfast/server/store_port_test_kit.h"

int main(int argc, char** argv) {
  using namespace holdfast;  // NOLINT: a program of one page
  asio::io_context loop(1);
  runtime::Metrics metrics;
  server::StorePort port;
  server::Face face(loop, port, metrics, {});
  port.set_clients(&face);
  port.store().apply(store::PutRequest{.key = Slice::unowned("key-00000042"),
                                       .value = Slice::unowned("a value of some thirty-two bytes")});
  const Status listening = face.listen("127.0.0.1", static_cast<uint16_t>(std::atoi(argc > 1 ? argv[1] : "7603")));
  if (!listening.ok()) {
    std::fprintf(stderr, "%s\n", std::string(listening.message()).c_str());
    return 1;
  }
  loop.run();
}
