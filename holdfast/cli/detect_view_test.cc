// What `holdfast detect` shows, drawn without an agent.
#include "holdfast/cli/detect_view.h"

#include <gtest/gtest.h>

#include "holdfast/cli/json.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

detect::Fellow fellow(uint64_t id, detect::MemberState state) {
  detect::Fellow f;
  f.node = NodeId(id);
  f.state = state;
  return f;
}

detect::Suspected suspected(uint64_t who, uint64_t by) {
  detect::Suspected s;
  s.node = NodeId(who);
  s.by = NodeId(by);
  return s;
}

class DetectViewTest : public testing::Test {
 protected:
  DetectViewTest() : names_(NodeId(1), "ant") {
    names_.describe(NodeId(1), {"ant", "127.0.0.1:7001"});
    names_.describe(NodeId(2), {"bee", "127.0.0.1:7002"});
    names_.describe(NodeId(3), {"cat", "127.0.0.1:7003"});
    screen_.title = "Group default, detector swim";
    screen_.self = "ant";
    screen_.address = "127.0.0.1:7001";
    screen_.up = std::chrono::seconds(3725);
    screen_.leader = "bee";
    screen_.sent = 12;
    screen_.received = 11;
    screen_.fellows = {fellow(2, detect::MemberState::kAlive), fellow(3, detect::MemberState::kSuspect)};
  }
  std::string drawn(size_t width = 100, size_t height = 40) const {
    std::string out;
    for (const std::string& line : render(screen_, names_, width, height)) out += line + "\n";
    return out;
  }
  size_t lines(size_t height) const { return render(screen_, names_, 100, height).size(); }

  AgentNames names_;
  DetectScreen screen_;
};

TEST_F(DetectViewTest, TellsWhoFindsNoRoom) {
  detect::Full full;
  full.node = NodeId(9);
  full.members = 1000;
  const Notice notice = *names_.notice(full);
  EXPECT_EQ(notice.event, "full");
  EXPECT_EQ(notice.text,
            "no room for 9: 1000 members are known, and no more are taken in; divide the group (swim takes in 10000 "
            "members, the other detectors 1000)");
}

TEST_F(DetectViewTest, ShowsNothingThatAnotherAgentMadeUp) {
  const auto joined = [this](const AgentCard& card) {
    detect::Joined e;
    e.node = NodeId(9);
    e.meta = encode_card(card);
    return names_.notice(e)->text;
  };
  EXPECT_EQ(joined({"dog", "127.0.0.1:7009"}), "dog joined, at 127.0.0.1:7009");
  for (const char* address : {"", "\x1b[2J", "127.0.0.1", "127.0.0.1:7009/", "127.0.0.1:99999", "a b:1", "\xff:1"}) {
    EXPECT_EQ(joined({"dog", address}), "dog joined, at an unknown address") << address;
  }
  for (const char* name : {"", "\x1b[2J", "a b", "\xff"}) {
    EXPECT_EQ(joined({name, "127.0.0.1:7009"}), hex_id(9) + " joined, at an unknown address") << name;
  }
}

TEST_F(DetectViewTest, ShowsWhoSuspectsWhomAndWhoLeads) {
  ASSERT_TRUE(names_.notice(suspected(3, 2)).has_value());
  screen_.events = {"cat is suspected by bee"};
  EXPECT_EQ(drawn(), R"(Group default, detector swim, up 01:02:05
leader: bee   datagrams: 12 sent, 11 received

  MEMBER  ADDRESS         STATE             LEADER
  ant     127.0.0.1:7001  this one
  bee     127.0.0.1:7002  alive             leads
  cat     127.0.0.1:7003  suspected by bee

Last events
  cat is suspected by bee

Ctrl-C leaves the group
)");
}

TEST_F(DetectViewTest, ShowsWhatTheDetectorKnowsBesides) {
  screen_.fellows[0].phi = 3'210'000;
  screen_.fellows[0].timeout = Duration::millis(2500);
  EXPECT_EQ(drawn().find("PHI"), std::string::npos);
  EXPECT_EQ(drawn().find("TIMEOUT"), std::string::npos);
  screen_.detector = detect::DetectorKind::kPhi;
  EXPECT_NE(drawn().find("PHI"), std::string::npos);
  EXPECT_NE(drawn().find("3.2"), std::string::npos);
  for (const auto kind : {detect::DetectorKind::kHeartbeat, detect::DetectorKind::kProbe}) {
    screen_.detector = kind;
    EXPECT_NE(drawn().find("TIMEOUT"), std::string::npos);
    EXPECT_NE(drawn().find("2.5 s"), std::string::npos);
  }
}

TEST_F(DetectViewTest, SaysWhatIsWrong) {
  EXPECT_EQ(drawn().find("refused"), std::string::npos);
  EXPECT_EQ(drawn().find("slow"), std::string::npos);
  screen_.refused = 3;
  screen_.local_health = 2;
  screen_.leader = "";
  EXPECT_NE(drawn().find("leader: none"), std::string::npos);
  EXPECT_NE(drawn().find("3 refused"), std::string::npos);
  EXPECT_NE(drawn().find("this process is slow: local health 2"), std::string::npos);
}

TEST_F(DetectViewTest, StatesHaveWords) {
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kAlive)), "alive");
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kSuspect)), "suspected");
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kDead)), "dead");
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kLeft)), "left");
  // By this member itself; and no more, once it was refuted.
  names_.notice(suspected(2, 0));
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kSuspect)), "suspected by ant");
  names_.notice(detect::Restored{NodeId(2)});
  EXPECT_EQ(state_text(names_, fellow(2, detect::MemberState::kSuspect)), "suspected");
}

// Old events go first, then members, which are counted; head, foot and this member stay.
TEST_F(DetectViewTest, FitsTheTerminal) {
  for (uint64_t id = 10; id < 40; ++id) screen_.fellows.push_back(fellow(id, detect::MemberState::kAlive));
  for (int i = 0; i < 10; ++i) screen_.events.push_back(cat("event ", i));
  EXPECT_GT(lines(1000), 45u);
  for (const size_t height : {20u, 24u, 40u}) {
    EXPECT_LE(lines(height), height);
    const std::string picture = drawn(100, height);
    EXPECT_NE(picture.find("this one"), std::string::npos);
    EXPECT_NE(picture.find("event 9"), std::string::npos) << "the latest is seen";
    EXPECT_NE(picture.find("more\n"), std::string::npos);
    EXPECT_NE(picture.find("Ctrl-C"), std::string::npos);
  }
  EXPECT_EQ(drawn(100, 1000).find("more\n"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::cli
