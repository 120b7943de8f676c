// A gRPC call on an HTTP/2 stream: unary calls of the store, streams of lease renewals, watches, health.
#pragma once

#include <memory>
#include <optional>

#include "holdfast/server/http2.h"

namespace holdfast::server {

// `has_leader`: the client wants to be refused when the member knows no leader. `timeout`: of the whole call.
std::unique_ptr<Exchange> make_grpc_call(Http2Stream& stream, const Method& method, bool has_leader,
                                         std::optional<Duration> timeout);

}  // namespace holdfast::server
