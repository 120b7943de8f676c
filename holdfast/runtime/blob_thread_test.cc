#include "holdfast/runtime/blob_thread.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/print.h"
#include "holdfast/sim/sim_disk.h"

namespace holdfast::runtime {
namespace {

class BlobThreadTest : public testing::Test {
 protected:
  void open() {
    auto blobs = stable::BlobStore::open(disk);
    ASSERT_TRUE(blobs.ok()) << blobs.status();
    thread = std::make_unique<BlobThread>(
        loop, *std::move(blobs), [this](const BlobAnswer& a) { answers.push_back(print(a)); }, metrics);
  }
  testing::AssertionResult await_answers(size_t n) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (answers.size() < n) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << answers.size();
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(10));
    }
    return testing::AssertionSuccess();
  }

  asio::io_context loop{1};
  sim::SimDisk disk{3};
  Metrics metrics;
  std::vector<std::string> answers;
  std::unique_ptr<BlobThread> thread;
};

TEST_F(BlobThreadTest, AnswersInOrderOnTheLoop) {
  open();
  thread->submit(BlobCreate{BlobId(1)});
  thread->submit(BlobAppend{BlobId(1), Slice::unowned("hello ")});
  thread->submit(BlobAppend{BlobId(1), Slice::unowned("world")});
  thread->submit(BlobSeal{BlobId(1)});
  thread->submit(BlobRead{BlobId(1), 6, 100});
  thread->submit(BlobRead{BlobId(2), 0, 1});
  ASSERT_TRUE(await_answers(5));
  EXPECT_EQ(answers[0], print(BlobAnswer(BlobAppended{BlobId(1), 6})));
  EXPECT_EQ(answers[1], print(BlobAnswer(BlobAppended{BlobId(1), 11})));
  EXPECT_EQ(answers[2], print(BlobAnswer(BlobSealed{BlobId(1), 11})));
  EXPECT_EQ(answers[3], print(BlobAnswer(BlobData{BlobId(1), 6, Slice::unowned("world")})));
  EXPECT_THAT(answers[4], testing::HasSubstr("BlobFailed{b2"));
  EXPECT_EQ(metrics.counter("holdfast_blob_written_bytes_total", "").value(), 11u);
  EXPECT_EQ(metrics.counter("holdfast_blob_failures_total", "").value(), 1u);
}

TEST_F(BlobThreadTest, ClosingCarriesOutWhatWasSubmittedAndAnswersNothing) {
  open();
  bool ran = false;
  thread->submit(BlobCreate{BlobId(1)});
  thread->submit(BlobSeal{BlobId(1)});
  thread->submit([&] { ran = true; });
  thread->close();
  thread->submit(BlobDrop{BlobId(1)});
  loop.restart();
  loop.poll();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(answers.empty());
  thread.reset();
  auto blobs = stable::BlobStore::open(disk);
  ASSERT_TRUE(blobs.ok());
  EXPECT_EQ((*blobs)->sealed().size(), 1u);
}

}  // namespace
}  // namespace holdfast::runtime
