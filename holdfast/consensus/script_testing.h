// For tests: transcripts. Each file of a room's testdata/ is a script of commands with everything the members did,
// written down. The test runs the commands and compares. After a change that is meant, run it with HOLDFAST_REWRITE=1
// and review the difference.
//
// A line that starts with # is a remark, one that is indented is output, any other is a command:
//   cluster N [loud] [lease] [catch_up=N] [chunk=N] [batch=N]   members 1 to N, all voters, records stable at once
//   elect N                  N's patience ends, and all messages arrive; only the outcome is written down
//   cut N... / heal          messages from and to these are lost
//   slow N / fast N          N's records become stable only by `sync N` / at once
//   joiner N                 a member with an empty disk that knows nobody
//   wait N                   time passes until N wants to do something, and N does it
//   pass MS                  time passes; nobody does anything
//   propose N TEXT...        one batch
//   deliver [A [B [COUNT]]]  all messages until none is left; or those now waiting from A (to B), COUNT at most
//   drop [A [B]]             likewise, but they are lost
//   dup A B                  the messages from A to B will arrive twice
//   sync N · crash N [KEPT] · restart N · snapshot N · load N
//   read N TOKEN · change N CHANGE... (+voter ~learner ^promote -remove) · transfer N TO
//   status                   one line for each member
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/consensus/test_member.h"

namespace holdfast::consensus {

// M: an engine's TestMember.
template <class M>
class Script {
  using Message = typename M::Message;
  using Record = typename M::Record;
  using Out = typename M::Out;

 public:
  std::string run(const std::string& line) {
    out_.clear();
    std::istringstream in(line);
    std::string word;
    in >> word;
    words_.clear();
    for (std::string w; in >> w;) words_.push_back(w);
    if (!command(word)) out_ += "    no such command\n";
    return out_;
  }

 private:
  struct Wire {
    NodeId from, to;
    Message message;
  };

  uint64_t number(size_t i) const { return i < words_.size() ? std::strtoull(words_[i].c_str(), nullptr, 10) : 0; }
  NodeId node(size_t i) const { return NodeId(number(i)); }
  M& at(size_t i) { return *members_.at(node(i)); }
  void say(const std::string& text) { out_ += "    " + text + "\n"; }
  void say(const Status& status) {
    if (!status.ok()) say("refused: " + std::string(status.message()));
  }

  bool command(const std::string& word) { return setting(word) || networking(word) || doing(word); }

  bool setting(const std::string& word) {
    if (word == "cluster") {
      for (uint64_t i = 1; i <= number(0); ++i) voters_.push_back(NodeId(i));
      for (const std::string& w : words_) option(w);
      for (NodeId id : voters_) add(id, Membership{.voters = voters_});
      if (std::find(words_.begin(), words_.end(), "loud") == words_.end()) out_.clear();
    } else if (word == "elect") {
      now_ = std::max(now_, at(0).core().deadline());
      at(0).tick(now_);
      settle();
      const NodeId id = node(0);
      words_.clear();
      for (int i = 0; i < 200 && !wires_.empty(); ++i) take(true);
      out_.clear();
      status(id, *members_.at(id));
    } else if (word == "cut") {
      for (size_t i = 0; i < words_.size(); ++i) cut_.insert(node(i));
    } else if (word == "heal") {
      cut_.clear();
    } else if (word == "joiner") {
      add(node(0), Membership{});
    } else if (word == "slow") {
      slow_.insert(node(0));
    } else if (word == "fast") {
      slow_.erase(node(0));
      settle();
    } else if (word == "status") {
      for (auto& [id, m] : members_) status(id, *m);
    } else {
      return false;
    }
    return true;
  }
  bool networking(const std::string& word) {
    if (word == "deliver" && words_.empty()) {
      for (int i = 0; i < 200 && !wires_.empty(); ++i) take(true);
    } else if (word == "deliver") {
      take(true);
    } else if (word == "drop") {
      take(false);
    } else if (word == "dup") {
      std::vector<Wire> again;
      for (const Wire& w : wires_) {
        if (matches(w)) again.push_back(w);
      }
      wires_.insert(wires_.end(), again.begin(), again.end());
    } else {
      return false;
    }
    return true;
  }
  bool doing(const std::string& word) {
    if (word == "wait") {
      now_ = std::max(now_, at(0).core().deadline());
      at(0).tick(now_);
    } else if (word == "pass") {
      now_ = now_ + Duration::millis(static_cast<int64_t>(number(0)));
    } else if (word == "propose") {
      std::vector<Slice> commands;
      for (size_t i = 1; i < words_.size(); ++i) commands.push_back(Slice::copy_of(words_[i]));
      at(0).step([&](Out& o) { say(at(0).core().propose(now_, commands, o).status()); });
    } else if (word == "sync") {
      at(0).sync(now_);
    } else if (word == "crash") {
      at(0).crash(number(1));
    } else if (word == "restart") {
      at(0).start(now_);
    } else if (word == "snapshot") {
      at(0).take_snapshot(now_);
    } else if (word == "load") {
      at(0).work_blobs(now_);
    } else if (word == "read") {
      at(0).step([&](Out& o) { at(0).core().read_index(now_, number(1), o); });
    } else if (word == "change") {
      change();
    } else if (word == "transfer") {
      at(0).step([&](Out& o) { say(at(0).core().transfer_leadership(now_, node(1), o)); });
    } else {
      return false;
    }
    settle();
    return true;
  }
  void change() {
    std::vector<Change> changes;
    for (size_t i = 1; i < words_.size(); ++i) {
      const NodeId id(std::strtoull(words_[i].c_str() + 1, nullptr, 10));
      const char c = words_[i][0];
      changes.push_back({c == '+'   ? ChangeKind::kAddVoter
                         : c == '~' ? ChangeKind::kAddLearner
                         : c == '^' ? ChangeKind::kPromote
                                    : ChangeKind::kRemove,
                         id});
    }
    at(0).step([&](Out& o) { say(at(0).core().change_membership(now_, changes, Slice(), o).status()); });
  }

  void option(const std::string& w) {
    const size_t equals = w.find('=');
    const uint64_t value = equals == std::string::npos ? 0 : std::strtoull(w.c_str() + equals + 1, nullptr, 10);
    if (w == "lease") config_.read_mode = ReadMode::kLease;
    if (w.starts_with("catch_up=")) config_.catch_up_entries = value;
    if (w.starts_with("chunk=")) config_.snapshot_chunk_bytes = value;
    if (w.starts_with("batch=")) config_.max_append_bytes = value;
  }
  void add(NodeId id, Membership bootstrap) {
    Config config = config_;
    config.self = id;
    config.seed = id.value();
    typename M::Hooks hooks;
    hooks.transmit = [this, id](NodeId to, const Message& m) { wires_.push_back({id, to, m}); };
    hooks.raise = [this, id](const Event& e) { say(absl::StrCat(print(id), " raises ", print(e))); };
    hooks.persisted = [this, id](StableSeq seq, const Record& r) {
      say(absl::StrCat(print(id), " writes ", print(seq), " ", print(r)));
    };
    hooks.sent = [this, id](const typename Out::Sent& s, bool waits) {
      say(absl::StrCat(print(id), " to ", print(s.to), " ", print(s.wire), waits ? " after " + print(s.after) : ""));
    };
    hooks.blob = [this, id](const BlobRequest& b) { say(absl::StrCat(print(id), " blob ", print(b))); };
    auto& member = members_[id] = std::make_unique<M>(config, std::move(bootstrap), std::move(hooks));
    member->start(now_);
    settle();
  }
  bool matches(const Wire& w) const {
    return (words_.empty() || w.from == node(0)) && (words_.size() < 2 || w.to == node(1));
  }
  // Takes what waits now: what is sent in return waits for the next time.
  void take(bool deliver) {
    std::vector<Wire> some, others;
    const size_t most = words_.size() > 2 ? number(2) : wires_.size();
    for (Wire& w : wires_) (matches(w) && some.size() < most ? some : others).push_back(std::move(w));
    wires_ = std::move(others);
    for (const Wire& w : some) {
      const auto it = members_.find(w.to);
      if (!deliver || it == members_.end() || !it->second->up() || cut_.contains(w.from) || cut_.contains(w.to))
        continue;
      it->second->receive(now_, w.from, w.message);
      settle();
    }
  }
  // Fast disks are stable at once, and blobs answer at once; snapshots are loaded by command.
  void settle() {
    for (auto& [id, m] : members_) {
      if (!m->up()) continue;
      while (!slow_.contains(id) && m->dirty()) m->sync(now_);
      while (m->has_blob_answers()) m->work_blobs(now_);
    }
  }
  void status(NodeId id, const M& m) {
    if (!m.up()) return say(print(id) + " is down");
    const auto& r = m.core();
    say(absl::StrCat(print(id), " ", print(r.role()), " of ", print(r.term()), ", log ", print(r.first_index()), " to ",
                     print(r.last_index()), ", committed ", print(r.commit_index()), ", members ",
                     print(r.membership())));
  }

  Config config_;
  std::vector<NodeId> voters_;
  std::map<NodeId, std::unique_ptr<M>> members_;
  std::set<NodeId> slow_, cut_;
  std::vector<Wire> wires_;
  Time now_;
  std::vector<std::string> words_;
  std::string out_;
};

// Runs the commands of the file and compares.
template <class M>
void check_transcript(const std::string& path) {
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  Script<M> script;
  std::string written, now;
  for (std::string line; std::getline(file, line);) {
    written += line + "\n";
    if (line.starts_with("    ")) continue;
    now += line + "\n";
    if (!line.empty() && line[0] != '#') now += script.run(line);
  }
  file.close();
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) {
    std::ofstream(path) << now;
  } else {
    EXPECT_EQ(written, now) << "after a change that is meant, run with HOLDFAST_REWRITE=1 and review the difference";
  }
}

}  // namespace holdfast::consensus
