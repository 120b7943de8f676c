// A replica in a fail-stop group, over flooding consensus: all members but one may crash, and who has crashed, or was
// stopped, is out for good. Nothing is kept on disk but that this process has taken part; the state lives as long as
// one member does.
//
// Guarantees, as long as the notices of crashes are true (fail_stop_links.h): those of consensus/flooding/
// flooding_log.h. Every proposal of a member that does not crash is applied at every such member, once. Reads are
// ordered like commands, and linearizable.
//
// Not promised: anything once a notice was false. Where a network can part, or a process can be silent for longer than
// the crash timeout and live, the group parts: use Raft there. The smaller part stops when it hears of the other.
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/replica/fail_stop_links.h"
#include "holdfast/replica/replica.h"

namespace holdfast::replica {

// A member's own reads up to here have their place behind everything delivered before.
struct ReadMark {
  NodeId node;
  uint64_t life = 0;
  uint64_t round = 0;
};
using FailStopEntry = std::variant<Command, ReadMark>;

class FailStopReplica final : public Replica {
 public:
  explicit FailStopReplica(const Config& config);

  void recover_blob(BlobId, uint64_t) override {}
  void replay(StableSeq seq, const Record& record) override;
  void start(Time now, Out& out) override;
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) override;
  void on_stable(Time now, StableSeq upto, Out& out) override;
  void on_blob(Time, const BlobAnswer&, Out&) override {}
  void on_time(Time now, Out& out) override;
  Time deadline() const override;
  void check_invariants() const override;

  uint64_t propose(Slice command) override;
  // Always fails: members go when they crash, and none come.
  uint64_t change_membership(std::vector<consensus::Change> changes, Slice context) override;
  void abandon(uint64_t sequence) override { waiting_.erase(sequence); }
  void read(uint64_t token, Slice) override { reads_waiting_.push_back(token); }
  Status transfer_leadership(Time, NodeId, Out&) override {
    return absl::FailedPreconditionError("nobody leads a fail-stop group");
  }

  // There are no snapshots.
  void begin_snapshot(Time, std::unique_ptr<ImageReader>, Out&) override {}
  bool load_done(Time, const Status&, const crypto::Digest&, Out&) override { return false; }

  bool started() const override { return running_; }
  bool writing_snapshot() const override { return false; }
  bool was_removed(NodeId id) const override { return removed_.contains(id); }
  size_t proposals_waiting() const override { return waiting_.size(); }
  // Nobody leads; the first member that is not known to have crashed does what one must do for all.
  consensus::Role role() const override;
  // Grows with every member that goes.
  consensus::Term term() const override { return consensus::Term(1 + removed_.size()); }
  NodeId leader() const override;
  const consensus::Membership& membership() const override { return membership_; }
  consensus::Index commit_index() const override { return applied_; }
  consensus::Index applied_index() const override { return applied_; }
  consensus::Term applied_term() const override { return consensus::Term(1); }
  int64_t log_clock_ms(Time now) const override;

 private:
  template <class Step>
  void log_step(Time now, Out& out, Step&& step);
  void deliver(Time now, const flooding::Delivered& event, Out& out);
  void apply(Time now, Command& command, Out& out);
  void read_mark_delivered(const ReadMark& mark, Out& out);
  void noticed(NodeId from, const CrashNotice& notice, Out& out);
  CrashNotice notice_of_this_part() const;
  void show_members(Out& out);
  void say(Time now, Out& out);
  void stop(std::string what, Out& out);

  const Config config_;
  const uint64_t life_;
  FailStopLinks links_;
  flooding::FloodingLog log_;
  flooding::FloodingLog::Out log_out_;
  bool running_ = false, stopped_ = false, foreign_ = false;
  StableSeq begun_, stable_;

  consensus::Membership membership_;
  std::set<NodeId> removed_;
  uint64_t next_sequence_ = 1, next_round_ = 1;
  std::deque<std::pair<uint64_t, Slice>> proposed_;  // not yet taken by the log
  std::set<uint64_t> waiting_;                       // proposals that somebody waits for
  std::vector<uint64_t> refused_changes_;
  std::vector<uint64_t> reads_waiting_;
  std::deque<std::pair<uint64_t, std::vector<uint64_t>>> read_rounds_;  // in the log, ascending
  consensus::Index applied_;
  int64_t clock_ms_ = 0;  // of the latest command
  Time clock_at_;         // when it was delivered here
  NodeId shown_leader_;
};

}  // namespace holdfast::replica
