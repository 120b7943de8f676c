// For tests: a member of a Raft cluster under a host that the test drives by hand.
#pragma once

#include "holdfast/consensus/raft/raft.h"
#include "holdfast/consensus/test_member.h"

namespace holdfast::raft {

using consensus::Image;

class TestMember : public consensus::TestMember<Raft> {
 public:
  using consensus::TestMember<Raft>::TestMember;
  Raft& raft() { return core(); }
  const Raft& raft() const { return core(); }
};

}  // namespace holdfast::raft
