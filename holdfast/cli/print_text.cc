#include "holdfast/cli/print_text.h"

namespace holdfast::cli {

void print_key_value(Shell& shell, const mvccpb::KeyValue& kv) {
  shell.out << shell.text(kv.key()) << "\n" << shell.text(kv.value()) << "\n";
}

void print_range(Shell& shell, const pb::RangeResponse& response, const GetFlags& flags) {
  if (flags.count_only) {
    shell.out << response.count() << "\n";
    return;
  }
  for (const mvccpb::KeyValue& kv : response.kvs()) {
    if (!flags.print_value_only) shell.out << shell.text(kv.key()) << "\n";
    if (!flags.keys_only) shell.out << shell.text(kv.value()) << "\n";
  }
}

void print_put(Shell& shell, const pb::PutResponse& response) {
  shell.out << "OK\n";
  if (response.has_prev_kv()) print_key_value(shell, response.prev_kv());
}

void print_del(Shell& shell, const pb::DeleteRangeResponse& response) {
  shell.out << response.deleted() << "\n";
  for (const mvccpb::KeyValue& kv : response.prev_kvs()) print_key_value(shell, kv);
}

void print_txn(Shell& shell, const pb::TxnResponse& response) {
  shell.out << (response.succeeded() ? "SUCCESS" : "FAILURE") << "\n";
  for (const pb::ResponseOp& op : response.responses()) {
    shell.out << "\n";
    if (op.has_response_range()) print_range(shell, op.response_range());
    if (op.has_response_put()) print_put(shell, op.response_put());
    if (op.has_response_delete_range()) print_del(shell, op.response_delete_range());
    if (op.has_response_txn()) print_txn(shell, op.response_txn());
  }
}

}  // namespace holdfast::cli
