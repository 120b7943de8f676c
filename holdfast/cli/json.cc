#include "holdfast/cli/json.h"

#include <cstdio>

namespace holdfast::cli {
namespace {

// The number of bytes of the UTF-8 sequence that starts `text`; 0 when it is none (RFC 3629: no surrogates, no overlong
// forms, nothing beyond U+10FFFF).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
  if (byte(0) == 0xed && byte(1) > 0x9f) return 0;
  if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
  if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

template <class List>
Json list(const List& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(to_json(item));
  return out;
}

// The answer to one operation of a transaction; only the whole transaction has a header of its own.
Json operation(const etcdserverpb::ResponseOp& op) {
  const auto inner = [](const char* kind, Json answer) {
    answer.erase("header");
    return Json{{kind, std::move(answer)}};
  };
  if (op.has_response_range()) return inner("get", to_json(op.response_range()));
  if (op.has_response_put()) return inner("put", to_json(op.response_put()));
  if (op.has_response_delete_range()) return inner("del", to_json(op.response_delete_range()));
  return inner("txn", to_json(op.response_txn()));
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out.push_back(j <= n ? kDigits[group >> (18 - 6 * j) & 63] : '=');
  }
  return out;
}

std::string hex_id(uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(id));
  return text;
}

Json to_json(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  return {{"base64", base64(bytes)}};
}

Json to_json(const etcdserverpb::ResponseHeader& header) {
  return {{"cluster_id", hex_id(header.cluster_id())},
          {"member_id", hex_id(header.member_id())},
          {"revision", header.revision()},
          {"raft_term", header.raft_term()}};
}

Json to_json(const mvccpb::KeyValue& kv) {
  Json out = {{"key", to_json(kv.key())},
              {"value", to_json(kv.value())},
              {"create_revision", kv.create_revision()},
              {"mod_revision", kv.mod_revision()},
              {"version", kv.version()}};
  if (kv.lease() != 0) out["lease"] = hex_id(static_cast<uint64_t>(kv.lease()));
  return out;
}

Json to_json(const mvccpb::Event& event) {
  if (event.type() == mvccpb::Event::DELETE) {
    Json out = {{"type", "delete"},
                {"kv", {{"key", to_json(event.kv().key())}, {"mod_revision", event.kv().mod_revision()}}}};
    if (event.has_prev_kv()) out["prev_kv"] = to_json(event.prev_kv());
    return out;
  }
  Json out = {{"type", "put"}, {"kv", to_json(event.kv())}};
  if (event.has_prev_kv()) out["prev_kv"] = to_json(event.prev_kv());
  return out;
}

Json to_json(const etcdserverpb::Member& member) {
  Json out = {{"id", hex_id(member.id())}, {"name", member.name()}};
  out["peer_urls"] = Json(member.peerurls());
  out["client_urls"] = Json(member.clienturls());
  out["learner"] = member.islearner();
  return out;
}

Json to_json(const etcdserverpb::RangeResponse& response) {
  return {{"header", to_json(response.header())},
          {"count", response.count()},
          {"more", response.more()},
          {"kvs", list(response.kvs())}};
}

Json to_json(const etcdserverpb::PutResponse& response) {
  Json out = {{"header", to_json(response.header())}};
  if (response.has_prev_kv()) out["prev_kv"] = to_json(response.prev_kv());
  return out;
}

Json to_json(const etcdserverpb::DeleteRangeResponse& response) {
  Json out = {{"header", to_json(response.header())}, {"deleted", response.deleted()}};
  if (response.prev_kvs_size() > 0) out["prev_kvs"] = list(response.prev_kvs());
  return out;
}

Json to_json(const etcdserverpb::TxnResponse& response) {
  Json out = {{"header", to_json(response.header())}, {"succeeded", response.succeeded()}};
  out["responses"] = Json::array();
  for (const auto& op : response.responses()) out["responses"].push_back(operation(op));
  return out;
}

Json to_json(const etcdserverpb::WatchResponse& response) {
  Json out = {{"header", to_json(response.header())}, {"events", list(response.events())}};
  if (response.created()) out["created"] = true;
  if (response.canceled()) out["canceled"] = true;
  if (!response.cancel_reason().empty()) out["cancel_reason"] = response.cancel_reason();
  if (response.compact_revision() != 0) out["compact_revision"] = response.compact_revision();
  return out;
}

Json to_json(const etcdserverpb::StatusResponse& response) {
  Json out = {{"header", to_json(response.header())},
              {"version", response.version()},
              {"db_size", response.dbsize()},
              {"db_size_in_use", response.dbsizeinuse()},
              {"db_size_quota", response.dbsizequota()},
              {"consensus", response.consensus()},
              {"leader", hex_id(response.leader())},
              {"is_leader", response.leader() != 0 && response.leader() == response.header().member_id()},
              {"learner", response.islearner()},
              {"raft_term", response.raftterm()},
              {"raft_index", response.raftindex()},
              {"raft_applied_index", response.raftappliedindex()}};
  out["errors"] = Json(response.errors());
  return out;
}

}  // namespace holdfast::cli
