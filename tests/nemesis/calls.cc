#include "tests/nemesis/calls.h"

#include <map>

#include "holdfast/server/errors.h"
#include "tests/nemesis/wire.h"

namespace holdfast::nemesis {
namespace {

using std::chrono::milliseconds;

// gRPC's own text for a call that failed before it was sent.
constexpr std::string_view kNeverConnected = "failed to connect to all addresses";

constexpr milliseconds kToConnect{300};

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 300);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 300);
  return arguments;
}

Status from_grpc(const grpc::Status& status) {
  return Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::map<std::string, store::Error> errors_by_text() {
  std::map<std::string, store::Error> out;
  for (int i = 1; i <= static_cast<int>(last_value(store::Error())); ++i) {
    const auto error = static_cast<store::Error>(i);
    out.emplace(server::outcome_of(error).text, error);
  }
  return out;
}

StatusOr<store::Response> refusal(const grpc::Status& status) {
  static const std::map<std::string, store::Error> known = errors_by_text();
  if (const auto it = known.find(status.error_message()); it != known.end()) return store::Refused{it->second, {}};
  const bool unavailable = status.error_code() == grpc::StatusCode::UNAVAILABLE;
  if (unavailable && status.error_message().find(kNeverConnected) != std::string::npos) {
    return store::Refused{store::Error::kNoLeader, {}};
  }
  return from_grpc(status);
}

template <class Stub, class Request, class Response, class Translate>
StatusOr<store::Response> unary(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, milliseconds timeout, const Translate& translate) {
  grpc::ClientContext context;
  set_deadline(context, timeout);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return refusal(status);
  return store::Response(translate(response));
}

template <class Response>
store::Revision revision_of(const Response& response) {
  return store::Revision(response.header().revision());
}

}  // namespace

void set_deadline(grpc::ClientContext& context, milliseconds timeout) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

Endpoint::Endpoint(const std::string& address) {
  const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), channel_arguments());
  channel_ = channel;
  kv_ = pb::KV::NewStub(channel);
  watch_ = pb::Watch::NewStub(channel);
  lease_ = pb::Lease::NewStub(channel);
  cluster_ = pb::Cluster::NewStub(channel);
  maintenance_ = pb::Maintenance::NewStub(channel);
}

// gRPC's synchronous calls only move a connection forward while one of them waits, and on a broken connection they fail
// at once: without this, a member that is back might never be found again.
bool Endpoint::connected() { return channel_->WaitForConnected(std::chrono::system_clock::now() + kToConnect); }

StatusOr<pb::StatusResponse> Endpoint::status(milliseconds timeout) {
  if (!connected()) return absl::UnavailableError("no connection");
  grpc::ClientContext context;
  set_deadline(context, timeout);
  pb::StatusResponse response;
  const grpc::Status status = maintenance_->Status(&context, pb::StatusRequest(), &response);
  if (!status.ok()) return from_grpc(status);
  return response;
}

// Turns each kind of request into its call.
struct Endpoint::Visitor {
  Endpoint& at;
  milliseconds timeout;

  template <class Stub, class Method, class Request, class Translate>
  StatusOr<store::Response> make(Stub& stub, Method method, const Request& request, const Translate& translate) const {
    return unary(*stub, method, request, timeout, translate);
  }
  static auto translated() {
    return [](const auto& wire) { return from_wire(wire); };
  }

  StatusOr<store::Response> operator()(const store::RangeRequest& r) const {
    return make(at.kv_, &pb::KV::StubInterface::Range, to_wire(r), translated());
  }
  StatusOr<store::Response> operator()(const store::PutRequest& r) const {
    return make(at.kv_, &pb::KV::StubInterface::Put, to_wire(r), translated());
  }
  StatusOr<store::Response> operator()(const store::DeleteRangeRequest& r) const {
    return make(at.kv_, &pb::KV::StubInterface::DeleteRange, to_wire(r), translated());
  }
  StatusOr<store::Response> operator()(const store::TxnRequest& r) const {
    return make(at.kv_, &pb::KV::StubInterface::Txn, to_wire(r), translated());
  }
  StatusOr<store::Response> operator()(const store::CompactRequest& r) const {
    pb::CompactionRequest wire;
    wire.set_revision(r.revision.value());
    wire.set_physical(r.physical);
    return make(at.kv_, &pb::KV::StubInterface::Compact, wire,
                [](const auto& got) { return store::CompactResponse{revision_of(got)}; });
  }
  StatusOr<store::Response> operator()(const store::LeaseGrantRequest& r) const {
    pb::LeaseGrantRequest wire;
    wire.set_ttl(r.ttl_seconds);
    wire.set_id(r.id.value());
    return make(at.lease_, &pb::Lease::StubInterface::LeaseGrant, wire, [](const auto& got) {
      return store::LeaseGrantResponse{revision_of(got), store::LeaseId(got.id()), got.ttl()};
    });
  }
  StatusOr<store::Response> operator()(const store::LeaseRevokeRequest& r) const {
    pb::LeaseRevokeRequest wire;
    wire.set_id(r.id.value());
    return make(at.lease_, &pb::Lease::StubInterface::LeaseRevoke, wire,
                [](const auto& got) { return store::LeaseRevokeResponse{revision_of(got)}; });
  }
  StatusOr<store::Response> operator()(const store::LeaseKeepAliveRequest& r) const {
    grpc::ClientContext context;
    set_deadline(context, timeout);
    const auto stream = at.lease_->LeaseKeepAlive(&context);
    pb::LeaseKeepAliveRequest wire;
    wire.set_id(r.id.value());
    pb::LeaseKeepAliveResponse got;
    if (!stream->Write(wire) || !stream->Read(&got)) {
      const grpc::Status status = stream->Finish();
      return status.ok() ? absl::UnavailableError("the stream ended without an answer") : refusal(status);
    }
    context.TryCancel();
    return store::LeaseKeepAliveResponse{revision_of(got), store::LeaseId(got.id()), got.ttl()};
  }
  StatusOr<store::Response> operator()(const store::LeaseTimeToLiveRequest& r) const {
    pb::LeaseTimeToLiveRequest wire;
    wire.set_id(r.id.value());
    wire.set_keys(r.keys);
    return make(at.lease_, &pb::Lease::StubInterface::LeaseTimeToLive, wire, [](const auto& got) {
      return store::LeaseTimeToLiveResponse{
          revision_of(got), store::LeaseId(got.id()), got.ttl(), got.grantedttl(), {}};
    });
  }
  StatusOr<store::Response> operator()(const store::LeaseLeasesRequest&) const {
    return make(at.lease_, &pb::Lease::StubInterface::LeaseLeases, pb::LeaseLeasesRequest(), [](const auto& got) {
      store::LeaseLeasesResponse response{revision_of(got), {}};
      for (const pb::LeaseStatus& lease : got.leases()) response.leases.emplace_back(lease.id());
      return response;
    });
  }
  StatusOr<store::Response> operator()(const store::MemberListRequest& r) const {
    pb::MemberListRequest wire;
    wire.set_linearizable(r.linearizable);
    return make(at.cluster_, &pb::Cluster::StubInterface::MemberList, wire, [](const auto& got) {
      return store::MembersResponse{revision_of(got), {}, {}};
    });
  }
  StatusOr<store::Response> operator()(const store::StatusRequest&) const {
    return make(at.maintenance_, &pb::Maintenance::StubInterface::Status, pb::StatusRequest(),
                [](const auto& got) { return store::StatusResponse{.revision = revision_of(got)}; });
  }
  StatusOr<store::Response> operator()(const store::HashKvRequest& r) const {
    pb::HashKVRequest wire;
    wire.set_revision(r.revision.value());
    return make(at.maintenance_, &pb::Maintenance::StubInterface::HashKV, wire, [](const auto& got) {
      return store::HashKvResponse{revision_of(got), got.hash(), store::Revision(got.compact_revision()),
                                   store::Revision(got.hash_revision())};
    });
  }
  StatusOr<store::Response> operator()(const store::MoveLeaderRequest& r) const {
    pb::MoveLeaderRequest wire;
    wire.set_targetid(r.target.value());
    return make(at.maintenance_, &pb::Maintenance::StubInterface::MoveLeader, wire,
                [](const auto& got) { return store::MoveLeaderResponse{revision_of(got)}; });
  }
  // Membership and alarms are not part of this load.
  template <class Other>
  StatusOr<store::Response> operator()(const Other&) const {
    return store::Refused{store::Error::kInvalidArgument, {}};
  }
};

StatusOr<store::Response> Endpoint::call(const store::Request& request, milliseconds timeout) {
  if (!connected()) return store::Refused{store::Error::kNoLeader, {}};
  return std::visit(Visitor{*this, timeout}, request);
}

}  // namespace holdfast::nemesis
