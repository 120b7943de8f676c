// For tests: one replica with its disk, its blobs and its state machine, under a host that the test drives by hand.
//
// The host keeps the contract of model/outbox.h exactly: records become stable in order when the test says so, sends
// and events wait for their records, a crash keeps a prefix of the unreported ones.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/pbft/replica.h"

namespace holdfast::pbft {

// The test's state machine: every operation changes it, and every result says where in the order it was executed and
// what came before. "?" reads.
struct Image {
  uint64_t count = 0;
  uint64_t hash = 0;
  uint64_t members = 0;  // of all changes of the membership
  int64_t stamp_ms = 0;
  Slice padding;  // makes snapshots longer than a chunk
};
inline std::string result_of(const Image& i) { return absl::StrCat(i.count, ":", i.hash); }
inline void apply_operation(Image& i, std::string_view operation) {
  if (operation == "?") return;
  ++i.count;
  i.hash = hash_combine(i.hash, hash64(operation));
  i.padding = Slice::copy_of(std::string(100 + i.count % 50, 'x'));
}
inline Digest digest_of(const Image& i) { return crypto::digest(codec::encode_flat(i).view()); }

class TestMember {
 public:
  struct Hooks {
    std::function<void(NodeId to, const Packet&)> transmit;
    std::function<void(const Event&)> raise = {};
    std::function<void(StableSeq, const Record&)> persisted = {};
    std::function<void(const Execute&, const Image& after)> applied = {};
    std::function<bool()> wants_snapshot = [] { return false; };
  };

  TestMember(const Config& config, Authority& authority, Hooks hooks)
      : config_(config), authority_(authority), hooks_(std::move(hooks)) {}

  // --- Life ---
  void start(Time now) {
    now_ = now;
    replica_ = std::make_unique<Replica>(config_, authority_);
    for (const auto& [id, bytes] : sealed_) replica_->recover_blob(id, bytes.size());
    for (const auto& p : disk_) replica_->replay(p.seq, p.record);
    ensure(replica_->recovered().ok(), "a disk that kept its promises is recovered");
    out_ = {};
    if (!disk_.empty()) out_.continue_at(disk_.back().seq + 1);
    stable_ = disk_.empty() ? StableSeq{} : disk_.back().seq;
    state_ = {};
    images_.clear();
    if (const SnapshotMeta& s = replica_->snapshot(); s.blob) {
      state_ = *codec::decode<Image>(sealed_.at(s.blob));
    }
    step([&](Replica::Out& out) { replica_->start(now, out); });
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
    replica_.reset();
  }
  void wipe() {
    disk_.clear();
    sealed_.clear();
  }
  bool up() const { return replica_ != nullptr; }

  // --- Steps ---
  template <class F>
  void step(F&& f) {
    f(out_);
    drain();
    replica_->check_invariants();
  }
  void receive(Time now, NodeId from, const Packet& p) {
    now_ = now;
    step([&](Replica::Out& out) { replica_->on_message(now, from, p, out); });
  }
  void tick(Time now) {
    now_ = now;
    step([&](Replica::Out& out) { replica_->on_time(now, out); });
  }
  void sync(Time now, size_t records) {
    now_ = now;
    const uint64_t upto = std::min(stable_.value() + records, out_.next_seq().value() - 1);
    if (upto <= stable_.value()) return;
    stable_ = StableSeq(upto);
    for (auto it = held_sends_.begin(); it != held_sends_.end() && it->first <= stable_;) {
      hooks_.transmit(it->second.to, it->second.wire);
      it = held_sends_.erase(it);
    }
    step([&](Replica::Out& out) { replica_->on_stable(now, stable_, out); });
  }
  void sync(Time now) { sync(now, size_t{1} << 30); }
  bool dirty() const { return up() && stable_ + 1 < out_.next_seq(); }

  // --- Blobs and snapshots ---
  bool has_blob_work() const { return !blob_answers_.empty() || !offered_.empty(); }
  void work_blobs(Time now) {
    now_ = now;
    if (!blob_answers_.empty()) {
      const BlobAnswer answer = std::move(blob_answers_.front());
      blob_answers_.pop_front();
      return step([&](Replica::Out& out) { replica_->on_blob(now, answer, out); });
    }
    if (offered_.empty()) return;
    const SnapshotMeta meta = offered_.front();
    offered_.pop_front();
    const auto blob = sealed_.find(meta.blob);
    if (blob == sealed_.end()) return;  // given up meanwhile
    const StatusOr<Image> image = codec::decode<Image>(blob->second);
    step([&](Replica::Out& out) {
      if (image.ok()) {
        aside_ = *image;
        replica_->snapshot_loaded(now, meta.seq, digest_of(*image), out);
      } else {
        replica_->snapshot_refused(now, meta.seq, out);
      }
    });
  }
  void take_snapshot(Time now, Seq seq) {
    const auto image = images_.find(seq);
    if (image == images_.end()) return;
    const BlobId id = replica_->name_blob();
    sealed_[id] = codec::encode_flat(image->second);
    const SnapshotMeta meta{seq, id, sealed_[id].size()};
    bool taken = false;
    step([&](Replica::Out& out) { taken = replica_->snapshot_taken(now, meta, out).ok(); });
    if (!taken) sealed_.erase(id);
    std::erase_if(sealed_, [&](const auto& b) { return !replica_->uses_blob(b.first); });
  }
  // Forgets what recovery does not need.
  void release() {
    while (!disk_.empty() && disk_.front().seq < replica_->first_needed() && disk_.front().seq <= stable_) {
      disk_.pop_front();
    }
  }
  // A bit of the state turns.
  void rot() { state_.hash ^= 4; }
  void audit(Time now) {
    const Seq seq = replica_->executed_upto();
    if (!images_.contains(seq)) return;
    step([&](Replica::Out& out) { replica_->audit(now, seq, digest_of(state_), out); });
  }

  Replica& replica() { return *replica_; }
  const Replica& replica() const { return *replica_; }
  NodeId id() const { return config_.self; }
  const Image& state() const { return state_; }
  const std::deque<Replica::Out::Persisted>& disk() const { return disk_; }
  Config& config() { return config_; }
  Authority& authority() { return authority_; }

 private:
  void drain() {
    // Until the replica wants nothing more of its owner.
    for (bool again = true; again;) {
      again = false;
      for (auto& p : out_.persisted) {
        if (hooks_.persisted) hooks_.persisted(p.seq, p.record);
        disk_.push_back(std::move(p));
      }
      for (auto& s : out_.sent) {
        if (s.after <= stable_) {
          hooks_.transmit(s.to, s.wire);
        } else {
          held_sends_.emplace(s.after, std::move(s));
        }
      }
      for (auto& b : out_.blobs) std::visit([&](auto& request) { blob(request); }, b);
      const auto events = std::move(out_.raised);
      out_.clear();
      for (const auto& e : events) {
        ensure(e.after <= stable_, "events of this core wait for nothing");
        raise(e.event);
        again = true;
      }
    }
  }
  void raise(const Event& event) {
    if (hooks_.raise) hooks_.raise(event);
    if (const auto* e = std::get_if<Execute>(&event)) {
      execute(*e);
    } else if (const auto* r = std::get_if<Read>(&event)) {
      replica_->read_done(now_, r->token, Slice::take(result_of(state_)), out_);
    } else if (const auto* stable = std::get_if<CheckpointStable>(&event)) {
      if (hooks_.wants_snapshot()) take_snapshot_later_ = stable->seq;
    } else if (const auto* received = std::get_if<SnapshotReceived>(&event)) {
      offered_.push_back(received->meta);
    } else if (const auto* replaced = std::get_if<StateReplaced>(&event)) {
      state_ = replaced->meta.blob ? aside_ : Image{};
      images_.clear();
    }
    if (take_snapshot_later_) take_snapshot(now_, std::exchange(take_snapshot_later_, Seq()));
  }
  void execute(const Execute& e) {
    std::vector<std::vector<Slice>> results;
    for (const Request& r : e.requests) {
      auto& of = results.emplace_back();
      for (const Slice& o : r.operations) {
        apply_operation(state_, o.view());
        of.push_back(Slice::take(result_of(state_)));
      }
    }
    ensure(e.stamp_ms >= state_.stamp_ms, "log time does not fall");
    state_.stamp_ms = e.stamp_ms;
    if (e.change) {
      const std::string_view context = e.change->context.view();
      state_.members = hash_combine(state_.members, hash64(context, e.change->configuration.epoch));
    }
    if (hooks_.applied) hooks_.applied(e, state_);
    if (e.checkpoint) {
      images_[e.seq] = state_;
      if (images_.size() > 3) images_.erase(images_.begin());
    }
    replica_->executed(now_, e.seq, std::move(results), e.checkpoint ? digest_of(state_) : Digest{}, out_);
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
    if (it == sealed_.end() || b.offset > it->second.size()) {
      blob_answers_.push_back(BlobFailed{b.id, "no such blob"});
    } else {
      blob_answers_.push_back(BlobData{
          b.id, b.offset, it->second.sub(b.offset, std::min<uint64_t>(b.length, it->second.size() - b.offset))});
    }
  }

  Config config_;
  Authority& authority_;
  Hooks hooks_;
  std::unique_ptr<Replica> replica_;
  Replica::Out out_;
  std::deque<Replica::Out::Persisted> disk_;
  StableSeq stable_;
  Time now_;
  std::multimap<StableSeq, Replica::Out::Sent> held_sends_;
  std::multimap<StableSeq, Replica::Out::Raised> held_events_;
  std::map<BlobId, Slice> sealed_;
  std::map<BlobId, std::string> unsealed_;
  std::deque<BlobAnswer> blob_answers_;
  std::deque<SnapshotMeta> offered_;
  std::map<Seq, Image> images_;  // of the latest checkpoints
  Image state_, aside_;
  Seq take_snapshot_later_;
};

}  // namespace holdfast::pbft
