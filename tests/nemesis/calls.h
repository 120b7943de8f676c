// Calls of the store's API over gRPC, as the values that the simulator's clients and checkers know.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>
#include <rpc.grpc.pb.h>

#include "holdfast/base/status.h"
#include "holdfast/store/api.h"

namespace holdfast::nemesis {

namespace pb = ::etcdserverpb;

// One member, over a connection of its own. For one thread.
class Endpoint {
 public:
  explicit Endpoint(const std::string& address);

  // Makes the call, once. Refused as the store itself refuses; kNoLeader when the call was never sent. An error means
  // that the outcome is open: there was no answer, or one that does not say.
  StatusOr<store::Response> call(const store::Request& request, std::chrono::milliseconds timeout);
  StatusOr<pb::StatusResponse> status(std::chrono::milliseconds timeout);
  // Whether there is a connection now, or soon.
  bool connected();
  pb::Watch::StubInterface& watch() { return *watch_; }

 private:
  struct Visitor;

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::KV::StubInterface> kv_;
  std::unique_ptr<pb::Watch::StubInterface> watch_;
  std::unique_ptr<pb::Lease::StubInterface> lease_;
  std::unique_ptr<pb::Cluster::StubInterface> cluster_;
  std::unique_ptr<pb::Maintenance::StubInterface> maintenance_;
};

void set_deadline(grpc::ClientContext& context, std::chrono::milliseconds timeout);

}  // namespace holdfast::nemesis
