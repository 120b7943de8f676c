#include "holdfast/server/member_join.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"
#include "holdfast/model/retry.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/peer_query.h"
#include "holdfast/server/member_key.h"

namespace holdfast::server {
namespace {

// How long the others may take to say whether they know this member, when it founds a cluster with them.
constexpr Duration kFoundTimeout = Duration::seconds(1);
// Whoever listens and does not answer may be busy. What it knows can keep this member from voting twice.
constexpr Duration kBusy = Duration::seconds(10);
// The member that is asked may not have heard yet of the addition that another one has confirmed.
constexpr Duration kJoinTimeout = Duration::seconds(2);
constexpr RetryPolicy kJoining = RetryPolicy(Repeatable::kIdempotent)
                                     .growing(Duration::millis(100), Duration::seconds(1))
                                     .spread(Jitter::kHalf)
                                     .tries(5);

std::vector<std::string> sorted(std::vector<std::string> urls) {
  std::sort(urls.begin(), urls.end());
  return urls;
}

std::vector<std::string> own_urls(const MemberConfig& config) { return sorted(config.initial_advertise_peer_urls); }

std::vector<store::Member> members_of(const runtime::MembersReply& reply) {
  std::vector<store::Member> out;
  for (const runtime::PeerMember& m : reply.members) out.push_back(to_store(m));
  return out;
}

MemberIdentity with_names(MemberIdentity identity, const MemberConfig& config) {
  identity.name = config.name;
  return identity;
}

std::string name_of(const runtime::MembersReply& reply) {
  for (const runtime::PeerMember& m : reply.members) {
    if (m.id == reply.sender && !m.name.empty()) return fmt::format("{} ({:x})", m.name, m.id.value());
  }
  return fmt::format("member {:x}", reply.sender.value());
}

// A member of the cluster that answered runs another engine than this one was told to.
Status check_engine(const runtime::MembersReply& reply, const MemberConfig& config) {
  const std::string_view theirs = runtime::engine_said(reply.engine), ours = replica::name_of(config.engine);
  if (theirs == ours) return absl::OkStatus();
  mark<"member.joins_another_engine">();
  return absl::FailedPreconditionError(fmt::format(
      "this member was started with --consensus={}, but cluster {:x}, of which member {:x} answered, runs {}; "
      "start it with --consensus={}",
      ours, reply.cluster.value, reply.sender.value(), theirs, theirs));
}

// `who`: the members that say so.
Status lost_disk(const MemberIdentity& identity, const MemberConfig& config, const std::vector<std::string>& who) {
  mark<"member.already_bootstrapped">();
  const std::string lost = fmt::format(
      "member {:x} ({}) has already been part of cluster {:x}, as {} {}, but its data directory {} is empty. Start it "
      "with its old --data-dir. If that is lost, ",
      identity.member_id.value(), config.name, identity.cluster_id, fmt::join(who, " and "),
      who.size() == 1 ? "says" : "say", data_dir_of(config));
  if (replica::is_byzantine(config.engine)) {
    return absl::FailedPreconditionError(fmt::format(
        "{}start it with --initial-cluster-state=existing: it may have voted and forgotten it, and takes part "
        "again when nothing that it may have said matters any more",
        lost));
  }
  return absl::FailedPreconditionError(fmt::format(
      "{}remove the member (holdfast member remove {:x}), add it again (holdfast member add), and start it with "
      "--initial-cluster-state=existing: a member that has forgotten its votes must not vote again",
      lost, identity.member_id.value()));
}

// As it follows from the first members of the cluster.
MemberIdentity identity_by_flags(const MemberConfig& config) {
  MemberIdentity identity;
  identity.bootstrap = identity.members = bootstrap_members(initial_cluster_of(config), config.initial_cluster_token);
  std::vector<NodeId> ids;
  for (const store::Member& m : identity.bootstrap) ids.push_back(m.id);
  identity.cluster_id = cluster_id_of(ids, founding_token(config));
  identity.member_id = member_id_of(config.initial_advertise_peer_urls, config.initial_cluster_token);
  return identity;
}

Status not_added(const MemberConfig& config) {
  const std::string urls = fmt::format("{}", fmt::join(own_urls(config), ","));
  return absl::FailedPreconditionError(
      fmt::format("this member cannot join: the cluster has no member at {}. Add it first (holdfast member add {} "
                  "--peer-urls={}), with exactly the URLs of --initial-advertise-peer-urls",
                  urls, config.name, urls));
}

// What the members of a group say of one that starts with an empty directory.
struct Testimony {
  size_t answers = 0, know = 0, started = 0;
};

}  // namespace

store::Member to_store(const runtime::PeerMember& m) {
  return {m.id, m.name, m.peer_urls, m.client_urls, m.is_learner};
}
runtime::PeerMember to_peer(const store::Member& m) { return {m.id, m.name, m.peer_urls, m.client_urls, m.is_learner}; }

AskMembers ask_others(const MemberConfig& config) {
  std::vector<runtime::Url> urls;
  const std::vector<std::string> own = own_urls(config);
  for (const InitialMember& m : initial_cluster_of(config)) {
    for (const std::string& text : m.peer_urls) {
      const StatusOr<runtime::Url> url = runtime::parse_peer_url(text);
      if (url.ok() && std::find(own.begin(), own.end(), text) == own.end()) urls.push_back(*url);
    }
  }
  runtime::MembersRequest request;
  request.peer_urls = own;
  request.engine = replica::name_of(config.engine);
  return [urls, request](size_t enough, Duration timeout) {
    return runtime::ask_members(urls, request, std::min(enough, urls.size()), timeout, kBusy);
  };
}

StatusOr<MemberIdentity> found_cluster(const MemberConfig& config, const AskMembers& ask) {
  const std::vector<InitialMember> cluster = initial_cluster_of(config);
  MemberIdentity identity = identity_by_flags(config);
  if (cluster.size() == 1) return with_names(std::move(identity), config);

  const auto replies = ask(SIZE_MAX, kFoundTimeout);
  if (!replies.ok()) return with_names(std::move(identity), config);  // the others start as well
  // Of a Byzantine cluster more than those who may lie must say the same.
  const size_t believed = replica::is_byzantine(config.engine) ? (cluster.size() - 1) / 3 + 1 : 1;
  // When all start at once, the one on the wrong engine may be the first; so most of the others must say it.
  const size_t most = (cluster.size() - 1) / 2 + 1;
  size_t strangers = 0, others = 0;
  std::vector<std::string> witnesses;
  for (const runtime::MembersReply& reply : *replies) {
    if (reply.cluster.value != identity.cluster_id) continue;  // the handshake will tell them apart
    if (Status s = check_engine(reply, config); !s.ok() && ++strangers >= most) return s;
    // Client URLs are published by a member that runs.
    const bool knows = std::any_of(reply.members.begin(), reply.members.end(), [&](const runtime::PeerMember& m) {
      return m.id == identity.member_id && !m.client_urls.empty();
    });
    if (knows) {
      witnesses.push_back(name_of(reply));
    } else {
      ++others;
    }
  }
  // A single word is enough as long as not so many contradict that a correct one is among them: perhaps the other founders
  // have left the cluster since. A liar can so keep a cluster from being founded, but not unseen.
  const bool known = witnesses.size() >= believed || (!witnesses.empty() && others < believed);
  // Who comes back after the loss of its disk, and says so, is expected to be known.
  if (config.initial_cluster_state == ClusterState::kNew && known) return lost_disk(identity, config, witnesses);
  return with_names(std::move(identity), config);
}

StatusOr<MemberIdentity> join_cluster(const MemberConfig& config, const AskMembers& ask, const Wait& wait) {
  const std::vector<std::string> own = own_urls(config);
  Status trouble;
  Retry retry(kJoining, hash64(config.name));
  for (StatusOr<Duration> pause = Duration(); pause.ok(); pause = retry.failed(Time())) {
    wait(*pause);
    // Whoever answers first may not have heard of the addition yet: from the second time on all are waited for.
    const auto replies = ask(retry.failures() == 0 ? 1 : SIZE_MAX, kJoinTimeout);
    if (!replies.ok()) {
      trouble = absl::UnavailableError(
          fmt::format("this member cannot join: {}. Check --initial-cluster, which must name members that run",
                      std::string(replies.status().message())));
      continue;
    }
    for (const runtime::MembersReply& reply : *replies) {
      for (const runtime::PeerMember& m : reply.members) {
        if (sorted(m.peer_urls) != own) continue;
        if (Status s = check_engine(reply, config); !s.ok()) return s;
        MemberIdentity identity;
        identity.cluster_id = reply.cluster.value;
        identity.member_id = m.id;
        identity.members = members_of(reply);
        spdlog::info("member.joins cluster={:x} member={:x} members={}", identity.cluster_id, m.id.value(),
                     identity.members.size());
        return with_names(std::move(identity), config);
      }
    }
    trouble = not_added(config);
  }
  return trouble;
}

StatusOr<MemberIdentity> join_group(const MemberConfig& config, const AskMembers& ask, const Wait& wait) {
  MemberIdentity identity = identity_by_flags(config);
  // More than may lie among the founders.
  const size_t believed = (identity.bootstrap.size() - 1) / 3 + 1;
  store::Member self;
  self.id = identity.member_id;
  self.peer_urls = config.initial_advertise_peer_urls;
  identity.members.push_back(self);
  Testimony said;
  Retry retry(kJoining, hash64(config.name));
  for (StatusOr<Duration> pause = Duration(); pause.ok(); pause = retry.failed(Time())) {
    wait(*pause);
    const auto replies = ask(SIZE_MAX, kJoinTimeout);
    said = {};
    size_t strangers = 0;
    for (const runtime::MembersReply& reply : replies.ok() ? *replies : std::vector<runtime::MembersReply>()) {
      if (reply.cluster.value != identity.cluster_id) continue;
      if (Status s = check_engine(reply, config); !s.ok() && ++strangers >= believed) return s;
      ++said.answers;
      for (const runtime::PeerMember& m : reply.members) {
        if (m.id != identity.member_id) continue;
        ++said.know;
        said.started += m.client_urls.empty() ? 0 : 1;
      }
    }
    if (said.know >= believed) break;
  }
  if (said.answers >= believed && said.know < believed) return not_added(config);
  identity.disk_lost = said.know < believed || said.started > 0;
  if (identity.disk_lost) mark<"member.newcomer_may_have_voted">();
  spdlog::info("member.joins_group cluster={:x} member={:x} know_it={} say_it_has_started={} silent={}",
               identity.cluster_id, identity.member_id.value(), said.know, said.started, identity.disk_lost);
  return with_names(std::move(identity), config);
}

}  // namespace holdfast::server
