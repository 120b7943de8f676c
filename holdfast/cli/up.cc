#include "holdfast/cli/up.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <deque>

#include "holdfast/cli/cluster_watch.h"
#include "holdfast/cli/end_signals.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/screen.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"

namespace holdfast::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPollInterval{500};
constexpr std::chrono::milliseconds kStopTime{15'000};
constexpr size_t kEventsShown = 6;

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S", &parts);
  return text;
}

class Supervisor {
 public:
  Supervisor(LocalCluster& cluster, Interrupts& interrupts, std::ostream& out)
      : cluster_(cluster), interrupts_(interrupts), out_(out), watch_(cluster.endpoints(), kPollInterval) {
    fancy_ = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
    screen_.directory = cluster.directory();
    screen_.consensus = replica::name_of(cluster.engine());
    screen_.hints = hints();
    for (int number = 1; number <= cluster.size(); ++number) screen_.members.push_back({cluster.endpoint(number)});
  }

  int run() {
    if (Status status = cluster_.start_all(); !status.ok()) {
      out_ << "holdfast up: " << cat(status.message()) << "\n";
      return kExitFailed;
    }
    event(cluster_.was_there() ? "started again, with the data that was there" : "started");
    if (fancy_) terminal_.emplace();
    if (!fancy_) {
      for (const std::string& hint : screen_.hints) out_ << hint << "\n";
    }
    while (!quit_ && !interrupts_.wait(std::chrono::milliseconds(0))) {
      wait_for_input();
      look();
      show();
    }
    return stop();
  }

 private:
  std::vector<std::string> hints() const {
    const std::string all = join(cluster_.endpoints(), ",");
    const bool default_port = cluster_.client_port(1) == 2379;
    return {"Try next, in another terminal:", cat("  etcdctl --endpoints=", all, " put color blue"),
            cat("  ", own_program(), default_port ? "" : cat(" --endpoints=", all), " watch --prefix ''"),
            "  k 1 and Enter, here: kill -9 member 1; then r 1 to restart it"};
  }

  void event(const std::string& text) {
    const std::string line = cat(time_of_day(), "  ", text);
    screen_.events.push_back(line);
    if (screen_.events.size() > kEventsShown) screen_.events.pop_front();
    if (!fancy_) out_ << line << std::endl;
  }

  void wait_for_input() {
    pollfd waiting[2] = {{interrupts_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (poll(waiting, input_ended_ ? 1 : 2, 200) <= 0 || input_ended_ || waiting[1].revents == 0) return;
    char buffer[256];
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n <= 0) input_ended_ = true;
    for (ssize_t i = 0; i < n; ++i) take_character(buffer[i]);
  }

  void take_character(char c) {
    if (c == '\n' || c == '\r') {
      const std::string line = std::exchange(screen_.typed, "");
      if (!trim(line).empty()) obey(line);
    } else if (c == 0x7f || c == '\b') {
      if (!screen_.typed.empty()) screen_.typed.pop_back();
    } else if (c >= ' ' && screen_.typed.size() < 40) {
      screen_.typed.push_back(c);
    }
  }

  void obey(const std::string& line) {
    std::string problem;
    const std::optional<UpCommand> command = parse_up_command(line, cluster_.size(), problem);
    if (!command) return event(problem);
    if (command->kind == UpCommand::Kind::kQuit) {
      quit_ = true;
      return;
    }
    LocalMember& member = cluster_.member(command->member);
    ScreenMember& shown = screen_.members[static_cast<size_t>(command->member) - 1];
    const std::string name = cat("member ", command->member);
    if (command->kind == UpCommand::Kind::kRestart) {
      const Status status = member.start();
      return event(status.ok() ? cat(name, " restarted") : cat(name, ": ", status.message()));
    }
    if (!member.running()) return event(cat(name, " does not run; r ", command->member, " starts it"));
    if (command->kind == UpCommand::Kind::kKill) {
      event(cat("kill -9 ", name));
      return member.signal(SIGKILL);
    }
    shown.paused = !shown.paused;
    event(cat(name, shown.paused ? " paused (SIGSTOP)" : " resumed (SIGCONT)"));
    member.signal(shown.paused ? SIGSTOP : SIGCONT);
  }

  // What has happened since the last time.
  void look() {
    for (int number = 1; number <= cluster_.size(); ++number) {
      LocalMember& member = cluster_.member(number);
      ScreenMember& shown = screen_.members[static_cast<size_t>(number) - 1];
      if (const auto ended = member.reap()) {
        shown.paused = false;
        event(cat("member ", number, " ", *ended, "; r ", number, " restarts it"));
        if (!ended->starts_with("killed")) event(cat("see ", member.log_path(), ": ", member.last_output(1)));
      }
      shown.pid = member.pid();
    }
    const std::vector<MemberView> views = watch_.views();
    for (size_t i = 0; i < views.size(); ++i) screen_.members[i].view = views[i];
    for (const std::string& text : watch_.take_events()) event(text);
    screen_.up = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_);
  }

  void show() {
    const Clock::time_point now = Clock::now();
    if (terminal_) {
      const bool due = now - shown_ >= kPollInterval || screen_.typed != shown_typed_;
      if (!due) return;
      terminal_->draw(out_, screen_);
      shown_typed_ = screen_.typed;
    } else {
      if (now - shown_ < std::chrono::seconds(10) && shown_ != Clock::time_point()) return;
      if (leader_of(watch_.views()) == 0 && now - began_ < std::chrono::seconds(10)) return;
      out_ << time_of_day() << "  " << summary(screen_) << std::endl;
    }
    shown_ = now;
  }

  int stop() {
    if (terminal_) {
      terminal_.reset();
      out_ << "\n";
    }
    out_ << "stopping all members" << std::endl;
    bool clean = true;
    for (const std::string& ending : cluster_.stop_all(kStopTime)) {
      out_ << "  " << ending << "\n";
      clean = clean && ending.ends_with("code 0");
    }
    out_ << "the data stays in " << cluster_.directory() << "; `holdfast up --dir=" << cluster_.directory()
         << "` goes on with it" << std::endl;
    return clean ? kExitOk : kExitFailed;
  }

  LocalCluster& cluster_;
  Interrupts& interrupts_;
  std::ostream& out_;
  ClusterWatch watch_;
  bool fancy_ = false;
  bool input_ended_ = false;
  bool quit_ = false;
  std::optional<Terminal> terminal_;
  Screen screen_;
  std::string shown_typed_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point shown_;
};

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = end_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() {
  if (fd_ >= 0) close(fd_);
}

bool Interrupts::wait(std::chrono::milliseconds time) {
  if (came_) return true;
  pollfd waiting{fd_, POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(time.count())) <= 0) return false;
  signalfd_siginfo info;
  came_ = read(fd_, &info, sizeof info) == sizeof info;
  return came_;
}

std::optional<UpCommand> parse_up_command(std::string_view line, int members, std::string& problem) {
  const std::string_view text = trim(line);
  if (text == "q" || text == "quit") return UpCommand{UpCommand::Kind::kQuit, 0};
  const std::optional<int> number = text.empty() ? std::nullopt : parse_number<int>(trim(text.substr(1)));
  const bool known = !text.empty() && std::string_view("krp").find(text[0]) != std::string_view::npos;
  if (!known || !number || *number < 1 || *number > members) {
    problem = cat("\"", text, "\" is no command: k, r or p and a number from 1 to ", members, ", or q");
    return std::nullopt;
  }
  const auto kind = text[0] == 'k'   ? UpCommand::Kind::kKill
                    : text[0] == 'r' ? UpCommand::Kind::kRestart
                                     : UpCommand::Kind::kPause;
  return UpCommand{kind, *number};
}

int run_up(LocalCluster& cluster, Interrupts& interrupts, std::ostream& out) {
  return Supervisor(cluster, interrupts, out).run();
}

}  // namespace holdfast::cli
