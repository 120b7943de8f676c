// What single faulty members, or mere clients, may try against a group of four: each took something away from it once.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

// n1 leads view 0, and has n2 and n3 vote for what n4 never hears of. So n1 alone holds the certificate; it shows it in
// every later view change, before all others, and never hands out the batch.
struct Stranded : Quiet {
  Stranded() {
    start();
    crash(1);
    Batch known, other;
    known.requests.push_back(request(NodeId(102), 1, "known to n1"));
    other.requests.push_back(request(NodeId(102), 2, "other"));
    std::map<NodeId, Prepare> votes;
    says = [&](NodeId from, NodeId to, const Message& m) {
      if (const auto* p = std::get_if<Prepare>(&m); p != nullptr && to == NodeId(1)) votes.try_emplace(from, *p);
    };
    const Slice a = codec::encode_flat(known), b = codec::encode_flat(other);
    for (const uint64_t to : {2, 3, 4}) say(NodeId(1), NodeId(to), PrePrepare{0, View(), kPlace, to == 4 ? b : a});
    deliver();
    const Vote v = vote(View(), kPlace, crypto::digest(a.view()));
    certificate = {v, {{NodeId(1), prepare(NodeId(1), v).signature}}};
    for (const uint64_t by : {2, 3}) certificate.endorsements.push_back({NodeId(by), votes.at(NodeId(by)).signature});
    says = [this](NodeId, NodeId, const Message& m) {
      if (const auto* c = std::get_if<SignedViewChange>(&m)) stable = c->change.stable;
    };
    pass(3000);  // view 1 begins without it
  }
  void show_certificate() {
    for (uint64_t to = 2; to <= 4; ++to) {
      const View at = replica(to).view();
      const bool unled = replica(to).changing() && at.value() % 4 != 0;
      ViewChange c{.view = unled ? at : at + 1, .from = NodeId(1), .stable = stable, .prepared = {certificate}};
      say(NodeId(1), NodeId(to), SignedViewChange{c, sign(NodeId(1), text_of(kQuietCluster, c))});
    }
  }

  static constexpr Seq kPlace = Seq(6);
  PreparedCert certificate;
  CheckpointCert stable;
};

TEST(PbftAdversary, ACertificateThatIsShownLateStopsNobody) {
  for (const bool restarts : {false, true}) {
    Stranded g;
    ASSERT_EQ(g.replica(3).view(), View(1));
    if (restarts) {
      for (const uint64_t i : {2, 3, 4}) g.crash(i), g.restart(i);
    }
    const CheckpointCert first = g.stable;
    g.submit("honest");
    g.show_certificate();
    g.member(2).step([&](Replica::Out& out) { g.member(2).replica().step_down(g.now, out); });
    for (int i = 0; i < 1000 && g.answers.empty(); ++i) {
      g.stable = first;
      g.show_certificate();
      g.pass(10);
    }
    EXPECT_EQ(g.answers.size(), 1u);
    EXPECT_GT(g.replica(3).view(), View(1));
  }
}

// Members 1 to 4 are in epoch 1, and in view 1 of it. n1 has no snapshot of that epoch: when it is started it begins in
// epoch 0.
struct SecondEpoch : Quiet {
  SecondEpoch() : Quiet(5) {
    base.window = 16;
    start();
    run(*this, 3);
    Change c{.epoch = 0, .removed = {NodeId(5)}, .context = Slice::unowned("x")};
    ensure(clients.at(NodeId(101))->reconfigure(++tokens, {c, sign(NodeId(999), text_of(kQuietCluster, c))}).ok(), "");
    pass(2000);
    for (auto& [id, client] : clients) {
      Client::Out out;
      client->configure(now, replica(1).configuration(), out);
    }
    member(1).step([&](Replica::Out& o) { member(1).replica().step_down(now, o); });
    pass(1000);
    says = [this](NodeId from, NodeId, const Message& m) {
      const auto* p = std::get_if<Prepare>(&m);
      if (from != NodeId(1) || p == nullptr) return;
      votes[{p->vote.epoch, p->vote.view, p->vote.seq}].insert(std::string(p->vote.digest.view()));
    };
    writes = [this](NodeId id, const Record& r) {
      if (const auto* s = std::get_if<Standing>(&r); s != nullptr && id == NodeId(1)) stood.push_back(*s);
    };
    run(*this, 2, "in epoch 1 ");
  }
  void alone(bool is) {
    drops = [is](NodeId from, NodeId to, const Message&) { return is && (from == NodeId(1) || to == NodeId(1)); };
  }

  std::map<std::tuple<uint64_t, View, Seq>, std::set<std::string>> votes;
  std::vector<Standing> stood;
};

TEST(PbftAdversary, WhoIsRestartedTwiceForgetsNoPromiseOfALaterEpoch) {
  SecondEpoch g;
  ASSERT_EQ(g.replica(1).epoch(), 1u);
  ASSERT_EQ(g.replica(1).view(), View(1));
  std::optional<SignedNewView> entered;
  for (const auto& r : g.member(2).disk()) {
    if (const auto* s = std::get_if<Standing>(&r.record); s != nullptr && s->epoch == 1) entered = s->entered;
  }
  ASSERT_TRUE(entered);
  g.alone(true);
  for (int i = 0; i < 2; ++i) {
    g.crash(1);
    g.restart(1);
  }
  g.alone(false);
  g.wires.clear();
  EXPECT_EQ(g.replica(1).epoch(), 1u);
  EXPECT_EQ(g.replica(1).view(), View(1));
  for (const Standing& s : g.stood) EXPECT_EQ(s.epoch, 1u) << "what it stands by in epoch 1 is overwritten";
  // n2, the primary, proposes something else in the places that n1 has voted in.
  g.say(NodeId(2), NodeId(1), *entered);
  const uint64_t low = g.replica(1).stable_checkpoint().value();
  const Slice other = codec::encode_flat(Batch{g.member(1).state().stamp_ms + 5, {}});
  for (uint64_t place = low + 1; place <= low + 3; ++place) {
    g.say(NodeId(2), NodeId(1), PrePrepare{1, View(1), Seq(place), other});
  }
  for (const auto& [where, digests] : g.votes) EXPECT_EQ(digests.size(), 1u) << "it votes twice";
}

TEST(PbftAdversary, APrimaryThatIsRestartedBeforeItsEpochProposesNoMoreInItsView) {
  SecondEpoch g;
  ASSERT_EQ(g.replica(2).primary(), NodeId(2));
  bool proposed = false;
  g.says = [&](NodeId from, NodeId, const Message& m) {
    const auto* p = std::get_if<PrePrepare>(&m);
    proposed |= from == NodeId(2) && p != nullptr && p->epoch == 1 && p->view == View(1);
  };
  g.crash(2);
  g.restart(2);
  EXPECT_EQ(g.replica(2).epoch(), 1u);
  EXPECT_EQ(g.replica(2).view(), View(2));
  EXPECT_TRUE(g.replica(2).changing());
  run(g, 2, "after the restart ");
  EXPECT_FALSE(proposed);
}

// Who stood in epoch 1 and still replays epoch 0 takes nobody's word for a proposal or a view of epoch 0.
TEST(PbftAdversary, WhoIsOnItsWayBackToItsEpochPromisesNothing) {
  SecondEpoch g;
  Config c = g.base;
  c.self = NodeId(3);
  Replica r(c, g.authority(c.self));
  // Only what it stood by is left of epoch 1: nothing says how to get there.
  r.replay(StableSeq(1), Founded{g.base.configuration, Beginning::kNew});
  r.replay(StableSeq(2), Standing{1, View(1), false, {}, {}, false});
  Replica::Out out;
  out.continue_at(StableSeq(3));
  r.start(g.now, out);
  const auto hears = [&](NodeId from, const Message& m) {
    r.on_message(g.now, from, Envelope(m).seal(kQuietCluster, from, NodeId(3), g.authority(NodeId(3)).key(),
                                               g.authority(from)), out);
  };
  ASSERT_EQ(r.epoch(), 0u);
  const Slice batch = codec::encode_flat(Batch{1, {}});
  hears(NodeId(1), PrePrepare{0, View(), Seq(1), batch});
  NewView begins{.view = View(1), .changes = {}};
  for (const uint64_t from : {1, 2, 4, 5}) {
    ViewChange v{.view = View(1), .from = NodeId(from)};
    v.stable.checkpoint = Quiet::genesis(g.base.configuration);
    begins.changes.push_back({v, g.sign(NodeId(from), text_of(kQuietCluster, v))});
    hears(NodeId(from), begins.changes.back());
  }
  hears(NodeId(2), SignedNewView{begins, g.sign(NodeId(2), text_of(kQuietCluster, begins))});
  hears(NodeId(2), PrePrepare{0, View(1), Seq(1), batch});
  r.on_time(g.now + Duration::seconds(100), out);
  EXPECT_TRUE(out.persisted.empty()) << "a record of epoch 0 would replace what it stands by";
  for (const auto& s : out.sent) {
    const StatusOr<Message> m = codec::decode<Message>(s.wire.body);
    ASSERT_TRUE(m.ok());
    EXPECT_TRUE(std::holds_alternative<StatusReport>(*m)) << m->index();
  }
}

// n2 offers a snapshot that is 2^40 bytes long, as it says, or lets that of others drip, a byte at a time.
TEST(PbftAdversary, ASenderThatDripsIsPassedOver) {
  for (const bool much : {false, true}) {
    Quiet q;
    q.snapshots = true;
    q.start();
    run(q, 2);
    q.crash(4);
    run(q, 60);
    std::optional<SnapshotOffer> offer;
    std::optional<FetchChunk> asked;
    const auto drops = [&](NodeId from, NodeId to, const Message& m) {
      if (from == NodeId(4) && to == NodeId(2)) {
        if (const auto* c = std::get_if<FetchChunk>(&m)) asked = *c;
      }
      if (from != NodeId(2) || to != NodeId(4)) return false;
      if (const auto* o = std::get_if<SnapshotOffer>(&m)) offer = *o;
      return std::holds_alternative<SnapshotOffer>(m) || std::holds_alternative<Chunk>(m) ||
             std::holds_alternative<LogPart>(m);
    };
    const auto lie = [&](const Message& m) {
      q.drops = {};
      q.say(NodeId(2), NodeId(4), m);
      q.drops = drops;
    };
    q.drops = drops;
    q.restart(4);
    int drops_sent = 0;
    for (int i = 0; i < 1200; ++i) {
      q.pass(50);
      if (offer) {
        SnapshotOffer o = *std::exchange(offer, {});
        o.size = much ? uint64_t{1} << 40 : uint64_t{1} << 20;
        lie(o);
      } else if (asked && i % 3 == 0) {
        const FetchChunk a = *std::exchange(asked, {});
        lie(Chunk{a.seq, a.offset, Slice::unowned("z")});
        ++drops_sent;
      }
      if (i % 20 == 0) q.submit("more" + std::to_string(i));
    }
    EXPECT_EQ(drops_sent > 0, !much);
    EXPECT_GE(q.replica(4).executed_upto() + 8, q.replica(1).executed_upto());
    EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
  }
}

// Before anybody has a clock to judge by.
TEST(PbftAdversary, TheFirstStampCannotBeTheLast) {
  Quiet q;
  q.start();
  q.crash(1);
  for (const int64_t stamp : {int64_t{1} << 62, int64_t{367} * 24 * 3600 * 1000}) {
    const Slice batch = codec::encode_flat(Batch{stamp, {}});
    for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), PrePrepare{0, View(), Seq(1), batch});
  }
  q.deliver();
  q.pass(500);
  for (int i = 0; i < 20; ++i) {
    q.submit("op" + std::to_string(i));
    q.pass(3000);
  }
  EXPECT_EQ(q.answers.size(), 20u);
  EXPECT_EQ(q.replica(2).view(), View(1)) << "it is refused whatever honest primaries stamp";
  EXPECT_LT(q.member(2).state().stamp_ms, 1'000'000);
}

// Whoever has a key for requests can make up as many as it likes.
TEST(PbftAdversary, ForgedRequestsDoNotKeepAnybodyFromComplaining) {
  Quiet q;
  q.start();
  q.crash(1);
  q.submit("honest");
  q.deliver();
  q.pass(900);
  std::vector<NodeId> complained;
  q.says = [&](NodeId from, NodeId to, const Message& m) {
    if (to == NodeId(1) && std::holds_alternative<Complaint>(m)) complained.push_back(from);
  };
  uint64_t sequence = 0;
  for (int ms = 0; ms < 500; ++ms) {
    q.now = q.now + Duration::millis(1);
    for (uint64_t to = 2; to <= 4; ++to) {
      // One right before each time that the replica looks.
      Request r{.id = {NodeId(102), 1, ++sequence}, .floor = sequence};
      r.operations.push_back(Slice::unowned("forged"));
      q.say(NodeId(102), NodeId(to), Submit{{r, {}}});
      q.member(to).tick(q.now);
    }
  }
  const std::set<NodeId> who(complained.begin(), complained.end());
  EXPECT_EQ(who, (std::set<NodeId>{NodeId(2), NodeId(3), NodeId(4)}));
}

TEST(PbftAdversary, OneWordOfALaterEpochMakesNobodyAsk) {
  StableNotice word;
  word.cert.checkpoint.epoch = ~uint64_t{0};
  for (const std::vector<uint64_t>& liars : {std::vector<uint64_t>{1}, {101, 102}, {1, 2}}) {
    Quiet q;
    q.start();
    run(q, 2);
    q.pass(1000);
    for (const uint64_t from : liars) q.say(NodeId(from), NodeId(4), word);
    q.delivered.clear();
    q.pass(10'000);
    const bool believed = liars == std::vector<uint64_t>{1, 2};
    EXPECT_EQ(q.delivered[kind_of<FetchState>()] > 0, believed) << "f + 1 members are believed, and nobody else";
  }
}

TEST(PbftAdversary, WhoCrashesRightAfterItWasFoundedWithoutItsDiskStaysSilent) {
  Quiet q;
  Config c = q.base;
  c.self = NodeId(1);
  for (const Beginning founded : {Beginning::kNew, Beginning::kLostDisk}) {
    c.beginning = Beginning::kNew;
    Replica r(c, q.authority(NodeId(1)));
    r.replay(StableSeq(1), Founded{c.configuration, founded});
    Replica::Out out;
    out.continue_at(StableSeq(2));
    r.start(q.now, out);
    EXPECT_EQ(r.silent(), founded == Beginning::kLostDisk);
    const auto* stands = out.persisted.empty() ? nullptr : std::get_if<Standing>(&out.persisted[0].record);
    ASSERT_TRUE(stands != nullptr);
    EXPECT_EQ(stands->silent, founded == Beginning::kLostDisk);
  }
}

}  // namespace
}  // namespace holdfast::pbft
