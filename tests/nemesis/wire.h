// Between the store's values and etcd's messages, as a client sees them.
#pragma once

#include <rpc.pb.h>

#include "holdfast/store/api.h"

namespace holdfast::nemesis {

namespace pb = ::etcdserverpb;

pb::RangeRequest to_wire(const store::RangeRequest& request);
pb::PutRequest to_wire(const store::PutRequest& request);
pb::DeleteRangeRequest to_wire(const store::DeleteRangeRequest& request);
pb::TxnRequest to_wire(const store::TxnRequest& request);
pb::WatchCreateRequest to_wire(const store::WatchCreateRequest& request);

store::RangeResponse from_wire(const pb::RangeResponse& wire);
store::PutResponse from_wire(const pb::PutResponse& wire);
store::DeleteRangeResponse from_wire(const pb::DeleteRangeResponse& wire);
store::TxnResponse from_wire(const pb::TxnResponse& wire);
store::WatchResponse from_wire(const pb::WatchResponse& wire);

}  // namespace holdfast::nemesis
