// The empty handler on gRPC C++ (callback API): KV.Range answers one small key. Usage: rpc_face_grpc PORT
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

#include "rpc.grpc.pb.h"

namespace {

class Kv final : public etcdserverpb::KV::CallbackService {
  grpc::ServerUnaryReactor* Range(grpc::CallbackServerContext* context, const etcdserverpb::RangeRequest* request,
                                  etcdserverpb::RangeResponse* response) override {
    auto* header = response->mutable_header();
    header->set_cluster_id(0xcdf818194e3a8c32);
    header->set_member_id(0x8e9e05c52164694d);
    header->set_revision(123456);
    header->set_raft_term(7);
    auto* kv = response->add_kvs();
    kv->set_key(request->key());
    kv->set_create_revision(1000);
    kv->set_mod_revision(2000);
    kv->set_version(3);
    kv->set_value("a value of some thirty-two bytes");
    response->set_count(1);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string address = std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7601");
  Kv kv;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&kv);
  auto server = builder.BuildAndStart();
  if (!server) {
    std::fprintf(stderr, "cannot listen on %s; choose another port\n", address.c_str());
    return 1;
  }
  server->Wait();
}
