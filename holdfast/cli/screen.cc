#include "holdfast/cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "holdfast/cli/table.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

double total_rate(const Screen& screen) {
  double sum = 0;
  for (const ScreenMember& member : screen.members) sum += member.view.operations_per_second;
  return sum;
}

std::vector<MemberView> views_of(const Screen& screen) {
  std::vector<MemberView> views;
  for (const ScreenMember& member : screen.members) views.push_back(member.view);
  return views;
}

std::string whole(double number) { return cat(static_cast<int64_t>(std::llround(number))); }

}  // namespace

std::string clock_text(std::chrono::seconds time) {
  char text[32];
  const long seconds = static_cast<long>(time.count());
  std::snprintf(text, sizeof text, "%02ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return text;
}

std::string state_of(const ScreenMember& member) {
  if (member.pid == 0) return "stopped";
  if (member.paused) return "paused";
  if (!member.view.reachable) return "starting";
  if (member.view.leader == 0) return "no leader";
  return member.view.leads() ? "leader" : "follower";
}

std::vector<std::string> render(const Screen& screen) {
  std::vector<std::string> lines;
  lines.push_back(cat("Holdfast: ", screen.members.size(), screen.members.size() == 1 ? " member" : " members", " by ",
                      screen.consensus, " in ", screen.directory, ", up ", clock_text(screen.up), ", ",
                      whole(total_rate(screen)), " operations/s"));
  lines.push_back("");
  std::vector<std::vector<std::string>> rows = {{"MEMBER", "CLIENTS", "STATE", "TERM", "REVISION", "OPS/S", "PROCESS"}};
  for (size_t i = 0; i < screen.members.size(); ++i) {
    const ScreenMember& member = screen.members[i];
    const bool known = member.pid != 0 && member.view.reachable;
    rows.push_back({cat(i + 1), member.endpoint, state_of(member), known ? cat(member.view.term) : "-",
                    known ? cat(member.view.revision) : "-", known ? whole(member.view.operations_per_second) : "-",
                    member.pid == 0 ? "-" : cat(member.pid)});
  }
  std::ostringstream table;
  print_table(table, rows);
  const std::string drawn = table.str();  // the lines below point into it
  for (std::string_view line : split(trim(drawn), '\n')) lines.emplace_back(cat("  ", line));
  lines.push_back("");
  lines.push_back("Last events");
  for (const std::string& event : screen.events) lines.push_back(cat("  ", event));
  lines.push_back("");
  for (const std::string& hint : screen.hints) lines.push_back(hint);
  lines.push_back("");
  lines.push_back(cat("k N: kill -9 member N   r N: restart it   p N: pause or resume it   q or Ctrl-C: stop all"));
  lines.push_back(cat("> ", screen.typed));
  return lines;
}

size_t rows_of(const std::vector<std::string>& lines, size_t width) {
  size_t rows = 0;
  for (const std::string& line : lines) {
    // Bytes that go on with a character take no column.
    const auto columns = static_cast<size_t>(
        std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    rows += columns == 0 ? 1 : (columns + width - 1) / width;
  }
  return rows;
}

std::vector<std::string> render(Screen screen, size_t width, size_t height) {
  std::vector<std::string> lines = render(screen);
  while (rows_of(lines, width) > height && (screen.events.size() > 1 || !screen.hints.empty())) {
    if (screen.events.size() > 1) {
      screen.events.pop_front();
    } else {
      screen.hints.clear();
    }
    lines = render(screen);
  }
  while (lines.size() > 2 && rows_of(lines, width) > height) lines.erase(lines.end() - 3);
  return lines;
}

std::string summary(const Screen& screen) {
  const std::vector<MemberView> views = views_of(screen);
  const int leader = leader_of(views);
  std::string out = leader == 0 ? "leader=none" : cat("leader=", leader);
  uint64_t term = 0;
  int64_t revision = 0;
  for (const MemberView& view : views) {
    term = std::max(term, view.term);
    revision = std::max(revision, view.revision);
  }
  out += cat(" term=", term, " revision=", revision, " ops/s=", whole(total_rate(screen)));
  for (size_t i = 0; i < screen.members.size(); ++i) {
    std::string state = state_of(screen.members[i]);
    std::replace(state.begin(), state.end(), ' ', '-');
    out += cat(" m", i + 1, "=", state);
  }
  return out;
}

Terminal::Terminal() {
  if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals from the keyboard stay
  changed_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

Terminal::~Terminal() {
  if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::draw(std::ostream& out, const Screen& screen) {
  draw(out, [&](size_t width, size_t height) { return render(screen, width, height); });
}

void Terminal::draw(std::ostream& out, const Picture& picture) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  const size_t width = known ? size.ws_col : 120, height = known ? size.ws_row : 40;
  std::string drawing;
  // Up to the first line of the last picture, as it looks in the terminal's present width, and clear from there on.
  const size_t rows = std::min(rows_of(drawn_, width), height);
  if (rows > 1) drawing += cat("\x1b[", rows - 1, "A");
  drawing += "\r\x1b[J";
  drawn_ = picture(width, height);
  out << drawing << join(drawn_, "\n") << std::flush;
}

}  // namespace holdfast::cli
