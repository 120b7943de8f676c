// How a node starts: what is opened, checked and read before it runs.
#include <exception>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "holdfast/embed/node_impl.h"
#include "holdfast/embed/options.h"
#include "holdfast/runtime/at_start.h"
#include "holdfast/runtime/url.h"

namespace holdfast {

Status Node::Impl::open_directories() {
  for (const auto& [name, disk] : {std::pair("/wal", &log_disk), std::pair("/snapshots", &blob_disk)}) {
    auto opened = runtime::PosixDisk::open_directory(options.data_dir + name);
    if (!opened.ok()) return opened.status();
    *disk = *std::move(opened);
  }
  auto directory = runtime::PosixDisk::open_directory(options.data_dir);
  if (!directory.ok()) return directory.status();
  data_disk = *std::move(directory);
  const auto log = stable::Wal::identity(*log_disk);
  if (!log.ok()) return log.status();
  if (Status s = claim_engine(*data_disk, log->has_value(), options.engine); !s.ok()) return s;
  if (log->has_value() && **log != stable::wal::Identity{cluster_id(options), options.id})
    return wrong_directory(options);
  return absl::OkStatus();
}

Status Node::Impl::make_core() {
  const uint64_t incarnation = runtime::wall_clock_micros();
  auto config = machine_config(options, runtime::random_seed(), incarnation);
  if (!config.ok()) return config.status();
  core = std::make_unique<Machine>(*config, *machine);
  host = std::make_unique<Host>(loop, *core, *this, metrics);
  return absl::OkStatus();
}

Status Node::Impl::open() {
  if (const std::string advice = advice_on_size(options); !advice.empty()) {
    spdlog::warn("node.members member={} what=\"{}\"", options.id, advice);
  }
  if (Status s = open_directories(); !s.ok()) return s;
  if (Status s = make_core(); !s.ok()) return s;
  if (Status s = listen(); !s.ok()) return s;
  runtime::NodeStorage storage{log_disk.get(), blob_disk.get(), {}};
  storage.wal.identity = {cluster_id(options), options.id};
  storage.wal.writer = runtime::random_seed();
  if (Status s = host->recover(storage); !s.ok()) return s;
  std::vector<runtime::PeerMember> hints;
  for (const GroupMember& m : options.members) hints.push_back({NodeId(m.id), "", {url_of(m.address)}, {}, false});
  host->peers().add_hints(hints);
  host->start();
  starting = false;
  publish();
  return must_stop;
}

Status Node::Impl::listen() {
  runtime::PeerConfig peer;
  peer.cluster_id = cluster_id(options);
  peer.self = NodeId(options.id);
  peer.incarnation = runtime::wall_clock_micros();
  peer.engine = options.engine;
  const std::string own = listen_address(options);
  const auto url = runtime::parse_peer_url(url_of(own));
  if (!url.ok()) return invalid(fmt::format("NodeOptions::listen, \"{}\", is not host:port", own));
  peer.listen = {*url};
  peer.advertise_urls = {url_of(own)};
  peer.ping_interval = Duration::millis(options.election_timeout_ms) / 2;
  return host->listen(std::move(peer));
}

StatusOr<std::unique_ptr<Node>> Node::start(const NodeOptions& options, std::unique_ptr<StateMachine> machine) {
  if (machine == nullptr) return invalid("Node::start needs a state machine");
  if (Status s = check(options); !s.ok()) return s;
  try {
    auto impl = std::make_unique<Impl>(options, std::move(machine));
    if (Status s = impl->open(); !s.ok()) return s;
    impl->thread = std::thread([i = impl.get()] { i->run(); });
    return std::unique_ptr<Node>(new Node(std::move(impl)));
  } catch (const std::exception& e) {  // of Asio, the threads and the allocator
    return absl::ResourceExhaustedError(fmt::format("the node cannot start: {}", e.what()));
  }
}

}  // namespace holdfast
