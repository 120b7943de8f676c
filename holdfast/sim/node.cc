#include "holdfast/sim/node.h"

#include <algorithm>

namespace holdfast::sim {

void NodeBase::promised(const BlobRequest& request, const std::optional<BlobAnswer>& answer) {
  if (const auto* drop = std::get_if<BlobDrop>(&request)) sealed_.erase(drop->id);
  if (!answer) return;
  if (const auto* sealed = std::get_if<BlobSealed>(&*answer)) sealed_[sealed->id] = sealed->size;
}

void NodeBase::check_promises(const RecoveredStorage& recovered) {
  if (!trusted_) return;
  if (recovered.last < promised_) {
    return world_.violate("DUR", to_text(id()) + " has lost records: " + to_text(promised_) +
                                     " was reported stable, and its log ends at " + to_text(recovered.last));
  }
  for (const auto& [blob, size] : sealed_) {
    const bool there =
        std::find(recovered.blobs.begin(), recovered.blobs.end(), std::pair(blob, size)) != recovered.blobs.end();
    if (there) continue;
    return world_.violate("DUR", to_text(id()) + " has lost " + to_text(blob) + " of " + std::to_string(size) +
                                     " bytes, which was reported sealed");
  }
}

}  // namespace holdfast::sim
