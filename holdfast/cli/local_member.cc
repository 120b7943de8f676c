#include "holdfast/cli/local_member.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>
#include <thread>

#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return cat("exited with code ", WEXITSTATUS(status));
  const char* name = sigabbrev_np(WTERMSIG(status));
  return cat("killed by ", name == nullptr ? cat("signal ", WTERMSIG(status)) : cat("SIG", name));
}

std::vector<std::string> clean_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("ETCD_") || text.starts_with("HOLDFAST_") || text.starts_with("NOTIFY_SOCKET=")) continue;
    out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the child, between fork and exec: only calls that are safe after a fork of a process with threads.
[[noreturn]] void become(const char* program, char* const* args, char* const* environment, int log, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execve(program, args, environment);
  constexpr char kText[] = "holdfast: the program cannot be executed\n";
  (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(127);
}

}  // namespace

std::string own_program() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length <= 0 ? "/proc/self/exe" : std::string(path, static_cast<size_t>(length));
}

LocalMember::LocalMember(LocalMember&& other) noexcept : spec_(std::move(other.spec_)), pid_(other.pid_) {
  other.pid_ = 0;
}

LocalMember::~LocalMember() {
  if (!running()) return;
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

Status LocalMember::start() {
  if (running()) return absl::FailedPreconditionError(cat("it is running already, as process ", pid_));
  const int log = open(spec_.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return absl::InternalError(cat("cannot open ", spec_.log_path, ": ", std::strerror(errno)));
  std::vector<std::string> args = {spec_.program};
  args.insert(args.end(), spec_.args.begin(), spec_.args.end());
  std::vector<std::string> environment = clean_environment();
  const std::vector<char*> arg_pointers = pointers(args);
  const std::vector<char*> environment_pointers = pointers(environment);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become(spec_.program.c_str(), arg_pointers.data(), environment_pointers.data(), log, parent);
  const int error = errno;
  close(log);
  if (child < 0) return absl::InternalError(cat("cannot start a process: ", std::strerror(error)));
  pid_ = child;
  return absl::OkStatus();
}

void LocalMember::signal(int number) const {
  if (running()) kill(pid_, number);
}

std::optional<std::string> LocalMember::reap() {
  if (!running()) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return how_it_ended(status);
}

std::optional<std::string> LocalMember::wait(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (auto ended = reap()) return ended;
    if (!running() || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string LocalMember::last_output(size_t lines) const {
  std::ifstream in(spec_.log_path);
  std::deque<std::string> last;
  for (std::string line; std::getline(in, line);) {
    last.push_back(line);
    if (last.size() > lines) last.pop_front();
  }
  return join(last, "\n");
}

}  // namespace holdfast::cli
