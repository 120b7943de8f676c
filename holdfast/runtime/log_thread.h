// The log thread: writes and syncs a member's stable records while the loop goes on.
//
// Group commit: it takes everything that is pending, writes it, syncs once, reports the highest stable number, and
// takes what has gathered meanwhile. So the number of syncs adapts to the disk: one per record when there is little to
// do, one for thousands under load.
//
// Failure: once a write or a sync has failed nothing more is written or reported, and nothing is tried again; the owner
// is told once and must stop. What was reported stable before is stable.
//
// Thread rule: all calls from the loop's thread; the owner is called there too.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "holdfast/runtime/loop_inbox.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/stable/wal.h"

namespace holdfast::runtime {

class LogThread {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Everything up to `upto` is stable.
    virtual void on_log_stable(StableSeq upto) = 0;
    // The log cannot be written any more; the message says what happened and what to do. Called at most once.
    virtual void on_log_failed(const Status& why) = 0;
  };
  struct Options {
    size_t max_pending_bytes = size_t{64} << 20;  // beyond this it is congested
    Duration slow = Duration::millis(100);        // a write or sync that takes longer is logged
    Duration idle = Duration::millis(20);         // after this long without work, the log is tidied up
  };

  LogThread(asio::io_context& loop, std::unique_ptr<stable::Wal> wal, Options options, Owner& owner, Metrics& metrics);
  ~LogThread();

  // Appends a record behind the earlier ones. Handed over by flush(), so that one step's records stay together.
  void append(StableSeq seq, Chain record);
  // No record below `first_needed` will be needed by a recovery.
  void release(StableSeq first_needed);
  void flush();

  // Bytes that were appended and not reported stable. Who feeds the member should hold back while it is congested.
  size_t pending_bytes() const { return pending_bytes_; }
  bool congested() const { return pending_bytes_ > options_.max_pending_bytes; }

  // Makes everything that was appended stable, ends the log in order and waits for the thread. Nothing is reported any
  // more. The log's error if it failed, now or earlier. Idempotent.
  Status close();

 private:
  struct Report {
    StableSeq upto;
    size_t bytes = 0;
    Status failed;
  };
  // What one round of the thread has to do.
  struct Work {
    std::vector<stable::PendingRecord> records;
    size_t bytes = 0;
    StableSeq released;
    bool closing = false;
    bool idle = false;
  };

  void run();
  Work next_work();
  Status do_work(Work& work);
  Status tidy_up();
  void deliver(const std::vector<Report>& reports);

  const Options options_;
  Owner& owner_;
  size_t pending_bytes_ = 0;
  std::vector<stable::PendingRecord> gathered_;  // the loop's, before flush()
  size_t gathered_bytes_ = 0;
  StableSeq gathered_release_;
  bool failed_ = false;
  bool closed_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  Work pending_;  // under mutex_

  // The thread's own.
  std::unique_ptr<stable::Wal> wal_;
  bool tidy_ = false;
  bool space_warned_ = false;
  Status result_;  // read after the thread has ended

  Histogram& sync_seconds_;
  Histogram& write_seconds_;
  Counter& written_bytes_;
  Counter& written_records_;
  Gauge& pending_gauge_;
  LoopInbox<Report> inbox_;
  std::thread thread_;
};

}  // namespace holdfast::runtime
