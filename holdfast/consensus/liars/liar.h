// Byzantine members of PBFT, for whoever tests a system by lying to it: the simulator, the nemesis, tests. Never part
// of a member that serves.
//
// A liar is a real replica whose words are twisted on their way out, or which says more than it should. It signs and
// codes with its own keys only. The strategies are Y1 to Y12 of docs/failure-models.md. Two of them are other processes
// and not other words (twins, forgetful): whoever runs the member must do that part.
//
// Deterministic: what a liar says follows from its seed and from what its replica says.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/pbft/group.h"
#include "holdfast/consensus/pbft/messages.h"

namespace holdfast::pbft {

enum class Lie {
  kEquivocate,    // Y1: other proposals and votes for one half than for the other
  kTwins,         // Y2: two processes with one identity
  kForgetful,     // Y3: restarts without its records, as if it were new
  kSilentToSome,  // Y4
  kDelay,         // Y5: proposals come just before the timeout
  kForgedVotes,   // Y6: votes in the name of others, and its own many times and for everything
  kBadEvidence,   // Y7: certificates that prove nothing, in view changes and new views
  kOffByOne,      // Y8: a field is changed by a little
  kFalseState,    // Y9: wrong checkpoints, batches, snapshots and results
  kReplay,        // Y10: old words again, and proposals of views to come
  kFlood,         // Y11: requests and questions without end, with extreme numbers
  kCollude,       // Y12: its client signs two requests under one name
};
constexpr Lie last_value(Lie) { return Lie::kCollude; }

struct Utterance {
  NodeId as;  // whom the network takes for the sender
  NodeId to;
  Packet packet;
  Duration delay;
};

// What liars that conspire have in common: who is told the other story, and what the other story is.
struct Plot {
  std::set<NodeId> side;
  std::map<std::pair<View, Seq>, Slice> alternatives;
};

class Liar {
 public:
  // `authority` is the liar's own and outlives it. Without a plot it makes one by itself.
  Liar(Lie lie, NodeId self, uint64_t cluster, Group group, Duration request_timeout, Authority& authority,
       uint64_t seed, std::shared_ptr<Plot> plot = nullptr);

  // What it says in place of what its replica would say.
  std::vector<Utterance> speak(NodeId to, const Packet& packet);
  Lie lie() const { return lie_; }
  // How often it did not say what its replica would have said.
  size_t lies() const { return lies_; }
  const Group& group() const { return group_; }
  // The group has changed. One that has left it goes on in the old one.
  void follow(const Group& group);

 private:
  std::vector<Utterance> twist(NodeId to, Message m, const Packet& packet);
  void say(NodeId to, const Message& m, Duration delay = {});
  Signature sign(const Vote& v);
  // What it is about to propose, and saying something else in its place.
  struct Shown {
    uint64_t epoch = 0;
    View view;
    Seq seq;
    Batch batch;
  };
  static std::optional<Shown> proposal_in(const Message& m);
  Vote say_instead(NodeId to, const Shown& shown);
  Prepare vote_of_its_own(uint64_t epoch, View view, Seq seq);  // for something or other
  NodeId anybody();
  View next_of_its_own(View after) const;

  // liar.cc
  std::vector<Utterance> equivocate(NodeId to, Message& m);
  std::vector<Utterance> forge_votes(NodeId to, Message& m);
  std::vector<Utterance> replay(NodeId to, Message& m, const Packet& packet);

  // false_words.cc
  std::vector<Utterance> bad_evidence(NodeId to, Message& m);
  void spoil(ViewChange& c);
  template <class N>
  void nudge(N& n);
  void shift(Vote& v);
  void shift(Message& m);
  void falsify(Message& m);

  // false_requests.cc
  Request evil(uint64_t sequence, int which) const;
  SignedRequest signed_request(const Request& r);
  std::vector<Utterance> flood(NodeId to, Message& m);
  std::vector<Utterance> collude(NodeId to, Message& m);

  const Lie lie_;
  const NodeId self_;
  const uint64_t cluster_;
  Group group_;
  const Duration timeout_;
  Authority& authority_;
  Random random_;
  const std::shared_ptr<Plot> plot_;
  CheckpointCert stable_;
  std::vector<Utterance> old_;
  uint64_t sequence_ = 0;
  size_t lies_ = 0;
  std::vector<Utterance> said_;
};

}  // namespace holdfast::pbft
