#include "holdfast/consensus/reading.h"

namespace holdfast::consensus {

uint64_t Rounds::begin(Time now) {
  ++current_;
  open_.push_back({current_, now});
  return current_;
}

void Rounds::confirm(uint64_t round) {
  if (round <= confirmed_) return;
  ensure(round <= current_, "only a round that was sent is confirmed");
  confirmed_ = round;
  while (!open_.empty() && open_.front().round <= round) {
    confirmed_at_ = open_.front().at;
    open_.pop_front();
  }
}

Duration lease_length(const Config& config) {
  constexpr int64_t kMillion = 1'000'000;
  if (config.max_clock_drift_ppm >= kMillion) return {};
  return config.election_timeout / kMillion * (kMillion - config.max_clock_drift_ppm);
}

bool LeaderReads::add(ReadBatch read) {
  if (waiting_.size() >= kMaxWaiting) return false;
  waiting_.push_back(read);
  return true;
}

void LeaderReads::start(uint64_t round, Index commit) {
  if (waiting_.empty()) return;
  if (!under_way_.empty() && under_way_.back().round == round) {
    Group& group = under_way_.back();
    group.index = std::max(group.index, commit);
    group.reads.insert(group.reads.end(), waiting_.begin(), waiting_.end());
  } else {
    under_way_.push_back({round, commit, std::move(waiting_)});
  }
  waiting_.clear();
}

void LeaderReads::raise(Index commit) {
  for (Group& group : under_way_) group.index = std::max(group.index, commit);
}

std::vector<LeaderReads::Answer> LeaderReads::confirm(uint64_t round) {
  std::vector<Answer> answers;
  for (; !under_way_.empty() && under_way_.front().round <= round; under_way_.pop_front()) {
    for (const ReadBatch& read : under_way_.front().reads) answers.push_back({read, under_way_.front().index});
  }
  return answers;
}

std::vector<ReadBatch> LeaderReads::drain() {
  std::vector<ReadBatch> all;
  for (Group& group : under_way_) all.insert(all.end(), group.reads.begin(), group.reads.end());
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  under_way_.clear();
  waiting_.clear();
  return all;
}

uint64_t AskedReads::open(uint64_t token, Time deadline) {
  const uint64_t number = ++next_;
  batches_.push_back({number, deadline, {token}});
  return number;
}

}  // namespace holdfast::consensus
