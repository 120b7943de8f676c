// For tests: what members of PBFT say, write down and do, in words. Batches are named by the operations in them,
// checkpoints by the state in which they are, so that the text tells what is meant and not how it is encoded.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/pbft/messages.h"

namespace holdfast::pbft {

class Words {
 public:
  std::string of(const Message& m) {
    return std::visit([this](const auto& x) { return text(x); }, m);
  }
  std::string of(const Record& r) {
    return std::visit([this](const auto& x) { return text(x); }, r);
  }
  std::string of(const Event& e) {
    return std::visit([this](const auto& x) { return text(x); }, e);
  }
  // "[a b]"; another batch with the same operations is "[a b]'".
  std::string batch(const Slice& bytes) {
    const Digest digest = crypto::digest(bytes.view());
    const auto known = batches_.find(digest);
    if (known != batches_.end()) return known->second;
    std::string name = "[";
    for (const SignedRequest& r : codec::decode<Batch>(bytes).value_or(Batch{}).requests) {
      absl::StrAppend(&name, name.size() > 1 ? " " : "", operations(r.request));
    }
    name += "]";
    while (!names_.insert(name).second) name += "'";
    batches_[digest] = name;
    return name;
  }

 private:
  static std::string operations(const Request& r) {
    std::string all;
    for (const Slice& o : r.operations) absl::StrAppend(&all, all.empty() ? "" : " ", o.str());
    return all;
  }
  std::string batch(const Digest& digest) const {
    const auto known = batches_.find(digest);
    return known == batches_.end() ? "an unknown batch" : known->second;
  }
  std::string state(const Checkpoint& c) {
    if (!c.seq) return "the beginning";
    const auto& [number, fresh] = *states_.emplace(c.state, states_.size() + 1).first;
    return absl::StrCat(print(c.seq), " in state ", fresh);
  }
  static std::string result(const Slice& r) {  // of the test's state machine: how many operations there were
    return std::string(r.view().substr(0, r.view().find(':')));
  }
  static std::string who(const std::vector<Endorsement>& by) {
    std::string all;
    for (const Endorsement& e : by) absl::StrAppend(&all, " ", print(e.by));
    return all;
  }
  std::string text(const Vote& v) { return absl::StrCat(print(v.view), " ", print(v.seq), " ", batch(v.digest)); }
  // The set P of a VIEW-CHANGE, or the union X of several.
  std::string prepared(const std::map<Seq, Vote>& votes) {
    std::string all;
    for (const auto& [seq, v] : votes) {
      absl::StrAppend(&all, all.empty() ? "" : ", ", print(seq), " ", batch(v.digest), " of ", print(v.view));
    }
    return "{" + all + "}";
  }

  static std::string name(const RequestId& id) { return absl::StrCat(print(id.client), ".", id.sequence); }
  std::string text(const Submit& m) {
    return absl::StrCat("REQUEST ", name(m.request.request.id), " ", operations(m.request.request),
                        m.again ? ", again" : "");
  }
  std::string text(const AskRead& m) { return absl::StrCat("READ ", name(m.id)); }
  std::string text(const Reply& m) {
    std::string results;
    if (m.results) {
      for (const Slice& r : *m.results) absl::StrAppend(&results, " ", result(r));
    }
    return absl::StrCat(m.read ? "READING " : "REPLY ", name(m.id), m.results ? results : " (digest)");
  }
  std::string text(const PrePrepare& m) {
    return absl::StrCat("PRE-PREPARE ", print(m.view), " ", print(m.seq), " ", batch(m.batch));
  }
  std::string text(const BriefPrePrepare& m) {
    std::string names;
    for (const RequestId& id : m.requests) absl::StrAppend(&names, " ", name(id));
    return absl::StrCat("PRE-PREPARE ", print(m.view), " ", print(m.seq), " of", names);
  }
  std::string text(const Prepare& m) { return "PREPARE " + text(m.vote); }
  std::string text(const Commit& m) { return "COMMIT " + text(m.vote); }
  std::string text(const CheckpointVote& m) { return "CHECKPOINT " + state(m.checkpoint); }
  std::string text(const StableNotice& m) {
    return absl::StrCat("STABLE ", state(m.cert.checkpoint), ", signed by", who(m.cert.endorsements));
  }
  std::string text(const Complaint& m) { return absl::StrCat("COMPLAINT of ", print(m.view)); }
  std::string text(const VoteOfPrimary& m) {
    return absl::StrCat("SHOWN BY THE PRIMARY: PREPARE ", text(m.prepare.vote));
  }
  std::string text(const ProofOfMisbehavior& m) {
    return absl::StrCat("PROOF OF MISBEHAVIOR: PREPARE ", text(m.one.vote), " and PREPARE ", text(m.other.vote));
  }
  std::string text(const SignedViewChange& m) {
    std::map<Seq, Vote> all;
    for (const PreparedCert& c : m.change.prepared) all[c.vote.seq] = c.vote;
    return absl::StrCat("VIEW-CHANGE ", print(m.change.view), ", stable: ", state(m.change.stable.checkpoint),
                        ", P = ", prepared(all));
  }
  std::string text(const SignedNewView& m) {
    std::map<Seq, Vote> all;
    std::string from;
    for (const SignedViewChange& c : m.view.changes) {
      absl::StrAppend(&from, " ", print(c.change.from));
      for (const PreparedCert& p : c.change.prepared) {
        const auto [at, fresh] = all.emplace(p.vote.seq, p.vote);
        if (!fresh && at->second.view < p.vote.view) at->second = p.vote;
      }
    }
    return absl::StrCat("NEW-VIEW ", print(m.view.view), ", wanted by", from, ", X = ", prepared(all));
  }
  std::string text(const StatusReport& m) {
    return absl::StrCat("STATUS ", m.changing ? "waits for " : "in ", print(m.view), ", stable ", print(m.stable),
                        ", executed ", print(m.executed));
  }
  std::string text(const DecidedNotice& m) { return absl::StrCat("DECIDED ", print(m.seq), " ", batch(m.digest)); }
  std::string text(const FetchBatch& m) { return absl::StrCat("FETCH ", print(m.seq), " ", batch(m.digest)); }
  std::string text(const BatchData& m) { return absl::StrCat("BATCH ", print(m.seq), " ", batch(m.batch)); }
  std::string text(const FetchState& m) { return absl::StrCat("FETCH STATE behind ", print(m.executed)); }
  std::string text(const LogPart& m) {
    std::string all;
    for (const Slice& b : m.batches) absl::StrAppend(&all, " ", batch(b));
    return absl::StrCat("LOG from ", print(m.first), all);
  }
  std::string text(const SnapshotOffer& m) { return "SNAPSHOT " + state(m.cert.checkpoint); }
  std::string text(const OfferPart& m) {
    return absl::StrCat("PART OF THE OFFER OF ", print(m.seq), " at ", m.offset, " of ", m.total);
  }
  std::string text(const FetchOfferPart& m) { return absl::StrCat("FETCH OFFER ", print(m.seq), " at ", m.offset); }
  std::string text(const FetchChunk& m) { return absl::StrCat("FETCH CHUNK ", print(m.seq), " at ", m.offset); }
  std::string text(const Chunk& m) {
    return absl::StrCat("CHUNK ", print(m.seq), " at ", m.offset, ", bytes ", m.bytes.size());
  }

  std::string text(const Founded&) { return "that it is founded"; }
  std::string text(const Accepted& r) {
    if (r.batch) (void)batch(*r.batch);
    return "that it accepts " + text(r.vote);
  }
  std::string text(const Prepared& r) {
    return absl::StrCat("that ", text(r.cert.vote), " is prepared, signed by", who(r.cert.endorsements));
  }
  std::string text(const Decided& r) {
    return absl::StrCat("that ", print(r.seq), " ", batch(r.digest), " is decided");
  }
  std::string text(const Standing& r) {
    return absl::StrCat("that it ", r.changing ? "wants " : "is in ", print(r.view));
  }
  std::string text(const CheckpointSaid& r) { return "that it vouches for " + state(r.checkpoint); }
  std::string text(const BecameStable& r) { return "that " + state(r.cert.checkpoint) + " is stable"; }
  std::string text(const SnapshotMark& r) { return "a snapshot of " + state(r.cert.checkpoint); }

  std::string text(const Execute& e) {
    std::string all;
    for (const Request& r : e.requests) absl::StrAppend(&all, all.empty() ? "" : " ", operations(r));
    return absl::StrCat("executes ", print(e.seq), " [", all, "]", e.checkpoint ? ", a checkpoint" : "");
  }
  std::string text(const Read&) { return "reads"; }
  std::string text(const ViewEntered& e) {
    return absl::StrCat("enters ", print(e.view), ", which ", print(e.primary), " leads");
  }
  std::string text(const CheckpointStable& e) { return absl::StrCat("knows that ", print(e.seq), " is stable"); }
  std::string text(const SnapshotReceived& e) { return absl::StrCat("has received a snapshot of ", print(e.meta.seq)); }
  std::string text(const StateReplaced& e) { return absl::StrCat("has the state of ", print(e.meta.seq)); }
  std::string text(const Rotten& e) { return absl::StrCat("finds its state rotten at ", print(e.seq)); }
  std::string text(const Reconfigured&) { return "has other fellows"; }
  std::string text(const Removed&) { return "is a member no more"; }

  std::map<Digest, std::string> batches_;
  std::set<std::string> names_;
  std::map<Digest, size_t> states_;
};

}  // namespace holdfast::pbft
