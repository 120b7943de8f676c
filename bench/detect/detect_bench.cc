// Measures the failure detectors and prints Markdown tables; draws the pictures into the directory that is named.
//
//   detect_bench DIRECTORY [weather | trade-off | distribution | size | starved]...     all when none is named
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/detect/quality.h"
#include "holdfast/plot/svg.h"

namespace holdfast::bench {
namespace {

constexpr Detector kAll[] = {Detector::kHeartbeat, Detector::kProbe, Detector::kPhi, Detector::kSwim,
                             Detector::kLifeguard};

struct Named {
  const char* name;
  Weather weather;
};
const std::vector<Named>& weathers() {
  static const std::vector<Named> list = {
      {"calm", {}},
      {"5 % lost", {.loss = 0.05}},
      {"20 % lost", {.loss = 0.20}},
      {"jitter", {.jitter = Duration::millis(300), .stragglers = Duration::seconds(4)}},
      {"a tenth starved", {.loss = 0.01, .starved = 0.1}},
  };
  return list;
}

std::string rate(double mistakes, double least) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%.2f", mistakes == 0 ? "< " : "", mistakes == 0 ? least : mistakes);
  return text;
}

void print_row(const std::string& head, const Quality& q) {
  const std::string well = rate(q.mistakes_per_member_hour, q.least_rate);
  const std::string starved = q.starved_least == 0 ? "" : rate(q.starved_mistakes, q.starved_least);
  std::printf("| %s | %.1f | %.1f | %.1f%s | %s | %.1f | %s | %.1f | %.0f |\n", head.c_str(), q.detection_at(0.5),
              q.detection_at(0.99), q.detection_at(1), q.undetected > 0 ? " (not all)" : "", well.c_str(),
              q.mistake_seconds, starved.c_str(), q.messages, q.bytes);
  std::fflush(stdout);
}

constexpr const char* kColumns =
    "detection p50 | p99 | last (s) | mistakes per member and hour | lasting (s) | by a starved one | messages | bytes "
    "per member and s |";

void by_weather() {
  std::printf("\n| 30 members | detector | %s\n|---|---|---|---|---|---|---|---|---|---|\n", kColumns);
  for (const Named& w : weathers()) {
    for (const Detector d : kAll) {
      const Quality q = measure({.detector = d, .members = 30, .weather = w.weather, .lasts = Duration::seconds(1200)});
      print_row(std::string(w.name) + " | " + name_of(d), q);
    }
  }
}

// Everybody to everybody is 90,000 messages a second for 300 members: those runs are short; and a million for a
// thousand members, which are left out.
Trial sized(Detector detector, size_t n) {
  Trial trial{.detector = detector, .members = n, .weather = {.loss = 0.05}, .lasts = Duration::seconds(300)};
  const bool swim = detector == Detector::kSwim || detector == Detector::kLifeguard;
  if (n >= 300) {
    trial.warm_up = Duration::seconds(swim ? 200 : 10);
    trial.lasts = Duration::seconds(swim ? 120 : 20);
  }
  return trial;
}

void by_size(const std::string& directory) {
  std::printf("\n| members | detector | %s\n|---|---|---|---|---|---|---|---|---|---|\n", kColumns);
  plot::Chart chart;
  chart.title = "What watching costs";
  chart.subtitle = "messages sent per member and second; 5 % of messages lost, a tenth of the members crashes";
  chart.x = {.label = "members", .scale = plot::Scale::kLog};
  chart.y = {.label = "messages per member and second", .scale = plot::Scale::kLog};
  for (const Detector d : kAll) {
    plot::Series series{name_of(d), {}};
    for (const size_t n : {3, 10, 30, 100, 300, 1000}) {
      if (n > 300 && d != Detector::kSwim && d != Detector::kLifeguard) continue;
      const Quality q = measure(sized(d, n));
      print_row(std::to_string(n) + " | " + name_of(d), q);
      series.points.push_back({static_cast<double>(n), q.messages});
    }
    chart.series.push_back(std::move(series));
  }
  std::ofstream(directory + "/detector-cost.svg") << plot::svg(chart);
}

// The same crowd when a tenth of it is starved (one, of three), which is what heeding one's own pauses is for. A thousand
// to a thousand is a million messages a second: ten seconds of it.
void starved_by_size() {
  std::printf("\n| members, a tenth starved | detector | %s\n|---|---|---|---|---|---|---|---|---|---|\n", kColumns);
  for (const Detector d : kAll) {
    const bool swim = d == Detector::kSwim || d == Detector::kLifeguard;
    for (const size_t n : {3, 100, 1000}) {
      Trial trial{.detector = d, .members = n, .weather = {.loss = 0.01, .starved = n == 3 ? 0.34 : 0.1}};
      if (n == 1000) {
        trial.warm_up = Duration::seconds(swim ? 200 : 3);
        trial.lasts = Duration::seconds(swim ? 120 : 10);
      }
      print_row(std::to_string(n) + " | " + name_of(d), measure(trial));
    }
  }
}

void trade_off(const std::string& directory) {
  const Weather weather{
      .loss = 0.05, .jitter = Duration::millis(100), .stragglers = Duration::seconds(2), .starved = 0.1};
  plot::Chart chart;
  chart.title = "Fast or right";
  chart.subtitle = "30 members, 5 % lost, jitter, three starved; each curve is one knob; bottom: none in the run";
  chart.x = {.label = "time to detect a crash, median (s)", .scale = plot::Scale::kLog};
  chart.y = {.label = "mistakes per member and hour", .scale = plot::Scale::kLog};
  std::printf("\n| detector | knob | %s\n|---|---|---|---|---|---|---|---|---|---|\n", kColumns);
  const std::vector<std::pair<Detector, std::vector<double>>> knobs = {
      {Detector::kHeartbeat, {1.5, 2.2, 3.2, 4.2, 6.2, 8.2}},
      {Detector::kProbe, {1.5, 2.2, 3.2, 4.2, 6.2, 8.2}},
      {Detector::kPhi, {1, 2, 4, 8, 16, 32}},
      {Detector::kSwim, {1, 2, 3, 5, 8}},
      {Detector::kLifeguard, {1, 2, 3, 5, 8}}};
  for (const auto& [detector, values] : knobs) {
    plot::Series series{name_of(detector), {}};
    for (const double knob : values) {
      const Quality q =
          measure({.detector = detector, .weather = weather, .lasts = Duration::seconds(2400), .knob = knob});
      char text[64];
      std::snprintf(text, sizeof text, "%s | %g", name_of(detector), knob);
      print_row(text, q);
      series.points.push_back({q.detection_at(0.5), std::max(q.mistakes_per_member_hour, q.least_rate / 2)});
    }
    chart.series.push_back(std::move(series));
  }
  std::ofstream(directory + "/detector-trade-off.svg") << plot::svg(chart);
}

void distribution(const std::string& directory) {
  plot::Chart chart;
  chart.title = "How long until a crash is known";
  chart.subtitle = "100 members, 5 % of messages lost; each survivor about each crashed member";
  chart.x = {.label = "seconds since the crash"};
  chart.y = {.label = "share of pairs", .from = 0, .to = 1};
  for (const Detector d : kAll) {
    const Quality q =
        measure({.detector = d, .members = 100, .weather = {.loss = 0.05}, .lasts = Duration::seconds(300)});
    plot::Series series{name_of(d), {}, true, false};
    for (int i = 0; i <= 100; ++i) series.points.push_back({q.detection_at(i / 100.0), i / 100.0});
    chart.series.push_back(std::move(series));
  }
  std::ofstream(directory + "/detector-distribution.svg") << plot::svg(chart);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: detect_bench DIRECTORY [weather | trade-off | distribution | size | starved]...\n");
    return 2;
  }
  const auto wanted = [&](std::string_view part) {
    return argc == 2 || std::any_of(argv + 2, argv + argc, [&](const char* word) { return part == word; });
  };
  if (wanted("weather")) holdfast::bench::by_weather();
  if (wanted("trade-off")) holdfast::bench::trade_off(argv[1]);
  if (wanted("distribution")) holdfast::bench::distribution(argv[1]);
  if (wanted("size")) holdfast::bench::by_size(argv[1]);
  if (wanted("starved")) holdfast::bench::starved_by_size();
  return 0;
}
