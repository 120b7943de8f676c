#include "holdfast/cli/cluster_watch.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "holdfast/cli/client.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kAnswerTime{300};

// One member's calls to clients, counted by itself.
class OperationRate {
 public:
  double next(const std::string& endpoint) {
    const std::optional<std::string> metrics = http_get(endpoint, "/metrics", kAnswerTime);
    if (!metrics) return 0;
    const Clock::time_point now = Clock::now();
    const double total = sum_of_samples(*metrics, "grpc_server_handled_total", "etcdserverpb.KV") +
                         sum_of_samples(*metrics, "grpc_server_handled_total", "etcdserverpb.Lease");
    const double seconds = std::chrono::duration<double>(now - last_time_).count();
    const bool usable = last_total_ >= 0 && total >= last_total_ && seconds > 0;
    const double rate = usable ? (total - last_total_) / seconds : 0;
    last_total_ = total;
    last_time_ = now;
    return rate;
  }

 private:
  double last_total_ = -1;
  Clock::time_point last_time_;
};

MemberView view_of(Client& client, size_t i, OperationRate& rate) {
  MemberView view;
  const auto status = client.status(i);
  if (!status.ok()) return view;
  view.reachable = true;
  view.id = status->header().member_id();
  view.leader = status->leader();
  view.term = status->raftterm();
  view.revision = status->header().revision();
  view.applied = status->raftappliedindex();
  view.operations_per_second = rate.next(client.endpoint(i));
  return view;
}

// Waits until `fd` is ready; false after the deadline.
bool ready(int fd, short events, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd waiting{fd, events, 0};
  return left > 0 && poll(&waiting, 1, static_cast<int>(left)) == 1;
}

std::optional<std::string> talk(int fd, const std::string& request, Clock::time_point deadline) {
  size_t sent = 0;
  while (sent < request.size()) {
    if (!ready(fd, POLLOUT, deadline)) return std::nullopt;
    const ssize_t n = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return std::nullopt;
    sent += static_cast<size_t>(n);
  }
  std::string answer;
  for (;;) {
    char buffer[16384];
    if (!ready(fd, POLLIN, deadline)) return std::nullopt;
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0) return std::nullopt;
    if (n == 0) return answer;
    answer.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

std::optional<std::string> http_get(const std::string& endpoint, const std::string& path,
                                    std::chrono::milliseconds timeout) {
  const size_t colon = endpoint.rfind(':');
  const std::optional<uint16_t> port = parse_number<uint16_t>(std::string_view(endpoint).substr(colon + 1));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.value_or(0));
  if (!port || inet_pton(AF_INET, endpoint.substr(0, colon).c_str(), &address.sin_addr) != 1) return std::nullopt;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  const Clock::time_point deadline = Clock::now() + timeout;
  std::optional<std::string> answer;
  connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  if (ready(fd, POLLOUT, deadline)) {
    answer = talk(fd, cat("GET ", path, " HTTP/1.1\r\nHost: ", endpoint, "\r\nConnection: close\r\n\r\n"), deadline);
  }
  close(fd);
  if (!answer || !answer->starts_with("HTTP/1.1 200")) return std::nullopt;
  const size_t body = answer->find("\r\n\r\n");
  if (body == std::string::npos) return std::nullopt;
  return answer->substr(body + 4);
}

double sum_of_samples(std::string_view metrics, std::string_view name, std::string_view label) {
  double sum = 0;
  for (std::string_view line : split(metrics, '\n')) {
    const size_t blank = line.rfind(' ');
    if (!line.starts_with(name) || blank == std::string_view::npos) continue;
    const std::string_view labels = line.substr(name.size(), blank - name.size());
    if (!labels.starts_with('{') || labels.find(label) == std::string_view::npos) continue;
    sum += parse_number<double>(trim(line.substr(blank))).value_or(0);
  }
  return sum;
}

int leader_of(const std::vector<MemberView>& views) {
  int leader = 0;
  uint64_t term = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    if (!views[i].leads() || views[i].term < term) continue;
    leader = static_cast<int>(i) + 1;
    term = views[i].term;
  }
  return leader;
}

ClusterWatch::ClusterWatch(std::vector<std::string> endpoints, std::chrono::milliseconds interval)
    : endpoints_(std::move(endpoints)), interval_(interval), views_(endpoints_.size()) {
  thread_ = std::thread([this] { run(); });
}

ClusterWatch::~ClusterWatch() {
  stop_ = true;
  thread_.join();
}

std::vector<MemberView> ClusterWatch::views() const {
  const std::lock_guard lock(mutex_);
  return views_;
}

std::vector<std::string> ClusterWatch::take_events() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

void ClusterWatch::run() {
  Client::Options options;
  options.endpoints = endpoints_;
  options.timeout = kAnswerTime;
  StatusOr<std::unique_ptr<Client>> client = Client::create(options);
  if (!client.ok()) return;
  std::vector<OperationRate> rates(endpoints_.size());
  while (!stop_) {
    const Clock::time_point next = Clock::now() + interval_;
    std::vector<MemberView> now;
    for (size_t i = 0; i < endpoints_.size() && !stop_; ++i) now.push_back(view_of(**client, i, rates[i]));
    if (stop_) return;
    {
      const std::lock_guard lock(mutex_);
      notice(now);
      views_ = std::move(now);
    }
    while (!stop_ && Clock::now() < next) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void ClusterWatch::notice(const std::vector<MemberView>& now) {
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].reachable == views_[i].reachable) continue;
    events_.push_back(cat("member ", i + 1, now[i].reachable ? " answers" : " no longer answers"));
  }
  const int leader = leader_of(now);
  if (leader == 0) {
    if (leader_of(views_) != 0) events_.push_back("there is no leader");
    return;
  }
  const uint64_t term = now[static_cast<size_t>(leader) - 1].term;
  if (term != last_leader_term_) events_.push_back(cat("member ", leader, " leads in term ", term));
  last_leader_term_ = term;
}

}  // namespace holdfast::cli
