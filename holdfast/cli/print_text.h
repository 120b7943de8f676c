// What the client verbs print without --json: the layout of etcdctl's plain output, so that scripts carry over.
#pragma once

#include "holdfast/cli/kv_flags.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/table.h"

namespace holdfast::cli {

void print_key_value(Shell& shell, const mvccpb::KeyValue& kv);
void print_range(Shell& shell, const pb::RangeResponse& response, const GetFlags& flags = {});
void print_put(Shell& shell, const pb::PutResponse& response);
void print_del(Shell& shell, const pb::DeleteRangeResponse& response);
void print_txn(Shell& shell, const pb::TxnResponse& response);

}  // namespace holdfast::cli
