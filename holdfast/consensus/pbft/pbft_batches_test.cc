// How much a primary puts into a batch: the first goes at once, and the busier the group, the larger they are.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

// Operations in each batch that member 2 was sent.
struct Batches {
  explicit Batches(Quiet& q) {
    q.drops = [this](NodeId, NodeId to, const Message& m) {
      if (const auto* p = std::get_if<PrePrepare>(&m); p != nullptr && to == NodeId(2) && p->seq > last) {
        last = p->seq;
        size_t operations = 0;
        const auto batch = codec::decode<Batch>(p->batch);
        for (const SignedRequest& r : batch->requests) operations += r.request.operations.size();
        sizes.push_back(operations);
      }
      return hold && std::holds_alternative<Prepare>(m);
    };
  }
  std::vector<size_t> sizes;
  Seq last;
  bool hold = true;  // nothing gets decided
};

void say(Quiet& q, int operations) {
  for (int i = 0; i < operations; ++i) {
    q.submit("op" + std::to_string(i), q.tokens % 2 == 0 ? 101 : 102);
    q.deliver();
  }
}

TEST(PbftBatches, ABatchWaitsUntilItIsWorthAsMuchAsWhatIsUnderWay) {
  Quiet q;
  q.start();
  q.deliver();
  Batches batches(q);
  say(q, 1);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1}));  // nobody is kept waiting for company
  say(q, 1);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1}));
  say(q, 1);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1}));
  say(q, 1);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1, 2}));
  say(q, 2);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1, 2}));
  batches.hold = false;
  q.pass(400);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1, 2, 2}));
  EXPECT_EQ(q.answers.size(), 6u);
}

TEST(PbftBatches, AFullBatchWaitsForNothing) {
  Quiet q;
  q.base.max_batch_operations = 2;
  q.start();
  q.deliver();
  Batches batches(q);
  say(q, 8);
  EXPECT_EQ(batches.sizes, (std::vector<size_t>{1, 1, 2, 2, 2}));
}

}  // namespace
}  // namespace holdfast::pbft
