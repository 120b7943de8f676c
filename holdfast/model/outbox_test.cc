#include "holdfast/model/outbox.h"

#include <gtest/gtest.h>

#include "holdfast/base/print.h"

namespace holdfast {
namespace {

struct Ping {
  int n = 0;
};
struct Pong {
  int n = 0;
};
struct Note {
  int n = 0;
};
struct Heard {
  int n = 0;
};
using ChildOut = Outbox<std::variant<Ping>, std::variant<Note>, std::variant<Heard>>;
using ParentOut = Outbox<std::variant<Pong, std::variant<Ping>>, std::variant<std::variant<Note>, Pong>, Heard>;

TEST(Outbox, NumbersRecordsOnFromOneAndNeverAgain) {
  ChildOut out;
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.persist(Note{1}), StableSeq(1));
  EXPECT_EQ(out.persist(Note{2}), StableSeq(2));
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.persist(Note{3}), StableSeq(3));
  out.continue_at(StableSeq(10));
  EXPECT_EQ(out.next_seq(), StableSeq(10));
}

TEST(OutboxDeathTest, NumbersNeverGoBack) {
  ChildOut out;
  out.continue_at(StableSeq(5));
  EXPECT_DEATH(out.continue_at(StableSeq(4)), "never go back");
}

TEST(Outbox, ReleaseIsMonotone) {
  ChildOut out;
  out.release(StableSeq(5));
  out.release(StableSeq(3));
  EXPECT_EQ(out.released, StableSeq(5));
  EXPECT_FALSE(out.empty());
}

TEST(Absorb, AChildsEffectsTakeTheirPlacesInTheParentsStream) {
  ParentOut parent;
  ChildOut child;
  parent.persist(Pong{0});
  for (int round = 1; round <= 2; ++round) {
    const auto events = absorb(parent, child, [&](ChildOut& out) {
      const StableSeq first = out.persist(Note{round});
      out.send(NodeId(7), Ping{round}, first);
      out.raise(Heard{round}, first);
      out.blob(BlobCreate{BlobId(1)});
      out.release(first);
    });
    const StableSeq expected(static_cast<uint64_t>(2 * round));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].after, expected);
    EXPECT_EQ(print(events[0].event), "Heard{" + std::to_string(round) + "}");
    EXPECT_EQ(parent.persisted.back().seq, expected);
    EXPECT_EQ(print(parent.persisted.back().record), "Note{" + std::to_string(round) + "}");
    EXPECT_EQ(parent.sent.back().after, expected);
    EXPECT_EQ(parent.sent.back().to, NodeId(7));
    EXPECT_EQ(parent.released, expected);
    EXPECT_TRUE(child.empty());
    parent.persist(Pong{round});
  }
  EXPECT_EQ(parent.blobs.size(), 2u);
  EXPECT_TRUE(parent.raised.empty()) << "a child's events are its parent's to act on";
}

TEST(AbsorbDeathTest, AnUndrainedChildIsABug) {
  ParentOut parent;
  ChildOut child;
  child.send(NodeId(1), Ping{1});
  EXPECT_DEATH(absorb(parent, child, [](ChildOut&) {}), "drained");
}

TEST(Time, NeverStaysNever) {
  EXPECT_EQ(Time::never() + Duration::seconds(1), Time::never());
  EXPECT_GT(Time::never(), Time::at_millis(1) + Duration::seconds(1'000'000));
  EXPECT_EQ(Time::at_millis(5) - Time::at_millis(2), Duration::millis(3));
  EXPECT_EQ(to_text(Time::at_millis(5)), "@5ms");
  EXPECT_EQ(to_text(Time::never()), "never");
}

}  // namespace
}  // namespace holdfast
