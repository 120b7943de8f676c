// The methods of the API: which there are, how their requests are read, and how they are served.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "holdfast/base/slice.h"
#include "holdfast/server/errors.h"
#include "holdfast/server/wire.h"
#include "holdfast/server/wire_fields.h"
#include "holdfast/store/api.h"

namespace holdfast::server {

enum class Shape : uint8_t { kUnary, kServerStream, kBidiStream };
// As in the label grpc_type of metrics.
std::string_view to_string(Shape shape);

enum class Handler : uint8_t {
  kCall,       // one request of the store, one response
  kKeepAlive,  // a stream of them
  kWatch,
  kAuthStatus,  // authentication is never on
  // Refused as in etcd while authentication is off: clients that were given a name and a password then go on without.
  kAuthenticate,
  kHealthCheck,
  kHealthWatch,
  kUnserved,  // answers UNIMPLEMENTED
};

struct Method {
  std::string_view path;     // "/etcdserverpb.KV/Range"
  std::string_view service;  // "etcdserverpb.KV"
  std::string_view name;     // "Range"
  Shape shape = Shape::kUnary;
  Handler handler = Handler::kUnserved;
  // kCall and kKeepAlive.
  wire::Problem (*parse)(const Slice& message, store::Request& request) = nullptr;
  bool adds_member = false;  // its response names the new member before the list
};

std::span<const Method> methods();
// Null when there is none.
const Method* find_method(std::string_view path);
// Why there is none, in the words of gRPC: a malformed path, an unknown service, an unknown method.
Outcome unknown_method(std::string_view path);
// What a method that is not served answers.
Outcome unserved(const Method& method);

// Writes the response to a call of `method`. It must not be a refusal. `consensus` is the engine's name.
void write_response(wire::Writer& w, const wire::Header& header, const Method& method, const store::Response& response,
                    const std::string& consensus);

// The versions we claim: of the API, of the cluster, of the storage.
inline constexpr std::string_view kApiVersion = "3.6.0";

}  // namespace holdfast::server
