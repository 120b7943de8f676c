#include "holdfast/server/methods.h"

#include "absl/container/flat_hash_map.h"
#include "holdfast/base/assert.h"
#include "holdfast/server/wire_messages.h"

namespace holdfast::server {
namespace {

template <class Request>
wire::Problem parse_as(const Slice& message, store::Request& request) {
  return wire::parse(message, request.emplace<Request>());
}

constexpr Method make(std::string_view path, Shape shape, Handler handler) {
  const size_t slash = path.rfind('/');
  return {.path = path,
          .service = path.substr(1, slash - 1),
          .name = path.substr(slash + 1),
          .shape = shape,
          .handler = handler};
}
template <class Request>
constexpr Method call(std::string_view path, bool adds_member = false) {
  Method m = make(path, Shape::kUnary, Handler::kCall);
  m.parse = parse_as<Request>;
  m.adds_member = adds_member;
  return m;
}
constexpr Method keep_alive(std::string_view path) {
  Method m = make(path, Shape::kBidiStream, Handler::kKeepAlive);
  m.parse = parse_as<store::LeaseKeepAliveRequest>;
  return m;
}
constexpr Method no(std::string_view path, Shape shape = Shape::kUnary) {
  return make(path, shape, Handler::kUnserved);
}

constexpr Method kMethods[] = {
    call<store::RangeRequest>("/etcdserverpb.KV/Range"),
    no("/etcdserverpb.KV/RangeStream", Shape::kServerStream),
    call<store::PutRequest>("/etcdserverpb.KV/Put"),
    call<store::DeleteRangeRequest>("/etcdserverpb.KV/DeleteRange"),
    call<store::TxnRequest>("/etcdserverpb.KV/Txn"),
    call<store::CompactRequest>("/etcdserverpb.KV/Compact"),
    make("/etcdserverpb.Watch/Watch", Shape::kBidiStream, Handler::kWatch),
    call<store::LeaseGrantRequest>("/etcdserverpb.Lease/LeaseGrant"),
    call<store::LeaseRevokeRequest>("/etcdserverpb.Lease/LeaseRevoke"),
    keep_alive("/etcdserverpb.Lease/LeaseKeepAlive"),
    call<store::LeaseTimeToLiveRequest>("/etcdserverpb.Lease/LeaseTimeToLive"),
    call<store::LeaseLeasesRequest>("/etcdserverpb.Lease/LeaseLeases"),
    call<store::MemberAddRequest>("/etcdserverpb.Cluster/MemberAdd", /*adds_member=*/true),
    call<store::MemberRemoveRequest>("/etcdserverpb.Cluster/MemberRemove"),
    call<store::MemberUpdateRequest>("/etcdserverpb.Cluster/MemberUpdate"),
    call<store::MemberListRequest>("/etcdserverpb.Cluster/MemberList"),
    call<store::MemberPromoteRequest>("/etcdserverpb.Cluster/MemberPromote"),
    call<store::AlarmRequest>("/etcdserverpb.Maintenance/Alarm"),
    call<store::StatusRequest>("/etcdserverpb.Maintenance/Status"),
    no("/etcdserverpb.Maintenance/Defragment"),
    no("/etcdserverpb.Maintenance/Hash"),
    call<store::HashKvRequest>("/etcdserverpb.Maintenance/HashKV"),
    no("/etcdserverpb.Maintenance/Snapshot", Shape::kServerStream),
    call<store::MoveLeaderRequest>("/etcdserverpb.Maintenance/MoveLeader"),
    no("/etcdserverpb.Maintenance/Downgrade"),
    no("/etcdserverpb.Auth/AuthEnable"),
    no("/etcdserverpb.Auth/AuthDisable"),
    make("/etcdserverpb.Auth/AuthStatus", Shape::kUnary, Handler::kAuthStatus),
    make("/etcdserverpb.Auth/Authenticate", Shape::kUnary, Handler::kAuthenticate),
    no("/etcdserverpb.Auth/UserAdd"),
    no("/etcdserverpb.Auth/UserGet"),
    no("/etcdserverpb.Auth/UserList"),
    no("/etcdserverpb.Auth/UserDelete"),
    no("/etcdserverpb.Auth/UserChangePassword"),
    no("/etcdserverpb.Auth/UserGrantRole"),
    no("/etcdserverpb.Auth/UserRevokeRole"),
    no("/etcdserverpb.Auth/RoleAdd"),
    no("/etcdserverpb.Auth/RoleGet"),
    no("/etcdserverpb.Auth/RoleList"),
    no("/etcdserverpb.Auth/RoleDelete"),
    no("/etcdserverpb.Auth/RoleGrantPermission"),
    no("/etcdserverpb.Auth/RoleRevokePermission"),
    no("/v3lockpb.Lock/Lock"),
    no("/v3lockpb.Lock/Unlock"),
    no("/v3electionpb.Election/Campaign"),
    no("/v3electionpb.Election/Proclaim"),
    no("/v3electionpb.Election/Leader"),
    no("/v3electionpb.Election/Observe", Shape::kServerStream),
    no("/v3electionpb.Election/Resign"),
    make("/grpc.health.v1.Health/Check", Shape::kUnary, Handler::kHealthCheck),
    make("/grpc.health.v1.Health/Watch", Shape::kServerStream, Handler::kHealthWatch),
};

}  // namespace

std::string_view to_string(Shape shape) {
  switch (shape) {
    case Shape::kUnary:
      return "unary";
    case Shape::kServerStream:
      return "server_stream";
    case Shape::kBidiStream:
      return "bidi_stream";
  }
  return "";
}

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view path) {
  static const auto* const by_path = [] {
    auto* map = new absl::flat_hash_map<std::string_view, const Method*>;
    for (const Method& m : kMethods) map->emplace(m.path, &m);
    return map;
  }();
  const auto found = by_path->find(path);
  return found == by_path->end() ? nullptr : found->second;
}

Outcome unknown_method(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (path.empty() || path[0] != '/' || slash == 0) {
    return {Code::kUnimplemented, "malformed method name: \"" + std::string(path) + "\""};
  }
  const std::string service(path.substr(1, slash - 1));
  for (const Method& m : kMethods) {
    if (m.service == service) {
      return {Code::kUnimplemented,
              "unknown method " + std::string(path.substr(slash + 1)) + " for service " + service};
    }
  }
  return {Code::kUnimplemented, "unknown service " + service};
}

Outcome unserved(const Method& method) {
  return {Code::kUnimplemented, "holdfast: " + std::string(method.service) + "/" + std::string(method.name) +
                                    " is not supported by this server"};
}

void write_response(wire::Writer& w, const wire::Header& header, const Method& method, const store::Response& response,
                    const std::string& consensus) {
  std::visit(
      [&](const auto& r) {
        using R = std::decay_t<decltype(r)>;
        if constexpr (std::is_same_v<R, store::Refused>) {
          fail_assertion("a refusal is a status, not a message", Place::here());
        } else if constexpr (std::is_same_v<R, store::StatusResponse>) {
          const std::string version(kApiVersion);
          wire::write_response(w, header, wire::StatusResponse{r, version, version, consensus});
        } else if constexpr (std::is_same_v<R, store::MembersResponse>) {
          if (method.adds_member) {
            wire::write_response(w, header, wire::MemberAddResponse{r});
          } else {
            wire::write_response(w, header, r);
          }
        } else {
          wire::write_response(w, header, r);
        }
      },
      response);
}

}  // namespace holdfast::server
