// The mouth of a Byzantine member: what its process says passes through here and is twisted by a strategy, signed and
// coded with the member's own keys. The process and its mouth together are one member that does what it likes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/consensus/liars/liar.h"

namespace holdfast::nemesis {

// "equivocate", "forged votes", ... as the strategies are called on the command line, with '-' for a blank.
std::optional<pbft::Lie> lie_named(std::string_view name);
std::string lie_names();

// The group as its members know it.
struct Voices {
  uint64_t cluster = 0;
  std::vector<NodeId> ids;              // of m1, m2, ...
  std::vector<crypto::PublicKey> keys;  // likewise
};

class Mouth {
 public:
  // Of the member at place `self`, whose private key is in the file.
  Mouth(pbft::Lie lie, size_t self, const Voices& voices, const std::string& key_file, uint64_t seed);

  struct Said {
    size_t to = 0;
    Slice message;  // as the peer protocol carries it
    Duration delay;
  };
  // What is said in place of this message to that member.
  std::vector<Said> speak(size_t to, const Slice& message);

  size_t self() const { return self_; }
  uint64_t twisted() const { return twisted_; }  // messages that did not pass as they were

 private:
  const size_t self_;
  const Voices voices_;
  pbft::KeyedAuthority authority_;
  pbft::Liar liar_;
  uint64_t twisted_ = 0;
};

}  // namespace holdfast::nemesis
