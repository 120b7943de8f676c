#include "holdfast/cli/serve.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <asio/post.hpp>

#include "holdfast/cli/command.h"
#include "holdfast/cli/end_signals.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/serve_check.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/server/face.h"
#include "holdfast/server/member.h"

namespace holdfast::cli {
namespace {

std::vector<std::string> texts(const std::vector<Url>& urls) {
  std::vector<std::string> out;
  for (const Url& url : urls) out.push_back(url.text());
  return out;
}

// The readiness protocol of systemd (sd_notify(3)): unit files for etcd say Type=notify.
void notify_systemd(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) return;
  std::strcpy(address.sun_path, path);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(fd, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), length);
  close(fd);
}

void set_up_log(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

// Blocks the signals that end the process in this thread and in every one it starts, and waits for them in a thread of
// its own, where stop() may be called. Before there is a member to stop, a signal ends the process at once: a start
// that is cut short is as good as a crash, which loses nothing.
class StopSignals {
 public:
  StopSignals() {
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write
    waiter_ = std::thread([this] { wait(); });
  }
  ~StopSignals() {
    forget();
    pthread_kill(waiter_.native_handle(), SIGTERM);
    waiter_.join();
  }
  void watch(server::Member& member) {
    const std::lock_guard lock(mutex_);
    member_ = &member;
  }
  // Before the member goes.
  void forget() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }

 private:
  void wait() {
    int signal = 0;
    for (int count = 0; sigwait(&set_, &signal) == 0; ++count) {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      if (count > 0) _exit(128 + signal);
      const char* name = signal == SIGTERM ? "SIGTERM" : strsignal(signal);
      notify_systemd("STOPPING=1");
      if (member_ == nullptr) {
        spdlog::info("stopped while starting signal={}", name);
        _exit(kExitOk);
      }
      spdlog::info("stopping signal={} again=ends-at-once", name);
      member_->stop();
    }
  }

  const sigset_t set_ = end_signals();
  std::mutex mutex_;
  bool finished_ = false;             // under mutex_
  server::Member* member_ = nullptr;  // under mutex_
  std::thread waiter_;
};

int report(std::ostream& err, const Status& failure) {
  const std::string text = cat(failure.message());
  for (std::string_view line : split(text, '\n')) err << "holdfast serve: " << line << "\n";
  return failure.code() == absl::StatusCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

int serve(const ServeOptions& options, std::ostream& err) {
  StopSignals signals;
  if (Status status = check_data_directory(options.data_dir); !status.ok()) return report(err, status);
  StatusOr<std::unique_ptr<server::Member>> member = server::Member::start(member_config(options), server::make_face);
  if (!member.ok()) return report(err, member.status());
  signals.watch(**member);
  asio::post((*member)->loop(), [&options] {
    spdlog::info("serving clients={} peers={} consensus={} data={}", join_urls(options.advertise_client_urls),
                 join_urls(options.advertise_peer_urls), replica::name_of(options.engine), options.data_dir);
    notify_systemd("READY=1");
  });
  const Status why = (*member)->run();
  signals.forget();
  return why.ok() ? kExitOk : report(err, why);
}

}  // namespace

server::MemberConfig member_config(const ServeOptions& options) {
  server::MemberConfig config;
  config.name = options.name;
  config.data_dir = options.data_dir;
  config.wal_dir = options.wal_dir;
  config.listen_peer_urls = texts(options.listen_peer_urls);
  config.listen_client_urls = texts(options.listen_client_urls);
  config.initial_advertise_peer_urls = texts(options.advertise_peer_urls);
  config.advertise_client_urls = texts(options.advertise_client_urls);
  for (const auto& [name, urls] : options.initial_cluster) config.initial_cluster.push_back({name, texts(urls)});
  config.initial_cluster_state = options.join_existing ? server::ClusterState::kExisting : server::ClusterState::kNew;
  config.initial_cluster_token = options.cluster_token;
  config.engine = options.engine;
  config.key_file = options.key_file;
  config.administrator = options.administrator;
  config.heartbeat_interval = Duration::millis(static_cast<int64_t>(options.heartbeat_ms));
  config.election_timeout = Duration::millis(static_cast<int64_t>(options.election_ms));
  config.snapshot_count = options.snapshot_count;
  config.snapshot_catchup_entries = options.snapshot_catchup_entries;
  config.max_request_bytes = options.max_request_bytes;
  config.max_txn_ops = options.max_txn_ops;
  config.quota_backend_bytes = static_cast<int64_t>(options.quota_bytes);
  config.watch_progress_notify_interval = Duration::millis(static_cast<int64_t>(options.watch_progress_ms));
  return config;
}

int run_serve(const std::vector<std::string>& args, const Environment& environment, std::ostream& out,
              std::ostream& err) {
  const StatusOr<ServeCommand> command = parse_serve(args, environment);
  if (!command.ok()) return report(err, command.status());
  if (command->action == ServeCommand::Action::kHelp) {
    out << serve_help();
    return kExitOk;
  }
  if (command->action == ServeCommand::Action::kVersion) {
    out << "holdfast " << kVersion << "\n";
    return kExitOk;
  }
  set_up_log(command->options.log_level);
  for (const std::string& warning : command->warnings) spdlog::warn("{}", warning);
  return serve(command->options, err);
}

}  // namespace holdfast::cli
