// Members of a replicated state machine over real sockets, threads and files, within this process.
#include "holdfast/embed/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/embed/options.h"
#include "holdfast/runtime/key_file.h"

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

// On every engine, with as many members as survive the failure of one.
class NodeTest : public testing::TestWithParam<std::string> {
 protected:
  NodeTest() {
    for (uint64_t id = 1; id <= size(); ++id) {
      const std::string key = byzantine() ? new_key(key_file(id)) + "@" : "";
      founders_.push_back({id, key + address(id)});
    }
  }
  ~NodeTest() override {
    nodes_.clear();
    std::filesystem::remove_all(root_);
  }

  static bool byzantine() { return GetParam() == "pbft"; }
  static bool fail_stop() { return GetParam() == "flooding"; }
  static uint64_t size() { return byzantine() ? 4 : 3; }
  std::string key_file(uint64_t id) const { return fmt::format("{}/{}.key", root_, id); }
  static std::string new_key(const std::string& file) { return to_hex(runtime::make_key_file(file).value().view()); }

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
    if (byzantine()) o.key_file = key_file(id);
    o.crash_timeout_ms = 2'000;
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
    for (uint64_t id = 1; id <= size(); ++id) start(options(id));
  }
  Node& node(uint64_t id) { return *nodes_.at(id); }
  std::string add(uint64_t id, int n) {
    const auto answer = node(id).submit(std::to_string(n)).get();
    return answer.ok() ? *answer : std::string(answer.status().message());
  }
  static std::string refusal(const NodeOptions& o) {
    const auto started = Node::start(o, std::make_unique<Sum>());
    return started.ok() ? std::string("started") : std::string(started.status().message());
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
  EXPECT_EQ(node(2).members().size(), size());
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

// Who comes back.
class DurableNodeTest : public NodeTest {};

TEST_P(DurableNodeTest, AMinorityMayGoAndComesBackWithEverything) {
  start_all();
  for (int i = 0; i < 120; ++i) add(1, 1);  // beyond two snapshots
  node(3).stop();
  EXPECT_TRUE(node(3).wait().ok());
  nodes_.erase(3);
  for (int i = 0; i < 120; ++i) add(2, 1);
  start(options(3));
  EXPECT_EQ(sum(3), "240");
}

TEST_P(DurableNodeTest, AllMayGoAndComeBackWithEverything) {
  start_all();
  for (int i = 0; i < 75; ++i) add(1, 2);
  nodes_.clear();
  start_all();
  EXPECT_EQ(sum(2), "150");
  EXPECT_EQ(add(3, 1), "151");
}

TEST_P(DurableNodeTest, WithoutAMajorityNothingIsAnswered) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  for (uint64_t id = 2; id <= size(); ++id) nodes_.erase(id);
  NodeOptions o = options(1);
  nodes_.erase(1);
  o.request_timeout_ms = 300;
  start(o);
  EXPECT_THAT(add(1, 1), HasSubstr("too few members could be reached"));
  EXPECT_THAT(sum(1), HasSubstr("too few members could be reached"));
}

// Whose group may change.
class OpenNodeTest : public NodeTest {};

TEST_P(OpenNodeTest, MembersComeAndGo) {
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

TEST_P(NodeTest, MembersOfAFixedGroupStayWhoTheyAre) {
  if (!byzantine() && !fail_stop()) return;
  start(options(1));
  EXPECT_TRUE(absl::IsUnimplemented(node(1).add_member({9, address(9)}).get()));
  EXPECT_TRUE(absl::IsUnimplemented(node(1).remove_member(2).get()));
  NodeOptions o = options(1);
  o.joins = true;
  EXPECT_THAT(refusal(o), HasSubstr("nobody joins a group over " + GetParam()));
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
    return NodeTest::refusal(o);
  };
  EXPECT_THAT(refusal([](auto& o) { o.id = 0; }), HasSubstr("NodeOptions::id is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.id = 9; }), HasSubstr("member 9 is not among"));
  EXPECT_THAT(refusal([](auto& o) { o.data_dir.clear(); }), HasSubstr("data_dir is empty"));
  EXPECT_THAT(refusal([](auto& o) { o.members[1].address = "b"; }), HasSubstr("\"b\", is not host:port"));
  EXPECT_THAT(refusal([](auto& o) { o.members[1].id = 1; }), HasSubstr("same id"));
  EXPECT_THAT(refusal([](auto& o) { o.election_timeout_ms = 30; }), HasSubstr("at least three times"));
  EXPECT_THAT(refusal([](auto& o) { o.crash_timeout_ms = 30; }), HasSubstr("crash_timeout_ms must be at least"));
  EXPECT_THAT(refusal([](auto& o) { o.engine = "zab"; }),
              HasSubstr("NodeOptions::engine is \"zab\"; it must be raft, paxos, pbft or flooding"));
  if (!byzantine()) {
    EXPECT_THAT(refusal([](auto& o) { o.disk_lost = true; }), HasSubstr("disk_lost is for pbft; over"));
  }
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

TEST_P(OpenNodeTest, AGroupKeepsItsEngine) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  nodes_.clear();
  NodeOptions o = options(1);
  o.engine = GetParam() == "raft" ? "paxos" : "raft";
  const Status refused = Node::start(o, std::make_unique<Sum>()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("was written by " + GetParam()));
  // Directories of before there was a choice hold Raft's logs.
  for (uint64_t id = 1; id <= 3; ++id) std::filesystem::remove(options(id).data_dir + "/ENGINE");
  if (GetParam() == "raft") {
    start_all();
    EXPECT_EQ(add(1, 1), "2");
  }
}

TEST_P(OpenNodeTest, WhoRunsAnotherEngineIsRefusedAndToldSo) {
  NodeOptions wrong = options(3);
  wrong.engine = GetParam() == "raft" ? "paxos" : "raft";
  start(options(1));
  start(options(2));
  start(wrong);
  EXPECT_THAT(std::string(node(3).wait().message()), HasSubstr("2 of the other 2 run something else and refuse it"));
  EXPECT_EQ(add(1, 1), "1");
  EXPECT_EQ(sum(2), "1");
}

std::string name_of(const testing::TestParamInfo<std::string>& p) { return p.param; }
INSTANTIATE_TEST_SUITE_P(Engines, NodeTest, testing::Values("raft", "paxos", "pbft", "flooding"), name_of);
INSTANTIATE_TEST_SUITE_P(Engines, DurableNodeTest, testing::Values("raft", "paxos", "pbft"), name_of);
INSTANTIATE_TEST_SUITE_P(Engines, OpenNodeTest, testing::Values("raft", "paxos"), name_of);

// --- Over PBFT -------------------------------------------------------------------------------------------------------

class PbftNodeTest : public NodeTest {};

TEST_P(PbftNodeTest, EachMemberNeedsItsOwnKeyAndThoseOfTheOthers) {
  const auto said = [&](const std::function<void(NodeOptions&)>& change) {
    NodeOptions o = options(2);
    change(o);
    return refusal(o);
  };
  EXPECT_THAT(said([&](auto& o) { o.key_file = key_file(1); }), HasSubstr("but the address of member 2 says"));
  EXPECT_THAT(said([&](auto& o) { o.key_file.clear(); }),
              testing::AllOf(HasSubstr("private key is not in " + root_ + "/2/member.key"),
                             HasSubstr("NodeOptions::key_file"), HasSubstr("holdfast key new")));
  EXPECT_THAT(
      said([&](auto& o) { o.members[2].address = address(3); }),
      HasSubstr("member 3 has no key; with NodeOptions::engine = \"pbft\" addresses are written KEY@HOST:PORT"));
  EXPECT_THAT(said([&](auto& o) { o.members[2].address = "4711@" + address(3); }),
              HasSubstr("KEY@host:port, where KEY are 64 digits"));
  EXPECT_THAT(said([&](auto& o) { o.members[2].address = o.members[0].address; }),
              HasSubstr("member 1 and member 3 have the same key"));
  EXPECT_THAT(said([&](auto& o) { o.members.pop_back(); }), HasSubstr("3 of 4 needed"));
  EXPECT_THAT(said([&](auto& o) { o.engine = "raft"; }), HasSubstr("NodeOptions::engine = \"raft\" has no use for"));
}

TEST_P(PbftNodeTest, MembersThatKnowOtherKeysAreOfAnotherGroup) {
  NodeOptions wrong = options(4);
  wrong.members[0].address = new_key(root_ + "/other.key") + "@" + address(1);
  for (uint64_t id = 1; id <= 3; ++id) start(options(id));
  start(wrong);
  EXPECT_THAT(std::string(node(4).wait().message()), HasSubstr("the same members with the same keys"));
  EXPECT_EQ(add(1, 1), "1");
  nodes_.erase(4);
  EXPECT_THAT(refusal(options(4)), HasSubstr("is the directory of another member, or of one of another group"));
}

TEST_P(PbftNodeTest, AMemberThatLostItsDiskComesBackWithItsKey) {
  start_all();
  for (int i = 0; i < 10; ++i) add(1, 1);
  nodes_.erase(2);
  std::filesystem::remove_all(options(2).data_dir);
  NodeOptions o = options(2);
  o.disk_lost = true;
  start(o);
  EXPECT_EQ(add(2, 5), "15");
  EXPECT_EQ(sum(2), "15");
}

INSTANTIATE_TEST_SUITE_P(Engines, PbftNodeTest, testing::Values("pbft"), name_of);

// --- Over flooding ---------------------------------------------------------------------------------------------------

class FloodingNodeTest : public NodeTest {};

TEST_P(FloodingNodeTest, AllButOneMayCrashAndNobodyComesBack) {
  start_all();
  EXPECT_EQ(add(1, 1), "1");
  nodes_.erase(1);
  EXPECT_EQ(add(2, 1), "2") << "once the crash is noticed";
  EXPECT_EQ(sum(2), "2");
  EXPECT_EQ(node(2).members().size(), 2u);
  EXPECT_THAT(refusal(options(1)), HasSubstr("in a fail-stop group it is out for good"));
  // Nor with an empty directory.
  std::filesystem::remove_all(options(1).data_dir);
  start(options(1));
  EXPECT_THAT(std::string(node(1).wait().message()), HasSubstr("go on without it"));
  EXPECT_THAT(add(1, 1), HasSubstr("this member has stopped: "));
  nodes_.erase(3);
  EXPECT_EQ(add(2, 1), "3");
  EXPECT_EQ(sum(2), "3");
  EXPECT_EQ(node(2).members().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Engines, FloodingNodeTest, testing::Values("flooding"), name_of);

TEST(NodeOptions, GroupsThatAreLargerThanTheyNeedToBeAreToldSo) {
  NodeOptions o;
  const auto advice = [&](const std::string& engine, size_t members) {
    o.engine = engine;
    o.members.resize(members);
    return advice_on_size(o);
  };
  EXPECT_EQ(advice("raft", 4), "4 members over raft survive the failure of 1, as 3 would, with less work");
  EXPECT_EQ(advice("pbft", 6), "6 members over pbft survive the failure of 1, as 4 would, with less work");
  for (const size_t n : {1, 3, 5}) EXPECT_EQ(advice("paxos", n), "");
  for (const size_t n : {4, 7}) EXPECT_EQ(advice("pbft", n), "");
  for (const size_t n : {2, 3, 4}) EXPECT_EQ(advice("flooding", n), "");
}

}  // namespace
}  // namespace holdfast
