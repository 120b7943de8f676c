// A replica over PBFT: n = 3f + 1 members, of which f may do whatever they like.
//
// Each member is two things. Its replica of PBFT orders and executes, and tells whoever asked what came out of it. Its
// gateway is a client of PBFT, under the member's own identity: it submits what the member's clients propose and ask,
// and believes an answer when f + 1 members (of a read: a quorum) have said the same. So the owner's answers go back
// into the replica, and come out again as Answered and ReadReady. The two speak through the same packets as with
// others; what a member says to itself does not leave the process.
//
// Guarantees: those of consensus/pbft/replica.h and client.h. A proposal is applied at most once; abandoned, it may
// still be applied later. Every command has a place (Apply::index) that all members agree on. Log time is PBFT's.
//
// Snapshots are images of the state at a checkpoint. They count once the checkpoint is certified, and their digest is
// checked against it: at every start, and when they come from others. A damaged one is replaced by another member's.
//
// Bounds: an answer has at most kMaxGroupAnswerBytes, as have all answers to one bundle of a gateway; answers that a
// gateway may still ask for are kept, at most kMaxGatewayAnswerBytes for each. An owner whose answer does not fit
// (answer_room()) answers with an error, as every member does at that place.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/replica.h"
#include "holdfast/replica/replica.h"
#include "holdfast/replica/snapshot_loader.h"
#include "holdfast/replica/snapshot_writer.h"

namespace holdfast::replica {

// What PBFT orders: a command, or a question that could not be answered without being ordered.
struct Operation {
  bool question = false;
  Slice bytes;
};

class ByzantineReplica final : public Replica {
 public:
  explicit ByzantineReplica(const Config& config);
  ~ByzantineReplica() override;

  void recover_blob(BlobId id, uint64_t size) override;
  void replay(StableSeq seq, const Record& record) override;
  void start(Time now, Out& out) override;
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) override;
  void on_stable(Time now, StableSeq upto, Out& out) override;
  void on_blob(Time now, const BlobAnswer& answer, Out& out) override;
  void on_time(Time now, Out& out) override;
  Time deadline() const override;
  void check_invariants() const override;

  uint64_t propose(Slice command) override;
  // Always fails: the membership changes by what the administrator has signed (propose_change).
  uint64_t change_membership(std::vector<consensus::Change> changes, Slice context) override;
  uint64_t propose_change(Slice signed_change) override;
  pbft::ChangeVerdict verdict(const Slice& signed_change) const override;
  void abandon(uint64_t sequence) override { waiting_.erase(sequence); }
  void read(uint64_t token, Slice question) override { questions_.emplace_back(token, std::move(question)); }
  // The primaries take turns: to the next one, or to none in particular. kUnavailable: this member is not the primary.
  Status transfer_leadership(Time now, NodeId to, Out& out) override;

  void begin_snapshot(Time now, std::unique_ptr<ImageReader> image, Out& out) override;
  bool load_done(Time now, const Status& loaded, const crypto::Digest& digest, Out& out) override;
  size_t answer_room() const override;
  void answer(Slice answer) override;
  void state_is(const crypto::Digest& digest) override;
  void state_is_damaged(Time now, Out& out) override;
  bool answered() const override;
  void on_answers(Time now, Out& out) override;

  bool started() const override { return phase_ == Phase::kRunning; }
  bool writing_snapshot() const override { return writer_.has_value(); }
  bool was_removed(NodeId id) const override;
  size_t proposals_waiting() const override { return waiting_.size(); }
  consensus::Role role() const override;
  // Grows with every view and every epoch.
  consensus::Term term() const override;
  NodeId leader() const override;
  const consensus::Membership& membership() const override { return membership_; }
  consensus::Index commit_index() const override { return applied_; }
  consensus::Index applied_index() const override { return applied_; }
  consensus::Term applied_term() const override { return consensus::Term(1); }
  int64_t log_clock_ms(Time now) const override;

  const pbft::Replica& pbft() const { return *core_; }

 private:
  enum class Phase { kRecovering, kLoading, kRunning, kStopped };
  // What the owner still owes an answer to: an operation of the batch in work, or a read.
  struct Owed {
    std::optional<uint64_t> read;  // PBFT's token
    size_t request = 0, operation = 0;
  };
  // The batch in work.
  struct Batch {
    pbft::Execute execute;
    std::vector<std::vector<Slice>> results;
    std::optional<crypto::Digest> digest;  // when it ends in a checkpoint
    std::vector<uint64_t> given = {};      // bytes of the results of each request
    std::map<NodeId, uint64_t> given_to = {};
  };

  // Steps of the two parts.
  template <class Step>
  void core_step(Time now, Out& out, Step&& step);
  template <class Step>
  void client_step(Time now, Out& out, Step&& step);
  template <class ChildOut>
  void keep_own(ChildOut& child);
  void hear_oneself(Time now, Out& out);

  // byzantine_events.cc
  void handle(Time now, pbft::Event& event, Out& out);
  void execute(Time now, const pbft::Execute& event, Out& out);
  bool execute_operation(const pbft::Request& request, const Slice& operation, Out& out);
  static crypto::Digest certified_form(const crypto::Digest& state, consensus::Index applied);
  void group_answered(const pbft::Answered& event, Out& out);
  static consensus::Membership membership_of(const pbft::Configuration& configuration);
  void reconfigured(Time now, const pbft::Configuration& configuration);
  void show_role(Out& out);
  void gateway_work(Time now, Out& out);
  bool gateway_ready() const { return phase_ == Phase::kRunning && incarnation_seq_ <= stable_; }

  // byzantine_recovery.cc
  void run(Time now, bool trusted, Out& out);
  void load(const pbft::SnapshotMeta& meta, Out& out);
  bool loaded_at_start(Time now, const Status& loaded, const crypto::Digest& digest, Out& out);
  void stop(std::string what, Out& out);

  // byzantine_snapshots.cc
  void count_batch(const pbft::Execute& event);
  bool snapshot_due() const;
  void write_snapshot(Out& out);
  void offer_snapshot(Time now, Out& out);
  bool writer_answered(Time now, const BlobAnswer& answer, Out& out);
  bool loader_answered(Time now, const BlobAnswer& answer, Out& out);
  void write_incarnation(Out& out);
  void state_replaced(Time now, const pbft::SnapshotMeta& meta, Out& out);
  void adopt_image_header(Time now);
  void drop_unused(Out& out);

  const Config config_;
  const std::shared_ptr<pbft::Authority> authority_;
  std::unique_ptr<pbft::Replica> core_;
  pbft::Replica::Out core_out_;
  std::optional<pbft::Client> client_;  // the gateway, once its incarnation is known
  pbft::Client::Out client_out_;
  std::deque<pbft::Packet> own_;  // said to itself and not yet heard
  bool hearing_ = false;
  Phase phase_ = Phase::kRecovering;
  bool foreign_ = false;  // records of another engine were replayed

  uint64_t incarnation_ = 0;
  StableSeq incarnation_seq_, stable_;
  StableSeq rewritten_;  // the latest record of the incarnation
  consensus::Membership membership_;

  // Requests
  uint64_t next_sequence_ = 1;
  std::set<uint64_t> waiting_;                        // proposals that somebody waits for
  std::deque<std::pair<uint64_t, Slice>> proposed_;   // not yet with the gateway
  std::deque<std::pair<uint64_t, Slice>> questions_;  // likewise
  std::deque<std::pair<uint64_t, pbft::SignedChange>> changes_;
  std::vector<uint64_t> refused_changes_;
  uint64_t next_read_ = 1;
  std::map<uint64_t, uint64_t> reads_;  // the gateway's token to the owner's

  // Execution
  std::optional<Batch> batch_;
  std::deque<Owed> owed_;
  std::deque<std::pair<uint64_t, Slice>> read_answers_;
  consensus::Index applied_;
  int64_t clock_ms_ = 0;  // of the latest batch
  Time clock_at_;         // when it was executed here
  consensus::Role shown_role_ = consensus::Role::kFollower;
  consensus::Term shown_term_;
  NodeId shown_leader_;

  // Snapshots
  std::map<BlobId, uint64_t> blobs_;  // sealed, and their sizes
  std::optional<SnapshotWriter> writer_;
  pbft::Seq writing_;                         // the checkpoint of which writer_ writes
  std::optional<pbft::SnapshotMeta> sealed_;  // its checkpoint is not certified yet
  uint64_t sealed_image_bytes_ = 0;
  std::optional<SnapshotLoader> loader_;
  pbft::Seq loading_;
  bool state_replaced_ = false;
  std::optional<ImageHeader> wanted_header_;
  uint64_t entries_since_snapshot_ = 0, bytes_since_snapshot_ = 0, image_bytes_ = 0;
};

}  // namespace holdfast::replica
