#include "holdfast/runtime/peer_transport.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "holdfast/base/mark.h"

namespace holdfast::runtime {
namespace {

Refused refusal(Refusal reason, std::string text) { return {static_cast<uint32_t>(reason), std::move(text)}; }

}  // namespace

PeerTransport::PeerTransport(asio::io_context& loop, PeerConfig config, Owner& owner, Metrics& metrics)
    : loop_(loop), config_(std::move(config)), owner_(owner), counters_(metrics) {}

StatusOr<std::unique_ptr<PeerTransport>> PeerTransport::listen(asio::io_context& loop, PeerConfig config, Owner& owner,
                                                               Metrics& metrics) {
  std::unique_ptr<PeerTransport> t(new PeerTransport(loop, std::move(config), owner, metrics));
  for (const Url& url : t->config_.listen) {
    StatusOr<Tcp::acceptor> acceptor = listen_on(loop, url);
    if (!acceptor.ok()) return acceptor.status();
    t->listeners_.push_back({*std::move(acceptor), asio::steady_timer(loop)});
  }
  for (size_t i = 0; i < t->listeners_.size(); ++i) t->accept(i);
  return t;
}

PeerTransport::~PeerTransport() { close(); }

void PeerTransport::close() {
  if (closed_) return;
  closed_ = true;
  *alive_ = false;
  asio::error_code ignored;
  for (Listener& l : listeners_) {
    l.acceptor.close(ignored);
    l.again.cancel();
  }
  for (auto& [id, link] : links_) link->close();
  for (auto& [id, link] : learned_) link->close();
  for (const SessionPtr& s : sessions_) s->close();
  links_.clear();
  learned_.clear();
  sessions_.clear();
  session_of_.clear();
}

std::vector<Url> PeerTransport::listening() const {
  std::vector<Url> out;
  for (const Listener& l : listeners_) {
    asio::error_code error;
    const Tcp::endpoint at = l.acceptor.local_endpoint(error);
    if (!error) out.push_back({at.address().to_string(), at.port()});
  }
  return out;
}

// --- Outgoing --------------------------------------------------------------------------------------------------------

std::shared_ptr<PeerLink> PeerTransport::link_to(NodeId id, const std::vector<std::string>& urls) {
  auto link = std::make_shared<PeerLink>(loop_, config_, counters_, id,
                                         [this, alive = alive_](NodeId peer, const Refused& refused) {
                                           if (*alive) owner_.on_peer_refused(peer, refusal_of(refused));
                                         });
  link->set_urls(urls);
  return link;
}

void PeerTransport::add_hints(const std::vector<PeerMember>& members) {
  for (const PeerMember& m : members) {
    if (m.id == config_.self || links_.contains(m.id)) continue;
    auto& link = learned_[m.id];
    if (link == nullptr) link = link_to(m.id, m.peer_urls);
    link->set_urls(m.peer_urls);
  }
}

void PeerTransport::set_members(const std::vector<PeerMember>& members) {
  if (closed_ || members == members_) return;
  members_ = members;
  std::set<NodeId> now;
  for (const PeerMember& m : members) {
    if (m.id == config_.self) continue;
    now.insert(m.id);
    if (auto known = learned_.find(m.id); known != learned_.end()) {
      links_[m.id] = known->second;
      learned_.erase(known);
    }
    auto& link = links_[m.id];
    if (link == nullptr) link = link_to(m.id, m.peer_urls);
    link->set_urls(m.peer_urls);
  }
  for (auto it = links_.begin(); it != links_.end();) {
    if (now.contains(it->first)) {
      ++it;
      continue;
    }
    mark<"peer.member_removed">();
    spdlog::info("peer.removed peer={:x}", it->first.value());
    it->second->close();
    send_off(it->first);
    it = links_.erase(it);
  }
}

// Ends the connection from a member that was removed: it will connect again and be told.
void PeerTransport::send_off(NodeId removed) {
  const auto it = session_of_.find(removed);
  if (it == session_of_.end() || !owner_.was_removed(removed)) return;
  mark<"peer.sent_off">();
  const SessionPtr session = it->second;
  session->close();
  ended(session);
}

void PeerTransport::send(NodeId to, Chain message) {
  if (closed_) return;
  if (const auto it = links_.find(to); it != links_.end()) return it->second->send(std::move(message));
  if (const auto it = learned_.find(to); it != learned_.end()) return it->second->send(std::move(message));
  counters_.dropped.add();
}

bool PeerTransport::connected(NodeId peer) const {
  if (const auto it = links_.find(peer); it != links_.end()) return it->second->connected();
  const auto it = learned_.find(peer);
  return it != learned_.end() && it->second->connected();
}

// --- Incoming --------------------------------------------------------------------------------------------------------

void PeerTransport::accept(size_t listener) {
  listeners_[listener].acceptor.async_accept(
      [this, alive = alive_, listener](const asio::error_code& error, Tcp::socket socket) {
        if (!*alive) return;
        if (!error) {
          accepted(std::move(socket));
          return accept(listener);
        }
        // Out of descriptors, most likely: what waits to be accepted goes on waiting.
        mark<"peer.accept_failed">();
        spdlog::warn("peer.accept_failed why=\"{}\"", error.message());
        listeners_[listener].again.expires_after(std::chrono::milliseconds(200));
        listeners_[listener].again.async_wait([this, alive = alive_, listener](const asio::error_code&) {
          if (*alive) accept(listener);
        });
      });
}

void PeerTransport::accepted(Tcp::socket socket) {
  if (sessions_.size() >= config_.max_sessions) {
    counters_.refused.add();
    spdlog::warn("peer.refused address={} why=\"more than {} connections\"", address_of(socket), config_.max_sessions);
    return;  // which closes it
  }
  auto session = std::make_shared<PeerSession>(loop_, std::move(socket), config_, counters_, *this);
  sessions_.insert(session);
  session->start();
}

std::optional<Refused> PeerTransport::objection(const Hello& hello) const {
  if (hello.cluster.value != config_.cluster_id) {
    return refusal(
        Refusal::kCluster,
        fmt::format("cluster ID mismatch: you belong to {:x}, I to {:x}; the members of one cluster must be started "
                    "with the same initial cluster and token",
                    hello.cluster.value, config_.cluster_id));
  }
  if (hello.sender == config_.self) {
    return refusal(Refusal::kSelf,
                   fmt::format("you say you are {:x}, but that is me: two processes with one identity, or a "
                               "peer URL that leads back to its own member",
                               config_.self.value()));
  }
  if (hello.receiver != config_.self) {
    return refusal(Refusal::kReceiver, fmt::format("you look for member {:x}, but I am {:x}: its peer URL leads to me",
                                                   hello.receiver.value(), config_.self.value()));
  }
  if (hello.sender == NodeId{}) return refusal(Refusal::kOther, "a member id is not 0");
  if (engine_said(hello.engine) != engine_said(config_.engine)) {
    mark<"peer.other_engine">();
    return refusal(
        Refusal::kEngine,
        fmt::format("you run {}, I run {}; the members of one cluster must be started with the same engine of "
                    "consensus",
                    engine_said(hello.engine), engine_said(config_.engine)));
  }
  if (owner_.was_removed(hello.sender)) {
    return refusal(Refusal::kRemoved, fmt::format("member {:x} was removed from the cluster", hello.sender.value()));
  }
  return std::nullopt;
}

std::optional<Refused> PeerTransport::admit(const Hello& hello, const SessionPtr& session) {
  if (auto no = objection(hello)) return no;
  if (!links_.contains(hello.sender)) {
    if (!learned_.contains(hello.sender) && learned_.size() >= config_.max_learned) {
      return refusal(Refusal::kBusy, "too many senders that are no members");
    }
    learn(hello);
  }
  SessionPtr& current = session_of_[hello.sender];
  if (current != nullptr && current != session) {
    mark<"peer.session_replaced">();
    if (current->incarnation() != hello.incarnation.value) {
      spdlog::info("peer.restarted peer={:x} incarnation={}", hello.sender.value(), hello.incarnation.value);
    }
    current->close();
    sessions_.erase(current);
  }
  current = session;
  return std::nullopt;
}

void PeerTransport::learn(const Hello& hello) {
  auto& link = learned_[hello.sender];
  if (link == nullptr) {
    mark<"peer.learned">();
    spdlog::info("peer.learned peer={:x} urls={}", hello.sender.value(), hello.peer_urls.size());
    link = link_to(hello.sender, hello.peer_urls);
  }
  link->set_urls(hello.peer_urls);
}

MembersReply PeerTransport::members() {
  return MembersReply{{config_.cluster_id}, config_.self, owner_.peer_members(), config_.engine};
}

void PeerTransport::ended(const SessionPtr& session) {
  sessions_.erase(session);
  const auto it = session_of_.find(session->sender());
  if (it != session_of_.end() && it->second == session) session_of_.erase(it);
}

void PeerTransport::pause(bool paused) {
  if (paused == paused_ || closed_) return;
  paused_ = paused;
  if (paused) {
    mark<"peer.paused">();
    return;
  }
  const std::set<SessionPtr> all = sessions_;
  for (const SessionPtr& s : all) s->resume();
}

}  // namespace holdfast::runtime
