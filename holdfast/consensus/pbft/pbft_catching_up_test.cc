// Who is behind gets there, whatever one liar asks of the others, and however fast the network is.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/late_testing.h"

namespace holdfast::pbft {
namespace {

bool of_transfer(NodeId, NodeId, const Message& m) {
  return std::holds_alternative<FetchState>(m) || std::holds_alternative<LogPart>(m) ||
         std::holds_alternative<SnapshotOffer>(m) || std::holds_alternative<OfferPart>(m) ||
         std::holds_alternative<FetchOfferPart>(m);
}

// Besides what is late already.
void lose(Quiet& q, Late::Which lost) {
  q.drops = [lost = std::move(lost), before = std::move(q.drops)](NodeId from, NodeId to, const Message& m) {
    return lost(from, to, m) || before(from, to, m);
  };
}

// n4 was away; offers are too large for one message. n3 serves nothing, and asks the others for offers all the time.
TEST(PbftCatchingUp, WhatOneAsksForTakesNothingFromAnother) {
  Quiet q;
  q.snapshots = true;
  q.base.transfer_bytes = 50;
  q.start();
  run(q, 10);
  q.crash(4);
  run(q, 60);
  Late late(q, 1, of_transfer);
  lose(q, [](NodeId from, NodeId, const Message& m) {
    return from == NodeId(3) && (std::holds_alternative<OfferPart>(m) || std::holds_alternative<LogPart>(m));
  });
  q.restart(4);
  for (uint64_t ms = 0; ms < 3000 && q.replica(4).executed_upto() < q.replica(1).executed_upto(); ++ms) {
    for (uint64_t to : {1, 2}) q.say(NodeId(3), NodeId(to), FetchState{5 + ms % 2, Seq(), false});
    late.pass(1);
  }
  EXPECT_GT(hits_of("pbft.offer_in_parts"), 0u);
  EXPECT_EQ(q.replica(4).executed_upto(), q.replica(1).executed_upto());
}

// Batches of one checkpoint interval are more than a member is given in one resend interval.
TEST(PbftCatchingUp, WhoIsGivenEnoughForNowGoesOnLater) {
  for (const int64_t hop : {0, 1, 3}) {
    Quiet q;
    q.base.checkpoint_interval = 64;
    q.base.window = 256;
    q.base.transfer_bytes = 256;
    q.base.serve_bytes = 8 << 10;
    q.start();
    q.deliver();
    q.crash(4);
    for (int i = 0; i < 70; ++i) {
      run(q, 1, std::string(600, 'x'));
      q.pass(20);  // each in a batch of its own
    }
    Late late(q, hop, of_transfer);
    q.restart(4);
    for (int ms = 0; ms < 20'000 && q.replica(4).executed_upto() < Seq(64); ++ms) late.pass(1);
    ASSERT_GE(q.replica(1).stable_checkpoint(), Seq(64));
    EXPECT_GE(q.replica(4).executed_upto(), Seq(64)) << hop;
    EXPECT_GT(hits_of("pbft.asks_too_much"), 0u);
  }
}

// The same of an offer in parts, and one part of it is lost besides.
TEST(PbftCatchingUp, AnOfferIsGoneOnWithAfterAPause) {
  Quiet q;
  q.snapshots = true;
  q.base.serve_bytes = 600;
  q.base.transfer_bytes = 50;
  q.start();
  run(q, 10);
  q.crash(4);
  run(q, 60);
  size_t parts = 0, whole = 0;
  Late late(q, 1, of_transfer);
  lose(q, [&](NodeId, NodeId, const Message& m) {
    const auto* part = std::get_if<OfferPart>(&m);
    if (part != nullptr) whole = part->total / part->bytes.size();
    return part != nullptr && ++parts == 2;
  });
  q.restart(4);
  for (int ms = 0; ms < 20'000 && q.replica(4).executed_upto() < q.replica(1).executed_upto(); ++ms) late.pass(1);
  EXPECT_GT(whole, 4u);
  EXPECT_GT(hits_of("pbft.transfer_repeated"), 0u);
  EXPECT_EQ(q.replica(4).executed_upto(), q.replica(1).executed_upto());
  EXPECT_LE(parts, 3 * whole) << "what came stays good";
}

}  // namespace
}  // namespace holdfast::pbft
