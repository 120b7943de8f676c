#include "holdfast/replica/applied_table.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"

namespace holdfast::replica {

bool AppliedTable::claim(const Origin& o) {
  Row& row = rows_[o.node];
  if (row.incarnation == kBanned) {
    mark<"replica.claim_of_a_removed_member">();
    return false;
  }
  if (o.incarnation < row.incarnation) {
    mark<"replica.claim_from_earlier_incarnation">();
    return false;
  }
  if (o.incarnation > row.incarnation) row = Row{o.incarnation, 0, {}};
  const bool fresh = o.sequence >= row.floor && row.applied.insert(o.sequence).second;
  if (!fresh) mark<"replica.claim_twice">();
  if (o.floor > row.floor) {
    row.floor = o.floor;
    row.applied.erase(row.applied.begin(), row.applied.lower_bound(row.floor));
  }
  return fresh;
}

bool AppliedTable::contains(const Origin& o) const {
  const auto it = rows_.find(o.node);
  if (it == rows_.end() || o.incarnation > it->second.incarnation) return false;
  const Row& row = it->second;
  if (row.incarnation == kBanned) return true;
  return o.incarnation < row.incarnation || o.sequence < row.floor || row.applied.count(o.sequence) > 0;
}

void AppliedTable::ban_all_but(const std::function<bool(NodeId)>& stay) {
  for (auto& [node, row] : rows_) {
    if (!stay(node)) row = Row{kBanned, 0, {}};
  }
}

std::vector<AppliedRow> AppliedTable::rows() const {
  std::vector<AppliedRow> out;
  for (const auto& [node, row] : rows_) {
    out.push_back({node, row.incarnation, row.floor, {row.applied.begin(), row.applied.end()}});
  }
  return out;
}

StatusOr<AppliedTable> AppliedTable::from_rows(const std::vector<AppliedRow>& rows) {
  AppliedTable table;
  for (const AppliedRow& r : rows) {
    Row row{r.incarnation, r.floor, {r.applied.begin(), r.applied.end()}};
    const bool sound =
        row.applied.size() == r.applied.size() && (row.applied.empty() || *row.applied.begin() >= r.floor);
    if (!sound || !table.rows_.emplace(r.node, std::move(row)).second) {
      return absl::DataLossError(absl::StrCat("the table of applied proposals is malformed at node ", r.node.value()));
    }
  }
  return table;
}

}  // namespace holdfast::replica
