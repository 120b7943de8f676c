#include "holdfast/consensus/pbft/client_table.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/consensus/pbft/authority.h"

namespace holdfast::pbft {

bool ClientTable::wants(const Request& r) const {
  const RequestId& id = r.id;
  if (r.floor > id.sequence) return false;
  uint64_t floor = r.floor;
  const auto row = rows_.find(id.client);
  if (row != rows_.end()) {
    if (id.incarnation < row->second.incarnation) return false;
    if (id.incarnation == row->second.incarnation) {
      floor = std::max(floor, row->second.floor);
      if (id.sequence < floor || row->second.answers.contains(id.sequence)) return false;
    }
  }
  return id.sequence - floor < window_;
}

bool ClientTable::claim(const Request& r) {
  if (!wants(r)) return false;
  Row& row = rows_[r.id.client];
  if (r.id.incarnation > row.incarnation) row = Row{.incarnation = r.id.incarnation};
  if (r.floor > row.floor) {
    row.floor = r.floor;
    const auto end = row.answers.lower_bound(row.floor);
    for (auto at = row.answers.begin(); at != end; ++at) row.bytes -= bytes_of(at->second.done.results);
    row.answers.erase(row.answers.begin(), end);
  }
  row.answers[r.id.sequence].done.sequence = r.id.sequence;
  return true;
}

void ClientTable::done(const RequestId& id, std::vector<Slice> results) {
  const auto row = rows_.find(id.client);
  if (row == rows_.end() || row->second.incarnation != id.incarnation)
    return;  // a later one of the same batch reset it
  const auto answer = row->second.answers.find(id.sequence);
  if (answer == row->second.answers.end()) return;  // likewise
  answer->second.digest = digest_of_results(id, results);
  row->second.bytes += bytes_of(results);
  answer->second.done.results = std::move(results);
}

uint64_t ClientTable::bytes_of(const std::vector<Slice>& results) {
  uint64_t bytes = 0;
  for (const Slice& r : results) bytes += r.size();
  return bytes;
}

uint64_t ClientTable::bytes_kept(NodeId client) const {
  const auto row = rows_.find(client);
  return row != rows_.end() ? row->second.bytes : 0;
}

const ClientTable::Answer* ClientTable::find(const RequestId& id) const {
  const auto row = rows_.find(id.client);
  if (row == rows_.end() || row->second.incarnation != id.incarnation) return nullptr;
  const auto answer = row->second.answers.find(id.sequence);
  return answer != row->second.answers.end() ? &answer->second : nullptr;
}

Digest ClientTable::digest() const {
  crypto::Hasher hasher;
  hasher.add(rows_.size());
  for (const auto& [client, row] : rows_) {
    hasher.add(client.value()).add(row.incarnation).add(row.floor).add(row.answers.size());
    for (const auto& [sequence, answer] : row.answers) hasher.add(sequence).add(answer.digest);
  }
  return hasher.finish();
}

std::vector<ClientRow> ClientTable::rows() const {
  std::vector<ClientRow> out;
  for (const auto& [client, row] : rows_) {
    ClientRow& r = out.emplace_back(ClientRow{client, row.incarnation, row.floor, {}});
    for (const auto& [sequence, answer] : row.answers) r.done.push_back(answer.done);
  }
  return out;
}

StatusOr<ClientTable> ClientTable::from_rows(const std::vector<ClientRow>& rows, uint64_t window) {
  ClientTable table(window);
  NodeId last;
  for (const ClientRow& r : rows) {
    if (r.client <= last || r.done.size() > window) return absl::DataLossError("a client's row is not as rows are");
    last = r.client;
    Row& row = table.rows_[r.client];
    row.incarnation = r.incarnation;
    row.floor = r.floor;
    uint64_t at_least = r.floor;
    for (const Done& d : r.done) {
      if (d.sequence < at_least || d.sequence > kMaxNumber)
        return absl::DataLossError("a client's results are unordered");
      at_least = d.sequence + 1;
      row.bytes += bytes_of(d.results);
      row.answers[d.sequence] = {d, digest_of_results({r.client, r.incarnation, d.sequence}, d.results)};
    }
  }
  return table;
}

}  // namespace holdfast::pbft
