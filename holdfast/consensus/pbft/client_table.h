// Which requests were executed, and what was answered: what makes repeating a request harmless.
//
// Per client the table keeps the latest incarnation, a floor below which the client waits for nothing, and the results
// of what was executed above it, at most `window` of them. Their bytes are bounded, too: who executes asks how many are
// kept already. It is a function of the order alone, and part of every checkpoint. (The idea is that of RIFL: Lee et al., "Implementing Linearizability at Large Scale and Low Latency",
// 2015.)
#pragma once

#include <map>

#include "holdfast/base/status.h"
#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class ClientTable {
 public:
  struct Answer {
    Done done;
    Digest digest;  // of the results, once there are any
  };

  explicit ClientTable(uint64_t window) : window_(window) {}

  // Whether executing the request now would be right: it is not repeated, given up, of an earlier incarnation, or
  // farther ahead than the window.
  bool wants(const Request& request) const;
  // True exactly once for each id; then done() follows, before the next checkpoint.
  bool claim(const Request& request);
  void done(const RequestId& id, std::vector<Slice> results);
  // What an executed request came to (without results: it is under way); null when it was not executed or is forgotten.
  const Answer* find(const RequestId& id) const;
  // Of the results that are kept for this client.
  uint64_t bytes_kept(NodeId client) const;
  // Forgets clients of which `stays(NodeId)` is false.
  template <class Stays>
  void keep(Stays&& stays) {
    std::erase_if(rows_, [&](const auto& row) { return !stays(row.first); });
  }

  Digest digest() const;
  std::vector<ClientRow> rows() const;
  // kDataLoss: unordered rows, or more than `window` results.
  static StatusOr<ClientTable> from_rows(const std::vector<ClientRow>& rows, uint64_t window);

 private:
  struct Row {
    uint64_t incarnation = 0;
    uint64_t floor = 0;
    std::map<uint64_t, Answer> answers;
    uint64_t bytes = 0;  // of their results
  };
  static uint64_t bytes_of(const std::vector<Slice>& results);
  uint64_t window_;
  std::map<NodeId, Row> rows_;
};

}  // namespace holdfast::pbft
