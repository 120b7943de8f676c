#include "holdfast/sim/store_cluster.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/service/group_change.h"
#include "holdfast/sim/frame.h"
#include "holdfast/sim/pbft_words.h"
#include "holdfast/sim/store_words.h"

namespace holdfast::sim {
namespace {

std::vector<store::Member> founders_of(const StoreConfig& config) {
  std::vector<store::Member> out;
  for (uint64_t i = 1; i <= config.members; ++i) {
    store::Member m;
    m.id = NodeId(i);
    m.name = "m" + std::to_string(i);
    m.peer_urls = {"http://" + m.name + ":2380"};
    out.push_back(std::move(m));
  }
  return out;
}

}  // namespace

StoreCluster::StoreCluster(World& world, const StoreConfig& config, const WorkloadConfig& workload)
    : world_(world),
      config_(config),
      workload_(workload),
      net_(world, config.min_delay, config.max_delay),
      random_(world.stream("cluster")),
      recorder_(world),
      oracle_(world, config.engine),
      founders_(founders_of(config)),
      liars_(world, net_, config_, founders_, [this] { return current(); }) {
  for (const store::Member& m : founders_) add_member(m.id, founders_);
  const MemberList list = [this] { return honest(); };
  for (size_t i = 0; i < workload.clients; ++i) {
    clients_.push_back(std::make_unique<LoopClient>(world_, net_, next_client_++, list, recorder_, workload));
  }
  for (size_t i = 0; i < workload.watchers; ++i) {
    watchers_.push_back(std::make_unique<WatchClient>(world_, net_, next_client_++, list, recorder_));
  }
  net_.set_tap([this](NodeId from, NodeId to, const Slice& bytes) {
    if (!is_client(from) && !is_client(to)) oracle_.sends(from, to, bytes);
  });
  set_printer([](const replica::Wire& wire) { return print(wire); });
}

void StoreCluster::print_in_words() {
  set_printer([](const replica::Wire& wire) { return in_words(wire); });
}

void StoreCluster::set_printer(std::function<std::string(const replica::Wire&)> say) {
  const auto words = std::make_shared<PbftWords>(operation_words);
  net_.set_printer([words, say = std::move(say)](NodeId from, NodeId to, const Slice& bytes) {
    if (is_client(from) || is_client(to)) {
      auto wire = codec::decode<ClientWire>(bytes);
      return wire.ok() ? print(*wire) : std::string("?");
    }
    auto wire = codec::decode<replica::Wire>(bytes);
    if (!wire.ok()) return std::string("?");
    // Members submit what their own clients want, so a Submit is never one that was only passed on.
    if (const auto* packet = std::get_if<pbft::Packet>(&*wire)) return words->print(*packet, false);
    return say(*wire);
  });
}

StoreMember& StoreCluster::add_member(NodeId id, std::vector<store::Member> bootstrap) {
  members_.push_back(std::make_unique<StoreMember>(world_, net_, config_, id, std::move(bootstrap)));
  StoreMember& m = *members_.back();
  m.node().set_supervisor([this, &m](Process&, bool by_itself) { on_down(m, by_itself); });
  m.node().set_observer([this, &m](const service::Service&) {
    if (!m.lies) oracle_.observe(m);
  });
  return m;
}

StoreMember* StoreCluster::find(NodeId id) {
  for (auto& m : members_) {
    if (m->id() == id) return m.get();
  }
  return nullptr;
}

std::vector<NodeId> StoreCluster::current() const {
  const service::Service* best = nullptr;
  for (const auto& m : members_) {
    if (m->lies || m->service() == nullptr || !m->service()->replica().started()) continue;
    if (best == nullptr || m->service()->replica().applied_index() > best->replica().applied_index())
      best = m->service();
  }
  std::vector<NodeId> out;
  if (best != nullptr) {
    for (const store::Member& m : best->store().members()) out.push_back(m.id);
  }
  if (out.empty()) {
    for (const auto& m : members_) out.push_back(m->id());
  }
  return out;
}

// Whom clients may turn to: who lies can tell its own clients what it likes.
std::vector<NodeId> StoreCluster::honest() const {
  std::vector<NodeId> out = current();
  std::erase_if(out, [&](NodeId id) { return liars_.lies(id); });
  return out;
}

void StoreCluster::turn(StoreMember& member, pbft::Lie lie, uint64_t seed) {
  liars_.turn(member, lie, seed);
  world_.trace().show(world_.now(), member.id(), "lie", "lies from now on");
  for (auto& c : clients_) c->leave(member.id());
  for (auto& w : watchers_) w->connection_lost(member.id());
  for (auto& e : extra_) e->connection_lost(member.id());
}

std::vector<StoreMember*> StoreCluster::due() {
  std::vector<StoreMember*> out;
  const std::vector<NodeId> now = current();
  for (auto& m : members_) {
    if (std::find(now.begin(), now.end(), m->id()) == now.end()) continue;
    if (m->lies || (m->damaged && m->refuses())) continue;
    // What it has not read yet says nothing: a member that starts over and over must serve like any other.
    if (m->service() != nullptr && m->service()->replica().started()) {
      const store::Member* self = m->service()->store().member(m->id());
      if (self == nullptr || self->is_learner) continue;
    }
    out.push_back(m.get());
  }
  return out;
}

StoreMember* StoreCluster::leader() {
  StoreMember* best = nullptr;
  for (auto& m : members_) {
    if (m->service() == nullptr || m->service()->replica().role() != consensus::Role::kLeader) continue;
    if (best == nullptr || m->service()->replica().term() > best->service()->replica().term()) best = m.get();
  }
  return best;
}

void StoreCluster::start_members() {
  for (auto& m : members_) m->node().start();
}

void StoreCluster::start_clients() {
  for (auto& c : clients_) c->start();
  for (auto& w : watchers_) w->start();
}

void StoreCluster::stop_clients() {
  for (auto& c : clients_) c->stop();
}

void StoreCluster::stop_watchers() {
  const std::vector<StoreMember*> serving = due();
  const auto serves = [&](NodeId id) {
    return std::any_of(serving.begin(), serving.end(), [&](const StoreMember* m) { return m->id() == id; });
  };
  for (auto& w : watchers_) w->stop(serves);
}

Caller& StoreCluster::extra_caller() {
  extra_.push_back(std::make_unique<Caller>(
      world_, net_, next_client_++, [this] { return honest(); }, recorder_));
  return *extra_.back();
}

void StoreCluster::reset_connections(NodeId member) {
  const auto tell = [&](ClientBase& client) {
    world_.after(config_.max_delay, [&client, member] { client.connection_lost(member); });
  };
  for (auto& c : clients_) tell(*c);
  for (auto& w : watchers_) tell(*w);
  for (auto& e : extra_) tell(*e);
}

void StoreCluster::on_down(StoreMember& member, bool by_itself) {
  if (!half_open_) reset_connections(member.id());
  if (member.node().life() == Life::kRefused && !member.damaged && !member.lies) {
    world_.violate("DUR", to_text(member.id()) +
                              " refuses to start although nothing damaged its disk: " + member.node().last_words());
    return;
  }
  const std::string& words = member.node().last_words();
  const bool named = std::any_of(member.rotten.begin(), member.rotten.end(), [&](const std::string& file) {
    return words.find(file + " at byte") != std::string::npos;
  });
  if (member.node().life() == Life::kRefused && !member.destroyed.empty() && !named && !member.lies) {
    world_.violate("DUR",
                   to_text(member.id()) + " does not say that " + *member.destroyed.begin() + " is damaged: " + words);
    return;
  }
  if (!by_itself || !restarting_ || member.node().life() == Life::kRefused) return;
  if (member.removed && random_.chance(3, 4)) return;
  world_.after(Duration::millis(random_.between(1, random_.chance(1, 3) ? 15 : 400)), [this, &member] {
    if (restarting_ && member.node().life() == Life::kDown) member.node().start();
  });
}

// --- The operator ---

void StoreCluster::start_operator() {
  if (!workload_.change_members) return;
  operator_running_ = true;
  operator_ = &extra_caller();
  operate();
}

void StoreCluster::operate() {
  reconcile();
  if (operator_running_ && !operator_->busy()) {
    for (auto& m : members_) {
      if (m->lies || m->service() == nullptr || !m->service()->replica().leads()) continue;
      if (config_.engine == replica::EngineKind::kPbft) {
        change_group(*m);
      } else {
        change_members(m->service()->store().members());
      }
      break;
    }
  }
  const Duration pause =
      Duration::millis(workload_.eager_operator ? random_.between(5, 150) : random_.between(100, 900));
  world_.after(pause, [this] { operate(); });
}

// Whoever was added gets a process, with an empty disk; whoever was removed may go on for a while. A voter that is
// being added is started before its entry is committed: where it makes the second of two, the entry cannot be without
// it.
void StoreCluster::reconcile() {
  std::vector<NodeId> now = current();
  for (const auto& m : members_) {
    if (m->lies || m->service() == nullptr || !m->service()->replica().started()) continue;
    for (const NodeId id : m->service()->replica().membership().everyone()) {
      if (std::find(now.begin(), now.end(), id) == now.end()) now.push_back(id);
    }
  }
  for (const NodeId id : now) {
    if (find(id) != nullptr) continue;
    mark<"sim.store.member_added">();
    const bool follows = config_.engine == replica::EngineKind::kPbft;  // from the founders on
    add_member(id, follows ? founders_ : std::vector<store::Member>()).node().start();
  }
  for (auto& m : members_) {
    if (std::find(now.begin(), now.end(), m->id()) == now.end()) m->removed = true;
  }
}

void StoreCluster::operator_call(store::Request request) {
  const std::vector<NodeId> now = honest();
  if (now.empty()) return;
  operator_->call(now[random_.below(now.size())], std::move(request), false, Duration::millis(1500),
                  [this](const store::Request&, const store::Response*) { reconcile(); });
}

void StoreCluster::change_members(const std::vector<store::Member>& now) {
  std::vector<NodeId> learners, voters;
  for (const store::Member& m : now) (m.is_learner ? learners : voters).push_back(m.id);
  if (!learners.empty()) {
    const NodeId id = learners[random_.below(learners.size())];
    if (random_.chance(1, 6)) return operator_call(store::MemberRemoveRequest{id});
    return operator_call(store::MemberPromoteRequest{id});
  }
  const size_t wanted = config_.members;
  if (voters.size() > 1 && (voters.size() > wanted || (voters.size() == wanted && random_.chance(1, 2)))) {
    return operator_call(store::MemberRemoveRequest{voters[random_.below(voters.size())]});
  }
  const std::string url =
      "http://new" + std::to_string(members_.size()) + "-" + std::to_string(random_.below(1000)) + ":2380";
  operator_call(store::MemberAddRequest{{url}, random_.chance(workload_.eager_operator ? 1 : 3, 4)});
}

// By what the administrator signs: between four members and seven, of which two may fail. Newcomers know the founders
// only, so two of those stay, one for the case that the other is broken.
void StoreCluster::change_group(const StoreMember& primary) {
  constexpr size_t kLeast = 4, kMost = 7, kFoundersKept = 2;
  const std::vector<store::Member>& now = primary.service()->store().members();
  // Whoever does not run or has not caught up counts among those who may fail: the operator waits for it.
  for (const store::Member& m : now) {
    const StoreMember* member = find(m.id);
    if (m.name.empty() || member == nullptr || member->service() == nullptr) return;
    if (member->service()->replica().term().value() >> 32 != primary.service()->replica().term().value() >> 32) return;
  }
  pbft::Change change{.epoch = primary.service()->replica().term().value() >> 32};
  service::GroupChange context;
  const bool shrinks = now.size() > kLeast && (now.size() == kMost || random_.chance(1, 3));
  const bool replaces = !shrinks && random_.chance(1, 4);
  if (shrinks || replaces) {
    const auto founder = [&](NodeId id) { return id.value() <= founders_.size(); };
    const auto founders = static_cast<size_t>(
        std::count_if(now.begin(), now.end(), [&](const store::Member& m) { return founder(m.id); }));
    const NodeId gone = now[random_.below(now.size())].id;
    if (founder(gone) && founders <= kFoundersKept) return;
    change.removed.push_back(gone);
  }
  if (replaces) mark<"sim.store.member_replaced">();
  if (!shrinks) {
    store::Member& fresh = context.added.emplace_back();
    fresh.id = NodeId(members_.size() + 1);
    fresh.peer_urls = {"http://new" + std::to_string(fresh.id.value()) + ":2380"};
    change.added.push_back({fresh.id, pbft::Notary::key_of(fresh.id)});
  }
  change.context = codec::encode_flat(context);
  pbft::FastAuthority administrator(pbft::Notary(kClusterId), kAdministrator);
  Slice bytes = codec::encode_flat(pbft::SignedChange{change, administrator.sign(pbft::text_of(kClusterId, change))});
  if (shrinks) return operator_call(store::MemberRemoveRequest{change.removed[0], std::move(bytes)});
  operator_call(store::MemberAddRequest{context.added[0].peer_urls, false, std::move(bytes)});
}

}  // namespace holdfast::sim
