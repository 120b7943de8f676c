// What simulated clients ask for: weights for each kind of request, chosen by the swarm or by a scenario, and the
// requests themselves.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/store/api.h"

namespace holdfast::sim {

enum class Ask {
  kPut,
  kGet,
  kDelete,
  kCompareAndSet,
  kTransfer,      // a transaction over several keys
  kRange,         // over a prefix, with limits, counts, old revisions
  kSerializable,  // a local read
  kDeleteRange,
  kGrant,
  kLeasePut,
  kKeepAlive,
  kRevoke,
  kTimeToLive,
  kCompact,
  kMoveLeader,
  kStatus,
};
constexpr Ask last_value(Ask) { return Ask::kStatus; }
inline constexpr size_t kAsks = static_cast<size_t>(Ask::kStatus) + 1;

// The name in scenario files: "put", "compare_and_set", ...
std::string_view ask_name(Ask ask);

struct WorkloadConfig {
  size_t clients = 4;
  size_t watchers = 2;
  size_t keys = 4;
  uint32_t value_bytes = 16;
  Duration think = Duration::millis(40);       // between an answer and the next call, at most
  Duration patience = Duration::millis(1200);  // then the client asks another member
  bool change_members = false;
  bool eager_operator = false;  // changes come faster than elections, and voters without having been learners
  std::array<uint32_t, kAsks> weights{};

  static WorkloadConfig plain();
  static WorkloadConfig from_swarm(Random& random);
};

// What one client knows, and the requests it makes of it. Every value it writes is unique in the run.
class Asker {
 public:
  Asker(const WorkloadConfig& config, uint64_t client, Random random)
      : config_(config), client_(client), random_(random) {}

  store::Request next(const std::vector<NodeId>& members);
  // Learns from an answer: the revision, values to compare with, leases.
  void learn(const store::Request& request, const store::Response& response);
  Random& random() { return random_; }

 private:
  std::string unique_value();
  Slice key(const char* family);
  store::Request make(Ask ask, const std::vector<NodeId>& members);
  store::Request transfer();
  store::Request compare_and_set();
  store::Request range();
  store::LeaseId some_lease();

  WorkloadConfig config_;
  uint64_t client_;
  Random random_;
  uint64_t writes_ = 0;
  store::Revision known_;
  std::map<std::string, store::KeyValue> seen_;
  std::vector<store::LeaseId> leases_;
};

}  // namespace holdfast::sim
