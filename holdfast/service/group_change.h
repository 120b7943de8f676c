// What a signed change of the members (pbft::Change) says to the store: its context.
#pragma once

#include <vector>

#include "holdfast/store/api.h"

namespace holdfast::service {

// Where those are whom the change adds, in its order: identities and peer URLs. Names and client URLs count for
// nothing: every member publishes its own.
struct GroupChange {
  std::vector<store::Member> added;
};

}  // namespace holdfast::service
