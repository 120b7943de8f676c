// The blob thread: carries out blob requests (snapshots) one after the other, so that neither the loop nor a commit
// waits for them.
//
// Thread rule: all calls from the loop's thread; answers are delivered there, in the order of the requests.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "holdfast/model/outbox.h"
#include "holdfast/runtime/loop_inbox.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/stable/blob_store.h"

namespace holdfast::runtime {

class BlobThread {
 public:
  using Answer = std::function<void(const BlobAnswer&)>;

  BlobThread(asio::io_context& loop, std::unique_ptr<stable::BlobStore> blobs, Answer answer, Metrics& metrics);
  ~BlobThread();

  void submit(BlobRequest request);
  // Runs `work` on the thread, in its turn. It may not touch what the loop owns.
  void submit(std::function<void()> work);
  // Carries out what was submitted, answers nothing more, and waits for the thread. Idempotent.
  void close();

 private:
  using Work = std::variant<BlobRequest, std::function<void()>>;
  void enqueue(Work work);
  void run();
  void carry_out(const BlobRequest& request);
  void count(const BlobRequest& request, const std::optional<BlobAnswer>& answer);

  std::unique_ptr<stable::BlobStore> blobs_;
  Answer answer_;
  bool closed_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> pending_;  // under mutex_
  bool closing_ = false;      // under mutex_

  Counter& written_bytes_;
  Counter& read_bytes_;
  Counter& failures_;
  LoopInbox<BlobAnswer> inbox_;
  std::thread thread_;
};

}  // namespace holdfast::runtime
