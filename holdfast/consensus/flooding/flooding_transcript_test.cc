// Plays the transcripts of testdata/*.txt (sim/explore/transcript_testing.h says how, and how to write them anew).
#include <gtest/gtest.h>

#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/flooding/flooding_log.h"
#include "holdfast/sim/explore/transcript_testing.h"

namespace holdfast::flooding {
namespace {

std::vector<NodeId> group_of(uint64_t n) {
  std::vector<NodeId> group;
  for (uint64_t i = 1; i <= n; ++i) group.push_back(NodeId(i));
  return group;
}

// processes N | propose NODE VALUE | notice OBSERVER CRASHED
class InstancePlayer : public explore::Player<Flooding> {
 public:
  explicit InstancePlayer(Agreement agreement)
      : Player([this, agreement](NodeId id) {
          return std::make_unique<Flooding>(Config{id, group_of(members_), agreement, NodeId(1)});
        }) {}

 private:
  bool perform(const std::string& verb, const Arguments& args) override {
    if (verb == "processes") {
      members_ = std::stoull(args[0]);
      for (const NodeId id : group_of(members_)) world_.add(id);
    } else if (verb == "propose") {
      world_.step(node(args[0]), [&](Flooding& f, Flooding::Out& out) {
        ASSERT_TRUE(f.propose(world_.now, Slice::copy_of(args[1]), out).ok());
      });
    } else if (verb == "notice") {
      world_.step(node(args[0]),
                  [&](Flooding& f, Flooding::Out& out) { f.on_crash(world_.now, node_id(args[1]), out); });
    } else {
      return false;
    }
    return true;
  }
  uint64_t members_ = 0;
};

// processes N | submit NODE COMMAND | notice OBSERVER CRASHED; what was submitted is proposed by "wait 0"
class LogPlayer : public explore::Player<FloodingLog> {
 public:
  LogPlayer()
      : Player([this](NodeId id) {
          return std::make_unique<FloodingLog>(LogConfig{id, group_of(members_)});
        }) {}

 private:
  bool perform(const std::string& verb, const Arguments& args) override {
    if (verb == "processes") {
      members_ = std::stoull(args[0]);
      for (const NodeId id : group_of(members_)) world_.add(id);
    } else if (verb == "submit") {
      world_.step(node(args[0]), [&](FloodingLog& log, FloodingLog::Out& out) {
        ASSERT_TRUE(log.submit(world_.now, Slice::copy_of(args[1]), out).ok());
      });
    } else if (verb == "notice") {
      world_.step(node(args[0]),
                  [&](FloodingLog& log, FloodingLog::Out& out) { log.on_crash(world_.now, node_id(args[1]), out); });
    } else {
      return false;
    }
    return true;
  }
  uint64_t members_ = 0;
};

const std::string kFolder = "holdfast/consensus/flooding/testdata/";

TEST(FloodingTranscript, TheLecturesExample) {
  explore::expect_transcript(kFolder + "the_lectures_example.txt",
                             std::make_unique<InstancePlayer>(Agreement::kCorrect));
}
TEST(FloodingTranscript, UniformAgreement) {
  explore::expect_transcript(kFolder + "uniform_agreement.txt", std::make_unique<InstancePlayer>(Agreement::kUniform));
}
TEST(FloodingTranscript, Log) { explore::expect_transcript(kFolder + "log.txt", std::make_unique<LogPlayer>()); }

TEST(FloodingTranscript, EveryFileIsPlayed) { EXPECT_EQ(explore::transcripts_in(kFolder), 3u); }

}  // namespace
}  // namespace holdfast::flooding
