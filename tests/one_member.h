// One real member, and calls that show its answers as they come over the wire: code, text, message.
#pragma once

#include <grpcpp/grpcpp.h>
#include <rpc.grpc.pb.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/cli/local_cluster.h"
#include "holdfast/cli/text.h"
#include "tests/cli_testing.h"

namespace holdfast {

namespace pb = ::etcdserverpb;

template <class Response>
struct Answer {
  int code = 0;  // of gRPC
  std::string text;
  Response body;
  bool ok() const { return code == 0; }
  // "OK", "3 etcdserver: ...": for comparisons.
  std::string status() const { return ok() ? "OK" : cli::cat(code, " ", text); }
};

class OneMember {
 public:
  // `directory` holds data/ and what the member prints, unless `data` names another place.
  OneMember(const std::string& directory, const std::vector<std::string>& flags, std::string data = "")
      : port_(*cli::find_free_ports(2)),
        process_({cli::kProgram, arguments(directory, flags, data), directory + "/log"}) {
    grpc::ChannelArguments settings;
    settings.SetMaxReceiveMessageSize(-1);
    settings.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    settings.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    settings.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    channel_ = grpc::CreateCustomChannel(cli::cat("127.0.0.1:", port_), grpc::InsecureChannelCredentials(), settings);
    kv = pb::KV::NewStub(channel_);
    watch = pb::Watch::NewStub(channel_);
    lease = pb::Lease::NewStub(channel_);
    cluster = pb::Cluster::NewStub(channel_);
    maintenance = pb::Maintenance::NewStub(channel_);
  }

  // False when it does not come to serve writes and reads.
  bool start() {
    if (!process_.start().ok()) return false;
    const auto deadline = std::chrono::system_clock::now() + cli::kLong;
    while (std::chrono::system_clock::now() < deadline && process_.running()) {
      if (!channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::milliseconds(100))) {
        if (process_.reap()) return false;
        continue;
      }
      if (get("any").ok()) return true;
    }
    return false;
  }
  cli::LocalMember& process() { return process_; }
  uint16_t client_port() const { return static_cast<uint16_t>(port_); }
  uint16_t peer_port() const { return static_cast<uint16_t>(port_ + 1); }

  template <class Service, class Stub, class Request, class Response>
  static Answer<Response> call(const std::unique_ptr<Stub>& stub,
                               grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
                               const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + cli::kLong);
    Answer<Response> answer;
    const grpc::Status status = ((*stub).*method)(&context, request, &answer.body);
    answer.code = status.error_code();
    answer.text = status.error_message();
    return answer;
  }
  Answer<pb::RangeResponse> range(const pb::RangeRequest& request) {
    return call(kv, &pb::KV::StubInterface::Range, request);
  }
  Answer<pb::RangeResponse> get(const std::string& key) {
    pb::RangeRequest request;
    request.set_key(key);
    return range(request);
  }
  Answer<pb::PutResponse> put(const std::string& key, const std::string& value) {
    pb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    return call(kv, &pb::KV::StubInterface::Put, request);
  }
  Answer<pb::TxnResponse> txn(const pb::TxnRequest& request) { return call(kv, &pb::KV::StubInterface::Txn, request); }

  std::unique_ptr<pb::KV::StubInterface> kv;
  std::unique_ptr<pb::Watch::StubInterface> watch;
  std::unique_ptr<pb::Lease::StubInterface> lease;
  std::unique_ptr<pb::Cluster::StubInterface> cluster;
  std::unique_ptr<pb::Maintenance::StubInterface> maintenance;

 private:
  std::vector<std::string> arguments(const std::string& directory, const std::vector<std::string>& flags,
                                     const std::string& data) const {
    std::vector<std::string> args = {"serve", cli::cat("--data-dir=", data.empty() ? directory + "/data" : data),
                                     cli::cat("--listen-client-urls=http://127.0.0.1:", port_),
                                     cli::cat("--listen-peer-urls=http://127.0.0.1:", port_ + 1)};
    args.insert(args.end(), flags.begin(), flags.end());
    return args;
  }

  const int port_;
  cli::LocalMember process_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace holdfast
