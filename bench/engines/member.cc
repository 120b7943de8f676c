#include "bench/engines/member.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

namespace holdfast::bench {
namespace {

crypto::Seed seed_of(uint64_t id) {
  crypto::Seed seed;
  seed.bytes[0] = static_cast<uint8_t>(id);
  seed.bytes[1] = 77;
  return seed;
}
uint64_t clients_at(const Load& load, uint64_t id) {
  return load.clients / load.members + (id <= load.clients % load.members ? 1 : 0);
}

}  // namespace

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

Member::Member(const Load& load, uint64_t id, const std::atomic<bool>& counts)
    : load_(load), id_(id), clients_(clients_at(load, id)), counts_(counts) {
  for (const auto& [name, disk] : {std::pair("/wal", &log_disk_), std::pair("/snapshots", &blob_disk_)}) {
    auto opened = runtime::PosixDisk::open_directory(load.directory + "/" + std::to_string(id) + name);
    must(opened.status());
    *disk = *std::move(opened);
  }
  core_ = std::make_unique<replica::Machine>(config(), state_);
  host_ = std::make_unique<runtime::NodeHost<replica::Machine>>(loop_, *core_, *this, metrics_);
  runtime::PeerConfig peer;
  peer.cluster_id = 0xbe7c;
  peer.self = NodeId(id);
  peer.incarnation = 1;
  peer.listen = {{"127.0.0.1", 0}};
  peer.backoff_min = Duration::millis(5);
  peer.backoff_max = Duration::millis(50);
  must(host_->listen(peer));
}

void Member::start(const std::vector<uint16_t>& ports) {
  for (uint64_t id = 1; id <= load_.members; ++id) {
    peers_.push_back({NodeId(id), "", {"http://127.0.0.1:" + std::to_string(ports[id - 1])}, {}, false});
  }
  runtime::NodeStorage storage{log_disk_.get(), blob_disk_.get(), {}};
  storage.wal.identity = {0xbe7c, id_};
  storage.wal.writer = id_;
  must(host_->recover(storage));
  host_->peers().set_members(peers_);
  host_->start();
  for (uint64_t i = 0; i < clients_; ++i) due_.push_back(i);
  started_.assign(clients_, Clock::now());
  made_by_.assign(clients_, 0);
  asio::post(loop_, [this] { submit(); });
  thread_ = std::thread([this] { loop_.run(); });
}

void Member::stop() {
  asio::post(loop_, [this] {
    host_->halt();
    work_.reset();
    loop_.stop();
  });
  thread_.join();
  static_cast<void>(host_->close());
}

replica::MachineConfig Member::config() const {
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

void Member::submit() {
  posted_ = false;
  if (host_->halted() || due_.empty()) return;
  host_->step([this](replica::Machine& m, Time now, replica::Machine::Out& out) {
    for (const uint64_t client : due_) {
      started_[client] = Clock::now();
      // Calls are named by their client; those of one client follow one another.
      std::string command(load_.request_bytes, 'v');
      // 64 keys for each client, one after the other: as many in all however the clients are spread over the members.
      const uint64_t key = (id_ * 1000 + client) * 7919 + ++made_by_[client] % 64;
      for (int i = 0; i < 8; ++i) command[static_cast<size_t>(i)] = static_cast<char>('a' + (key >> (4 * i)) % 16);
      const uint64_t number = ++made_;
      for (size_t i = 8; i + 1 < command.size() && i < 16; ++i)
        command[i] = static_cast<char>('0' + (number >> (4 * (i - 8))) % 16);
      m.submit(now, made_ * 10'000 + client, std::move(command), out);
    }
    due_.clear();
  });
}

void Member::wake() {
  if (!std::exchange(posted_, true)) asio::post(loop_, [this] { submit(); });
}

void Member::on_event(replica::MachineEvent event) {
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

}  // namespace holdfast::bench
