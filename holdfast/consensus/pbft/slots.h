// The places of the order that are not settled yet: what was proposed, who voted for what, what is proven.
//
// Bounded: one proposal, and one vote and one commit of each member, for each of the places between the last stable
// checkpoint (or the last execution, if that is behind) and the end of the window, and kVotesKept contents or more.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "holdfast/consensus/pbft/content.h"
#include "holdfast/consensus/pbft/group.h"

namespace holdfast::pbft {

inline constexpr size_t kVotesKept = 8;  // and one for each of f faulty primaries in a row, if they are more

struct Cast {
  Vote vote;
  Signature signature;
  bool verified = false;
};

struct Slot {
  std::optional<Vote> proposal;  // of the view that is in force
  bool voted = false;            // for the proposal, in writing
  bool accused = false;          // the others were told which vote of the primary this replica has
  Time accepted_at;
  bool of_the_present = false;            // accepted before f + 1 others had voted for it
  Time votes_until = Time::never();       // until then the votes of all are waited for: a quorum's are there
  std::map<NodeId, Cast> votes;           // the latest view's of each member
  std::multimap<NodeId, Vote> commits;    // likewise
  std::optional<PreparedCert> prepared;   // of the highest view
  std::map<NodeId, Digest> said_decided;  // by others
  std::optional<Digest> decided;
  bool decided_in_writing = false;

  struct Held {
    ContentPtr content;
    bool in_writing = false;
  };
  std::map<Digest, Held> contents;
  std::vector<Digest> voted_for;  // in any view, the latest last, until something is decided

  // A faulty member may have the votes of others for what it alone knows to be prepared, and show that certificate in a
  // later view (Castro's condition A2). A quorum has voted for it: if the correct ones among them keep it, whoever needs
  // it gets it. There is one for each view of a faulty primary whose places the next primary did not settle.
  void remember_vote(const Digest& digest, size_t faulty) {
    std::erase(voted_for, digest);
    voted_for.push_back(digest);
    if (voted_for.size() > std::max(kVotesKept, faulty + 2)) voted_for.erase(voted_for.begin());
  }
  ContentPtr content(const Digest& digest) const {
    const auto at = contents.find(digest);
    return at != contents.end() ? at->second.content : nullptr;
  }
  void hold(const ContentPtr& content, bool in_writing = false) {
    Held& held = contents.try_emplace(content->digest, Held{content, false}).first->second;
    held.in_writing = held.in_writing || in_writing;
  }
  bool wants(const Digest& digest) const {
    return (proposal && proposal->digest == digest) || (prepared && prepared->vote.digest == digest) ||
           decided == digest || (!decided && std::find(voted_for.begin(), voted_for.end(), digest) != voted_for.end());
  }
  // Contents that nothing refers to are forgotten.
  void prune() {
    std::erase_if(contents, [&](const auto& c) { return !wants(c.first); });
  }
  // What is needed and not there.
  std::optional<Digest> missing() const {
    if (decided) return contents.contains(*decided) ? std::nullopt : decided;
    if (proposal && !contents.contains(proposal->digest)) return proposal->digest;
    return std::nullopt;
  }
};

using Slots = std::map<Seq, Slot>;

}  // namespace holdfast::pbft
