// A protocol core in the real world: what sim/node.h is to the simulated one. It owns the pump, the log thread, the
// blob thread, the connections to the other nodes and the core's timer, and runs all of the core on one event loop.
//
//   NodeHost<commit::Site> host(loop, site, owner, metrics);
//   host.listen(peer_config);  host.recover({...});  host.start();  loop.run();
//
// One turn of the loop: inputs of any kind (messages, steps of the owner, stable records, blobs) run as steps of the
// pump as they come; once all that were ready have been handled, the turn is settled: the core sends what it has
// gathered, the records of the whole turn go to the log thread together, and the timer is armed.
//
// Thread rule: the loop's thread. Writing and syncing the log, and reading and writing blobs, have a thread each; the
// loop never waits for a disk.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include "absl/strings/str_cat.h"

#include "holdfast/host/pump.h"
#include "holdfast/runtime/blob_thread.h"
#include "holdfast/runtime/clock.h"
#include "holdfast/runtime/log_thread.h"
#include "holdfast/runtime/peer_transport.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {

// Where a node keeps what must survive a crash. The disks must outlive the host.
struct NodeStorage {
  stable::Disk* log = nullptr;
  stable::Disk* blobs = nullptr;  // none: the core asks for no blobs
  stable::WalOptions wal;
};

template <class Core>
class NodeHost final : PeerTransport::Owner, LogThread::Owner {
 public:
  using Out = typename Core::Out;
  using Event = typename Out::Event;

  // What only the owner of a node knows. It may call step() and close() from none of these, but from the loop.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_event(Event event) = 0;
    // The log cannot be written any more. Nothing of the core takes effect from now on.
    virtual void on_log_failed(const Status& why) = 0;
    // A turn is settled. When the next one is due at the latest, whatever the core wants.
    virtual Time on_turn(Time /*now*/) { return Time::never(); }
    // As PeerTransport::Owner has them.
    virtual bool was_removed(NodeId /*id*/) const { return false; }
    virtual void on_peer_refused(NodeId /*peer*/, Refusal /*reason*/) {}
    virtual std::vector<PeerMember> peer_members() const { return {}; }
  };

  NodeHost(asio::io_context& loop, Core& core, Owner& owner, Metrics& metrics)
      : loop_(loop),
        core_(core),
        owner_(owner),
        metrics_(metrics),
        timer_(loop),
        lag_seconds_(metrics.histogram("holdfast_loop_lag_seconds", "How late the loop's timers were.",
                                       exponential_bounds(0.0001, 2, 16))) {}
  ~NodeHost() override { static_cast<void>(close()); }
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  // --- Start, in this order ---
  Status listen(PeerConfig config) {
    auto peers = PeerTransport::listen(loop_, std::move(config), *this, metrics_);
    if (!peers.ok()) return peers.status();
    peers_ = *std::move(peers);
    return absl::OkStatus();
  }
  // Errors are those of Wal::open, BlobStore::open and Pump::replay, with the place. The core is of no use after one.
  Status recover(const NodeStorage& storage);
  void start() {
    input([this] { pump_.start(now()); });
  }

  // --- Life ---
  // An input of the core's own kind: step([&](Core& core, Time now, Out& out) { ... }).
  template <class Step>
  void step(Step&& step) {
    input([&] {
      const Time t = now();
      pump_.step([&](Out& out) { step(core_, t, out); });
    });
  }
  // The core is asked what is due in every turn, and messages are read however far the log is behind: a node that is
  // about to stop has little left to do, and does it.
  void hurry() { hurried_ = true; }
  // Nothing of the core takes effect any more, nobody is sent or delivered anything. What was appended is still made
  // stable by close().
  void halt() {
    if (halted_) return;
    halted_ = true;
    timer_.cancel();
    if (peers_ != nullptr) peers_->close();
  }
  // Halts, makes stable what was appended, ends the threads. The log's error, if it failed, now or earlier. Idempotent.
  // Not from within a step.
  Status close() {
    halt();
    Status closed;
    if (log_ != nullptr) closed = log_->close();
    if (blobs_ != nullptr) blobs_->close();
    return closed;
  }

  bool halted() const { return halted_; }
  StableSeq stable() const { return pump_.stable(); }
  PeerTransport& peers() { return *peers_; }
  // For work on the disk that is not the core's.
  BlobThread& blobs() { return *blobs_; }

 private:
  // What the pump stands on.
  struct Platform {
    NodeHost& host;
    void append(StableSeq seq, Chain record) { host.log_->append(seq, std::move(record)); }
    void release(StableSeq first_needed) { host.log_->release(first_needed); }
    void transmit(NodeId to, Chain message) { host.transmit(to, std::move(message)); }
    void raise(Event event) { host.owner_.on_event(std::move(event)); }
    void blob(BlobRequest request) {
      ensure(host.blobs_ != nullptr, "a core that asks for blobs has storage for them");
      host.blobs_->submit(std::move(request));
    }
  };

  Status replay_log(const NodeStorage& storage);

  template <class Run>
  void input(Run&& run) {
    if (halted_) return;
    ensure(!inside_, "a step of a node does not begin inside another");
    inside_ = true;
    run();
    inside_ = false;
    settle_soon();
  }
  void settle_soon() {
    if (settle_posted_) return;
    settle_posted_ = true;
    later([this] {
      settle_posted_ = false;
      settle();
    });
  }
  // After what is ready on the loop; not at all when the host has gone by then.
  template <class Run>
  void later(Run run) {
    asio::post(loop_, [alive = std::weak_ptr<bool>(alive_), run = std::move(run)] {
      if (!alive.expired()) run();
    });
  }
  void settle();
  void arm(Time at, Time now);

  // A core may write to itself; the message takes its turn like any other.
  void transmit(NodeId to, Chain message) {
    if (to != peers_->self()) return peers_->send(to, std::move(message));
    later([this, bytes = message.flatten()] { on_peer_message(peers_->self(), bytes); });
  }
  bool on_peer_message(NodeId from, Slice message) override {
    host::Received received = host::Received::kSkipped;
    input([&] { received = pump_.on_message(now(), from, std::move(message)); });
    return received != host::Received::kMalformed;
  }
  bool was_removed(NodeId id) const override { return owner_.was_removed(id); }
  void on_peer_refused(NodeId peer, Refusal reason) override {
    if (!halted_) owner_.on_peer_refused(peer, reason);
  }
  std::vector<PeerMember> peer_members() const override { return owner_.peer_members(); }
  void on_log_stable(StableSeq upto) override {
    input([&] { pump_.on_stable(now(), upto); });
  }
  void on_log_failed(const Status& why) override { owner_.on_log_failed(why); }

  asio::io_context& loop_;
  Core& core_;
  Owner& owner_;
  Metrics& metrics_;
  Platform platform_{*this};
  host::Pump<Core, Platform> pump_{core_, platform_};
  std::unique_ptr<LogThread> log_;
  std::unique_ptr<BlobThread> blobs_;
  std::unique_ptr<PeerTransport> peers_;
  asio::steady_timer timer_;
  Time armed_ = Time::never();
  bool inside_ = false;  // a step of the pump is under way
  bool settle_posted_ = false;
  bool hurried_ = false;
  bool halted_ = false;
  Histogram& lag_seconds_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted and may come after the end
};

template <class Core>
Status NodeHost<Core>::recover(const NodeStorage& storage) {
  if (storage.blobs != nullptr) {
    auto blobs = stable::BlobStore::open(*storage.blobs);
    if (!blobs.ok()) {
      return Status(blobs.status().code(), absl::StrCat("the snapshots cannot be opened: ", blobs.status().message()));
    }
    for (const auto& [id, size] : (*blobs)->sealed()) pump_.recover_blob(id, size);
    blobs_ = std::make_unique<BlobThread>(
        loop_, *std::move(blobs), [this](const BlobAnswer& answer) { input([&] { pump_.on_blob(now(), answer); }); },
        metrics_);
  }
  return replay_log(storage);
}

template <class Core>
Status NodeHost<Core>::replay_log(const NodeStorage& storage) {
  auto wal = stable::Wal::open(*storage.log, storage.wal, [&](StableSeq seq, Slice record) {
    const Status s = pump_.replay(seq, std::move(record));
    if (s.ok()) return s;
    return Status(s.code(),
                  absl::StrCat("record ", seq.value(), " of the log in ", storage.log->path(), ": ", s.message()));
  });
  if (!wal.ok()) return wal.status();
  log_ = std::make_unique<LogThread>(loop_, *std::move(wal), LogThread::Options(),
                                     static_cast<LogThread::Owner&>(*this), metrics_);
  return absl::OkStatus();
}

template <class Core>
void NodeHost<Core>::settle() {
  if (halted_) return;
  const Time t = now();
  if (hurried_ || pump_.deadline() <= t) {
    inside_ = true;
    pump_.on_time(t);
    inside_ = false;
  }
  log_->flush();
  if (!hurried_) peers_->pause(log_->congested());
  const Time wanted = owner_.on_turn(t);
  if (halted_) return;
  // More to do at once: after the sockets have had their turn.
  if (!hurried_ && pump_.deadline() <= t) return settle_soon();
  arm(std::min(pump_.deadline(), wanted), t);
}

// An armed timer that fires too early is left alone: being early costs one look at the clock, arming anew on each
// heartbeat would cost more. A timer that has run out cannot be taken back any more when the host goes.
template <class Core>
void NodeHost<Core>::arm(Time at, Time now_) {
  if (at == Time::never() || armed_ <= at) return;
  armed_ = at;
  timer_.expires_after(to_chrono(at - now_));
  timer_.async_wait([this, at, alive = std::weak_ptr<bool>(alive_)](const asio::error_code& error) {
    if (error || alive.expired()) return;
    armed_ = Time::never();
    lag_seconds_.observe(static_cast<double>(std::max<int64_t>((now() - at).nanos(), 0)) * 1e-9);
    settle();
  });
}

}  // namespace holdfast::runtime
