// wal: look at a member's log without touching it.
#include <filesystem>

#include "holdfast/base/print.h"
#include "holdfast/cli/print_text.h"
#include "holdfast/cli/read_only_disk.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/stable/wal_inspect.h"

namespace holdfast::cli {
namespace {

using stable::WalItem;
using stable::WalReport;
using stable::WalSegmentReport;

struct WalFlags {
  std::string directory;
  bool bytes = false;
};

// A data directory stands for the log in it.
std::unique_ptr<stable::Disk> open_log(Shell& shell, const std::string& directory) {
  std::error_code error;
  const std::filesystem::path inner = std::filesystem::path(directory) / "wal";
  const bool has_inner = std::filesystem::is_directory(inner, error);
  StatusOr<std::unique_ptr<stable::Disk>> disk = open_read_only(has_inner ? inner.string() : directory);
  if (!disk.ok()) {
    shell.fail(disk.status());
    return nullptr;
  }
  return *std::move(disk);
}

Json segment_json(const WalSegmentReport& segment) {
  return {{"file", segment.file},        {"bytes", segment.file_bytes}, {"used_bytes", segment.used_bytes},
          {"frames", segment.frames},    {"records", segment.records},  {"verdict", print(segment.verdict)},
          {"leftover", segment.leftover}};
}

Json report_json(const WalReport& report) {
  Json out = {{"ok", report.ok()},
              {"first", report.first.value()},
              {"last", report.last.value()},
              {"proven", report.proven.value()},
              {"released", report.released.value()},
              {"torn_tail", report.torn_tail},
              {"spares", report.spares},
              {"segments", Json::array()}};
  for (const WalSegmentReport& segment : report.segments) out["segments"].push_back(segment_json(segment));
  if (report.damage) {
    out["damage"] = {{"file", report.damage->file},
                     {"offset", report.damage->offset},
                     {"first_lost", report.damage->first_lost.value()},
                     {"what", report.damage->what},
                     {"advice", report.damage->advice}};
  }
  return out;
}

void print_report(Shell& shell, const WalReport& report, const std::string& path) {
  std::vector<std::vector<std::string>> rows = {{"SEGMENT", "RECORDS", "FRAMES", "USED", "SIZE", "STATE"}};
  for (const WalSegmentReport& segment : report.segments) {
    rows.push_back({segment.file, cat(segment.records), cat(segment.frames), cat(segment.used_bytes),
                    cat(segment.file_bytes), segment.leftover ? "Leftover" : print(segment.verdict)});
  }
  print_table(shell.out, rows);
  if (report.damage) {
    shell.out << "\nDAMAGED: " << to_text(*report.damage) << "\n";
    return;
  }
  shell.out << "\n"
            << path << " is sound: records " << report.first.value() << " to " << report.last.value()
            << (report.torn_tail ? "; a tail that was never acknowledged will be cut at the next start" : "") << "\n";
}

void run_verify(Shell& shell, const WalFlags& flags) {
  const auto disk = open_log(shell, flags.directory);
  if (disk == nullptr) return;
  const StatusOr<WalReport> report = stable::verify_wal(*disk);
  if (!report.ok()) return shell.fail(report.status());
  if (shell.json) {
    shell.print(report_json(*report));
  } else {
    print_report(shell, *report, disk->path());
  }
  if (!report->ok()) shell.exit_code = kExitFailed;
}

void print_item(Shell& shell, const WalItem& item, bool bytes) {
  if (shell.json) {
    Json out = {{"kind", print(item.kind)}, {"file", item.file},       {"offset", item.offset},
                {"length", item.length},    {"seq", item.seq.value()}, {"stable", item.stable.value()}};
    if (bytes) out["bytes"] = {{"base64", base64(item.bytes.view())}};
    return shell.print(out);
  }
  shell.out << item.file << " " << item.offset << " " << print(item.kind) << " seq=" << item.seq.value()
            << " length=" << item.length << " stable=" << item.stable.value();
  if (bytes) shell.out << " " << Shell::hex_digits(item.bytes.view());
  shell.out << "\n";
}

void run_dump(Shell& shell, const WalFlags& flags) {
  const auto disk = open_log(shell, flags.directory);
  if (disk == nullptr) return;
  const Status status = stable::dump_wal(*disk, {}, [&](const WalItem& item) -> Status {
    print_item(shell, item, flags.bytes);
    return absl::OkStatus();
  });
  if (!status.ok()) shell.fail(status);
}

}  // namespace

void add_wal(CLI::App& root, Shell& shell) {
  CLI::App* wal = root.add_subcommand("wal", "Look at a member's log, also at a damaged one; nothing is changed");
  wal->require_subcommand(1);
  wal->footer(
      "DIR is a data directory or the log's own directory. The member may be running.\n"
      "\n"
      "Examples:\n"
      "  holdfast wal verify default.holdfast\n"
      "  holdfast wal dump default.holdfast --json");
  auto flags = std::make_shared<WalFlags>();
  CLI::App* verify = wal->add_subcommand("verify", "Check every record; exits with 1 when the log is damaged");
  CLI::App* dump = wal->add_subcommand("dump", "List every record, one per line");
  for (CLI::App* app : {verify, dump}) {
    app->add_option("dir", flags->directory, "The directory")->type_name("DIR")->required();
    app->add_flag("--json", shell.json, "Print JSON");
  }
  dump->add_flag("--bytes", flags->bytes, "Also print what the records hold");
  verify->callback([flags, &shell] { run_verify(shell, *flags); });
  dump->callback([flags, &shell] { run_dump(shell, *flags); });
}

}  // namespace holdfast::cli
