// Members of a replicated state machine over real sockets, threads and files, within this process.
#include "holdfast/embed/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include <fmt/format.h>

namespace holdfast {
namespace {

using testing::HasSubstr;

// Adds what it is told, and says the sum.
class Sum : public StateMachine {
 public:
  std::string apply(const Moment&, std::string_view command) override {
    sum_ += std::stoll(std::string(command));
    return std::to_string(sum_);
  }
  std::string query(std::string_view) const override { return std::to_string(sum_); }
  std::string save() const override { return std::to_string(sum_); }
  Status restore(std::string_view image) override {
    sum_ = std::stoll(std::string(image));
    return absl::OkStatus();
  }

 private:
  int64_t sum_ = 0;
};

// On every engine.
class NodeTest : public testing::TestWithParam<std::string> {
 protected:
  NodeTest() {
    for (uint64_t id = 1; id <= 3; ++id) founders_.push_back({id, address(id)});
  }
  ~NodeTest() override {
    nodes_.clear();
    std::filesystem::remove_all(root_);
  }

  // Of the loopback network, and only this process's.
  static std::string address(uint64_t id) {
    const auto pid = static_cast<uint32_t>(getpid());
    return fmt::format("127.{}.{}.{}:{}", 66 + (pid >> 16 & 0x3f), pid >> 8 & 0xff, 1 + (pid & 0xff) % 254, 27000 + id);
  }
  NodeOptions options(uint64_t id) const {
    NodeOptions o;
    o.id = id;
    o.data_dir = fmt::format("{}/{}", root_, id);
    o.members = founders_;
    o.engine = GetParam();
    o.heartbeat_ms = 20;
    o.election_timeout_ms = 100;
    o.request_timeout_ms = 20'000;
    o.snapshot_count = 50;
    return o;
  }
  void start(const NodeOptions& o) {
    auto node = Node::start(o, std::make_unique<Sum>());
    ASSERT_TRUE(node.ok()) << node.status();
    nodes_[o.id] = *std::move(node);
  }
  void start_all() {
    for (uint64_t id = 1; id <= 3; ++id) start(options(id));
  }
  Node& node(uint64_t id) { return *nodes_.at(id); }
  std::string add(uint64_t id, int n) {
    const auto answer = node(id).submit(std::to_string(n)).get();
    return answer.ok() ? *answer : std::string(answer.status().message());
  }
  std::string sum(uint64_t id) {
    const auto answer = node(id).query("sum").get();
    return answer.ok() ? *answer : std::string(answer.status().message());
  }

  const std::string root_ = fmt::format("{}/node_test_{}", testing::TempDir(), getpid());
  std::vector<GroupMember> founders_;
  std::map<uint64_t, std::unique_ptr<Node>> nodes_;
};

TEST_P(NodeTest, AnyMemberTakesCommandsAndAnswersQuestions) {
  start_all();
  EXPECT_EQ(add(1, 5), "5");
  EXPECT_EQ(add(2, 7), "12");
  EXPECT_EQ(add(3, -2), "10");
  for (uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(sum(id), "10");
  EXPECT_EQ(node(2).members().size(), 3u);
  EXPECT_NE(node(1).leader(), 0u);
  EXPECT_TRUE(node(node(1).leader()).leads());
}

TEST_P(NodeTest, ManyCallsAtOnceAreEachAppliedOnce) {
  start_all();
  std::vector<std::future<Node::Result>> calls;
  for (int i = 0; i < 600; ++i) calls.push_back(node(1 + static_cast<uint64_t>(i) % 3).submit("1"));
  std::set<std::string> answers;
  for (auto& c : calls) answers.insert(c.get().value());
  EXPECT_EQ(answers.size(), 600u) << "each has a sum of its own";
  EXPECT_EQ(sum(3), "600");
}

TEST_P(NodeTest, AMinorityMayGoAndComesBackWithEverything) {
  start_all();
  for (int i = 0; i < 120; ++i) add(1, 1);  // beyond two snapshots
  node(3).stop();
  EXPECT_TRUE(node(3).wait().ok());
  nodes_.erase(3);
  for (int i = 0; i < 120; ++i) add(2, 1);
  start(options(3));
  EXPECT_EQ(sum(3), "240");
}

TEST_P(NodeTest, AllMayGoAndComeBackWithEverything) {
  start_all();
  for (int i = 0; i < 75; ++i) add(1, 2);
  nodes_.clear();
  start_all();
  EXPECT_EQ(sum(2), "150");
  EXPECT_EQ(add(3, 1), "151");
}

TEST_P(NodeTest, WithoutAMajorityNothingIsAnswered) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  nodes_.erase(2);
  nodes_.erase(3);
  NodeOptions o = options(1);
  nodes_.erase(1);
  o.request_timeout_ms = 300;
  start(o);
  EXPECT_THAT(add(1, 1), HasSubstr("too few members could be reached"));
  EXPECT_THAT(sum(1), HasSubstr("too few members could be reached"));
}

TEST_P(NodeTest, MembersComeAndGo) {
  start_all();
  EXPECT_EQ(add(1, 3), "3");
  ASSERT_TRUE(node(1).add_member({4, address(4)}).get().ok());
  NodeOptions fourth = options(4);
  fourth.listen = address(4);
  fourth.joins = true;
  start(fourth);
  EXPECT_EQ(sum(4), "3");
  EXPECT_EQ(node(4).members().size(), 4u);
  // It votes by now or soon; until then the first one may not be spared.
  Status removed;
  do {
    removed = node(4).remove_member(1).get();
  } while (absl::IsFailedPrecondition(removed));
  ASSERT_TRUE(removed.ok()) << removed;
  EXPECT_THAT(std::string(node(1).wait().message()), HasSubstr("removed"));
  EXPECT_EQ(add(4, 4), "7");
  EXPECT_EQ(node(4).members().size(), 3u);
  EXPECT_TRUE(absl::IsNotFound(node(2).remove_member(1).get()));
  EXPECT_TRUE(absl::IsAlreadyExists(node(2).add_member({4, address(5)}).get()));
  EXPECT_TRUE(absl::IsInvalidArgument(node(2).add_member({1, address(1)}).get()));
  EXPECT_TRUE(absl::IsInvalidArgument(node(2).add_member({5, "nowhere"}).get()));
}

TEST_P(NodeTest, AfterItsEndCallsAreRefused) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  node(1).stop();
  EXPECT_TRUE(node(1).wait().ok());
  EXPECT_EQ(add(1, 1), "this member has stopped");
  EXPECT_EQ(sum(2), "1");
}

TEST_P(NodeTest, OptionsThatMakeNoSenseAreExplained) {
  const auto refusal = [&](const std::function<void(NodeOptions&)>& change) {
    NodeOptions o = options(1);
    change(o);
    const auto started = Node::start(o, std::make_unique<Sum>());
    return started.ok() ? std::string("started") : std::string(started.status().message());
  };
  EXPECT_THAT(refusal([](auto& o) { o.id = 0; }), HasSubstr("NodeOptions::id is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.id = 9; }), HasSubstr("member 9 is not among"));
  EXPECT_THAT(refusal([](auto& o) { o.data_dir.clear(); }), HasSubstr("data_dir is empty"));
  EXPECT_THAT(refusal([](auto& o) { o.members[1].address = "b"; }), HasSubstr("\"b\", is not host:port"));
  EXPECT_THAT(refusal([](auto& o) { o.members[1].id = 1; }), HasSubstr("same id"));
  EXPECT_THAT(refusal([](auto& o) { o.election_timeout_ms = 30; }), HasSubstr("at least three times"));
  EXPECT_THAT(std::string(Node::start(options(1), nullptr).status().message()), HasSubstr("needs a state machine"));
}

TEST_P(NodeTest, ADirectoryOfAnotherMemberIsRefused) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  nodes_.clear();
  NodeOptions o = options(2);
  o.data_dir = options(1).data_dir;
  EXPECT_EQ(Node::start(o, std::make_unique<Sum>()).status().code(), absl::StatusCode::kFailedPrecondition);
  o = options(1);
  o.group = "another";
  EXPECT_EQ(Node::start(o, std::make_unique<Sum>()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(NodeTest, AnAddressThatIsTakenIsNamed) {
  start_all();
  NodeOptions o = options(1);
  o.data_dir = root_ + "/another";
  const Status refused = Node::start(o, std::make_unique<Sum>()).status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("27001"));
}

TEST_P(NodeTest, AGroupKeepsItsEngine) {
  const std::string other = GetParam() == "raft" ? "paxos" : "raft";
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  nodes_.clear();
  NodeOptions o = options(1);
  o.engine = other;
  const Status refused = Node::start(o, std::make_unique<Sum>()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("was written by " + GetParam()));
  // Directories of before there was a choice hold Raft's logs.
  for (uint64_t id = 1; id <= 3; ++id) std::filesystem::remove(options(id).data_dir + "/ENGINE");
  if (GetParam() == "raft") {
    start_all();
    EXPECT_EQ(add(1, 1), "2");
  }
  o.engine = "zab";
  EXPECT_THAT(std::string(Node::start(o, std::make_unique<Sum>()).status().message()),
              HasSubstr("NodeOptions::engine is \"zab\"; it must be raft or paxos"));
}

TEST_P(NodeTest, WhoRunsAnotherEngineIsRefusedAndToldSo) {
  NodeOptions wrong = options(3);
  wrong.engine = GetParam() == "raft" ? "paxos" : "raft";
  start(options(1));
  start(options(2));
  start(wrong);
  EXPECT_THAT(std::string(node(3).wait().message()), HasSubstr("2 of the other 2 run something else and refuse it"));
  EXPECT_EQ(add(1, 1), "1");
  EXPECT_EQ(sum(2), "1");
}

INSTANTIATE_TEST_SUITE_P(Engines, NodeTest, testing::Values("raft", "paxos"), [](const auto& p) { return p.param; });

}  // namespace
}  // namespace holdfast
