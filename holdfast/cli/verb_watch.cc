// watch: follow the changes of keys. Resumed by itself, without a gap, when a member goes away.
#include <algorithm>

#include "holdfast/cli/kv_flags.h"
#include "holdfast/cli/number_check.h"
#include "holdfast/cli/pause.h"
#include "holdfast/cli/print_text.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

// A watch goes on where it was, so that nothing comes twice.
constexpr RetryPolicy kResume =
    RetryPolicy(Repeatable::kExactlyOnce).growing(Duration::millis(10), Duration::millis(500)).spread(Jitter::kHalf);

struct WatchFlags {
  std::string key, range_end;
  bool prefix = false, prev_kv = false, progress_notify = false;
  int64_t revision = 0;
  uint64_t count = 0;  // stop after so many events; 0: never
};

// At most `left` events of the response are printed, all of them when `left` is 0.
void print_events(Shell& shell, pb::WatchResponse response, uint64_t left) {
  const int most = static_cast<int>(std::min<uint64_t>(left, response.events_size()));
  if (left != 0) response.mutable_events()->DeleteSubrange(most, response.events_size() - most);
  if (shell.json) {
    if (!response.created() || response.canceled()) shell.print(to_json(response));
    return;
  }
  for (const mvccpb::Event& event : response.events()) {
    const bool put = event.type() == mvccpb::Event::PUT;
    shell.out << (put ? "PUT" : "DELETE") << "\n";
    if (event.has_prev_kv()) print_key_value(shell, event.prev_kv());
    shell.out << shell.text(event.kv().key()) << "\n" << shell.text(event.kv().value()) << "\n";
  }
  if (response.events_size() == 0 && !response.created() && !response.canceled()) {
    shell.out << "progress notify: " << response.header().revision() << "\n";
  }
  shell.out.flush();
}

Status cancelled(const pb::WatchResponse& response) {
  if (response.compact_revision() != 0) {
    return absl::OutOfRangeError(cat("the history before revision ", response.compact_revision(),
                                     " was compacted away; watch from --rev=", response.compact_revision(), " on"));
  }
  return absl::CancelledError(response.cancel_reason().empty() ? "the server ended the watch"
                                                               : response.cancel_reason());
}

// Follows one connection. OK: enough events were seen. Unavailable: the connection broke, `request` says where to go
// on.
Status follow(Shell& shell, WatchStream& stream, pb::WatchCreateRequest& request, uint64_t& left, bool& connected) {
  for (;;) {
    const StatusOr<pb::WatchResponse> response = stream.next();
    if (!response.ok()) return response.status();
    print_events(shell, *response, left);
    if (response->canceled()) return cancelled(*response);
    connected = true;
    // Every event up to the last one is printed; with none seen yet, the revision at which the watch began counts.
    if (response->created() && request.start_revision() == 0) {
      request.set_start_revision(response->header().revision() + 1);
    }
    // A progress notice says that everything up to its revision was sent.
    if (response->events_size() == 0 && !response->created() && request.start_revision() != 0) {
      request.set_start_revision(std::max(request.start_revision(), response->header().revision() + 1));
    }
    for (const mvccpb::Event& event : response->events()) request.set_start_revision(event.kv().mod_revision() + 1);
    const uint64_t seen = static_cast<uint64_t>(response->events_size());
    if (left != 0 && seen >= left) return absl::OkStatus();
    if (left != 0) left -= seen;
  }
}

void run_watch(Shell& shell, const WatchFlags& flags) {
  if (flags.prefix && !flags.range_end.empty()) {
    return shell.usage_error("a second key cannot be combined with --prefix");
  }
  if (flags.key.empty() && !flags.prefix) return shell.usage_error("name a KEY to watch, or use --prefix ''");
  const auto client = shell.connect();
  if (client == nullptr) return;
  pb::WatchCreateRequest request;
  request.set_key(flags.key.empty() ? std::string(1, '\0') : flags.key);
  request.set_range_end(flags.prefix ? prefix_end(flags.key) : flags.range_end);
  request.set_start_revision(flags.revision);
  request.set_prev_kv(flags.prev_kv);
  request.set_progress_notify(flags.progress_notify);
  uint64_t left = flags.count;
  bool ever_connected = false;
  size_t failures = 0;
  Retry retry = fresh_retry(kResume);
  for (;;) {
    bool connected = false;
    const Status status = follow(shell, *client->watch(request), request, left, connected);
    if (status.ok()) return;
    ever_connected |= connected;
    failures = connected ? 0 : failures + 1;
    const bool gone = status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kInternal;
    if (!gone || (!ever_connected && failures >= client->endpoint_count())) return shell.fail(status);
    client->skip_endpoint();
    if (connected) retry.succeeded();
    pause_for(retry.next_pause());
  }
}

}  // namespace

void add_watch(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("watch", "Follow the changes of a key or a range of keys");
  auto flags = std::make_shared<WatchFlags>();
  app->add_option("key", flags->key, "The key, or the first one of a range")->type_name("KEY");
  app->add_option("range_end", flags->range_end, "The first key behind the range")->type_name("END");
  app->add_flag("--prefix", flags->prefix, "All keys that start with KEY");
  app->add_option("--rev", flags->revision, "From this revision on; 0 means from now on")
      ->check(whole_number())
      ->type_name("REVISION");
  app->add_flag("--prev-kv", flags->prev_kv, "Also print what the key held before");
  app->add_flag("--progress-notify", flags->progress_notify, "Also print, now and then, how far a silent watch is");
  app->add_option("--count", flags->count, "End after this many events; 0 means never")
      ->check(whole_number())
      ->type_name("N");
  add_client_options(*app, shell);
  app->footer(
      "Runs until Ctrl-C. When a member goes away it goes on at another one, without gap or repetition.\n"
      "\n"
      "Examples:\n"
      "  holdfast watch color\n"
      "  holdfast watch --prefix services/ --prev-kv --json\n"
      "  holdfast watch color --rev=1          the whole history, then what comes");
  app->callback([flags, &shell] { run_watch(shell, *flags); });
}

}  // namespace holdfast::cli
