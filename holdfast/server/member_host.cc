// What the host of its node, the other members and the clients ask of a member.

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/post.hpp>

#include "holdfast/base/mark.h"
#include "holdfast/base/print.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/clock.h"
#include "holdfast/runtime/sockets.h"
#include "holdfast/server/member_impl.h"
#include "holdfast/server/member_join.h"

namespace holdfast::server {
namespace {

// While a stop is under way, the service is asked this often whether it is done.
constexpr Duration kStopPoll = Duration::millis(20);

}  // namespace

// --- The host of the node --------------------------------------------------------------------------------------------

void Member::Impl::on_event(service::Event event) {
  if (auto* reply = std::get_if<service::Reply>(&event)) {
    if (told_ != nullptr) told_->on_reply(reply->call, std::move(reply->response));
  } else if (const auto* ready = std::get_if<service::WatchReady>(&event)) {
    if (told_ != nullptr) told_->on_watch_ready(ready->stream);
  } else if (const auto* role = std::get_if<service::RoleChanged>(&event)) {
    on_role_changed(*role);
  } else {
    const std::string what = std::get<service::MustStop>(event).what;
    mark<"member.must_stop">();
    spdlog::error("member.must_stop what=\"{}\"", what);
    // Not from within the step that says so.
    asio::post(loop_, [this, what] { finish(absl::FailedPreconditionError(what)); });
  }
}

void Member::Impl::on_role_changed(const service::RoleChanged& change) {
  if (change.leader != leader_) {
    leader_ = change.leader;
    if (leader_ != NodeId{}) leader_changes_.add();
  }
  is_leader_.set(change.role == consensus::Role::kLeader ? 1 : 0);
  has_leader_.set(change.leader != NodeId{} ? 1 : 0);
  term_.set(static_cast<int64_t>(change.term.value()));
  spdlog::info("raft.role role={} term={} leader={:x}", print(change.role), change.term.value(), change.leader.value());
  if (told_ != nullptr) told_->on_role_changed(change);
}

Time Member::Impl::on_turn(Time now) {
  note_members();
  if (!stopping_) return Time::never();
  if (service_->stopped() || now >= stop_deadline_) finish(absl::OkStatus());
  return now + kStopPoll;
}

// Tells the transport when the members have changed, and keeps the file with the hints up to date.
void Member::Impl::note_members() {
  const std::vector<store::Member>& now = service_->store().members();
  if (now.empty() || (now == noted_ && !some_leave_)) return;
  noted_ = now;
  some_leave_ = false;
  std::vector<store::Member> next = now;
  for (const store::Member& m : members_) {
    // Over PBFT the table is ahead: until their epoch has ended, those who leave still decide with the others.
    const bool leaves = service_->store().member(m.id) == nullptr && service_->replica().membership().contains(m.id);
    if (!leaves || !replica::is_byzantine(config_.engine)) continue;
    some_leave_ = true;
    next.push_back(m);
  }
  if (next == members_) return;
  members_ = std::move(next);
  std::vector<runtime::PeerMember> peers;
  for (const store::Member& m : members_) peers.push_back(to_peer(m));
  host_->peers().set_members(peers);
  spdlog::info("member.members count={}", members_.size());
  save_members();
}

void Member::Impl::save_members() {
  // A member that still catches up sees members of the past; what it was told when it joined is better.
  const bool contains_self =
      std::any_of(members_.begin(), members_.end(), [this](const auto& m) { return m.id == identity_.member_id; });
  if (!contains_self || members_ == file_.members) return;
  file_.members = members_;
  file_.name = config_.name;
  host_->blobs().submit([disk = data_disk_.get(), file = file_] {
    if (const Status s = save_identity(*disk, file); !s.ok()) {
      // Only hints are lost by it: the members themselves are in the log.
      spdlog::warn("member.identity_not_saved what=\"{}\"", std::string(s.message()));
    }
  });
}

// --- What is asked of a member ---------------------------------------------------------------------------------------

// A member that was removed while it was away, or before it could hear of it, learns it from the others: they saw the
// committed entry that removed it, and ids are never used again.
void Member::Impl::on_peer_refused(NodeId peer, runtime::Refusal reason) {
  if (reason == runtime::Refusal::kEngine) return on_engine_refused(peer);
  if (reason != runtime::Refusal::kRemoved) return;
  say_removed_.insert(peer);
  if (say_removed_.size() < believed()) return;
  mark<"member.told_of_removal">();
  spdlog::error("member.removed member={:x} says={:x}", file_.member_id.value(), peer.value());
  finish(absl::FailedPreconditionError(fmt::format(
      "this member ({:x}) was removed from the cluster; its data directory {} is of no more use. To bring it "
      "back, delete the directory, {}add the member again (holdfast member add), and start it with "
      "--initial-cluster-state=existing",
      file_.member_id.value(), data_disk_->path(),
      replica::is_byzantine(config_.engine) ? "make it a new key, " : "")));
}

size_t Member::Impl::believed() const {
  return replica::is_byzantine(config_.engine) ? (peer_members().size() - 1) / 3 + 1 : 1;
}

// Members of different engines never agree on anything. Who is refused by more than half of the others is on the wrong
// side, or there is no right one; the others go on.
void Member::Impl::on_engine_refused(NodeId peer) {
  other_engine_.insert(peer);
  const std::string_view mine = replica::name_of(config_.engine);
  spdlog::error("member.other_engine peer={:x} mine={} what=\"start all members with the same --consensus\"",
                peer.value(), mine);
  const size_t members = peer_members().size();
  if (members == 0 || 2 * other_engine_.size() <= members - 1) return;
  mark<"member.on_the_wrong_engine">();
  finish(absl::FailedPreconditionError(fmt::format(
      "this member runs --consensus={}, but {} of the other {} members of its cluster run something else and "
      "refuse it; start all members with the same --consensus. What this member wrote to {} is of no use to "
      "the others: empty it before you start it with another engine, if the cluster is new",
      mine, other_engine_.size(), members - 1, data_disk_->path())));
}

bool Member::Impl::was_removed(NodeId id) const { return service_->replica().was_removed(id); }

std::vector<runtime::PeerMember> Member::Impl::peer_members() const {
  const std::vector<store::Member>& applied = service_->store().members();
  std::vector<runtime::PeerMember> out;
  for (const store::Member& m : applied.empty() ? file_.members : applied) out.push_back(to_peer(m));
  return out;
}

void Member::Impl::step(const Step& what) {
  host_->step([&](service::Service& service, Time now, service::Service::Out& out) { what(service, now, out); });
}

}  // namespace holdfast::server
