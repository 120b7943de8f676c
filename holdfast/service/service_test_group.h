// For tests: a store of four members over PBFT, and a gateway that is not what its name says.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {

inline constexpr uint64_t kCluster = 11;

inline pbft::Configuration configuration() {
  pbft::Configuration c;
  for (uint64_t n = 1; n <= 4; ++n) c.members.push_back({NodeId(n), pbft::Notary::key_of(NodeId(n))});
  return c;
}

struct Group {
  Group() : cluster(4) {
    for (uint64_t n = 1; n <= 4; ++n) {
      replica::Config& r = cluster[n].config().replica;
      r.engine = replica::EngineKind::kPbft;
      r.byzantine = replica::ByzantineConfig{.cluster = kCluster, .configuration = configuration()};
      r.byzantine->authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(kCluster), NodeId(n));
      r.byzantine->checkpoint_interval = 4;
      r.snapshot_count = 20;
    }
  }
  // With three, the fourth member is whatever a test says in its name.
  void start(uint64_t members) {
    for (uint64_t n = 1; n <= members; ++n) cluster[n].start();
    ASSERT_TRUE(cluster.run_until([&] { return published(members); }));
  }
  bool published(uint64_t members) {
    for (uint64_t n = 1; n <= members; ++n) {
      const store::Member* m = cluster[1].service().store().member(NodeId(n));
      if (m == nullptr || m->name.empty()) return false;
    }
    return true;
  }
  store::Response ask(uint64_t n, store::Request request) { return cluster.ask(cluster[n], std::move(request)); }
  const store::Store& store(uint64_t n) { return cluster[n].service().store(); }

  TestCluster cluster;
};

// A gateway of its own making, under the name and the key of member 4, which is not running.
class FalseGateway {
 public:
  explicit FalseGateway(Group& group)
      : group_(group), authority_(pbft::Notary(kCluster), NodeId(4)), client_(config(), authority_) {}

  void propose(const Slice& command) { submit(codec::encode_flat(replica::Operation{false, command})); }
  void propose(const store::Command& command) { propose(codec::encode_flat(command)); }
  void submit(const Slice& operation) {
    ASSERT_TRUE(client_.submit(++last_, operation).ok());
    client_.on_time(group_.cluster.now(), out_);
    for (auto& s : std::exchange(out_.sent, {})) {
      group_.cluster.send(NodeId(4), s.to, codec::encode_flat(replica::Wire(std::move(s.wire))));
    }
    out_.clear();
    const auto before = group_.cluster[1].service().replica().commit_index();
    group_.cluster.run_until([&] { return group_.cluster[1].service().replica().commit_index() > before; },
                             Duration::millis(300));
  }

 private:
  static pbft::ClientConfig config() {
    pbft::ClientConfig c;
    c.self = NodeId(4);
    c.cluster = kCluster;
    c.configuration = configuration();
    c.incarnation = 1'000;
    c.in_flight = 60;
    return c;
  }
  Group& group_;
  pbft::FastAuthority authority_;
  pbft::Client client_;
  pbft::Client::Out out_;
  uint64_t last_ = 0;
};

}  // namespace holdfast::service
