// The group as processes: a child for each member, which tells its port, learns all ports, and is told when to count.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bench/engines/member.h"

namespace holdfast::bench {
namespace {

// Both ends of what parent and child say to each other.
struct Child {
  pid_t pid = 0;
  int from = -1, to = -1;
};

void write_all(int fd, const void* data, size_t n) {
  const char* at = static_cast<const char*>(data);
  while (n > 0) {
    const ssize_t wrote = ::write(fd, at, n);
    if (wrote <= 0) must(absl::UnavailableError("a member's process cannot be told"));
    at += wrote;
    n -= static_cast<size_t>(wrote);
  }
}
bool read_all(int fd, void* data, size_t n) {
  char* at = static_cast<char*>(data);
  while (n > 0) {
    const ssize_t got = ::read(fd, at, n);
    if (got <= 0) return false;
    at += got;
    n -= static_cast<size_t>(got);
  }
  return true;
}

struct Counted {
  uint64_t requests = 0, failures = 0, latencies = 0;
  double seconds = 0, cpu_seconds = 0;
};

// Ends with the process, also when the parent is gone: then there is nothing more to read.
[[noreturn]] void be_member(const Load& load, uint64_t id, int in, int out) {
  std::atomic<bool> counts{false};
  Member member(load, id, counts);
  const uint16_t port = member.port();
  write_all(out, &port, sizeof port);
  std::vector<uint16_t> ports(load.members);
  char word = 0;
  if (!read_all(in, ports.data(), ports.size() * sizeof(uint16_t))) std::_Exit(1);
  member.start(ports);
  if (!read_all(in, &word, 1)) std::_Exit(1);
  const double cpu = process_cpu();
  const auto begin = Clock::now();
  counts = true;
  if (!read_all(in, &word, 1)) std::_Exit(1);
  counts = false;
  Counted c{.seconds = since(begin), .cpu_seconds = process_cpu() - cpu};
  if (!read_all(in, &word, 1)) std::_Exit(1);  // all have counted
  member.stop();
  c.requests = member.requests;
  c.failures = member.failures;
  c.latencies = member.latencies.size();
  write_all(out, &c, sizeof c);
  write_all(out, member.latencies.data(), member.latencies.size() * sizeof(float));
  std::_Exit(0);
}

Child spawn(const Load& load, uint64_t id, const std::vector<Child>& others) {
  int up[2], down[2];
  if (::pipe(up) != 0 || ::pipe(down) != 0) must(absl::ResourceExhaustedError("no more pipes"));
  const pid_t pid = ::fork();
  if (pid < 0) must(absl::ResourceExhaustedError("no more processes"));
  if (pid == 0) {
    // What others are told by must end when the parent does.
    for (const Child& c : others) ::close(c.to);
    ::close(up[0]);
    ::close(down[1]);
    be_member(load, id, down[0], up[1]);
  }
  ::close(up[1]);
  ::close(down[0]);
  return {pid, up[0], down[1]};
}

void tell(const std::vector<Child>& children) {
  for (const Child& c : children) write_all(c.to, "!", 1);
}

Figures gather(const std::vector<Child>& children) {
  Figures out;
  for (const Child& c : children) {
    Counted counted;
    if (!read_all(c.from, &counted, sizeof counted))
      must(absl::AbortedError("a member's process ended before its time"));
    std::vector<float> latencies(counted.latencies);
    if (!read_all(c.from, latencies.data(), latencies.size() * sizeof(float))) {
      must(absl::AbortedError("a member's process ended while it told its figures"));
    }
    out.requests += counted.requests;
    out.failures += counted.failures;
    out.seconds = std::max(out.seconds, counted.seconds);
    out.cpu_seconds += counted.cpu_seconds;
    out.latencies_ms.insert(out.latencies_ms.end(), latencies.begin(), latencies.end());
  }
  std::sort(out.latencies_ms.begin(), out.latencies_ms.end());
  return out;
}

}  // namespace

Figures run_as_processes(const Load& load) {
  std::signal(SIGPIPE, SIG_IGN);
  std::filesystem::remove_all(load.directory);
  std::vector<Child> children;
  for (uint64_t id = 1; id <= load.members; ++id) children.push_back(spawn(load, id, children));
  std::vector<uint16_t> ports(load.members);
  for (size_t i = 0; i < children.size(); ++i) {
    if (!read_all(children[i].from, &ports[i], sizeof ports[i])) {
      must(absl::AbortedError("a member's process did not start"));
    }
  }
  for (const Child& c : children) write_all(c.to, ports.data(), ports.size() * sizeof(uint16_t));
  std::this_thread::sleep_for(std::chrono::duration<double>(load.before_counting()));
  tell(children);
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));
  tell(children);
  tell(children);
  Figures out = gather(children);
  for (const Child& c : children) {
    ::waitpid(c.pid, nullptr, 0);
    ::close(c.from);
    ::close(c.to);
  }
  std::filesystem::remove_all(load.directory);
  return out;
}

}  // namespace holdfast::bench
