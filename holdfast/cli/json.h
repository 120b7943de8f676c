// The JSON that `--json` prints. Stable; documented in docs/guide/command-line.md.
//
// Keys and values are JSON strings when they are valid UTF-8, else {"base64": "..."}. Identities of clusters, members
// and leases are hexadecimal strings, since JSON numbers do not hold 64 bits. Fields are only ever added.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <rpc.pb.h>

namespace holdfast::cli {

using Json = nlohmann::ordered_json;

bool is_utf8(std::string_view bytes);
std::string base64(std::string_view bytes);
std::string hex_id(uint64_t id);  // "8e9e05c52164694d", without leading zeros

Json to_json(std::string_view bytes);  // a key or a value
Json to_json(const etcdserverpb::ResponseHeader& header);
Json to_json(const mvccpb::KeyValue& kv);
Json to_json(const mvccpb::Event& event);
Json to_json(const etcdserverpb::Member& member);
Json to_json(const etcdserverpb::RangeResponse& response);
Json to_json(const etcdserverpb::PutResponse& response);
Json to_json(const etcdserverpb::DeleteRangeResponse& response);
Json to_json(const etcdserverpb::TxnResponse& response);
Json to_json(const etcdserverpb::WatchResponse& response);
Json to_json(const etcdserverpb::StatusResponse& response);

}  // namespace holdfast::cli
