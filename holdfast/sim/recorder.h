// The history of a run, as its clients write it.
#pragma once

#include <deque>

#include "holdfast/base/print.h"
#include "holdfast/sim/check/history.h"
#include "holdfast/sim/check/watch_check.h"
#include "holdfast/sim/world.h"

namespace holdfast::sim {

class Recorder {
 public:
  explicit Recorder(World& world) : world_(world) {}

  uint64_t begin(uint64_t client, NodeId member, const store::Request& request) {
    check::Operation op;
    op.id = history_.size() + 1;
    op.client = client;
    op.member = member;
    op.called = world_.now();
    op.request = request;
    history_.push_back(std::move(op));
    world_.trace().note(world_.now(), member, "call", hash_combine(client, history_.size()),
                        [&] { return "client " + std::to_string(client) + " " + print(request); });
    return history_.size();
  }
  void end(uint64_t id, store::Response response) {
    check::Operation& op = history_[id - 1];
    world_.trace().note(world_.now(), op.member, "answer", hash_combine(id, hash64(print(response))),
                        [&] { return "client " + std::to_string(op.client) + " " + print(response); });
    op.returned = world_.now();
    op.response = std::move(response);
    if (check::succeeded(op)) ++succeeded_;
  }
  // A session that goes on being written; the reference stays valid.
  check::WatchSession& watch() { return watches_.emplace_back(); }

  const check::History& history() const { return history_; }
  const std::deque<check::WatchSession>& watches() const { return watches_; }
  uint64_t succeeded() const { return succeeded_; }

 private:
  World& world_;
  check::History history_;
  std::deque<check::WatchSession> watches_;
  uint64_t succeeded_ = 0;
};

}  // namespace holdfast::sim
