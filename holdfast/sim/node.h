// A simulated node: any protocol core of the contract (model/outbox.h), hosted by the same pump as in production, over
// simulated storage, network, clock and life.
//
//   SimNode<commit::Participant> node(world, net, NodeId(3), make_core, on_event, make_unique<MemoryStorage>(...));
//   node.start();
//   node.input([&](auto& core, Time now, auto& out) { core.begin(now, txn, out); });
//
// Records are written when their batch begins and become stable when its sync completes; the next batch forms
// meanwhile. Blob requests are carried out one after the other. The core's invariants are checked after every step.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/print.h"
#include "holdfast/host/pump.h"
#include "holdfast/sim/process.h"
#include "holdfast/sim/storage.h"

namespace holdfast::sim {

// How long the disk takes.
struct DiskPace {
  Duration min_sync = Duration::micros(200);
  Duration max_sync = Duration::millis(2);
  Duration blob_step = Duration::micros(200);
};

// What a core is told about the start of its process.
struct NodeStart {
  NodeId self;
  uint64_t start_number = 0;  // of this process's starts, from 1
  uint64_t seed = 0;
  Time now;                        // local clock
  uint64_t wall_clock_micros = 0;  // a hint only: it may go back, or stand still
};

// Everything a SimNode can do without knowing its core.
class NodeBase : public Process {
 public:
  NodeBase(World& world, Net& net, NodeId id, std::unique_ptr<NodeStorage> storage)
      : Process(world, net, id), disk_random_(world.stream("disk pace", id.value())), storage_(std::move(storage)) {}

  NodeStorage& storage() { return *storage_; }
  void set_disk_pace(DiskPace pace) { pace_ = pace; }
  const DiskPace& disk_pace() const { return pace_; }
  // Until then the disk completes nothing (D15).
  void stall_disk(Time until) { disk_stalled_until_ = std::max(disk_stalled_until_, until); }
  // Added to the wall clock that the core is told of at its next start (T1).
  void set_wall_clock_error(Duration error) { wall_clock_error_ = error; }
  // Empties the disk of a process that is down.
  void wipe() {
    ensure(!up(), "only the disk of a stopped process is wiped");
    distrust_storage();
    storage_->wipe();
  }
  // From now on the storage may have lost what it had promised to keep, and nobody complains.
  void distrust_storage() { trusted_ = false; }
  bool storage_trusted() const { return trusted_; }

 protected:
  // Storage keeps what it has reported stable or sealed; every start checks that (DUR).
  void promised(StableSeq stable) { promised_ = std::max(promised_, stable); }
  void promised(const BlobRequest& request, const std::optional<BlobAnswer>& answer);
  void check_promises(const RecoveredStorage& recovered);

  Time disk_done(Duration latency) { return std::max(world_.now(), disk_stalled_until_) + latency; }
  Duration sync_latency() {
    return Duration::nanos(disk_random_.between(pace_.min_sync.nanos(), pace_.max_sync.nanos()));
  }

  Random disk_random_;
  std::unique_ptr<NodeStorage> storage_;
  DiskPace pace_;
  Time disk_stalled_until_;
  Duration wall_clock_error_;
  uint64_t starts_ = 0;

 private:
  bool trusted_ = true;
  StableSeq promised_;
  std::map<BlobId, uint64_t> sealed_;
};

template <class Core>
class SimNode : public NodeBase {
 public:
  using Out = typename Core::Out;
  using Event = typename Out::Event;
  using Make = std::function<std::unique_ptr<Core>(const NodeStart&)>;
  using OnEvent = std::function<void(Event)>;

  SimNode(World& world, Net& net, NodeId id, Make make, OnEvent on_event, std::unique_ptr<NodeStorage> storage)
      : NodeBase(world, net, id, std::move(storage)),
        make_(std::move(make)),
        on_event_(std::move(on_event)),
        platform_{*this} {}

  // None while the process is down.
  Core* core() { return core_.get(); }
  const Core* core() const { return core_.get(); }

  // An input of the core's own kind, as one step. Lost when the process is down.
  void input(std::function<void(Core&, Time now, Out&)> step) {
    post([this, step = std::move(step)] { pump_->step([&](Out& out) { step(*core_, local_time(), out); }); });
  }
  // Called after every step of the core, for checkers. It must not call the node.
  void set_observer(std::function<void(const Core&)> observer) { observer_ = std::move(observer); }
  // Bytes that are not for the core (clients' requests) go here instead when it returns true.
  void set_receiver(std::function<bool(NodeId from, const Slice&)> receiver) { receiver_ = std::move(receiver); }

 private:
  // What the pump stands on. After the process has begun to die nothing takes effect any more.
  struct Platform {
    SimNode& node;
    void append(StableSeq seq, Chain record) { node.append(seq, std::move(record)); }
    void release(StableSeq first_needed) {
      if (!node.dying()) node.storage_->release(first_needed);
    }
    void transmit(NodeId to, Chain message) {
      if (!node.fails_at(Failpoint::kSend)) node.net_.send(node.id(), to, message.flatten());
    }
    void raise(Event event) {
      if (!node.fails_at(Failpoint::kEvent)) node.raised_.push_back(std::move(event));
    }
    void blob(BlobRequest request) {
      if (!node.dying()) node.blobs_.push_back(std::move(request));
    }
  };

  std::string do_start() override {
    ++starts_;
    StatusOr<RecoveredStorage> recovered = storage_->recover();
    if (!recovered.ok()) return not_recovered(recovered.status());
    check_promises(*recovered);
    NodeStart start{id(), starts_, world_.stream("core", id().value() * 1'000'003 + starts_).next(), local_time(), 0};
    const int64_t wall =
        (world_.now() - Time()).nanos() / 1000 + 1'600'000'000'000'000 + wall_clock_error_.nanos() / 1000;
    start.wall_clock_micros = wall < 0 ? 0 : static_cast<uint64_t>(wall);
    core_ = make_(start);
    pump_ = std::make_unique<host::Pump<Core, Platform>>(*core_, platform_);
    for (const auto& [blob, size] : recovered->blobs) pump_->recover_blob(blob, size);
    for (auto& [seq, record] : recovered->records) {
      const Status replayed = pump_->replay(seq, std::move(record));
      if (!replayed.ok()) return "record " + to_text(seq) + ": " + std::string(replayed.message());
    }
    pump_->start(local_time());
    return {};
  }

  // Damage and foreign data refuse every start; what the device does today it may not do tomorrow.
  std::string not_recovered(const Status& why) {
    const bool final = absl::IsDataLoss(why) || absl::IsFailedPrecondition(why) || absl::IsUnimplemented(why);
    if (final) return std::string(why.message());
    stop_itself("recovery failed: " + std::string(why.message()));
    return {};
  }

  void do_crash() override {
    pump_.reset();
    core_.reset();
    raised_.clear();
    blobs_.clear();
    batch_under_way_ = blob_under_way_ = false;
    storage_->crash();
  }

  void do_receive(NodeId from, Slice bytes) override {
    if (receiver_ && receiver_(from, bytes)) return;
    const host::Received received = pump_->on_message(local_time(), from, std::move(bytes));
    ensure(received != host::Received::kMalformed, "a frame that passed its check holds a message");
  }

  void do_time() override { pump_->on_time(local_time()); }
  Time do_deadline() const override { return core_->deadline(); }

  void do_after_step() override {
    core_->check_invariants();
    if (observer_) observer_(*core_);
    while (!raised_.empty() && !dying()) {
      Event event = std::move(raised_.front());
      raised_.pop_front();
      on_event_(std::move(event));
    }
    if (!dying() && !batch_under_way_ && storage_->pending()) begin_batch();
    if (!dying() && !blob_under_way_ && !blobs_.empty()) begin_blob();
  }

  void append(StableSeq seq, Chain record) {
    if (fails_at(Failpoint::kAppend)) return;
    const Slice bytes = record.flatten();
    world_.trace().note(world_.now(), id(), "persist", hash_combine(seq.value(), hash64(bytes.view())), [&] {
      auto decoded = codec::decode<typename Out::Record>(bytes);
      return to_text(seq) + " " + (decoded.ok() ? print(*decoded) : std::string("?"));
    });
    storage_->append(seq, Chain(bytes));
  }

  void begin_batch() {
    if (fails_at(Failpoint::kWrite)) return;
    const Status written = storage_->write();
    if (!written.ok()) return stop_itself("writing its log failed: " + std::string(written.message()));
    batch_under_way_ = true;
    world_.at(disk_done(sync_latency()), guarded([this] { end_batch(); }));
  }
  void end_batch() {
    if (fails_at(Failpoint::kSync)) return;
    StatusOr<StableSeq> stable = storage_->sync();
    if (!stable.ok()) return stop_itself("syncing its log failed: " + std::string(stable.status().message()));
    promised(*stable);
    if (fails_at(Failpoint::kSynced)) return;
    batch_under_way_ = false;
    if (storage_->pending()) begin_batch();
    post([this, upto = *stable] {
      world_.trace().note(world_.now(), id(), "stable", upto.value(), [&] { return to_text(upto); });
      pump_->on_stable(local_time(), upto);
    });
  }

  void begin_blob() {
    blob_under_way_ = true;
    world_.at(disk_done(pace_.blob_step), guarded([this] { end_blob(); }));
  }
  void end_blob() {
    if (fails_at(Failpoint::kBlob)) return;
    const BlobRequest request = std::move(blobs_.front());
    blobs_.pop_front();
    std::optional<BlobAnswer> answer = storage_->blob(request);
    // An answer that the power cut off is not given; what was asked to be dropped may be gone all the same.
    if (storage_->lost_power()) answer.reset();
    promised(request, answer);
    if (storage_->lost_power()) return stop_itself("the power failed");
    blob_under_way_ = false;
    if (!blobs_.empty()) begin_blob();
    if (!answer) return;
    post([this, answer = std::move(*answer)] { pump_->on_blob(local_time(), answer); });
  }

  Make make_;
  OnEvent on_event_;
  std::unique_ptr<Core> core_;
  Platform platform_;
  std::unique_ptr<host::Pump<Core, Platform>> pump_;
  std::deque<Event> raised_;
  std::deque<BlobRequest> blobs_;
  bool batch_under_way_ = false;
  bool blob_under_way_ = false;
  std::function<void(const Core&)> observer_;
  std::function<bool(NodeId, const Slice&)> receiver_;
};

}  // namespace holdfast::sim
