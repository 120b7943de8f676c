// For tests: one member with its disk, its blobs and its state machine, under a host that the test drives by hand.
//
// The host keeps the contract of model/outbox.h exactly: records become stable in order when the test says so, sends
// and events wait for their records, a crash keeps a prefix of the unreported ones.
#pragma once

#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::consensus {

// The image of the test's state machine: enough to notice any difference in what was applied.
struct Image {
  Index index;
  uint64_t hash = 0;
  Slice padding;  // makes snapshots longer than a chunk
};

// Core: raft::Raft, paxos::Paxos, ...
template <class Core>
class TestMember {
 public:
  using Out = typename Core::Out;
  using Message = typename Out::Wire;
  using Record = typename Out::Record;
  using Sent = typename Out::Sent;
  using Persisted = typename Out::Persisted;

  struct Hooks {
    std::function<void(NodeId to, const Message&)> transmit;
    std::function<void(const Event&)> raise;
    std::function<void(StableSeq, const Record&)> persisted;
    std::function<void(const Sent&, bool waits)> sent = {};  // as soon as it is in the outbox
    std::function<void(const BlobRequest&)> blob = {};
  };

  TestMember(const Config& config, Membership bootstrap, Hooks hooks)
      : config_(config), bootstrap_(std::move(bootstrap)), hooks_(std::move(hooks)) {}

  // --- Life ---
  void start(Time now) {
    core_ = std::make_unique<Core>(config_, bootstrap_);
    state_ = {};
    for (const auto& [id, bytes] : sealed_) core_->recover_blob(id, bytes.size());
    for (const auto& p : disk_) core_->replay(p.seq, p.record);
    ensure(core_->recovered().ok(), "a disk that kept its promises is recovered");
    out_ = {};
    if (!disk_.empty()) out_.continue_at(disk_.back().seq + 1);
    stable_ = reported_ = disk_.empty() ? StableSeq{} : disk_.back().seq;
    if (const SnapshotMeta& s = core_->snapshot(); s.blob) load(s);
    step([&](Out& out) { core_->start(now, out); });
  }
  // Of the records that are not reported stable, `kept` survive.
  void crash(size_t kept) {
    size_t keep = 0;
    while (keep < disk_.size() && disk_[keep].seq <= stable_) ++keep;
    disk_.resize(std::min(disk_.size(), keep + kept));
    unsealed_.clear();
    held_sends_.clear();
    held_events_.clear();
    blob_answers_.clear();
    offered_.clear();
    core_.reset();
  }
  // While it is down: its disk is an older image of itself from now on.
  void put_back(const std::deque<Persisted>& image) { disk_ = image; }
  void wipe() {
    disk_.clear();
    sealed_.clear();
  }
  bool up() const { return core_ != nullptr; }

  // --- Steps ---
  template <class F>
  void step(F&& f) {
    f(out_);
    drain();
    core_->check_invariants();
  }
  void receive(Time now, NodeId from, const Message& m) {
    step([&](Out& out) { core_->on_message(now, from, m, out); });
  }
  void tick(Time now) {
    step([&](Out& out) { core_->on_time(now, out); });
  }
  // The disk catches up with `records` more records.
  void sync(Time now, size_t records) {
    const uint64_t upto = std::min(stable_.value() + records, out_.next_seq().value() - 1);
    if (upto <= stable_.value()) return;
    stable_ = StableSeq(upto);
    for (auto it = held_sends_.begin(); it != held_sends_.end() && it->first <= stable_;) {
      hooks_.transmit(it->second.to, it->second.wire);
      it = held_sends_.erase(it);
    }
    for (auto it = held_events_.begin(); it != held_events_.end() && it->first <= stable_;) {
      Event event = std::move(it->second.event);
      it = held_events_.erase(it);
      raise(event);
    }
    step([&](Out& out) { core_->on_stable(now, stable_, out); });
  }
  void sync(Time now) { sync(now, size_t{1} << 30); }
  bool dirty() const { return up() && stable_ + 1 < out_.next_seq(); }

  // --- Blobs and snapshots ---
  bool has_blob_answers() const { return !blob_answers_.empty(); }
  bool has_blob_work() const { return !blob_answers_.empty() || !offered_.empty(); }
  void work_blobs(Time now) {
    if (!blob_answers_.empty()) {
      const BlobAnswer answer = std::move(blob_answers_.front());
      blob_answers_.pop_front();
      return step([&](Out& out) { core_->on_blob(now, answer, out); });
    }
    if (offered_.empty()) return;
    const SnapshotMeta meta = offered_.front();
    offered_.pop_front();
    if (!loadable(meta)) {
      return step([&](Out& out) { core_->snapshot_refused(now, meta.index, out); });
    }
    load(meta);
    step([&](Out& out) { core_->snapshot_loaded(now, meta, out); });
    drop_old_blobs();
  }
  void take_snapshot(Time now) {
    if (state_.index <= core_->snapshot().index) return;
    Slice bytes = codec::encode_flat(state_);
    const BlobId id = core_->name_blob();
    sealed_[id] = bytes;
    SnapshotMeta meta{.index = state_.index, .blob = id, .size = bytes.size(), .crc32c = crc32c(bytes.view())};
    step([&](Out& out) { core_->snapshot_taken(now, meta, out); });
    drop_old_blobs();
  }
  // Forgets what recovery does not need.
  void release() {
    const StableSeq needed = core_->first_needed_behind(core_->snapshot().index);
    while (!disk_.empty() && disk_.front().seq < needed && disk_.front().seq <= stable_) disk_.pop_front();
  }

  Core& core() { return *core_; }
  const Core& core() const { return *core_; }
  NodeId id() const { return config_.self; }
  const Image& state() const { return state_; }
  const std::deque<Persisted>& disk() const { return disk_; }
  Config& config() { return config_; }

 private:
  void drain() {
    for (auto& p : out_.persisted) {
      hooks_.persisted(p.seq, p.record);
      disk_.push_back(std::move(p));
    }
    for (auto& s : out_.sent) {
      if (hooks_.sent) hooks_.sent(s, s.after > stable_);
      if (s.after <= stable_) {
        hooks_.transmit(s.to, s.wire);
      } else {
        held_sends_.emplace(s.after, std::move(s));
      }
    }
    for (auto& b : out_.blobs) {
      if (hooks_.blob) hooks_.blob(b);
      std::visit([&](auto& request) { blob(request); }, b);
    }
    std::vector<Event> now;
    for (auto& e : out_.raised) {
      if (e.after <= stable_) {
        now.push_back(std::move(e.event));
      } else {
        held_events_.emplace(e.after, std::move(e));
      }
    }
    out_.clear();
    for (const Event& e : now) raise(e);
  }
  void raise(const Event& event) {
    if (const auto* committed = std::get_if<Committed>(&event)) {
      for (const Entry& e : committed->entries) {
        ensure(e.index == state_.index + 1, "entries are delivered in order and without gaps");
        state_.index = e.index;
        state_.hash = hash_combine(state_.hash, hash64(e.data.view(), e.term.value() * 4 + static_cast<int>(e.kind)));
        state_.padding = Slice::copy_of(std::string(100 + e.index.value() % 50, 'x'));
      }
    }
    if (const auto* received = std::get_if<SnapshotReceived>(&event)) offered_.push_back(received->meta);
    hooks_.raise(event);
  }
  bool loadable(const SnapshotMeta& meta) const {
    const StatusOr<Image> image = codec::decode<Image>(sealed_.at(meta.blob));
    return image.ok() && image->index == meta.index;
  }
  void load(const SnapshotMeta& meta) {
    const auto it = sealed_.find(meta.blob);
    ensure(it != sealed_.end(), "the blob of a snapshot is there");
    ensure(it->second.size() == meta.size && crc32c(it->second.view()) == meta.crc32c, "a snapshot is whole");
    ensure(loadable(meta), "a snapshot is of the index it says");
    state_ = *codec::decode<Image>(it->second);
  }
  void drop_old_blobs() {
    std::erase_if(sealed_, [&](const auto& b) { return !core_->uses_blob(b.first); });
  }

  void blob(const BlobCreate& b) {
    ensure(!sealed_.contains(b.id) && !unsealed_.contains(b.id), "a blob's name is new");
    unsealed_[b.id] = "";
  }
  void blob(const BlobAppend& b) {
    unsealed_.at(b.id) += b.bytes.view();
    blob_answers_.push_back(BlobAppended{b.id, unsealed_.at(b.id).size()});
  }
  void blob(const BlobSeal& b) {
    sealed_[b.id] = Slice::copy_of(unsealed_.at(b.id));
    unsealed_.erase(b.id);
    blob_answers_.push_back(BlobSealed{b.id, sealed_[b.id].size()});
  }
  void blob(const BlobDrop& b) {
    unsealed_.erase(b.id);
    sealed_.erase(b.id);
  }
  void blob(const BlobRead& b) {
    const auto it = sealed_.find(b.id);
    if (it == sealed_.end()) {
      blob_answers_.push_back(BlobFailed{b.id, "no such blob"});
    } else {
      blob_answers_.push_back(BlobData{
          b.id, b.offset, it->second.sub(b.offset, std::min<uint64_t>(b.length, it->second.size() - b.offset))});
    }
  }

  Config config_;
  Membership bootstrap_;
  Hooks hooks_;
  std::unique_ptr<Core> core_;
  Out out_;
  std::deque<Persisted> disk_;
  StableSeq stable_, reported_;
  std::multimap<StableSeq, Sent> held_sends_;
  std::multimap<StableSeq, typename Out::Raised> held_events_;
  std::map<BlobId, Slice> sealed_;
  std::map<BlobId, std::string> unsealed_;
  std::deque<BlobAnswer> blob_answers_;
  std::deque<SnapshotMeta> offered_;
  Image state_;
};

}  // namespace holdfast::consensus
