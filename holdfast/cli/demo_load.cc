#include "holdfast/cli/demo_load.h"

#include <algorithm>
#include <map>

#include "holdfast/cli/client.h"
#include "holdfast/cli/kv_range.h"
#include "holdfast/cli/pause.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

constexpr size_t kMostComplaints = 10;
// The next write has a key of its own: no write is ever repeated.
constexpr RetryPolicy kNextWrite =
    RetryPolicy(Repeatable::kNoEffect).growing(Duration::millis(20), Duration::millis(80)).spread(Jitter::kHalf);

// What is stored: value and the revision that wrote it.
struct Stored {
  std::string value;
  int64_t revision = 0;
};

// Everything below `prefix`, as of one revision, in pages.
StatusOr<std::map<std::string, Stored>> read_all(Client& client, const std::string& prefix) {
  std::map<std::string, Stored> all;
  pb::RangeRequest request;
  request.set_key(prefix);
  request.set_range_end(prefix_end(prefix));
  request.set_limit(2'000);
  for (;;) {
    const auto page = client.range(request);
    if (!page.ok()) return page.status();
    for (const auto& kv : page->kvs()) all[kv.key()] = {kv.value(), kv.mod_revision()};
    if (!page->more()) return all;
    request.set_revision(request.revision() == 0 ? page->header().revision() : request.revision());
    request.set_key(page->kvs(page->kvs_size() - 1).key() + std::string(1, '\0'));
  }
}

// What is wrong with one attempt in the light of what is stored; empty when nothing is.
std::string complaint(const Attempt& attempt, const Stored* stored, Verdict& verdict) {
  if (stored != nullptr && stored->value != attempt.value) {
    return cat(attempt.key, " holds \"", stored->value, "\", but only \"", attempt.value, "\" was ever written to it");
  }
  switch (attempt.outcome) {
    case Attempt::Outcome::kAcknowledged:
      if (stored == nullptr)
        return cat(attempt.key, " was acknowledged at revision ", attempt.revision, " and is LOST");
      if (stored->revision != attempt.revision) {
        return cat(attempt.key, " was acknowledged at revision ", attempt.revision, " but stands at ",
                   stored->revision);
      }
      ++verdict.present;
      return "";
    case Attempt::Outcome::kRefused:
      return stored == nullptr ? "" : cat(attempt.key, " was refused, and is there nevertheless");
    case Attempt::Outcome::kUnknown:
      ++(stored == nullptr ? verdict.unknown_not_done : verdict.unknown_done);
      return "";
  }
  return "";
}

}  // namespace

Writers::Writers(std::vector<std::string> endpoints, std::string prefix, int count, std::chrono::milliseconds timeout)
    : endpoints_(std::move(endpoints)), prefix_(std::move(prefix)), count_(count), timeout_(timeout) {}

Writers::~Writers() { stop(); }

void Writers::start() {
  stop_ = false;
  for (int writer = 0; writer < count_; ++writer) threads_.emplace_back([this, writer] { write(writer); });
}

void Writers::stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<Attempt> Writers::attempts() const {
  const std::lock_guard lock(mutex_);
  return attempts_;
}

void Writers::write(int writer) {
  Client::Options options;
  options.endpoints.clear();
  // Each begins with another member, so that all of them have work.
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    options.endpoints.push_back(endpoints_[(static_cast<size_t>(writer) + i) % endpoints_.size()]);
  }
  options.timeout = timeout_;
  options.require_leader = true;
  StatusOr<std::unique_ptr<Client>> client = Client::create(options);
  if (!client.ok()) return;
  Retry retry = fresh_retry(kNextWrite);
  for (uint64_t n = 0; !stop_; ++n) {
    Attempt attempt;
    attempt.key = cat(prefix_, "w", writer, "/", n);
    attempt.value = cat("written by client ", writer, " as its number ", n);
    pb::PutRequest request;
    request.set_key(attempt.key);
    request.set_value(attempt.value);
    attempt.began = Attempt::Clock::now();
    const auto response = (*client)->put(request);
    attempt.ended = Attempt::Clock::now();
    if (response.ok()) {
      attempt.outcome = Attempt::Outcome::kAcknowledged;
      attempt.revision = response->header().revision();
    } else if (!may_have_happened(response.status())) {
      attempt.outcome = Attempt::Outcome::kRefused;
    }
    if (!response.ok()) attempt.answer = cat(response.status().message());
    const bool failed = !response.ok();
    {
      const std::lock_guard lock(mutex_);
      attempts_.push_back(std::move(attempt));
    }
    if (failed) {
      pause_for(retry.next_pause());  // a dead member refuses at once
    } else {
      retry.succeeded();
    }
  }
}

LoadFigures figures(const std::vector<Attempt>& attempts, Attempt::Clock::time_point from,
                    Attempt::Clock::time_point to) {
  LoadFigures out;
  std::vector<std::chrono::microseconds> times;
  for (const Attempt& attempt : attempts) {
    if (attempt.began < from || attempt.began >= to) continue;
    if (attempt.outcome == Attempt::Outcome::kRefused) {
      ++out.refused;
      if (attempt.answer.starts_with("etcdserver: ")) {
        ++out.refused_by_member;
        out.refusal = attempt.answer;
      }
    }
    if (attempt.outcome == Attempt::Outcome::kUnknown) ++out.unknown;
    if (attempt.outcome != Attempt::Outcome::kAcknowledged) continue;
    ++out.acknowledged;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(attempt.ended - attempt.began));
  }
  std::sort(times.begin(), times.end());
  if (!times.empty()) {
    out.median = times[times.size() / 2];
    out.p99 = times[times.size() * 99 / 100];
  }
  const double seconds = std::chrono::duration<double>(to - from).count();
  if (seconds > 0) out.per_second = static_cast<double>(out.acknowledged) / seconds;
  return out;
}

std::chrono::milliseconds longest_pause(const std::vector<Attempt>& attempts, Attempt::Clock::time_point from,
                                        Attempt::Clock::time_point to) {
  std::vector<Attempt::Clock::time_point> moments = {from, to};
  for (const Attempt& attempt : attempts) {
    if (attempt.outcome != Attempt::Outcome::kAcknowledged) continue;
    if (attempt.ended > from && attempt.ended < to) moments.push_back(attempt.ended);
  }
  std::sort(moments.begin(), moments.end());
  Attempt::Clock::duration longest{0};
  for (size_t i = 1; i < moments.size(); ++i) longest = std::max(longest, moments[i] - moments[i - 1]);
  return std::chrono::duration_cast<std::chrono::milliseconds>(longest);
}

StatusOr<Verdict> verify(Client& client, const std::string& prefix, const std::vector<Attempt>& attempts) {
  const StatusOr<std::map<std::string, Stored>> all = read_all(client, prefix);
  if (!all.ok()) return all.status();
  Verdict verdict;
  const auto complain = [&](std::string text) {
    if (verdict.wrong.size() < kMostComplaints) verdict.wrong.push_back(std::move(text));
  };
  size_t accounted = 0;
  for (const Attempt& attempt : attempts) {
    const auto found = all->find(attempt.key);
    const Stored* stored = found == all->end() ? nullptr : &found->second;
    if (stored != nullptr) ++accounted;
    if (std::string text = complaint(attempt, stored, verdict); !text.empty()) complain(std::move(text));
  }
  if (accounted != all->size()) {
    complain(cat("there are ", all->size() - accounted, " keys that nobody wrote"));
  }
  return verdict;
}

}  // namespace holdfast::cli
