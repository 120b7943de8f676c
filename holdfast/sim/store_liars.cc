#include "holdfast/sim/store_liars.h"

#include "holdfast/base/mark.h"
#include "holdfast/sim/frame.h"

namespace holdfast::sim {
namespace {

// How long twins keep to the same halves.
constexpr int64_t kTwinsDivideMs = 300;

// Zero while it does not know.
uint64_t epoch_of(const StoreMember& member) {
  const service::Service* service = member.service();
  return service != nullptr && service->replica().started() ? service->replica().term().value() >> 32 : 0;
}

}  // namespace

pbft::Group StoreLiars::group_of(const StoreMember& member) const {
  pbft::Configuration c;
  c.administrator = pbft::Notary::key_of(kAdministrator);
  c.epoch = epoch_of(member);
  const auto add = [&](NodeId id) { c.members.push_back({id, pbft::Notary::key_of(id)}); };
  if (c.epoch == 0) {
    for (const store::Member& m : founders_) add(m.id);
  } else {
    for (const NodeId id : member.service()->replica().membership().voters) add(id);
  }
  return pbft::Group(c);
}

void StoreLiars::turn(StoreMember& member, pbft::Lie lie, uint64_t seed) {
  ensure(config_.engine == replica::EngineKind::kPbft, "only members of PBFT lie");
  const NodeId id = member.id();
  const pbft::Group group = group_of(member);
  if (lies(id) || !group.is_member(id)) return;
  member.lies = true;
  std::shared_ptr<pbft::Plot>& shared = plots_[lie];
  if (!shared) shared = std::make_shared<pbft::Plot>();
  One& one = liars_[id];
  plot(*shared);
  one.authority = std::make_unique<pbft::FastAuthority>(pbft::Notary(kClusterId), id);
  one.liar =
      std::make_unique<pbft::Liar>(lie, id, kClusterId, group, config_.election_timeout, *one.authority, seed, shared);
  if (lie == pbft::Lie::kTwins) return add_twin(member, seed);
  net_.set_mouth(id, [this, &member](NodeId to, const Slice& bytes) { speak(member, to, bytes); });
  if (lie == pbft::Lie::kForgetful) {
    member.forgets = true;
    forget(member, Random(seed));
  }
}

// The half of the honest that is told the other story. The liars themselves know the first one.
void StoreLiars::plot(pbft::Plot& plot) const {
  plot.side.clear();
  bool other = Random(world_.seed()).chance(1, 2);
  for (const NodeId id : members_()) {
    if (lies(id)) continue;
    if (other) plot.side.insert(id);
    other = !other;
  }
}

void StoreLiars::speak(StoreMember& member, NodeId to, const Slice& bytes) {
  const StatusOr<replica::Wire> wire = is_client(to) ? absl::NotFoundError("") : codec::decode<replica::Wire>(bytes);
  const auto* packet = wire.ok() ? std::get_if<pbft::Packet>(&*wire) : nullptr;
  if (packet == nullptr) return net_.say(member.id(), to, bytes);
  pbft::Liar& liar = *liars_.at(member.id()).liar;
  if (epoch_of(member) > liar.group().epoch()) liar.follow(group_of(member));
  for (pbft::Utterance& u : liar.speak(to, *packet)) {
    mark<"sim.store.lie">();
    Slice said = codec::encode_flat(replica::Wire(std::move(u.packet)));
    if (u.delay == Duration()) {
      net_.say(u.as, u.to, std::move(said));
    } else {
      world_.after(u.delay, [this, as = u.as, whom = u.to, said] { net_.say(as, whom, said); });
    }
  }
}

void StoreLiars::forget(StoreMember& member, Random random) {
  const Duration life = Duration::millis(random.between(200, 2000));
  world_.after(life, [this, &member, random] {
    if (member.node().up()) {
      mark<"sim.store.forgotten">();
      member.node().crash("to forget what it said");
      member.node().wipe();
    }
    world_.after(Duration::millis(50), [this, &member, random] {
      if (!member.node().up()) member.node().start();
      forget(member, random);
    });
  });
}

// Each of the two says and hears what concerns its own part of the others only: what both hear, both would say.
void StoreLiars::add_twin(StoreMember& member, uint64_t seed) {
  const NodeId id = member.id(), other = twin_of(id);
  mark<"sim.store.twin">();
  twins_.push_back(std::make_unique<StoreMember>(world_, net_, config_, other, founders_, id));
  StoreMember& twin = *twins_.back();
  twin.lies = true;
  twin.node().set_supervisor(
      [this, &twin](Process&, bool) { world_.after(Duration::millis(100), [&twin] { twin.node().start(); }); });
  const auto of_twin = [this, seed](NodeId who) {
    const auto time = static_cast<uint64_t>(world_.now().millis() / kTwinsDivideMs);
    return (hash_combine(hash_combine(seed, time), who.value()) & 1) == 1;
  };
  net_.set_mouth(id, [this, id, of_twin](NodeId to, Slice bytes) {
    if (is_client(to) || !of_twin(to)) net_.say(id, to, std::move(bytes));
  });
  net_.set_mouth(other, [this, id, of_twin](NodeId to, Slice bytes) {
    if (is_client(to) || !of_twin(to)) return;
    ++twins_said_;
    net_.say(id, to, std::move(bytes));
  });
  net_.set_ear(id, [id, other, of_twin](NodeId from) { return !is_client(from) && of_twin(from) ? other : id; });
  twin.node().start();
}

uint64_t StoreLiars::told() const {
  uint64_t all = twins_said_;
  for (const auto& [id, one] : liars_) all += one.liar->lies();
  return all;
}

}  // namespace holdfast::sim
