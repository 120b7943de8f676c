#include "tests/nemesis/wire.h"

namespace holdfast::nemesis {
namespace {

store::KeyValue key_value(const mvccpb::KeyValue& wire) {
  store::KeyValue kv;
  kv.key = Slice::copy_of(wire.key());
  kv.create_revision = store::Revision(wire.create_revision());
  kv.mod_revision = store::Revision(wire.mod_revision());
  kv.version = wire.version();
  kv.value = Slice::copy_of(wire.value());
  kv.lease = store::LeaseId(wire.lease());
  return kv;
}

pb::Compare condition(const store::Compare& compare) {
  pb::Compare wire;
  wire.set_result(static_cast<pb::Compare::CompareResult>(compare.result));
  wire.set_target(static_cast<pb::Compare::CompareTarget>(compare.target));
  wire.set_key(compare.key.str());
  wire.set_range_end(compare.range_end.str());
  switch (compare.target) {
    case store::CompareTarget::kVersion:
      wire.set_version(compare.number);
      break;
    case store::CompareTarget::kCreate:
      wire.set_create_revision(compare.number);
      break;
    case store::CompareTarget::kMod:
      wire.set_mod_revision(compare.number);
      break;
    case store::CompareTarget::kValue:
      wire.set_value(compare.value.str());
      break;
    case store::CompareTarget::kLease:
      wire.set_lease(compare.number);
      break;
  }
  return wire;
}

pb::RequestOp operation(const store::RequestOp& op) {
  pb::RequestOp wire;
  if (const auto* range = std::get_if<store::RangeRequest>(&op)) *wire.mutable_request_range() = to_wire(*range);
  if (const auto* put = std::get_if<store::PutRequest>(&op)) *wire.mutable_request_put() = to_wire(*put);
  if (const auto* del = std::get_if<store::DeleteRangeRequest>(&op)) {
    *wire.mutable_request_delete_range() = to_wire(*del);
  }
  if (const auto* txn = std::get_if<store::TxnRequest>(&op)) *wire.mutable_request_txn() = to_wire(*txn);
  return wire;
}

store::ResponseOp result(const pb::ResponseOp& wire) {
  if (wire.has_response_put()) return from_wire(wire.response_put());
  if (wire.has_response_delete_range()) return from_wire(wire.response_delete_range());
  if (wire.has_response_txn()) return from_wire(wire.response_txn());
  return from_wire(wire.response_range());
}

store::Event happening(const mvccpb::Event& wire) {
  store::Event event;
  event.type = wire.type() == mvccpb::Event::DELETE ? store::EventType::kDelete : store::EventType::kPut;
  event.kv = key_value(wire.kv());
  if (wire.has_prev_kv()) event.prev_kv = key_value(wire.prev_kv());
  return event;
}

}  // namespace

pb::RangeRequest to_wire(const store::RangeRequest& request) {
  pb::RangeRequest wire;
  wire.set_key(request.key.str());
  wire.set_range_end(request.range_end.str());
  wire.set_limit(request.limit);
  wire.set_revision(request.revision.value());
  wire.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(request.sort_order));
  wire.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(request.sort_target));
  wire.set_serializable(request.serializable);
  wire.set_keys_only(request.keys_only);
  wire.set_count_only(request.count_only);
  wire.set_min_mod_revision(request.min_mod_revision.value());
  wire.set_max_mod_revision(request.max_mod_revision.value());
  wire.set_min_create_revision(request.min_create_revision.value());
  wire.set_max_create_revision(request.max_create_revision.value());
  return wire;
}

pb::PutRequest to_wire(const store::PutRequest& request) {
  pb::PutRequest wire;
  wire.set_key(request.key.str());
  wire.set_value(request.value.str());
  wire.set_lease(request.lease.value());
  wire.set_prev_kv(request.prev_kv);
  wire.set_ignore_value(request.ignore_value);
  wire.set_ignore_lease(request.ignore_lease);
  return wire;
}

pb::DeleteRangeRequest to_wire(const store::DeleteRangeRequest& request) {
  pb::DeleteRangeRequest wire;
  wire.set_key(request.key.str());
  wire.set_range_end(request.range_end.str());
  wire.set_prev_kv(request.prev_kv);
  return wire;
}

pb::TxnRequest to_wire(const store::TxnRequest& request) {
  pb::TxnRequest wire;
  for (const store::Compare& compare : request.compare) *wire.add_compare() = condition(compare);
  for (const store::RequestOp& op : request.success) *wire.add_success() = operation(op);
  for (const store::RequestOp& op : request.failure) *wire.add_failure() = operation(op);
  return wire;
}

pb::WatchCreateRequest to_wire(const store::WatchCreateRequest& request) {
  pb::WatchCreateRequest wire;
  wire.set_key(request.key.str());
  wire.set_range_end(request.range_end.str());
  wire.set_start_revision(request.start_revision.value());
  wire.set_progress_notify(request.progress_notify);
  if (request.no_put) wire.add_filters(pb::WatchCreateRequest::NOPUT);
  if (request.no_delete) wire.add_filters(pb::WatchCreateRequest::NODELETE);
  wire.set_prev_kv(request.prev_kv);
  wire.set_fragment(request.fragment);
  wire.set_watch_id(request.watch_id);
  return wire;
}

store::RangeResponse from_wire(const pb::RangeResponse& wire) {
  store::RangeResponse response;
  response.revision = store::Revision(wire.header().revision());
  for (const mvccpb::KeyValue& kv : wire.kvs()) response.kvs.push_back(key_value(kv));
  response.more = wire.more();
  response.count = wire.count();
  return response;
}

store::PutResponse from_wire(const pb::PutResponse& wire) {
  store::PutResponse response;
  response.revision = store::Revision(wire.header().revision());
  if (wire.has_prev_kv()) response.prev_kv = key_value(wire.prev_kv());
  return response;
}

store::DeleteRangeResponse from_wire(const pb::DeleteRangeResponse& wire) {
  store::DeleteRangeResponse response;
  response.revision = store::Revision(wire.header().revision());
  response.deleted = wire.deleted();
  for (const mvccpb::KeyValue& kv : wire.prev_kvs()) response.prev_kvs.push_back(key_value(kv));
  return response;
}

store::TxnResponse from_wire(const pb::TxnResponse& wire) {
  store::TxnResponse response;
  response.revision = store::Revision(wire.header().revision());
  response.succeeded = wire.succeeded();
  for (const pb::ResponseOp& op : wire.responses()) response.responses.push_back(result(op));
  return response;
}

store::WatchResponse from_wire(const pb::WatchResponse& wire) {
  store::WatchResponse response;
  response.revision = store::Revision(wire.header().revision());
  response.watch_id = wire.watch_id();
  response.created = wire.created();
  response.canceled = wire.canceled();
  response.fragment = wire.fragment();
  response.compact_revision = store::Revision(wire.compact_revision());
  response.cancel_reason = wire.cancel_reason();
  for (const mvccpb::Event& event : wire.events()) response.events.push_back(happening(event));
  return response;
}

}  // namespace holdfast::nemesis
