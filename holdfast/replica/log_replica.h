// A replica over an engine of consensus for crash failures, plus what every replicated state machine needs around it.
// Proposals from any member are forwarded, retried and applied exactly once; reads asked for together share one round;
// snapshots are taken while the state goes on changing, sent, loaded, and the older of two kept as a fallback; stable
// records are released.
//
// Guarantees: those of consensus/engine.h; and a proposal that was not abandoned is applied at most once in the life of
// the cluster, whatever is lost, repeated or restarted; once abandoned, not at all after a later proposal of this
// process has been applied. Log time (log_clock.h) never falls and never runs ahead of real time.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "holdfast/replica/applied_table.h"
#include "holdfast/replica/log_clock.h"
#include "holdfast/replica/proposals.h"
#include "holdfast/replica/replica.h"
#include "holdfast/replica/snapshot_loader.h"
#include "holdfast/replica/snapshot_writer.h"
#include "holdfast/replica/types.h"

namespace holdfast::replica {

class LogReplica final : public Replica {
 public:
  explicit LogReplica(const Config& config);
  ~LogReplica() override;

  void recover_blob(BlobId id, uint64_t size) override;
  void replay(StableSeq seq, const Record& record) override;
  void start(Time now, Out& out) override;
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) override;
  void on_stable(Time now, StableSeq upto, Out& out) override;
  void on_blob(Time now, const BlobAnswer& answer, Out& out) override;
  void on_time(Time now, Out& out) override;
  Time deadline() const override;
  void check_invariants() const override;

  uint64_t propose(Slice command) override { return proposals_.add(std::move(command)); }
  uint64_t change_membership(std::vector<consensus::Change> changes, Slice context) override {
    return proposals_.add_membership({applied_, std::move(changes), std::move(context)});
  }
  void abandon(uint64_t sequence) override { proposals_.settle(sequence); }
  void read(uint64_t token, Slice) override { reads_waiting_.push_back(token); }
  Status transfer_leadership(Time now, NodeId to, Out& out) override;

  void begin_snapshot(Time now, std::unique_ptr<ImageReader> image, Out& out) override;
  bool load_done(Time now, const Status& loaded, const crypto::Digest& digest, Out& out) override;

  bool started() const override { return phase_ == Phase::kRunning; }
  bool writing_snapshot() const override { return writer_.has_value(); }
  // Known of the latest kMaxRemoved.
  bool was_removed(NodeId id) const override { return std::count(removed_.begin(), removed_.end(), id) > 0; }
  size_t proposals_waiting() const override { return proposals_.waiting(); }
  consensus::Role role() const override { return engine_->role(); }
  consensus::Term term() const override { return engine_->term(); }
  NodeId leader() const override { return engine_->leader(); }
  const consensus::Membership& membership() const override { return engine_->membership(); }
  consensus::Index commit_index() const override { return engine_->commit_index(); }
  consensus::Index applied_index() const override { return applied_; }
  consensus::Term applied_term() const override { return applied_term_; }
  int64_t log_clock_ms(Time now) const override { return leads() ? clock_.read(now) : clock_.applied_ms(); }
  const Engine* engine() const override { return engine_.get(); }

 private:
  enum class Phase { kRecovering, kLoading, kRunning, kStopped };
  static constexpr size_t kMaxRemoved = 1000;
  struct Kept {  // a snapshot on this node
    consensus::SnapshotMeta meta;
    StableSeq first_needed;       // for a recovery from it; zero until its record is stable
    bool reset = false;           // recovery: what came before it in the log is void
    consensus::Index log_begins;  // recovery: of the entries before its record
  };

  // Recovery (replica_recovery.cc)
  void survey_replayed();
  void load_newest(Time now, Out& out);
  void fall_back(Time now, Out& out);
  void run(Time now, Out& out);
  void stop(std::string what, Out& out);

  // The engine's events (replica_events.cc)
  template <class Step>
  void engine_step(Time now, Out& out, Step&& step);
  void handle(Time now, consensus::Event& event, Out& out);
  void apply(Time now, const consensus::Entry& entry, Out& out);
  void apply_command(const consensus::Entry& entry, Out& out);
  void apply_membership(const consensus::Entry& entry, Out& out);
  void finish_reads(Out& out);
  void read_answered(uint64_t round, std::optional<consensus::Index> index, Out& out);
  void want_snapshot(Out& out);

  // Sending (replica.cc)
  void hand_over(Time now, Out& out);
  void take_commands(Time now, const std::vector<Proposal>& proposals, Out& out);
  Status start_change(Time now, const ForwardMembership& change, Out& out);
  void take_membership(Time now, NodeId from, const ForwardMembership& change, Out& out);
  void membership_refused(uint64_t sequence, MembershipRefusal why, Out& out);
  bool leaves_majority(Time now, const consensus::Change& change) const;
  void ask_reads(Time now, Out& out);
  void on_forwarded(Time now, NodeId from, const Forward& forward, Out& out);

  // Snapshots (replica_snapshots.cc)
  void load_ended(Time now, const Status& loaded, Out& out);
  void snapshot_sealed(Time now, Out& out);
  void write_snapshot(Time now, Out& out);
  void keep(const consensus::SnapshotMeta& meta, Out& out);
  void drop_old_snapshots(Out& out);
  void loaded_received(Time now, Out& out);
  void adopt_image_header(Out& out);

  Config config_;
  std::unique_ptr<Engine> engine_;
  Engine::Out engine_out_;
  Phase phase_ = Phase::kRecovering;

  uint64_t incarnation_ = 0;
  StableSeq incarnation_seq_;
  StableSeq stable_;
  AppliedTable table_;
  LogClock clock_;
  consensus::Term clock_term_;  // the latest in which this node led
  Proposals proposals_;
  consensus::Index applied_;
  consensus::Term applied_term_;
  consensus::Membership applied_membership_;
  std::vector<NodeId> removed_;                      // the latest kMaxRemoved
  std::multimap<StableSeq, consensus::Event> held_;  // the engine's events that wait for a record

  std::vector<uint64_t> reads_waiting_;                    // asked for since the last round
  std::map<uint64_t, std::vector<uint64_t>> read_rounds_;  // round to tokens, unanswered
  std::multimap<consensus::Index, uint64_t> reads_at_;     // tokens waiting to be applied so far
  uint64_t next_round_ = 1;
  std::optional<Origin> membership_taken_;  // by this leader, not yet applied
  // Proposals of others that this leader has put into its log and that are not applied yet. They will be, or somebody
  // else leads; offered again meanwhile, they need not go into the log a second time.
  using ProposalKey = std::tuple<NodeId, uint64_t, uint64_t>;
  static ProposalKey key_of(const Origin& o) { return {o.node, o.incarnation, o.sequence}; }
  std::set<ProposalKey> taken_;

  Engine::Replayed replayed_;         // until the engine is started
  std::map<BlobId, uint64_t> blobs_;  // sealed, and their sizes
  std::deque<Kept> kept_;             // oldest first
  std::optional<SnapshotWriter> writer_;
  std::optional<SnapshotLoader> loader_;
  std::optional<consensus::SnapshotMeta> wanted_;  // SnapshotWanted was raised for this
  std::optional<ImageHeader> wanted_header_;
  StableSeq drop_when_stable_;       // the newest snapshot's last record, until it is stable
  std::vector<BlobId> superfluous_;  // to be dropped then
  uint64_t entries_since_snapshot_ = 0;
  uint64_t bytes_since_snapshot_ = 0;
  uint64_t image_bytes_ = 0;  // of the latest snapshot, before compression
};

}  // namespace holdfast::replica
