#include "bench/engines/group.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "bench/engines/meter.h"
#include "holdfast/base/checksum.h"
#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast::bench {
namespace {

using replica::Machine;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }
double process_cpu() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(u.ru_utime) + seconds(u.ru_stime);
}
void must(const Status& s) {
  if (s.ok()) return;
  std::fprintf(stderr, "engines_bench: %s\n", std::string(s.message()).c_str());
  std::exit(1);
}

// Puts: the first eight bytes of a command are the key, the rest is the value. Its digest is that of its buckets, of
// which those that have changed are hashed again.
class KeyValues : public StateMachine {
 public:
  std::string apply(const Moment&, std::string_view command) override {
    std::string key(command.substr(0, 8));
    Bucket& bucket = buckets_[hash64(key) % kBuckets];
    bucket.values[std::move(key)] = command.substr(std::min<size_t>(8, command.size()));
    bucket.changed = true;
    return "ok";
  }
  std::string query(std::string_view question) const override {
    const std::string key(question);
    const auto& values = buckets_[hash64(key) % kBuckets].values;
    const auto at = values.find(key);
    return at == values.end() ? "" : at->second;
  }
  std::string save() const override {
    std::string out;
    for (const Bucket& b : buckets_) {
      for (const auto& [key, value] : b.values) out += key + value + '\n';
    }
    return out;
  }
  Status restore(std::string_view) override { return absl::UnimplementedError("a measurement restores nothing"); }
  crypto::Digest digest() const override {
    crypto::Hasher whole;
    for (const Bucket& b : buckets_) {
      if (std::exchange(b.changed, false)) {
        crypto::Hasher hasher;
        for (const auto& [key, value] : b.values) hasher.add(key).add(uint64_t{value.size()}).add(value);
        b.digest = hasher.finish();
      }
      whole.add(b.digest);
    }
    return whole.finish();
  }

 private:
  static constexpr size_t kBuckets = 1024;
  struct Bucket {
    std::map<std::string, std::string> values;
    mutable crypto::Digest digest;
    mutable bool changed = false;
  };
  std::array<Bucket, kBuckets> buckets_;
};

crypto::Seed seed_of(uint64_t id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id);
  seed.bytes[1] = 77;
  return seed;
}

class Member : public runtime::NodeHost<Machine>::Owner {
 public:
  Member(const Load& load, uint64_t id, uint64_t clients, const std::atomic<bool>& counts)
      : load_(load), id_(id), clients_(clients), counts_(counts) {
    for (const auto& [name, disk] : {std::pair("/wal", &log_disk_), std::pair("/snapshots", &blob_disk_)}) {
      auto opened = runtime::PosixDisk::open_directory(load.directory + "/" + std::to_string(id) + name);
      must(opened.status());
      *disk = *std::move(opened);
    }
    core_ = std::make_unique<Machine>(config(), state_);
    host_ = std::make_unique<runtime::NodeHost<Machine>>(loop_, *core_, *this, metrics_);
    runtime::PeerConfig peer;
    peer.cluster_id = 0xbe7c;
    peer.self = NodeId(id);
    peer.incarnation = 1;
    peer.listen = {{"127.0.0.1", 0}};
    peer.backoff_min = Duration::millis(5);
    peer.backoff_max = Duration::millis(50);
    must(host_->listen(peer));
  }
  uint16_t port() const { return host_->peers().listening().at(0).port; }
  void start(const std::vector<runtime::PeerMember>& all) {
    peers_ = all;
    runtime::NodeStorage storage{log_disk_.get(), blob_disk_.get(), {}};
    storage.wal.identity = {0xbe7c, id_};
    storage.wal.writer = id_;
    must(host_->recover(storage));
    host_->peers().set_members(all);
    host_->start();
    for (uint64_t i = 0; i < clients_; ++i) due_.push_back(i);
    started_.assign(clients_, Clock::now());
    asio::post(loop_, [this] { submit(); });
    thread_ = std::thread([this] { loop_.run(); });
  }
  void stop() {
    asio::post(loop_, [this] {
      host_->halt();
      work_.reset();
      loop_.stop();
    });
    thread_.join();
    static_cast<void>(host_->close());
  }
  uint64_t requests = 0, failures = 0;
  std::vector<float> latencies;

 private:
  replica::MachineConfig config() const {
    replica::MachineConfig c;
    for (uint64_t i = 1; i <= load_.members; ++i) c.members.push_back({NodeId(i), "member " + std::to_string(i)});
    c.replica.engine = load_.engine;
    c.replica.consensus.self = NodeId(id_);
    c.replica.consensus.seed = id_;
    c.replica.incarnation_hint = 1;
    c.replica.snapshot_count = uint64_t{1} << 40;  // none: what ordering costs is asked
    c.replica.snapshot_bytes = uint64_t{1} << 50;
    if (load_.engine != replica::EngineKind::kPbft) return c;
    replica::ByzantineConfig b;
    b.cluster = 0xbe7c;
    for (const auto& m : c.members) {
      b.configuration.members.push_back({m.id, crypto::Identity(seed_of(m.id.value())).public_key()});
    }
    b.seed = seed_of(id_);
    c.replica.byzantine = b;
    return c;
  }

  void submit() {
    posted_ = false;
    if (host_->halted() || due_.empty()) return;
    host_->step([this](Machine& m, Time now, Machine::Out& out) {
      for (const uint64_t client : due_) {
        started_[client] = Clock::now();
        // Calls are named by their client; those of one client follow one another.
        std::string command(load_.request_bytes, 'v');
        const uint64_t key = (id_ * 1000 + client) * 7919 + ++made_ % 64;
        for (int i = 0; i < 8; ++i) command[static_cast<size_t>(i)] = static_cast<char>('a' + (key >> (4 * i)) % 16);
        const uint64_t number = made_;
        for (size_t i = 8; i + 1 < command.size() && i < 16; ++i)
          command[i] = static_cast<char>('0' + (number >> (4 * (i - 8))) % 16);
        m.submit(now, made_ * 10'000 + client, std::move(command), out);
      }
      due_.clear();
    });
  }
  void wake() {
    if (!std::exchange(posted_, true)) asio::post(loop_, [this] { submit(); });
  }
  void on_event(replica::MachineEvent event) override {
    if (const auto* stop = std::get_if<replica::MustStop>(&event)) {
      static_cast<void>(stop);
      std::fprintf(stderr, "engines_bench: member %lu stops itself\n", static_cast<unsigned long>(id_));
      std::exit(1);
    }
    const auto* answer = std::get_if<replica::Answer>(&event);
    if (answer == nullptr) return;
    const uint64_t client = answer->call % 10'000;
    if (!answer->status.ok()) {
      failures += counts_ ? 1 : 0;
      // Nobody leads yet, or no more.
      auto timer = std::make_shared<asio::steady_timer>(loop_, std::chrono::milliseconds(20));
      timer->async_wait([this, client, timer](const std::error_code&) {
        due_.push_back(client);
        wake();
      });
      return;
    }
    if (counts_) {
      ++requests;
      latencies.push_back(static_cast<float>(since(started_[client]) * 1000));
    }
    due_.push_back(client);
    wake();
  }
  void on_log_failed(const Status& why) override { must(why); }
  std::vector<runtime::PeerMember> peer_members() const override { return peers_; }

  const Load& load_;
  const uint64_t id_, clients_;
  const std::atomic<bool>& counts_;
  KeyValues state_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  runtime::Metrics metrics_;
  std::unique_ptr<runtime::PosixDisk> log_disk_, blob_disk_;
  std::unique_ptr<Machine> core_;
  std::unique_ptr<runtime::NodeHost<Machine>> host_;
  std::vector<runtime::PeerMember> peers_;
  std::thread thread_;
  std::vector<uint64_t> due_;  // clients that have something to say
  std::vector<Clock::time_point> started_;
  uint64_t made_ = 0;
  bool posted_ = false;
};

}  // namespace

Figures run(const Load& load, bool split) {
  std::filesystem::remove_all(load.directory);
  std::atomic<bool> counts{false};
  std::vector<std::unique_ptr<Member>> members;
  for (uint64_t id = 1; id <= load.members; ++id) {
    const uint64_t clients = load.clients / load.members + (id <= load.clients % load.members ? 1 : 0);
    members.push_back(std::make_unique<Member>(load, id, clients, counts));
  }
  std::vector<runtime::PeerMember> all;
  for (uint64_t id = 1; id <= load.members; ++id) {
    all.push_back({NodeId(id), "", {"http://127.0.0.1:" + std::to_string(members[id - 1]->port())}, {}, false});
  }
  for (auto& m : members) m->start(all);
  // Until somebody leads, and the first seconds are over.
  std::this_thread::sleep_for(std::chrono::duration<double>(2.5 + load.warm_up_seconds));
  if (split) metering(true);
  const double cpu = process_cpu();
  const auto begin = Clock::now();
  counts = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));
  counts = false;
  Figures out;
  out.seconds = since(begin);
  out.cpu_seconds = process_cpu() - cpu;
  if (split) metering(false);
  for (auto& m : members) m->stop();
  for (auto& m : members) {
    out.requests += m->requests;
    out.failures += m->failures;
    out.latencies_ms.insert(out.latencies_ms.end(), m->latencies.begin(), m->latencies.end());
  }
  std::sort(out.latencies_ms.begin(), out.latencies_ms.end());
  members.clear();
  std::filesystem::remove_all(load.directory);
  return out;
}

}  // namespace holdfast::bench
