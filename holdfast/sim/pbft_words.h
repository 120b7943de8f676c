// Packets of PBFT in words, for traces and pictures: batches by what they hold instead of their digests, as far as they
// have been heard of.
#pragma once

#include <map>
#include <string>

#include "holdfast/consensus/pbft/replica.h"

namespace holdfast::sim {

class PbftWords {
 public:
  // "Prepare{1:x}". What a member hands on of a client's is no submission of its own.
  std::string print(const pbft::Packet& packet, bool from_member);
  // What a vote is for: "1:x".
  std::string place(pbft::Seq seq, const pbft::Digest& digest) const;

 private:
  struct Say;
  std::string operations(const pbft::Request& r);

  std::map<pbft::Digest, std::string> batches_;
  std::map<pbft::RequestId, std::string> requests_;
};

}  // namespace holdfast::sim
