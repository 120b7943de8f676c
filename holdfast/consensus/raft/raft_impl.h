// The inside of Raft: the parts, and the routing between them. Only raft.cc and raft_routing.cc include it.
#pragma once

#include <optional>
#include <variant>

#include "holdfast/consensus/raft/campaign.h"
#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/follower.h"
#include "holdfast/consensus/raft/leader.h"
#include "holdfast/consensus/raft/raft.h"
#include "holdfast/consensus/reading.h"
#include "holdfast/consensus/snapshot_receiver.h"

namespace holdfast::raft {

using consensus::AskedReads;
using consensus::SnapshotReceiver;

struct Raft::Impl {
  Impl(const Config& config, Membership bootstrap) : core(config, std::move(bootstrap)) {}

  // --- Roles ---
  void become_follower(Time now, Term term, NodeId leader, Out& out);
  // Stands for election: who is not alone asks first whether it would be elected.
  void stand(Time now, Out& out);
  void campaign(Time now, Campaign::Kind kind, bool leadership_transfer, Out& out);
  void count_votes(Time now, Out& out);
  void abdicate(Out& out);

  // --- What a message's term means ---
  bool from_leader(Time now, NodeId from, Term term, Out& out);
  bool is_reply(Time now, NodeId from, Term term, Out& out);
  bool bound_to_leader(Time now) const;

  // --- Messages ---
  void on(Time now, NodeId from, const RequestVote& m, Out& out);
  void on(Time now, NodeId from, const VoteReply& m, Out& out);
  void on(Time now, NodeId from, const AppendEntries& m, Out& out);
  void on(Time now, NodeId from, const AppendReply& m, Out& out);
  void on(Time now, NodeId from, const Heartbeat& m, Out& out);
  void on(Time now, NodeId from, const HeartbeatReply& m, Out& out);
  void on(Time now, NodeId from, const SnapshotChunk& m, Out& out);
  void on(Time now, NodeId from, const SnapshotReply& m, Out& out);
  void on(Time now, NodeId from, const TimeoutNow& m, Out& out);
  void on(Time now, NodeId from, const ReadIndexRequest& m, Out& out);
  void on(Time now, NodeId from, const ReadIndexReply& m, Out& out);

  void route_reads(Time now, Out& out);
  // Ends every step: the role may be over, the owner is told what is new.
  void settle(Time now, Out& out);

  Role role_now() const;
  NodeId leader_now() const;
  Leader* leading() { return std::get_if<Leader>(&role); }
  const Leader* leading() const { return std::get_if<Leader>(&role); }

  Core core;
  std::variant<Follower, Campaign, Leader> role;
  SnapshotReceiver<Core, Out> receiver;
  AskedReads asked;
  size_t asked_place = 0;  // of the newest batch's request in the outbox of its step
  Time ask_again = Time::never();
  std::optional<Time> heard_leader;  // when a leader was last heard
  RoleChanged told;
  bool started = false;
};

}  // namespace holdfast::raft
