// A member of one for tests of the face: a real store and real watches, without a log. It answers at once, or when
// told.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "holdfast/server/port.h"
#include "holdfast/store/store.h"
#include "holdfast/store/watch.h"

namespace holdfast::server {

class StorePort : public Port {
 public:
  StorePort() : store_(store::Limits{}), hub_(store::WatchConfig{}, 1) {
    identity_ = {.cluster_id = 0xc1u, .member_id = NodeId(0x11), .name = "alone"};
    store_.apply(store::SetMembers{.members = {{.id = identity_.member_id,
                                                .name = "alone",
                                                .peer_urls = {"http://localhost:2380"},
                                                .client_urls = {"http://localhost:2379"}}}});
  }
  void set_clients(Clients* clients) { clients_ = clients; }

  // While set, calls are kept and answered by answer_held().
  bool hold = false;
  // What every call is refused with, if not kNone.
  store::Error refuse_all = store::Error::kNone;
  bool is_learner = false;
  size_t steps = 0;
  std::vector<service::CallId> cancelled;
  size_t open_streams = 0;
  std::vector<std::pair<service::CallId, bool>> seen;  // calls in order, with has_leader

  size_t held() const { return held_.size(); }
  void answer_held() {
    std::vector<MakeCall> calls;
    calls.swap(held_);
    for (MakeCall& c : calls) answer(c);
    announce();
  }
  store::Store& store() { return store_; }

  const Identity& identity() const override { return identity_; }
  service::CallId next_call() override { return service::CallId(++last_call_); }
  store::StreamId next_stream() override { return store::StreamId(++last_stream_); }
  Facts facts() const override {
    Facts facts{.revision = store_.revision(), .is_learner = is_learner};
    const store::Response alarms = store_.alarms();
    facts.alarms = std::get<store::AlarmResponse>(alarms).alarms;
    return facts;
  }

  void step(std::vector<Action>& actions, std::vector<Taken>& taken) override {
    ++steps;
    for (Action& action : actions) {
      std::visit([&](auto& a) { carry(a, taken); }, action);
    }
    while (hub_.work(Time(), store_)) {
    }
    announce();
  }

 private:
  void carry(MakeCall& a, std::vector<Taken>&) {
    seen.emplace_back(a.call, a.has_leader);
    if (hold) {
      held_.push_back(std::move(a));
    } else {
      answer(a);
    }
  }
  void carry(CancelCall& a, std::vector<Taken>&) {
    cancelled.push_back(a.call);
    std::erase_if(held_, [&](const MakeCall& c) { return c.call == a.call; });
  }
  void carry(OpenWatch& a, std::vector<Taken>&) {
    ++open_streams;
    hub_.open(a.stream);
  }
  void carry(AskWatch& a, std::vector<Taken>&) { hub_.request(Time(), a.stream, a.request, store_); }
  void carry(CloseWatch& a, std::vector<Taken>&) {
    --open_streams;
    announced_.erase(a.stream);
    hub_.close(a.stream);
  }
  void carry(TakeWatch& a, std::vector<Taken>& taken) {
    std::vector<store::WatchResponse> responses = hub_.take(a.stream, a.max);
    const bool all = responses.size() < a.max;
    announced_.erase(a.stream);
    taken.push_back({a.stream, std::move(responses), all});
  }

  void announce() {
    for (store::StreamId stream : hub_.ready()) {
      if (announced_.insert(stream).second) clients_->on_watch_ready(stream);
    }
  }
  void answer(MakeCall& a) {
    store::Error error = refuse_all;
    if (error == store::Error::kNone) error = store::validate(a.request, store_.limits());
    clients_->on_reply(a.call, error != store::Error::kNone ? store::Response(store::Refused{error, store_.revision()})
                                                            : std::visit([&](auto& r) { return serve(r); }, a.request));
  }

  template <class Command>
  store::Response apply(Command&& command) {
    store::Response response = store_.apply(std::forward<Command>(command));
    hub_.applied(Time(), store_);
    return response;
  }
  store::Response serve(store::RangeRequest& r) { return store_.range(r); }
  store::Response serve(store::TxnRequest& r) {
    return store::is_read_only(r) ? store_.read_txn(r) : apply(store::Command(r));
  }
  store::Response serve(store::LeaseGrantRequest& r) {
    if (!r.id) r.id = store::LeaseId(++last_lease_);
    return apply(store::Command(r));
  }
  store::Response serve(store::LeaseKeepAliveRequest& r) {
    return store::LeaseKeepAliveResponse{store_.revision(), r.id, store_.lease_ttl_seconds(r.id).value_or(0)};
  }
  store::Response serve(store::LeaseTimeToLiveRequest& r) { return store_.lease_time_to_live(r, 0); }
  store::Response serve(store::LeaseLeasesRequest&) { return store_.lease_leases(); }
  store::Response serve(store::MemberAddRequest& r) {
    store::MembersResponse response{.revision = store_.revision(), .members = store_.members()};
    response.member = {.id = NodeId(0x22), .peer_urls = r.peer_urls, .is_learner = r.is_learner};
    response.members.push_back(response.member);
    return response;
  }
  store::Response serve(store::MemberListRequest&) { return members(); }
  store::Response serve(store::MemberRemoveRequest&) { return members(); }
  store::Response serve(store::MemberUpdateRequest&) { return members(); }
  store::Response serve(store::MemberPromoteRequest&) { return members(); }
  store::Response serve(store::StatusRequest&) {
    return store::StatusResponse{.revision = store_.revision(),
                                 .leader = identity_.member_id,
                                 .raft_index = 7,
                                 .raft_term = 3,
                                 .raft_applied_index = 7,
                                 .db_size = store_.bytes_held()};
  }
  store::Response serve(store::HashKvRequest& r) { return store_.hash_kv(r); }
  store::Response serve(store::MoveLeaderRequest&) { return store::MoveLeaderResponse{store_.revision()}; }
  template <class Request>
  store::Response serve(Request& r) {
    return apply(store::Command(r));
  }
  store::Response members() {
    return store::MembersResponse{.revision = store_.revision(), .members = store_.members()};
  }

  Identity identity_;
  store::Store store_;
  store::WatchHub hub_;
  Clients* clients_ = nullptr;
  std::vector<MakeCall> held_;
  std::set<store::StreamId> announced_;
  uint64_t last_call_ = 0, last_stream_ = 0;
  int64_t last_lease_ = 1000;
};

}  // namespace holdfast::server
