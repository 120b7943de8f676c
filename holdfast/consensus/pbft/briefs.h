// Proposals that name their requests, while some of these have not come yet.
//
// Bounded: one for each place that is open in the window, with as many names as a batch may have requests.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/consensus/pbft/messages.h"

namespace holdfast::pbft {

class Briefs {
 public:
  const BriefPrePrepare* find(Seq seq) const {
    const auto at = waiting_.find(seq);
    return at != waiting_.end() ? &at->second.brief : nullptr;
  }
  // `lacks`: those of its requests that are not there. The whole is asked for at `ask`.
  void add(const BriefPrePrepare& brief, const std::vector<RequestId>& lacks, Time ask) {
    Waiting& w = waiting_.emplace(brief.seq, Waiting{brief, 0, ask}).first->second;
    for (const RequestId& id : lacks) w.lacks += lacking_.emplace(id, brief.seq).second ? 1 : 0;
  }
  void erase(Seq seq) {
    const auto at = waiting_.find(seq);
    if (at == waiting_.end()) return;
    for (const RequestId& id : at->second.brief.requests) lacking_.erase({id, seq});
    waiting_.erase(at);
  }
  void erase_up_to(Seq seq) {
    while (!waiting_.empty() && waiting_.begin()->first <= seq) erase(waiting_.begin()->first);
  }
  void clear() {
    waiting_.clear();
    lacking_.clear();
  }
  // A request has come: the places of which nothing is lacking any more.
  std::vector<Seq> came(const RequestId& id) {
    std::vector<Seq> complete;
    for (auto l = lacking_.lower_bound({id, Seq()}); l != lacking_.end() && l->first == id; l = lacking_.erase(l)) {
      if (--waiting_.at(l->second).lacks == 0) complete.push_back(l->second);
    }
    return complete;
  }
  // The next one that is to be asked for; it is due again at `again`.
  const BriefPrePrepare* due(Time now, Time again) {
    for (auto& [seq, w] : waiting_) {
      if (w.ask > now) continue;
      w.ask = again;
      return &w.brief;
    }
    return nullptr;
  }
  Time next() const {
    Time next = Time::never();
    for (const auto& [seq, w] : waiting_) next = std::min(next, w.ask);
    return next;
  }

 private:
  struct Waiting {
    BriefPrePrepare brief;
    size_t lacks = 0;
    Time ask;
  };
  std::map<Seq, Waiting> waiting_;
  std::set<std::pair<RequestId, Seq>> lacking_;
};

}  // namespace holdfast::pbft
