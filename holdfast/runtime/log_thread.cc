#include "holdfast/runtime/log_thread.h"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

#include "holdfast/base/mark.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

LogThread::LogThread(asio::io_context& loop, std::unique_ptr<stable::Wal> wal, Options options, Owner& owner,
                     Metrics& metrics)
    : options_(options),
      owner_(owner),
      wal_(std::move(wal)),
      sync_seconds_(metrics.histogram("holdfast_log_sync_seconds", "How long the syncs of the log took.",
                                      exponential_bounds(0.0001, 2, 16))),
      write_seconds_(metrics.histogram("holdfast_log_write_seconds", "How long the writes of the log took.",
                                       exponential_bounds(0.0001, 2, 16))),
      written_bytes_(metrics.counter("holdfast_log_written_bytes_total", "Bytes of records written to the log.")),
      written_records_(metrics.counter("holdfast_log_written_records_total", "Records written to the log.")),
      pending_gauge_(metrics.gauge("holdfast_log_pending_bytes", "Bytes of records that are not stable yet.")),
      inbox_(loop, [this](const std::vector<Report>& reports) { deliver(reports); }),
      thread_([this] { run(); }) {}

LogThread::~LogThread() { (void)close(); }

// --- The loop's side -------------------------------------------------------------------------------------------------

void LogThread::append(StableSeq seq, Chain record) {
  if (failed_ || closed_) return;
  gathered_bytes_ += record.size();
  gathered_.push_back({seq, std::move(record)});
}

void LogThread::release(StableSeq first_needed) { gathered_release_ = std::max(gathered_release_, first_needed); }

void LogThread::flush() {
  if (gathered_.empty() && gathered_release_ == StableSeq{}) return;
  if (failed_ || closed_) return;
  pending_bytes_ += gathered_bytes_;
  pending_gauge_.set(static_cast<int64_t>(pending_bytes_));
  {
    const std::lock_guard lock(mutex_);
    pending_.bytes += gathered_bytes_;
    pending_.released = std::max(pending_.released, gathered_release_);
    if (pending_.records.empty()) {
      pending_.records.swap(gathered_);
    } else {
      std::move(gathered_.begin(), gathered_.end(), std::back_inserter(pending_.records));
    }
  }
  wake_.notify_one();
  gathered_.clear();
  gathered_bytes_ = 0;
  gathered_release_ = {};
}

void LogThread::deliver(const std::vector<Report>& reports) {
  if (closed_ || failed_) return;
  StableSeq upto;
  for (const Report& r : reports) {
    upto = std::max(upto, r.upto);
    pending_bytes_ -= r.bytes;
  }
  pending_gauge_.set(static_cast<int64_t>(pending_bytes_));
  if (upto != StableSeq{}) owner_.on_log_stable(upto);
  // A failure is the last report there is.
  const Status& last = reports.back().failed;
  if (last.ok() || closed_) return;
  failed_ = true;
  owner_.on_log_failed(last);
}

Status LogThread::close() {
  if (!closed_) {
    flush();
    closed_ = true;
    {
      const std::lock_guard lock(mutex_);
      pending_.closing = true;
    }
    wake_.notify_one();
    thread_.join();
    inbox_.close();
  }
  return result_;
}

// --- The thread's side -----------------------------------------------------------------------------------------------

LogThread::Work LogThread::next_work() {
  std::unique_lock lock(mutex_);
  const auto something = [this] {
    return !pending_.records.empty() || pending_.closing || pending_.released != StableSeq{};
  };
  Work work;
  if (tidy_) {
    wake_.wait(lock, something);
  } else if (!wake_.wait_for(lock, to_chrono(options_.idle), something)) {
    work.idle = true;
    return work;
  }
  std::swap(work, pending_);
  return work;
}

void LogThread::run() {
  while (true) {
    Work work = next_work();
    result_ = do_work(work);
    if (!result_.ok()) {
      spdlog::error("log.failed what=\"{}\"", std::string(result_.message()));
      return inbox_.put({{}, 0, result_});
    }
    if (work.closing) return;
  }
}

Status LogThread::do_work(Work& work) {
  if (work.idle) return tidy_up();
  if (!work.records.empty()) {
    const auto begin = Clock::now();
    Status s = wal_->write(work.records);
    const double written = seconds_since(begin);
    if (s.ok()) s = wal_->sync();
    if (!s.ok()) {
      mark<"log.failed">();
      return s;
    }
    const double all = seconds_since(begin);
    if (all * 1000 >= static_cast<double>(options_.slow.millis())) {
      mark<"log.slow">();
      spdlog::warn("log.slow records={} bytes={} write_ms={:.1f} sync_ms={:.1f}", work.records.size(), work.bytes,
                   written * 1000, (all - written) * 1000);
    }
    write_seconds_.observe(written);
    sync_seconds_.observe(all - written);
    written_records_.add(work.records.size());
    written_bytes_.add(work.bytes);
    inbox_.put({wal_->stable(), work.bytes, absl::OkStatus()});
    tidy_ = false;
  }
  if (work.released != StableSeq{}) {
    wal_->release(work.released);
    tidy_ = false;
    if (Status s = wal_->trim(); !s.ok()) return s;
  }
  return work.closing ? wal_->close() : absl::OkStatus();
}

// In idle moments: says on the disk what is stable, gives up what is not needed, and makes room ahead of need.
Status LogThread::tidy_up() {
  tidy_ = true;
  if (Status s = wal_->mark_stable(); !s.ok()) return s;
  if (Status s = wal_->trim(); !s.ok()) return s;
  const Status room = wal_->prepare();
  if (!wal_->status().ok()) return wal_->status();
  if (!room.ok() && !space_warned_) {
    mark<"log.no_room_ahead">();
    spdlog::warn("log.low_space what=\"{}\"", std::string(room.message()));
  }
  space_warned_ = !room.ok();
  return absl::OkStatus();
}

}  // namespace holdfast::runtime
