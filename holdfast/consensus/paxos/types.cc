#include "holdfast/consensus/paxos/types.h"

namespace holdfast::paxos {

std::string to_text(const Ballot& ballot) {
  return ballot == Ballot{} ? "none" : to_text(ballot.round) + "." + to_text(ballot.node);
}

}  // namespace holdfast::paxos
