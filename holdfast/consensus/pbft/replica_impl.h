// The parts of a replica, and what they share. Each group of functions has a source file of its own.
#pragma once

#include <deque>
#include <set>
#include <string>

#include "holdfast/consensus/pbft/briefs.h"
#include "holdfast/consensus/pbft/client_table.h"
#include "holdfast/consensus/pbft/evidence.h"
#include "holdfast/consensus/pbft/ledger.h"
#include "holdfast/consensus/pbft/pace.h"
#include "holdfast/consensus/pbft/pool.h"
#include "holdfast/consensus/pbft/promptness.h"
#include "holdfast/consensus/pbft/replica.h"
#include "holdfast/consensus/pbft/slots.h"
#include "holdfast/consensus/pbft/stamps.h"
#include "holdfast/consensus/pbft/transfer.h"

namespace holdfast::pbft {

// One input's moment and effects.
struct Step {
  Time now;
  Replica::Out& out;
};

struct Replica::Impl {
  Impl(const Config& c, Authority& a);
  struct Reading;

  NodeId self() const { return config.self; }
  const Group& group() const { return judge.group(); }
  bool member() const { return group().is_member(self()); }
  // After a restart: it stood in a later epoch than it is in, and gets there by executing what lies between. Until then it
  // promises nothing and answers nothing: what it writes now would replace what it stands by there.
  bool stood_later() const { return ledger.content().standing.epoch > group().epoch(); }
  // Whether this replica's votes may count.
  bool votes() const { return member() && !silent && !stood_later(); }
  bool leads() const { return votes() && !changing && group().primary(view) == self(); }
  Seq low() const { return stable.checkpoint.seq; }
  bool in_window(Seq seq) const { return seq > low() && seq - low() <= config.window; }
  // Worth remembering what others say of it: to be executed next, or voted for. However far behind it is, these are few.
  bool in_reach(Seq seq) const {
    return seq > executed && (in_window(seq) || (seq <= low() && seq - executed <= 2 * config.window));
  }
  // Behind a change of the membership the next epoch begins: nothing is proposed there in this one.
  Seq barrier() const { return pending ? pending->at : Seq(kMaxNumber); }
  Duration patience() const { return config.request_timeout * (int64_t{1} << std::min<uint64_t>(failed_views, 6)); }

  // --- speech.cc: everything that is sent ---
  void send(Step& s, NodeId to, const Message& message, StableSeq after = {});
  void broadcast(Step& s, const Message& message, StableSeq after = {});
  // This replica hears what it said itself when the record that it waits for is stable.
  void say_to_all(Step& s, const Message& message, StableSeq after);
  void hear_oneself(Step& s);
  // Ends every step: does what has become possible.
  void settle(Step& s);

  // --- requests.cc ---
  void on(Step& s, NodeId from, const Submit& m);
  void on(Step& s, NodeId from, const AskRead& m);
  void on(Step&, NodeId, const Reply&) {}
  bool sensible(const Request& request) const;
  void answer(Step& s, const RequestId& id, const ClientTable::Answer& known, bool full);
  void read_when_ready(Step& s);
  bool can_read(Time now) const;
  void count_read(Time now, const Reading& reading, uint64_t answer_bytes);
  void pass_on_overdue(Step& s);

  // --- ordering.cc ---
  bool can_propose() const;
  void propose(Step& s);
  bool is_of_primary(NodeId from, uint64_t epoch, View of) const;
  bool is_open(Seq seq) const;
  void on(Step& s, NodeId from, const PrePrepare& m);
  bool is_waiting(const SignedRequest& request) const;
  bool acceptable(Step& s, const Batch& batch);
  void accept(Step& s, const Vote& proposal, const ContentPtr& content);
  void vote(Step& s, Slot& slot);
  void on(Step& s, NodeId from, const Prepare& m);
  void on(Step& s, NodeId from, const Commit& m);
  void check_prepared(Step& s, Seq seq);
  bool awaits_more_votes(Step& s, Slot& slot, size_t same);
  PreparedCert unchecked_certificate(Slot& slot);
  PreparedCert checked_certificate(Slot& slot);
  void check_votes_that_waited(Step& s);
  void on(Step& s, NodeId from, const DecidedNotice& m);
  void check_decided(Step& s, Seq seq);
  void decide(Step& s, Seq seq, const Digest& digest);
  bool knows_vote(const Vote& vote, NodeId by, const Signature& signature) const;

  // --- briefs.cc ---
  void show(Step& s, const Vote& proposal, const ContentPtr& content);
  void on(Step& s, NodeId from, const BriefPrePrepare& m);
  void put_together(Step& s, Seq seq);
  void put_together_with(Step& s, const RequestId& arrived);
  void ask_for_whole(Step& s);

  // --- unseen.cc ---
  std::optional<Vote> unseen(Seq seq, const Slot& slot) const;
  void watch_for_unseen(Step& s, Seq seq, const Slot& slot);
  void fetch_unseen(Step& s);
  void accept_unseen(Step& s, const Vote& vote, const ContentPtr& content);

  // --- execution.cc ---
  void execute_next(Step& s);
  void executed_now(Step& s, std::vector<std::vector<Slice>> results, const Digest& state);
  ChangeVerdict verdict(const SignedChange& change) const;
  ChangeVerdict reconfigure(const Request& request, Seq at);

  // --- checkpoints.cc ---
  Digest core_digest(const CoreState& core, const Digest& clients) const;
  void make_checkpoint(Step& s, const Digest& state);
  void on(Step& s, NodeId from, const CheckpointVote& m);
  void on(Step& s, NodeId from, const StableNotice& m);
  bool epoch_is_over() const;
  void adopt_stable(Step& s, const CheckpointCert& cert);
  void collect_garbage();
  void write_mark(Step& s);
  void enter_epoch_when_due(Step& s);
  void enter_epoch(Step& s, const Configuration& next, const Checkpoint& base);
  void found_rotten(Step& s, Seq seq);

  // --- view_change.cc ---
  void start_view_change(Step& s, View wanted);
  void on(Step& s, NodeId from, const SignedViewChange& m);
  void consider_changes(Step& s);
  void open_view(Step& s);
  void on(Step& s, NodeId from, const SignedNewView& m);
  void enter_view(Step& s, const SignedNewView& m);
  void stand(Step& s, std::optional<SignedViewChange> change, std::optional<SignedNewView> entered);

  // --- complaints.cc ---
  Time complaint_due() const;
  void complain_when_due(Step& s);
  void on(Step& s, NodeId from, const Complaint& m);
  void leave_view_when_shared(Step& s);
  void give_view_up(Step& s);
  void cease_to_complain(Step& s);
  void calm_down();

  // --- equivocation.cc ---
  void watch_for_deception(Step& s, Slot& slot);
  void on(Step& s, NodeId from, const VoteOfPrimary& m);
  void on(Step& s, NodeId from, const ProofOfMisbehavior& m);
  void voted_twice(Step& s, NodeId by, const Cast& first, const Prepare& second);
  bool concerns_primary(const Vote& vote) const;
  void leave_liar(Step& s, const ProofOfMisbehavior& proof);

  // --- helping.cc ---
  void tick(Step& s);
  Time next_tick() const;
  bool busy() const;
  void count_reached(Step& s);
  void fetch_missing(Step& s);
  const CheckpointCert& end_of(uint64_t epoch) const;
  void on(Step& s, NodeId from, const StatusReport& m);
  void on(Step& s, NodeId from, const FetchBatch& m);
  void on(Step& s, NodeId from, const BatchData& m);
  void end_silence_when_due(Step& s);

  // --- serving.cc ---
  bool may_ask(NodeId from) const;
  bool spend(Step& s, NodeId from, uint64_t bytes);
  void on(Step& s, NodeId from, const FetchState& m);
  void on(Step& s, NodeId from, const FetchChunk& m);
  void read_chunk(Step& s, NodeId to);
  void serve_chunk(Step& s, const BlobAnswer& answer);

  // --- offers.cc ---
  uint64_t offer_part_bytes() const;
  void offer_snapshot(Step& s, NodeId to);
  void send_offer_part(Step& s, NodeId to, uint64_t offset);
  void on(Step& s, NodeId from, const FetchOfferPart& m);
  void on(Step& s, NodeId from, const OfferPart& m);

  // --- receiving.cc ---
  void transfer_tick(Step& s);
  uint64_t plausible_bytes() const;
  Time end_of_turn() const;
  void give_up_sender(Step& s);
  void ask_next_sender(Step& s);
  void ask_for_state(Step& s);
  bool in_the_midst() const;
  void ask_again(Step& s);
  void ask_for_more(Step& s);
  Seq having();
  void on(Step& s, NodeId from, const LogPart& m);
  bool finish_segment(Step& s, const CheckpointCert& cert);
  void on(Step& s, NodeId from, const SnapshotOffer& m);
  bool convincing(const SnapshotOffer& m) const;
  void on(Step& s, NodeId from, const Chunk& m);
  void received_blob(Step& s, const BlobAnswer& answer);
  void install(Step& s, const SnapshotOffer& offer, const SnapshotMeta& meta);

  // --- recovery.cc ---
  void begin(Step& s);
  void resign_if_leading(Step& s);
  void resume_epoch(Step& s);
  void resume_checkpoint(Step& s);
  void restore_places(Step& s);
  void say_again(Step& s);

  const Config config;
  Authority& authority;
  Ledger ledger;
  Judge judge;
  ClientTable table;
  Pool pool;
  Stamps stamps;
  Pace pace;
  Promptness promptness;
  bool started = false;

  // Where it stands.
  View view;
  bool changing = false;
  bool silent = false;
  uint64_t failed_views = 0;  // not made good yet by executions
  uint64_t calm = 0;          // batches executed as the primary proposed them, since the last that failed
  Seq opening_end;            // the last place that the view began with
  Slots slots;
  Seq next_place;                     // the primary's
  std::map<Seq, Time> awaited_votes;  // places where a quorum's votes wait for the rest, and until when
  Briefs briefs;                      // proposals of this view whose requests are not all there
  std::map<Seq, Time> unseen_until;   // places whose proposal was not shown, and when it is asked for

  // What is executed.
  struct Running {
    Seq seq;
    ContentPtr content;
    std::vector<Request> asked;
    std::vector<std::pair<RequestId, std::vector<Slice>>> own_results;  // of changes of the membership
    int64_t stamp_ms = 0;
    bool live = false, of_the_present = false;
  };
  std::optional<Running> running;
  Seq executed;
  Digest chain;
  Time moved;                         // when it last executed, or entered a view
  std::map<Seq, ContentPtr> history;  // executed and behind some snapshot: for others to fetch
  std::optional<PendingChange> pending;
  bool rotten = false;
  Seq highest_prepared;
  struct Reading {
    NodeId client;
    RequestId id;
    Slice operation;
    Seq ready;
  };
  // Of each client, and of answers given at one moment.
  struct ReadLoad {
    size_t reads = 0, bytes = 0;
  };
  std::map<NodeId, ReadLoad> read_load;
  Time reads_answered_at;
  uint64_t read_bytes_answered = 0;
  std::deque<Reading> reads;
  std::map<uint64_t, Reading> reading;
  uint64_t last_token = 0;

  // What is certified.
  CheckpointCert stable;
  std::map<Seq, Checkpoint> said;
  std::map<Seq, std::map<NodeId, CheckpointVote>> checkpoint_votes;
  std::map<Seq, CheckpointCert> certs;  // behind the oldest place of `history`
  std::map<Seq, CoreState> cores;       // of the latest checkpoints, and of one of which a snapshot is being written
  Seq kept_core;
  std::optional<SnapshotMark> snapshot;
  std::vector<EpochLink> links;

  // Changing the view.
  std::map<NodeId, SignedViewChange> changes;  // the latest of each member
  std::map<NodeId, bool> change_checked;       // of those: found valid
  std::map<NodeId, Time> new_view_refused;     // of each member: when, last
  Time change_deadline = Time::never();
  bool complaining = false;  // of the primary of `view`
  struct Complained {
    View view;
    Time at;
  };
  std::map<NodeId, Complained> complaints;  // the latest of each other member
  std::optional<ProofOfMisbehavior> proof;  // for which this replica has left the last view
  std::set<NodeId> not_believed;            // in this view: their accusations of the primary were false

  // Helping and being helped.
  Time last_tick;
  std::map<NodeId, Time> heard;  // when each member last said anything
  Time listening;                // since when it has listened without a pause of its own
  bool reaches_quorum = true;
  std::map<NodeId, Time> helped;
  std::map<NodeId, Seq> reported;  // stable checkpoints of others, while silent
  Seq silent_until;
  Transfer transfer;
  std::map<NodeId, uint64_t> snapshot_sizes;  // of members: bytes of the latest, as they say
  std::map<NodeId, uint64_t> epochs_heard;    // of members: where they say the group is
  // Of members that fetch: what they are given, and what is read for them.
  struct Served {
    Time since;
    uint64_t bytes = 0;
  };
  std::map<NodeId, Served> serving;
  struct ChunkRead {
    std::optional<BlobRead> under_way;
    Time since;
    std::optional<FetchChunk> wanted;  // next
  };
  std::map<NodeId, ChunkRead> chunks;
  struct ServedOffer {
    Seq seq;
    Slice encoded;
  };
  std::optional<ServedOffer> served_offer;  // of the latest snapshot that was asked for
  struct ComingOffer {
    NodeId from;
    Seq seq;
    uint64_t total = 0;
    std::string bytes;
  };
  ComingOffer coming_offer;
  BlobId last_blob;
  std::deque<std::pair<StableSeq, Message>> own;  // what it has said and not yet heard
};

}  // namespace holdfast::pbft
