#include "holdfast/lab/ben_or.h"

#include <algorithm>

namespace holdfast::lab::ben_or {

std::string to_text(const Report& m) {
  return "Report{round " + std::to_string(m.round) + ", holds " + std::to_string(m.bit) + "}";
}
std::string to_text(const Support& m) {
  return "Support{round " + std::to_string(m.round) + ", " + (m.bit ? std::to_string(*m.bit) : "none") + "}";
}

size_t Process::count(const Heard& heard, uint64_t bit) {
  return static_cast<size_t>(
      std::count_if(heard.begin(), heard.end(), [bit](const auto& h) { return h.second == bit; }));
}

void Process::tell(const Message& message, Out& out) {
  for (const NodeId to : config_.all) {
    if (to != config_.self) out.send(to, message);
  }
}

void Process::propose(Time now, uint64_t bit, Out& out) {
  if (phase_ != Phase::kIdle || decided_) return;
  bit_ = bit & 1;
  begin_round(now, out);
  go_on(now, out);
}

void Process::begin_round(Time now, Out& out) {
  ++round_;
  out.raise(NextRound{round_, bit_});
  phase_ = Phase::kReports;
  patient_until_ = now + config_.patience;
  reports_[round_][config_.self] = bit_;
  tell(Report{round_, bit_}, out);
}

void Process::on_message(Time now, NodeId from, const Message& message, Out& out) {
  if (decided_ || std::count(config_.all.begin(), config_.all.end(), from) == 0) return;
  if (const auto* r = std::get_if<Report>(&message)) {
    if (r->round >= round_ && r->round <= round_ + config_.max_rounds && r->bit <= 1) reports_[r->round][from] = r->bit;
  } else if (const auto* s = std::get_if<Support>(&message)) {
    const bool sound = !s->bit || *s->bit <= 1;
    if (s->round >= round_ && s->round <= round_ + config_.max_rounds && sound) supports_[s->round][from] = s->bit;
  } else if (const auto* d = std::get_if<Decided>(&message); d != nullptr && d->bit <= 1) {
    return decide(d->bit, out);
  }
  go_on(now, out);
}

bool Process::heard_enough(Time now, const Heard& heard) const {
  return heard.size() == config_.all.size() || (heard.size() >= needed() && now >= patient_until_);
}

void Process::go_on(Time now, Out& out) {
  while (!decided_ && phase_ != Phase::kIdle && round_ <= config_.max_rounds) {
    if (phase_ == Phase::kReports && heard_enough(now, reports_[round_])) {
      end_reports(now, out);
    } else if (phase_ == Phase::kSupports && heard_enough(now, supports_[round_])) {
      end_supports(now, out);
    } else {
      return;
    }
  }
}

void Process::end_reports(Time now, Out& out) {
  std::optional<uint64_t> support;
  for (const uint64_t bit : {0, 1}) {
    if (count(reports_[round_], bit) * 2 > config_.all.size()) support = bit;
  }
  phase_ = Phase::kSupports;
  patient_until_ = now + config_.patience;
  supports_[round_][config_.self] = support;
  tell(Support{round_, support}, out);
}

void Process::end_supports(Time now, Out& out) {
  const Heard heard = supports_[round_];
  std::optional<uint64_t> supported;
  for (const uint64_t bit : {0, 1}) {
    const size_t n = count(heard, bit);
    if (n > config_.crashes) return decide(bit, out);
    if (n > 0) supported = bit;
  }
  if (supported) {
    bit_ = *supported;
  } else if (config_.rule == Rule::kCoin) {
    bit_ = coin_.below(2);
  }
  reports_.erase(reports_.begin(), reports_.upper_bound(round_));
  supports_.erase(supports_.begin(), supports_.upper_bound(round_));
  begin_round(now, out);
}

void Process::decide(uint64_t bit, Out& out) {
  decided_ = bit;
  tell(Decided{bit}, out);
  out.raise(Chosen{bit});
}

Time Process::deadline() const {
  if (decided_ || phase_ == Phase::kIdle) return Time::never();
  const auto& heard = phase_ == Phase::kReports ? reports_ : supports_;
  const auto now = heard.find(round_);
  return now != heard.end() && now->second.size() >= needed() ? patient_until_ : Time::never();
}

void Process::check_invariants() const {
  ensure(bit_ <= 1, "a bit is a bit");
  ensure(reports_.empty() || reports_.begin()->first >= round_, "what belongs to earlier rounds is forgotten");
}

}  // namespace holdfast::lab::ben_or
