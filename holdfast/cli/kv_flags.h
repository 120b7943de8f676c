// The arguments of get, put and del, shared by the verbs and by the lines of a transaction.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <rpc.pb.h>
#include "holdfast/base/status.h"
#include "holdfast/cli/kv_range.h"

namespace holdfast::cli {

struct GetFlags {
  std::string key, range_end;
  bool prefix = false, from_key = false;
  int64_t limit = 0, revision = 0;
  std::string order, sort_by;
  std::string consistency = "l";
  bool keys_only = false, count_only = false, print_value_only = false;
  int64_t min_mod = 0, max_mod = 0, min_create = 0, max_create = 0;

  void add_to(CLI::App& app);
  StatusOr<etcdserverpb::RangeRequest> request() const;  // InvalidArgument: the flags contradict each other
};

struct PutFlags {
  std::string key, value;
  std::string lease;
  bool has_value = false, prev_kv = false, ignore_value = false, ignore_lease = false;

  void add_to(CLI::App& app);
  // `value` must have been set unless ignore_value.
  StatusOr<etcdserverpb::PutRequest> request() const;
};

struct DelFlags {
  std::string key, range_end;
  bool prefix = false, from_key = false, prev_kv = false;

  void add_to(CLI::App& app);
  StatusOr<etcdserverpb::DeleteRangeRequest> request() const;
};

}  // namespace holdfast::cli
