// Plays the transcripts of testdata/*.txt and compares every effect. They are to be read as an essay about failure
// detection. To write them anew after a change: HOLDFAST_REWRITE=1 build/release/bin/detect_transcript_test, then read
// the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "holdfast/base/print.h"
#include "holdfast/detect/heartbeat.h"
#include "holdfast/detect/omega.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {
namespace {

using Tell = std::function<void(const std::string&)>;

// Cores of one kind, one clock, and a bag of messages in flight. Nothing is random but from fixed seeds.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual void wait(Duration d) = 0;
  // Delivers (or loses) everything that is in flight now, to or from the named only, when one is named.
  virtual void move(bool deliver, NodeId only) = 0;
  virtual void put_to_sleep(NodeId id, bool asleep) = 0;
  virtual void restart(NodeId id) = 0;
  virtual void trust(NodeId at, NodeId of, bool trusted) = 0;
};

template <class Core>
class StageOf : public Stage {
 public:
  using Make = std::function<std::unique_ptr<Core>(NodeId, uint64_t life)>;
  StageOf(std::vector<NodeId> ids, Make make, Tell tell) : make_(std::move(make)), tell_(std::move(tell)) {
    for (const NodeId id : ids) actors_[id];
    for (const NodeId id : ids) restart(id);
  }
  void restart(NodeId id) override {
    Actor& a = actors_[id];
    a.asleep = false;
    a.core = make_(id, ++a.life);
    step(id, [&](auto& out) { a.core->start(now_, out); });
  }
  void wait(Duration d) override {
    const Time until = now_ + d;
    while (true) {
      Time next = until;
      for (auto& [id, a] : actors_) next = a.asleep ? next : std::min(next, a.core->deadline());
      now_ = std::max(now_, next);
      bool any = false;
      for (auto& [id, a] : actors_) {
        if (a.asleep || a.core->deadline() > now_) continue;
        any = true;
        step(id, [&, core = a.core.get()](auto& out) { core->on_time(now_, out); });
      }
      if (!any && next == until) return;
    }
  }
  void move(bool deliver, NodeId only) override {
    auto messages = std::exchange(in_flight_, {});
    for (auto& m : messages) {
      if (only != NodeId() && m.to != only && m.from != only) {
        in_flight_.push_back(m);
      } else if (!deliver) {
        tell_("lost: " + print(m.from) + " to " + print(m.to) + " " + print(m.wire));
      } else if (actors_.count(m.to) > 0 && !actors_[m.to].asleep) {
        tell_(print(m.to) + " receives from " + print(m.from) + " " + print(m.wire));
        step(m.to, [&](auto& out) { actors_[m.to].core->on_message(now_, m.from, m.wire, out); });
      }
    }
  }
  void put_to_sleep(NodeId id, bool asleep) override { actors_[id].asleep = asleep; }
  void trust(NodeId at, NodeId of, bool trusted) override {
    if constexpr (std::is_same_v<Core, Omega>) {
      step(at, [&](auto& out) { actors_[at].core->set_trust(now_, of, trusted, out); });
    }
  }

 private:
  struct Actor {
    std::unique_ptr<Core> core;
    uint64_t life = 0;
    bool asleep = false;
  };
  struct InFlight {
    NodeId from, to;
    typename Core::Out::Wire wire;
  };
  template <class Step>
  void step(NodeId id, Step&& step) {
    typename Core::Out out;
    step(out);
    actors_[id].core->check_invariants();
    for (auto& s : out.sent) tell_(print(id) + " " + print(now_) + " sends " + print(s.to) + " " + print(s.wire));
    for (auto& r : out.raised) tell_(print(id) + " " + print(now_) + " raises " + print(r.event));
    for (auto& s : out.sent) in_flight_.push_back({id, s.to, std::move(s.wire)});
  }

  Make make_;
  Tell tell_;
  Time now_;
  std::map<NodeId, Actor> actors_;
  std::vector<InFlight> in_flight_;
};

NodeId node_id(const std::string& text) { return NodeId(std::stoull(text.substr(1))); }

std::unique_ptr<Stage> make_stage(const std::string& kind, const std::vector<NodeId>& ids, Tell tell) {
  if (kind == "swim") {
    return std::make_unique<StageOf<Swim>>(
        ids,
        [](NodeId id, uint64_t life) {
          SwimConfig config;
          config.self = id;
          config.seed = id.value() * 10 + life;
          config.incarnation = life == 1 ? 7 : 1;  // a second life finds its clock set back
          config.meta = Slice::copy_of("at " + print(id));
          config.seeds = {NodeId(1)};
          return std::make_unique<Swim>(config);
        },
        std::move(tell));
  }
  if (kind == "omega") {
    return std::make_unique<StageOf<Omega>>(
        ids,
        [](NodeId id, uint64_t life) {
          return std::make_unique<Omega>(OmegaConfig{id, id.value() + life});
        },
        std::move(tell));
  }
  return std::make_unique<StageOf<HeartbeatDetector>>(
      ids,
      [kind, ids](NodeId id, uint64_t life) {
        HeartbeatConfig config;
        config.self = id;
        config.peers = ids;
        config.boot = life == 1 ? 7 : 1;
        config.style = kind == "probes" ? HeartbeatStyle::kProbe : HeartbeatStyle::kPush;
        return std::make_unique<HeartbeatDetector>(config);
      },
      std::move(tell));
}

class Player {
 public:
  std::string play(const std::string& command) {
    output_.clear();
    std::istringstream in(command);
    std::string verb;
    in >> verb;
    std::vector<std::string> args;
    for (std::string word; in >> word;) args.push_back(word);
    const NodeId first = args.empty() || args[0][0] != 'n' ? NodeId() : node_id(args[0]);
    if (verb == "group") {
      std::vector<NodeId> ids;
      for (size_t i = 1; i < args.size(); ++i) ids.push_back(node_id(args[i]));
      stage_ = make_stage(args[0], ids, [this](const std::string& what) { output_ += what + "\n"; });
    } else if (verb == "wait") {
      stage_->wait(Duration::millis(std::stoll(args[0])));
    } else if (verb == "deliver" || verb == "lose") {
      stage_->move(verb == "deliver", first);
    } else if (verb == "run") {  // seconds in which every message arrives at once
      std::string all;
      for (int64_t tenth = std::stoll(args[0]) * 10; tenth > 0; --tenth) {
        stage_->wait(Duration::millis(100));
        for (int hop = 0; hop < 4; ++hop) stage_->move(true, NodeId());
      }
      for (std::istringstream lines(output_); std::getline(lines, verb);) {
        if (verb.find(" raises ") != std::string::npos) all += verb + "\n";
      }
      output_ = all;
    } else if (verb == "sleep" || verb == "wake") {
      stage_->put_to_sleep(first, verb == "sleep");
    } else if (verb == "restart") {
      stage_->restart(first);
    } else if (verb == "trust" || verb == "distrust") {
      stage_->trust(first, node_id(args[1]), verb == "trust");
    } else {
      ADD_FAILURE() << "unknown verb: " << verb;
    }
    return output_.empty() ? "nothing\n" : output_;
  }

 private:
  std::unique_ptr<Stage> stage_;
  std::string output_;
};

// A transcript is made of commands, each followed by "----", its effects and an empty line. # begins a comment line.
std::string replay_transcript(const std::string& text) {
  Player player;
  std::istringstream in(text);
  std::string result, line;
  bool in_output = false;
  while (std::getline(in, line)) {
    if (in_output && !line.empty()) continue;
    in_output = false;
    result += line + "\n";
    if (!line.empty() && line[0] != '#') {
      result += "----\n" + player.play(line);
      in_output = true;
    }
  }
  return result;
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, HasExactlyTheWrittenEffects) {
  const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/holdfast/detect/testdata/" + GetParam() + ".txt";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  ASSERT_FALSE(text.str().empty()) << path;
  const std::string played = replay_transcript(text.str());
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) {
    std::ofstream(path) << played;
  } else {
    EXPECT_EQ(played, text.str()) << path;
  }
}

const std::vector<std::string> kTranscripts = {"heartbeats",     "probes",       "own_pause", "swim_join",
                                               "swim_suspicion", "swim_restart", "omega"};

INSTANTIATE_TEST_SUITE_P(All, Transcript, testing::ValuesIn(kTranscripts), [](const auto& i) { return i.param; });

TEST(Transcripts, EveryFileIsPlayed) {
  size_t found = 0;
  for (const auto& e :
       std::filesystem::directory_iterator(std::string(HOLDFAST_SOURCE_DIR) + "/holdfast/detect/testdata")) {
    found += e.path().extension() == ".txt" ? 1 : 0;
  }
  EXPECT_EQ(found, kTranscripts.size());
}

}  // namespace
}  // namespace holdfast::detect
