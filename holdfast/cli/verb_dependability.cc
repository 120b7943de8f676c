// dependability: how many members, repaired how fast, for what availability.
#include <algorithm>
#include <cmath>

#include "holdfast/base/nearest.h"
#include "holdfast/cli/group_plan.h"
#include "holdfast/cli/number_check.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/span.h"
#include "holdfast/cli/table.h"
#include "holdfast/cli/text.h"
#include "holdfast/plot/svg.h"
#include "holdfast/plot/text_plot.h"
#include "holdfast/sim/picture_file.h"

namespace holdfast::cli {
namespace {

struct Model {
  std::string_view name;
  Bound bound;
  std::string_view text;
};
constexpr Model kModels[] = {
    {"fail-stop", Bound::kAllButOne, "one member is enough"},
    {"crash", Bound::kMinority, "a majority is needed"},
    {"byzantine", Bound::kThird, "more than two thirds are needed"},
};

struct DependabilityFlags {
  std::string target = "99.999%", mttf = "30d", model = "crash";
  std::vector<std::string> mttr = {"1m", "10m", "1h", "8h", "1d"};
  std::vector<std::string> members;
  std::string mission, svg;
  std::string shape = "1";
  int64_t repairers = 0;
  bool no_plot = false;
};

// Reads the flags one by one; the first that makes no sense is told.
class Reader {
 public:
  explicit Reader(Shell& shell) : shell_(shell) {}
  bool ok() const { return ok_; }
  void fail(const std::string& text) {
    if (ok_) shell_.usage_error(text);
    ok_ = false;
  }
  double span(const char* flag, const std::string& text) {
    const std::optional<double> seconds = parse_span(text);
    if (!seconds || *seconds <= 0) {
      fail(cat(flag, "=", text,
               ": give a time such as 30d, 10m, 1h30m or 2y (units ms s m h d w y), more than nothing"));
    }
    return seconds.value_or(1);
  }
  double shape(const std::string& text) {
    const std::optional<double> shape = parse_number<double>(text);
    if (!shape || !(*shape >= 0.05 && *shape <= 100)) {
      fail(cat("--weibull-shape=", text, ": give a number from 0.05 to 100, such as 0.7 or 2"));
    }
    return shape.value_or(1);
  }
  size_t count(const std::string& text) {
    const std::optional<uint64_t> n = parse_number<uint64_t>(text);
    if (!n || *n < 1 || *n > 1000) fail(cat("--members=", text, ": give numbers from 1 to 1000, such as 3,5,7"));
    return static_cast<size_t>(n.value_or(1));
  }
  // The values in their order, each once.
  template <class T>
  static std::vector<T> sorted(std::vector<T> values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

 private:
  Shell& shell_;
  bool ok_ = true;
};

const Model* find_model(Reader& reader, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Model& m : kModels) {
    if (m.name == name) return &m;
    names.push_back(m.name);
  }
  const std::string guess = nearest(name, names);
  reader.fail(cat("--model=", name, ": the models are ", join(names, ", "),
                  guess.empty() ? "" : cat("; did you mean ", guess, "?")));
  return &kModels[1];
}

GroupQuestion question(Reader& reader, const DependabilityFlags& flags) {
  GroupQuestion q;
  q.bound = find_model(reader, flags.model)->bound;
  const std::optional<double> target = parse_availability(flags.target);
  if (!target) reader.fail(cat("--target=", flags.target, ": give an availability such as 99.999%, 0.99999 or \"5 nines\""));
  q.target = target.value_or(q.target);
  q.mttf = reader.span("--mttf", flags.mttf);
  for (const std::string& text : flags.mttr) q.mttr.push_back(reader.span("--mttr", text));
  for (const std::string& text : flags.members) q.members.push_back(reader.count(text));
  if (q.members.empty()) {
    for (size_t k = 0; k <= 3; ++k) q.members.push_back(*group_size(q.bound, k));
  }
  q.mttr = Reader::sorted(q.mttr), q.members = Reader::sorted(q.members);
  q.shape = reader.shape(flags.shape);
  q.repairers = static_cast<size_t>(flags.repairers);
  if (q.shape != 1 && q.repairers != 0) {
    reader.fail(
        "--weibull-shape and --repairers do not go together: few repairers are computed for exponential lifetimes "
        "only; leave one of them out");
  }
  if (!flags.mission.empty()) q.mission = reader.span("--mission-time", flags.mission);
  return q;
}

void print_json(Shell& shell, const DependabilityFlags& flags, const GroupQuestion& q, const GroupAnswer& a) {
  Json out = {{"model", flags.model},           {"target_unavailability", q.target}, {"mttf_seconds", q.mttf},
              {"weibull_shape", q.shape},       {"repairers", q.repairers},          {"rows", Json::array()},
              {"slowest_repair", Json::array()}};
  for (const GroupRow& r : a.rows) {
    Json row = {{"members", r.members},
                {"needed", q.group(r.members).needed},
                {"mttr_seconds", r.mttr},
                {"unavailability", r.figures.unavailability},
                {"nines", r.figures.nines},
                {"down_seconds_per_year", r.figures.unavailability * dependability::kYear},
                {"mean_up_seconds", r.figures.mean_up},
                {"mean_outage_seconds", r.figures.mean_down},
                {"reaches_target", r.enough}};
    // When those that age fail for the first time is not computed.
    if (q.shape == 1) row["mttf_seconds"] = r.figures.mttf;
    out["rows"].push_back(std::move(row));
  }
  for (const SlowestRepair& s : a.slowest) {
    Json slowest = {{"members", s.members}, {"mttr_seconds", nullptr}};
    if (s.mttr) slowest["mttr_seconds"] = *s.mttr;
    out["slowest_repair"].push_back(std::move(slowest));
  }
  if (q.mission) out["mission"] = {{"seconds", *q.mission}, {"groups", Json::array()}};
  for (const GroupMission& m : a.missions) {
    out["mission"]["groups"].push_back(
        {{"members", m.members}, {"unreliability", m.unreliability}, {"mttf_seconds", m.mttf}});
  }
  shell.print(out);
}

void print_tables(Shell& shell, const GroupQuestion& q, const GroupAnswer& a) {
  std::vector<std::vector<std::string>> rows = {{"MEMBERS", "MAY FAIL", "REPAIR", "AVAILABILITY", "NINES",
                                                 "DOWN PER YEAR", "MEAN OUTAGE",
                                                 q.shape == 1 ? "MTTF OF THE GROUP" : "MEAN TIME UP", "TARGET"}};
  for (const GroupRow& r : a.rows) {
    rows.push_back({cat(r.members), cat(r.members - q.group(r.members).needed), span_text(r.mttr),
                    availability_text(r.figures.unavailability), plot::number(std::floor(r.figures.nines * 10) / 10),
                    downtime_text(r.figures.unavailability), span_text(r.figures.mean_down),
                    span_text(q.shape == 1 ? r.figures.mttf : r.figures.mean_up),
                    r.enough ? "reached" : "-"});
  }
  print_table(shell.out, rows);
  shell.out << "\nFor " << availability_text(q.target) << " (" << downtime_text(q.target) << " down per year):\n";
  for (const SlowestRepair& s : a.slowest) {
    shell.out << "  " << s.members << (s.members == 1 ? " member" : " members")
              << (s.mttr ? cat(", if each is repaired within ", span_text(*s.mttr), " on the average") : ": never")
              << "\n";
  }
  if (!q.mission) return;
  shell.out << "\nWithout repair, for " << span_text(*q.mission) << ":\n";
  rows = {{"MEMBERS", "SURVIVES WITH", "MTTF OF THE GROUP"}};
  for (const GroupMission& m : a.missions) {
    rows.push_back({cat(m.members), availability_text(m.unreliability), span_text(m.mttf)});
  }
  print_table(shell.out, rows);
}

void run(Shell& shell, const DependabilityFlags& flags) {
  Reader reader(shell);
  const GroupQuestion q = question(reader, flags);
  if (!reader.ok()) return;
  const StatusOr<GroupAnswer> a = answer(q);
  if (!a.ok()) return shell.usage_error(std::string(a.status().message()));
  if (!flags.svg.empty()) {
    if (const Status s = sim::write_picture(flags.svg, plot::svg(a->chart)); !s.ok()) return shell.fail(s);
  }
  if (shell.json) return print_json(shell, flags, q, *a);
  print_tables(shell, q, *a);
  if (!flags.no_plot) shell.out << "\n" << plot::text_plot(a->chart, {100, 20});
  if (!flags.svg.empty()) shell.out << "\nThe plot is in " << flags.svg << "\n";
}

void add_flags(CLI::App& app, Shell& shell, DependabilityFlags& flags) {
  app.add_option("--target", flags.target, "The availability that is asked for: 99.999%, 0.99999, \"5 nines\"")
      ->type_name("AVAILABILITY")
      ->capture_default_str();
  app.add_option("--mttf", flags.mttf, "Mean time until a member fails")->type_name("TIME")->capture_default_str();
  list_option(app, "--mttr", flags.mttr, "Mean times to repair one: the columns of the question, separated by commas")
      ->type_name("TIMES")
      ->default_str("1m,10m,1h,8h,1d");
  app.add_option(
         "--model", flags.model,
         "How members fail: fail-stop (one is enough), crash (a majority is needed), byzantine (more than two thirds)")
      ->type_name("MODEL")
      ->capture_default_str();
  list_option(app, "--members", flags.members,
              "Sizes of the group, separated by commas; default: those for 0 to 3 failures")
      ->type_name("NUMBERS");
  app.add_option("--repairers", flags.repairers, "So many are repaired at a time; 0: all that have failed")
      ->check(whole_number(0))
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--weibull-shape", flags.shape,
                 "Members age: below 1 they fail early, above 1 they wear out; 1: neither")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--mission-time", flags.mission, "Also: the chance to survive that long without repair")
      ->type_name("TIME");
  app.add_option("--svg", flags.svg, "Write the plot to this file, as SVG")->check(not_empty())->type_name("FILE");
  app.add_flag("--no-plot", flags.no_plot, "Print the tables only");
  app.add_flag("--json", shell.json, "Print JSON");
}

}  // namespace

void add_dependability(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("dependability", "How many members, repaired how fast, for 99.999 %?");
  app->footer(
      "Members fail independently and are as good as new after repair. Times: 250ms, 10m, 1h30m, 30d, 2y. What is "
      "computed,\n"
      "and what it leaves out (failures in common, elections), is explained in docs/dependability.md.\n"
      "\n"
      "Examples:\n"
      "  holdfast dependability --target 99.99% --mttf 30d --mttr 10m\n"
      "  holdfast dependability --model byzantine --members 4,7 --repairers 1\n"
      "  holdfast dependability --mttf 1y --mttr 4h,1d --svg plot.svg\n"
      "  holdfast dependability --mttf 5y --weibull-shape 2 --mission-time 1y");
  auto flags = std::make_shared<DependabilityFlags>();
  add_flags(*app, shell, *flags);
  app->callback([flags, &shell] { run(shell, *flags); });
}

}  // namespace holdfast::cli
