#include "holdfast/runtime/blob_thread.h"

#include <spdlog/spdlog.h>

namespace holdfast::runtime {

BlobThread::BlobThread(asio::io_context& loop, std::unique_ptr<stable::BlobStore> blobs, Answer answer,
                       Metrics& metrics)
    : blobs_(std::move(blobs)),
      answer_(std::move(answer)),
      written_bytes_(metrics.counter("holdfast_blob_written_bytes_total", "Bytes written to snapshots.")),
      read_bytes_(metrics.counter("holdfast_blob_read_bytes_total", "Bytes read from snapshots.")),
      failures_(metrics.counter("holdfast_blob_failures_total", "Reads and writes of snapshots that failed.")),
      inbox_(loop,
             [this](const std::vector<BlobAnswer>& answers) {
               for (const BlobAnswer& a : answers) {
                 if (!closed_) answer_(a);
               }
             }),
      thread_([this] { run(); }) {}

BlobThread::~BlobThread() { close(); }

void BlobThread::submit(BlobRequest request) { enqueue(std::move(request)); }
void BlobThread::submit(std::function<void()> work) { enqueue(std::move(work)); }

void BlobThread::enqueue(Work work) {
  if (closed_) return;
  {
    const std::lock_guard lock(mutex_);
    pending_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void BlobThread::close() {
  if (closed_) return;
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
  inbox_.close();
}

void BlobThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !pending_.empty() || closing_; });
    if (pending_.empty()) return;
    const Work work = std::move(pending_.front());
    pending_.pop_front();
    lock.unlock();
    if (const auto* request = std::get_if<BlobRequest>(&work)) {
      carry_out(*request);
    } else {
      std::get<std::function<void()>>(work)();
    }
    lock.lock();
  }
}

void BlobThread::carry_out(const BlobRequest& request) {
  std::optional<BlobAnswer> answer = blobs_->handle(request);
  count(request, answer);
  if (answer.has_value()) inbox_.put(*std::move(answer));
}

void BlobThread::count(const BlobRequest& request, const std::optional<BlobAnswer>& answer) {
  if (const auto* append = std::get_if<BlobAppend>(&request)) written_bytes_.add(append->bytes.size());
  if (!answer.has_value()) return;
  if (const auto* data = std::get_if<BlobData>(&*answer)) read_bytes_.add(data->bytes.size());
  if (const auto* failed = std::get_if<BlobFailed>(&*answer)) {
    failures_.add();
    spdlog::error("blob.failed blob={} what=\"{}\"", failed->id.value(), failed->what);
  }
}

}  // namespace holdfast::runtime
