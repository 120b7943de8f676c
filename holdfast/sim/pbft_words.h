// Packets of PBFT in words, for traces and pictures: batches by what they hold instead of their digests, as far as they
// have been heard of.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "holdfast/consensus/pbft/replica.h"

namespace holdfast::sim {

class PbftWords {
 public:
  // An operation in words; none: it has none, and is known again by four digits.
  using OperationWords = std::function<std::optional<std::string>(const Slice&)>;
  // Without words for them, operations are shown as they are when they can be read.
  explicit PbftWords(OperationWords operation = {}) : operation_(std::move(operation)) {}

  // "Prepare{1:x}". What a member hands on of a client's is no submission of its own.
  std::string print(const pbft::Packet& packet, bool from_member);
  // What a vote is for: "1:x".
  std::string place(pbft::Seq seq, const pbft::Digest& digest) const;

 private:
  struct Say;
  std::string operations(const pbft::Request& r);
  std::string shown(const Slice& operation) const;

  OperationWords operation_;
  std::map<pbft::Digest, std::string> batches_;
  std::map<pbft::RequestId, std::string> requests_;
};

}  // namespace holdfast::sim
