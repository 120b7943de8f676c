// The connections between members, as one member has them (docs/formats/peer-protocol.md).
//
// One connection per direction: messages to a peer go over the connection that this member made (PeerLink), messages
// from it arrive on the one that it made (PeerSession). Messages may be lost, never altered, and not reordered within
// one connection; what sits above tolerates loss.
//
// A connection is accepted only from a member of the same cluster that means this very member. A sender that is no
// known member (one that was added and whose addition this member has not applied yet) is accepted too, and answered at
// the URLs that it gave. A member that the owner knows to be removed is refused and told so, at once if it is
// connected. Nothing here is authenticated: the peer port belongs into a trusted network.
//
// Thread rule: the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/runtime/peer_link.h"
#include "holdfast/runtime/peer_session.h"

namespace holdfast::runtime {

class PeerTransport : public PeerSession::Host {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // False: the bytes are malformed, the connection is to be closed.
    virtual bool on_peer_message(NodeId from, Slice message) = 0;
    // Whether the cluster removed this member; ids are never used again.
    virtual bool was_removed(NodeId id) const = 0;
    // A peer refuses this member, for a reason that it gives.
    virtual void on_peer_refused(NodeId peer, Refusal reason) = 0;
    // For those who join: the members as applied here.
    virtual std::vector<PeerMember> peer_members() const = 0;
  };

  // Binds the listeners; the first connection is accepted once the loop runs. `owner` and `metrics` must outlive it.
  static StatusOr<std::unique_ptr<PeerTransport>> listen(asio::io_context& loop, PeerConfig config, Owner& owner,
                                                         Metrics& metrics);
  ~PeerTransport() override;

  // Members as they were known once, before set_members() knows better: to be connected to, not to be relied upon.
  void add_hints(const std::vector<PeerMember>& members);
  // Whom to be connected to: all of `members` but this one. Who was in an earlier list and is not in this one is
  // connected to no more. Cheap when nothing has changed.
  void set_members(const std::vector<PeerMember>& members);
  void send(NodeId to, Chain message);
  // While paused nothing more is read from other members: their connections fill up and they hold back.
  void pause(bool paused);
  // Closes everything; nothing is delivered or sent afterwards.
  void close();

  NodeId self() const { return config_.self; }
  bool connected(NodeId peer) const;
  size_t sessions() const { return sessions_.size(); }
  // Where it listens, with the ports that the system chose where port 0 was asked for.
  std::vector<Url> listening() const;

 private:
  using SessionPtr = std::shared_ptr<PeerSession>;

  struct Listener {
    Tcp::acceptor acceptor;
    asio::steady_timer again;  // its own: arming another's would wake that one at once
  };

  PeerTransport(asio::io_context& loop, PeerConfig config, Owner& owner, Metrics& metrics);
  void accept(size_t listener);
  void accepted(Tcp::socket socket);
  std::shared_ptr<PeerLink> link_to(NodeId id, const std::vector<std::string>& urls);
  void learn(const Hello& hello);
  void send_off(NodeId removed);
  std::optional<Refused> objection(const Hello& hello) const;

  std::optional<Refused> admit(const Hello& hello, const SessionPtr& session) override;
  bool deliver(NodeId from, Slice message) override { return owner_.on_peer_message(from, std::move(message)); }
  MembersReply members() override;
  void ended(const SessionPtr& session) override;
  bool paused() const override { return paused_; }

  asio::io_context& loop_;
  const PeerConfig config_;
  Owner& owner_;
  PeerCounters counters_;
  std::vector<Listener> listeners_;
  std::vector<PeerMember> members_;
  std::map<NodeId, std::shared_ptr<PeerLink>> links_;    // to members
  std::map<NodeId, std::shared_ptr<PeerLink>> learned_;  // to senders and hints that are no members as far as is known
  std::set<SessionPtr> sessions_;
  std::map<NodeId, SessionPtr> session_of_;
  bool paused_ = false;
  bool closed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for handlers that may outlive this
};

}  // namespace holdfast::runtime
