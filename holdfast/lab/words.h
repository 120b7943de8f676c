// Messages for the reader: what matters of them, in few words, as "Kind{this, that}". Processes are still "n1". Internal to
// lab/.
#pragma once

#include <string>

#include "holdfast/base/print.h"
#include "holdfast/commit/types.h"
#include "holdfast/consensus/flooding/types.h"
#include "holdfast/consensus/generals/types.h"
#include "holdfast/consensus/raft/types.h"
#include "holdfast/consensus/synod/types.h"
#include "holdfast/replica/types.h"

namespace holdfast::lab {

// What has no words of its own is short enough as it is printed.
template <class Wire>
std::string in_words(const Wire& wire) {
  return print(wire);
}
std::string in_words(const commit::Wire& wire);
std::string in_words(const flooding::Message& wire);
std::string in_words(const std::variant<generals::Oral>& wire);
std::string in_words(const std::variant<generals::Written>& wire);
std::string in_words(const raft::Message& wire);
std::string in_words(const replica::Wire& wire);
std::string in_words(const synod::Message& wire);

}  // namespace holdfast::lab
