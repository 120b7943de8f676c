#include "holdfast/cli/kv_flags.h"

#include "holdfast/cli/number_check.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

// Key and range end as the API wants them, for `KEY`, `KEY END`, `--prefix [KEY]` and `--from-key [KEY]`.
StatusOr<std::pair<std::string, std::string>> key_range(const std::string& key, const std::string& range_end,
                                                        bool prefix, bool from_key) {
  if (prefix && from_key) return absl::InvalidArgumentError("--prefix and --from-key exclude each other; give one");
  if (!range_end.empty() && (prefix || from_key)) {
    return absl::InvalidArgumentError(
        cat("a second key (", range_end, ") cannot be combined with ", prefix ? "--prefix" : "--from-key"));
  }
  const std::string lowest(1, '\0');
  if (key.empty() && !prefix && !from_key) {
    return absl::InvalidArgumentError("the key is empty; use --prefix with an empty key to mean all keys");
  }
  if (prefix) return std::pair(key.empty() ? lowest : key, prefix_end(key));
  if (from_key) return std::pair(key.empty() ? lowest : key, lowest);
  return std::pair(key, range_end);
}

}  // namespace

void GetFlags::add_to(CLI::App& app) {
  app.add_option("key", key, "The key, or the first one of a range")->type_name("KEY");
  app.add_option("range_end", range_end, "The first key behind the range")->type_name("END");
  app.add_flag("--prefix", prefix, "All keys that start with KEY");
  app.add_flag("--from-key", from_key, "All keys from KEY on, in byte order");
  app.add_option("--rev", revision, "As of this revision; 0 means now")->check(whole_number())->type_name("REVISION");
  app.add_option("--limit", limit, "At most this many keys; 0 means all")->check(whole_number())->type_name("N");
  app.add_option("--order", order, "ASCEND or DESCEND")
      ->transform(CLI::IsMember({"ASCEND", "DESCEND"}, CLI::ignore_case))
      ->type_name("ORDER");
  app.add_option("--sort-by", sort_by, "KEY, VERSION, CREATE, MODIFY or VALUE")
      ->transform(CLI::IsMember({"KEY", "VERSION", "CREATE", "MODIFY", "VALUE"}, CLI::ignore_case))
      ->type_name("FIELD");
  app.add_flag("--keys-only", keys_only, "Only keys, no values");
  app.add_flag("--count-only", count_only, "Only how many keys there are");
  app.add_flag("--print-value-only", print_value_only, "Print values without their keys");
  app.add_option("--consistency", consistency, "l: linearizable; s: serializable, from one member, perhaps stale")
      ->check(CLI::IsMember({"l", "s"}))
      ->type_name("l|s")
      ->capture_default_str();
  app.add_option("--min-mod-rev", min_mod, "Only keys last changed at or after this revision")
      ->check(whole_number())
      ->type_name("REVISION");
  app.add_option("--max-mod-rev", max_mod, "Only keys last changed at or before this revision")
      ->check(whole_number())
      ->type_name("REVISION");
  app.add_option("--min-create-rev", min_create, "Only keys created at or after this revision")
      ->check(whole_number())
      ->type_name("REVISION");
  app.add_option("--max-create-rev", max_create, "Only keys created at or before this revision")
      ->check(whole_number())
      ->type_name("REVISION");
}

StatusOr<etcdserverpb::RangeRequest> GetFlags::request() const {
  using Range = etcdserverpb::RangeRequest;
  if (keys_only && count_only) return absl::InvalidArgumentError("--keys-only and --count-only exclude each other");
  const auto range = key_range(key, range_end, prefix, from_key);
  if (!range.ok()) return range.status();
  Range request;
  request.set_key(range->first);
  request.set_range_end(range->second);
  request.set_limit(limit);
  request.set_revision(revision);
  request.set_serializable(consistency == "s");
  request.set_keys_only(keys_only);
  request.set_count_only(count_only);
  request.set_min_mod_revision(min_mod);
  request.set_max_mod_revision(max_mod);
  request.set_min_create_revision(min_create);
  request.set_max_create_revision(max_create);
  if (sort_by == "VERSION") request.set_sort_target(Range::VERSION);
  if (sort_by == "CREATE") request.set_sort_target(Range::CREATE);
  if (sort_by == "MODIFY") request.set_sort_target(Range::MOD);
  if (sort_by == "VALUE") request.set_sort_target(Range::VALUE);
  if (order == "ASCEND" || (order.empty() && !sort_by.empty())) request.set_sort_order(Range::ASCEND);
  if (order == "DESCEND") request.set_sort_order(Range::DESCEND);
  return request;
}

void PutFlags::add_to(CLI::App& app) {
  app.add_option("key", key, "The key")->type_name("KEY")->required();
  app.add_option("value", value, "The value; read from standard input when it is not given")
      ->type_name("VALUE")
      ->each([this](const std::string&) { has_value = true; });
  app.add_option("--lease", lease, "Lease that the key lives with, in hexadecimal")->type_name("ID");
  app.add_flag("--prev-kv", prev_kv, "Also print what the key held before");
  app.add_flag("--ignore-value", ignore_value, "Keep the value, change only the lease");
  app.add_flag("--ignore-lease", ignore_lease, "Keep the lease, change only the value");
}

StatusOr<etcdserverpb::PutRequest> PutFlags::request() const {
  if (key.empty()) return absl::InvalidArgumentError("the key is empty");
  if (ignore_value && has_value) {
    return absl::InvalidArgumentError("--ignore-value keeps the value that is there, but one was given");
  }
  if (ignore_lease && !lease.empty()) {
    return absl::InvalidArgumentError("--ignore-lease keeps the lease that is there, but --lease was given");
  }
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  if (!lease.empty()) {
    const auto id = parse_number<uint64_t>(lease, 16);
    if (!id) return absl::InvalidArgumentError(cat("--lease=", lease, " is not a lease id in hexadecimal"));
    request.set_lease(static_cast<int64_t>(*id));
  }
  request.set_prev_kv(prev_kv);
  request.set_ignore_value(ignore_value);
  request.set_ignore_lease(ignore_lease);
  return request;
}

void DelFlags::add_to(CLI::App& app) {
  // Required, though with --prefix it may be empty: a word that got lost must not delete every key.
  app.add_option("key", key, "The key, or the first one of a range; with --prefix '' means all keys")
      ->type_name("KEY")
      ->required();
  app.add_option("range_end", range_end, "The first key behind the range")->type_name("END");
  app.add_flag("--prefix", prefix, "All keys that start with KEY");
  app.add_flag("--from-key", from_key, "All keys from KEY on, in byte order");
  app.add_flag("--prev-kv", prev_kv, "Also print what was deleted");
}

StatusOr<etcdserverpb::DeleteRangeRequest> DelFlags::request() const {
  const auto range = key_range(key, range_end, prefix, from_key);
  if (!range.ok()) return range.status();
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(range->first);
  request.set_range_end(range->second);
  request.set_prev_kv(prev_kv);
  return request;
}

}  // namespace holdfast::cli
