// The inside of Paxos: the parts, and the routing between them. Only paxos.cc and paxos_routing.cc include it.
#pragma once

#include <optional>
#include <variant>

#include "holdfast/consensus/paxos/acceptor.h"
#include "holdfast/consensus/paxos/core.h"
#include "holdfast/consensus/paxos/leader.h"
#include "holdfast/consensus/paxos/paxos.h"
#include "holdfast/consensus/paxos/takeover.h"
#include "holdfast/consensus/reading.h"
#include "holdfast/consensus/snapshot_receiver.h"

namespace holdfast::paxos {

using consensus::AskedReads;
using consensus::SnapshotReceiver;

struct Paxos::Impl {
  Impl(const Config& config, Membership bootstrap) : core(config, std::move(bootstrap)) {}

  // --- Roles ---
  // `promise`: none, or a ballot above the one that is promised.
  void become_follower(Time now, const Ballot& promise, NodeId leader, Out& out);
  void abdicate(Out& out);
  void inquire(Time now, Out& out);
  void take_over(Time now, const Ballot& handed_over, Out& out);
  void count_answers(Time now, Out& out);
  void campaign(Time now, Out& out);

  // --- What a message's ballot means ---
  bool from_leader(Time now, NodeId from, const Ballot& ballot, Out& out);
  Leader* leader_of(NodeId from, const Ballot& ballot);
  bool bound_to_leader(Time now) const;
  bool released_by(const Ballot& handed_over) const;
  void see(NodeId from, const Ballot& promised);

  // --- Messages ---
  void on(Time now, NodeId from, const Inquiry& m, Out& out);
  void on(Time now, NodeId from, const InquiryReply& m, Out& out);
  void on(Time now, NodeId from, const Collect& m, Out& out);
  void on(Time now, NodeId from, const Last& m, Out& out);
  void on(Time now, NodeId from, const Begin& m, Out& out);
  void on(Time now, NodeId from, const Accept& m, Out& out);
  void on(Time now, NodeId from, const Success& m, Out& out);
  void on(Time now, NodeId from, const Echo& m, Out& out);
  void on(Time now, NodeId from, const Reject& m, Out& out);
  void on(Time now, NodeId from, const SnapshotChunk& m, Out& out);
  void on(Time now, NodeId from, const SnapshotReply& m, Out& out);
  void on(Time now, NodeId from, const LeadNow& m, Out& out);
  void on(Time now, NodeId from, const ReadRequest& m, Out& out);
  void on(Time now, NodeId from, const ReadReply& m, Out& out);

  void route_reads(Time now, Out& out);
  // Ends every step: the role may be over, the owner is told what is new.
  void settle(Time now, Out& out);

  Role role_now() const;
  NodeId leader_now() const;
  Leader* leading() { return std::get_if<Leader>(&role); }
  const Leader* leading() const { return std::get_if<Leader>(&role); }

  Core core;
  std::variant<Follower, Inquiring, Leader> role;
  SnapshotReceiver<Core, Out> receiver;
  AskedReads asked;
  size_t asked_place = 0;  // of the newest batch's request in the outbox of its step
  Time ask_again = Time::never();
  // The leader that was last heard: when, and in which ballot.
  struct Heard {
    Time at;
    Ballot ballot;
  };
  std::optional<Heard> heard_leader;
  RoleChanged told;
  bool started = false;
};

}  // namespace holdfast::paxos
