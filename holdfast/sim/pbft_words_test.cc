// Packets of PBFT in words.
#include "holdfast/sim/pbft_words.h"

#include <gtest/gtest.h>

#include "holdfast/base/codec.h"
#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/sim/store_words.h"
#include "holdfast/store/store.h"

namespace holdfast::sim {
namespace {

Slice put(const std::string& key) {
  const store::Command command = store::PutRequest{Slice::copy_of(key), Slice::copy_of("v")};
  return codec::encode_flat(replica::Operation{false, codec::encode_flat(command)});
}
pbft::SignedRequest asks_for(const Slice& operation) {
  pbft::SignedRequest out;
  out.request.id = {NodeId(1), 1, 1};
  out.request.operations = {operation};
  return out;
}
std::string said(PbftWords& words, const pbft::Message& message) {
  pbft::Packet packet;
  packet.body = codec::encode_flat(message);
  return words.print(packet, false);
}

TEST(PbftWords, OperationsOfTheStoreAreShownByWhatTheyAskFor) {
  PbftWords words(operation_words);
  EXPECT_EQ(said(words, pbft::Submit{asks_for(put("r/0"))}), "Submit{put r/0}");
  EXPECT_EQ(operation_words(codec::encode_flat(replica::Operation{true, Slice::copy_of("?")})), "question");
  EXPECT_EQ(operation_words(Slice::copy_of("none")), std::nullopt);
}

TEST(PbftWords, WithoutWordsWhatCanBeReadIsShownAsItIs) {
  PbftWords words;
  EXPECT_EQ(said(words, pbft::Submit{asks_for(Slice::copy_of("x"))}), "Submit{x}");
  EXPECT_EQ(said(words, pbft::Submit{asks_for(Slice::copy_of("\x01"))}).size(), std::string("Submit{abcd}").size());
}

// Whoever speaks of a batch names what it holds, from the first message on that shows it.
TEST(PbftWords, BatchesAreNamedByWhatTheyHold) {
  PbftWords words(operation_words);
  pbft::Batch batch;
  batch.requests = {asks_for(put("r/0"))};
  const Slice bytes = codec::encode_flat(batch);
  const pbft::Digest digest = crypto::digest(bytes.view());
  EXPECT_EQ(said(words, pbft::BatchData{pbft::Seq(7), bytes}), "BatchData{7:put r/0}");
  EXPECT_EQ(said(words, pbft::DecidedNotice{0, pbft::Seq(7), digest}), "DecidedNotice{7:put r/0}");
  EXPECT_EQ(said(words, pbft::FetchBatch{pbft::Seq(7), digest}), "FetchBatch{7:put r/0}");
  EXPECT_EQ(said(words, pbft::Reply{{NodeId(1), 1, 1}, false, {}, {}}), "Reply{put r/0}");
  EXPECT_EQ(said(words, pbft::Reply{{NodeId(1), 1, 1}, true, {}, {}}), "Reply{to a read}") << "of a count of its own";
}

}  // namespace
}  // namespace holdfast::sim
