// What is done to the members: drawn from a seed, one after the other, with calm in between.
#pragma once

#include <iosfwd>
#include <string>

#include "holdfast/base/random.h"
#include "tests/nemesis/fault_table.h"
#include "tests/nemesis/load.h"
#include "tests/nemesis/members.h"
#include "tests/nemesis/peer_proxy.h"

namespace holdfast::nemesis {

// For the main thread only.
class Nemesis {
 public:
  Nemesis(uint64_t seed, Members& members, PeerProxy& proxy, const Load& load, Record& record, std::ostream& log);

  // Strikes until `end`, or until a member ends by itself; then everything is healed.
  void run(Time end);

 private:
  void strike(Fault fault);
  void kill(const std::vector<size_t>& victims);
  void kill_paused();
  void restart_storm();
  void pause(size_t victim);
  void stop();
  void move_leader();
  void compact();
  void isolate(size_t victim, bool outgoing, bool incoming);
  void bridge();

  std::vector<size_t> neighbours(size_t first, size_t count) const;  // and the first, around the circle
  size_t any() { return random_.below(members_.honest()); }
  size_t leader_or_any();
  size_t follower();
  void wait(int64_t from_ms, int64_t to_ms);
  void note(const std::string& what);

  Random random_;
  Members& members_;
  PeerProxy& proxy_;
  const Load& load_;
  Record& record_;
  std::ostream& log_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  Time end_;
};

}  // namespace holdfast::nemesis
