#include "holdfast/sim/storage.h"

#include <algorithm>

namespace holdfast::sim {
namespace {

template <class T>
void move_behind(std::vector<T>& from, std::vector<T>& to, size_t count) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
}

}  // namespace

StatusOr<RecoveredStorage> MemoryStorage::recover() {
  RecoveredStorage out;
  for (const auto& [id, bytes] : sealed_) out.blobs.emplace_back(id, bytes.size());
  out.records = stable_;
  out.last = last_;
  return out;
}

Status MemoryStorage::write() {
  move_behind(pending_, written_, pending_.size());
  return absl::OkStatus();
}

StatusOr<StableSeq> MemoryStorage::sync() {
  move_behind(written_, stable_, written_.size());
  if (!stable_.empty()) last_ = stable_.back().first;
  return last_;
}

void MemoryStorage::release(StableSeq first_needed) {
  // The last record stays: it says where the numbers go on.
  const auto end = std::find_if(stable_.begin(), stable_.end(), [&](const auto& r) { return r.first >= first_needed; });
  if (!stable_.empty()) stable_.erase(stable_.begin(), std::min(end, std::prev(stable_.end())));
}

std::optional<BlobAnswer> MemoryStorage::blob(const BlobRequest& request) {
  if (const auto* create = std::get_if<BlobCreate>(&request)) {
    open_[create->id].clear();
    return std::nullopt;
  }
  if (const auto* append = std::get_if<BlobAppend>(&request)) {
    const auto it = open_.find(append->id);
    if (it == open_.end()) return BlobFailed{append->id, "append to a blob that is not open"};
    it->second.append(append->bytes.view());
    return BlobAppended{append->id, it->second.size()};
  }
  if (const auto* seal = std::get_if<BlobSeal>(&request)) {
    const auto it = open_.find(seal->id);
    if (it == open_.end()) return BlobFailed{seal->id, "seal of a blob that is not open"};
    const uint64_t size = it->second.size();
    sealed_[seal->id] = Slice::take(std::move(it->second));
    open_.erase(it);
    return BlobSealed{seal->id, size};
  }
  if (const auto* drop = std::get_if<BlobDrop>(&request)) {
    open_.erase(drop->id);
    sealed_.erase(drop->id);
    return std::nullopt;
  }
  const auto& read = std::get<BlobRead>(request);
  const auto it = sealed_.find(read.id);
  if (it == sealed_.end()) return BlobFailed{read.id, "read of a blob that is not there"};
  const uint64_t at = std::min<uint64_t>(read.offset, it->second.size());
  return BlobData{read.id, at, it->second.sub(at, std::min<uint64_t>(read.length, it->second.size() - at))};
}

void MemoryStorage::crash() {
  move_behind(written_, stable_, random_.below(written_.size() + 1));
  written_.clear();
  pending_.clear();
  open_.clear();
}

void MemoryStorage::wipe() {
  stable_.clear();
  written_.clear();
  pending_.clear();
  open_.clear();
  sealed_.clear();
}

}  // namespace holdfast::sim
