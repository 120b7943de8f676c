#include "holdfast/cli/detect_agent.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <deque>
#include <iostream>
#include <map>
#include <optional>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include "holdfast/base/print.h"
#include "holdfast/cli/detect_view.h"
#include "holdfast/cli/end_signals.h"
#include "holdfast/cli/screen.h"
#include "holdfast/cli/text.h"
#include "holdfast/runtime/at_start.h"
#include "holdfast/runtime/datagram_host.h"

namespace holdfast::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Host = runtime::DatagramHost<detect::Agent>;
constexpr size_t kEventsShown = 8;
constexpr std::chrono::seconds kStrangerPause{10};
constexpr std::chrono::seconds kLeaveTime{3};

// "12:07:01.250", and for JSON "2026-11-21T12:07:01.250Z".
std::string time_text(bool utc) {
  const uint64_t micros = runtime::wall_clock_micros();
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts);
  char text[40], full[48];
  std::strftime(text, sizeof text, utc ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &parts);
  std::snprintf(full, sizeof full, "%s.%03d%s", text, static_cast<int>(micros / 1000 % 1000), utc ? "Z" : "");
  return full;
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "agent";
  return std::string(name).substr(0, 40);
}

// When the file was changed last, and its size: enough to see that it was.
std::optional<std::pair<int64_t, int64_t>> stamp_of(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair<int64_t, int64_t>(info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size);
}

class DetectRun final : public Host::Owner {
 public:
  DetectRun(Shell& shell, const DetectOptions& options)
      : shell_(shell), options_(options), out_(shell.out), ticks_(loop_), farewell_(loop_), signals_(loop_) {
    fancy_ = !shell.json && &out_ == &std::cout && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  }

  void run() {
    const Status started = start();
    if (absl::IsInvalidArgument(started)) return shell_.usage_error(cat(started.message()));
    if (!started.ok()) return shell_.fail(started);
    loop_.run();
    terminal_.reset();
    if (fancy_) out_ << "\n";
    tell({"stopped", "", "left the group", Json::object()});
  }

 private:
  Status start() {
    runtime::GroupKeys keys;
    if (!options_.key_file.empty()) {
      key_stamp_ = stamp_of(options_.key_file);
      auto read = read_key_file(options_.key_file);
      if (!read.ok()) return read.status();
      keys = *std::move(read);
      warn_of_open_key_file();
    }
    // The port may be any free one, and the name and address are made of it: a first socket finds out which.
    const auto listen = runtime::datagram_address(loop_, options_.listen);
    if (!listen.ok()) return absl::InvalidArgumentError(cat("--listen: ", listen.status().message()));
    runtime::Url at = options_.listen;
    if (at.port == 0) {
      // Where nothing can listen the port stays zero; opening the transport then says why.
      asio::error_code error;
      runtime::Udp::socket probe(loop_);
      probe.open(listen->protocol(), error);
      if (!error) probe.bind({listen->address(), 0}, error);
      if (!error) at.port = probe.local_endpoint(error).port();
    }
    name_ = options_.name.empty() ? cat(host_name(), "-", at.port) : options_.name;
    self_ = identity_of(name_);
    const size_t key_count = keys.size();
    const uint64_t boot = runtime::wall_clock_micros();
    const Status addressed = choose_address(at);
    if (!addressed.ok()) return addressed;
    make_agent(boot);
    // Agents with different detectors do not understand each other: they are of different groups.
    runtime::DatagramConfig config{at, cat(options_.group, "/", print(options_.detector)), self_, boot,
                                   std::move(keys)};
    const Status listening = host_->listen(std::move(config));
    if (!listening.ok()) return listening;
    const Status joined = name_seeds();
    if (!joined.ok()) return joined;
    began_ = Clock::now();
    if (fancy_) terminal_.emplace();
    const std::string security =
        key_count == 0 ? "not encrypted" : cat("encrypted with ", key_count, key_count == 1 ? " key" : " keys");
    title_ = cat("Group ", options_.group, ", detector ", detector_name(), ", ", security);
    tell({"started",
          name_,
          cat(name_, " listens on ", runtime::text_of(host_->transport().listening()), "; group ", options_.group,
              ", detector ", detector_name(), ", ", security),
          {{"member", name_},
           {"address", address_},
           {"group", options_.group},
           {"detector", detector_name()},
           {"keys", key_count}}});
    host_->start();
    catch_signals();
    tick();
    return absl::OkStatus();
  }

  std::string detector_name() const {
    std::string name = print(options_.detector);
    name[0] = static_cast<char>(name[0] - 'A' + 'a');
    return name;
  }

  Status choose_address(const runtime::Url& at) {
    runtime::Url url = options_.advertise.host.empty() ? at : options_.advertise;
    if (url.port == 0) url.port = at.port;
    const auto endpoint = runtime::datagram_address(loop_, url);
    if (!endpoint.ok()) return absl::InvalidArgumentError(cat("--advertise: ", endpoint.status().message()));
    address_ = runtime::text_of(*endpoint);
    return absl::OkStatus();
  }

  void make_agent(uint64_t boot) {
    detect::AgentConfig config;
    config.self = self_;
    config.kind = options_.detector;
    config.seed = self_.value() ^ boot;
    config.boot = boot;
    config.meta = encode_card({name_, address_});
    for (size_t i = 0; i < options_.join.size(); ++i) config.seeds.push_back(seed_alias(i));
    config.period = options_.interval;
    config.phi_threshold = options_.phi_threshold;
    config.lifeguard = options_.lifeguard;
    config.max_message_bytes -= runtime::kDatagramOverhead;
    names_.emplace(self_, name_);
    names_->describe(self_, {name_, address_});
    agent_.emplace(config);
    host_.emplace(loop_, *agent_, *this);
  }

  Status name_seeds() {
    for (size_t i = 0; i < options_.join.size(); ++i) {
      const auto endpoint = runtime::datagram_address(loop_, options_.join[i]);
      if (!endpoint.ok()) return absl::InvalidArgumentError(cat("--join: ", endpoint.status().message()));
      // This member's own address, in a list that is the same everywhere, is nobody to ask.
      if (runtime::text_of(*endpoint) == address_) continue;
      host_->transport().set_seed(seed_alias(i), *endpoint);
      asked_.push_back(runtime::text_of(*endpoint));
    }
    return absl::OkStatus();
  }

  void catch_signals() {
    const sigset_t set = end_signals();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      if (sigismember(&set, signal) == 1) signals_.add(signal);
    }
    wait_for_signal();
  }
  void wait_for_signal() {
    signals_.async_wait([this](const asio::error_code& error, int) {
      if (error) return;
      if (leaving_) return loop_.stop();
      leaving_ = true;
      wait_for_signal();
      farewell_.expires_after(kLeaveTime);
      farewell_.async_wait([this](const asio::error_code& e) {
        if (!e) loop_.stop();
      });
      host_->step([](detect::Agent& agent, Time now, detect::Agent::Out& o) { agent.leave(now, o); });
    });
  }

  // Every now and then: the picture, and whether the keys have changed.
  void tick() {
    draw();
    reread_keys();
    ticks_.expires_after(std::chrono::milliseconds(500));
    ticks_.async_wait([this](const asio::error_code& error) {
      if (!error) tick();
    });
  }

  void draw() {
    if (!terminal_) return;
    DetectScreen screen;
    screen.title = title_;
    screen.self = name_;
    screen.address = address_;
    screen.up = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_);
    screen.leader = agent_->leader() ? names_->name_of(agent_->leader()) : "";
    screen.local_health = agent_->swim() == nullptr ? 0 : agent_->swim()->local_health();
    const runtime::DatagramCounters& counters = host_->transport().counters();
    screen.sent = counters.sent;
    screen.received = counters.received;
    screen.refused = counters.refused;
    screen.detector = options_.detector;
    screen.fellows = agent_->fellows(runtime::now());
    std::sort(screen.fellows.begin(), screen.fellows.end(), [&](const auto& a, const auto& b) {
      return names_->name_of(a.node) < names_->name_of(b.node);
    });
    screen.events = events_;
    terminal_->draw(out_, [&](size_t width, size_t height) { return render(screen, *names_, width, height); });
  }

  void reread_keys() {
    const auto stamp = stamp_of(options_.key_file);
    if (!stamp || stamp == key_stamp_) return;
    key_stamp_ = stamp;
    auto keys = read_key_file(options_.key_file);
    if (!keys.ok()) {
      return tell({"keys_refused",
                   "",
                   cat("the keys stay as they were: ", keys.status().message()),
                   {{"reason", cat(keys.status().message())}}});
    }
    const size_t count = keys->size();
    host_->transport().set_keys(*std::move(keys));
    warn_of_open_key_file();
    tell({"keys",
          "",
          cat("read ", options_.key_file, " again: ", count, count == 1 ? " key" : " keys"),
          {{"keys", count}}});
  }

  void warn_of_open_key_file() {
    struct stat info {};
    if (stat(options_.key_file.c_str(), &info) != 0 || (info.st_mode & 077) == 0) return;
    shell_.warn(absl::FailedPreconditionError(cat(options_.key_file, " can be read by others than its owner")),
                cat("others can read the keys; protect them with `chmod 600 ", options_.key_file, "`"));
  }

  void on_event(detect::AgentEvent event) override {
    if (std::holds_alternative<detect::Departed>(event)) return loop_.stop();
    if (std::holds_alternative<detect::Unanswered>(event)) return tell_unanswered();
    if (const auto notice = names_->notice(event)) tell(*notice);
    NodeId node;
    if (const auto* joined = std::get_if<detect::Joined>(&event)) node = joined->node;
    if (const auto* changed = std::get_if<detect::Changed>(&event)) node = changed->node;
    if (!node) return;
    const auto url = parse_host_port(names_->address_of(node));
    if (!url.ok()) return;
    // Numeric, or not believed: nobody makes this member ask a resolver.
    asio::error_code error;
    const auto address = asio::ip::make_address(url->host, error);
    if (!error) host_->transport().set_address(node, {address, url->port});
  }

  // A member that refuses us says so to its own user only: here is told what it may be.
  void tell_unanswered() {
    if (asked_.empty()) return;
    tell({"unanswered",
          "",
          cat("nobody has answered at ", join(asked_, ", "),
              ": is a member listening there, with the same --group, --detector and keys? Asking on"),
          {{"addresses", asked_}}});
  }

  void on_datagram_refused(const runtime::Udp::endpoint& from, const Status& why) override {
    const Clock::time_point now = Clock::now();
    const std::string address = runtime::text_of(from);
    if (strangers_.size() > 1000) strangers_.clear();
    Clock::time_point& told = strangers_[address];
    if (told != Clock::time_point() && now - told < kStrangerPause) return;
    told = now;
    std::string advice;
    if (absl::IsUnauthenticated(why)) advice = " (--key-file must hold the same keys on all members)";
    if (absl::IsFailedPrecondition(why)) advice = " (--group and --detector must be the same on all members)";
    tell({"refused",
          "",
          cat("refused a datagram of ", address, ": ", why.message(), advice),
          {{"address", address}, {"reason", cat(why.message())}}});
  }

  void on_contested() override {
    if (std::exchange(contested_, true)) return;
    tell({"conflict", name_, cat("another agent calls itself ", name_, ", too; give one of them another --name"),
          {{"member", name_}}});
  }

  void tell(const Notice& notice) {
    if (shell_.json) {
      Json line = {{"time", time_text(true)}, {"event", notice.event}};
      line.update(notice.details);
      out_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
      return;
    }
    const std::string line = cat(time_text(false), "  ", notice.text);
    events_.push_back(line);
    if (events_.size() > kEventsShown) events_.pop_front();
    if (terminal_) {
      draw();
    } else {
      out_ << line << std::endl;
    }
  }

  Shell& shell_;
  const DetectOptions& options_;
  std::ostream& out_;
  bool fancy_ = false;
  asio::io_context loop_;
  asio::steady_timer ticks_, farewell_;
  asio::signal_set signals_;
  std::string name_, address_, title_;
  NodeId self_;
  std::optional<AgentNames> names_;
  std::optional<detect::Agent> agent_;
  std::optional<Host> host_;
  std::optional<Terminal> terminal_;
  std::optional<std::pair<int64_t, int64_t>> key_stamp_;
  std::map<std::string, Clock::time_point> strangers_;
  std::vector<std::string> asked_;  // the addresses of --join, without this member's own
  std::deque<std::string> events_;
  bool leaving_ = false, contested_ = false;
  Clock::time_point began_;
};

}  // namespace

void run_detect(Shell& shell, const DetectOptions& options) { DetectRun(shell, options).run(); }

}  // namespace holdfast::cli
