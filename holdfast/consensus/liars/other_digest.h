// A digest that is not the given one.
#pragma once

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

inline Digest other(Digest d) {
  d.bytes[0] ^= 1;
  return d;
}

}  // namespace holdfast::pbft
