#include "holdfast/stable/blob_store.h"

#include <variant>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/stable/names.h"

namespace holdfast::stable {
namespace {

constexpr std::string_view kPrefix = "blob-";
constexpr std::string_view kTemporary = ".tmp";

BlobFailed failed(BlobId id, std::string what) { return BlobFailed{id, to_text(id) + ": " + std::move(what)}; }

bool is_temporary(std::string_view name) {
  return name.size() > kTemporary.size() && name.substr(name.size() - kTemporary.size()) == kTemporary &&
         parse_numbered(kPrefix, name.substr(0, name.size() - kTemporary.size()));
}

}  // namespace

std::string blob_name(BlobId id) { return numbered_name(kPrefix, id.value()); }
std::string temporary_blob_name(BlobId id) { return blob_name(id) + std::string(kTemporary); }

StatusOr<std::unique_ptr<BlobStore>> BlobStore::open(Disk& disk) {
  std::unique_ptr<BlobStore> store(new BlobStore(disk));
  StatusOr<std::vector<std::string>> names = disk.list();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (is_temporary(name)) {
      mark<"blob.unsealed_removed">();
      if (Status s = disk.remove(name); !s.ok()) return s;
    }
    const auto number = parse_numbered(kPrefix, name);
    if (!number.has_value()) continue;
    StatusOr<std::unique_ptr<File>> file = disk.open(name);
    if (!file.ok()) return file.status();
    StatusOr<uint64_t> size = (*file)->size();
    if (!size.ok()) return size.status();
    store->sealed_[BlobId(*number)] = {nullptr, *size};
  }
  // What was found under its name may be there in the page cache only; from now on it is reported as sealed.
  if (Status s = disk.sync_dir(); !s.ok()) return s;
  return store;
}

std::vector<std::pair<BlobId, uint64_t>> BlobStore::sealed() const {
  std::vector<std::pair<BlobId, uint64_t>> all;
  for (const auto& [id, blob] : sealed_) all.emplace_back(id, blob.size);
  return all;
}

std::optional<BlobAnswer> BlobStore::handle(const BlobRequest& request) {
  return std::visit([this](const auto& r) { return on(r); }, request);
}

BlobAnswer BlobStore::give_up(BlobId id, const std::string& name, const Status& why) {
  mark<"blob.given_up">();
  writing_.erase(id);
  // When the removal fails too, the next start removes it.
  disk_.remove(name).IgnoreError();
  return failed(id, std::string(why.message()));
}

std::optional<BlobAnswer> BlobStore::on(const BlobCreate& r) {
  if (writing_.contains(r.id) || sealed_.contains(r.id)) return failed(r.id, "the blob is there already");
  const std::string name = temporary_blob_name(r.id);
  StatusOr<std::unique_ptr<File>> file = disk_.create(name);
  if (absl::IsAlreadyExists(file.status())) {
    // Given up earlier, and its removal had failed.
    if (Status s = disk_.remove(name); !s.ok()) return failed(r.id, std::string(s.message()));
    file = disk_.create(name);
  }
  if (!file.ok()) return failed(r.id, std::string(file.status().message()));
  writing_[r.id] = {*std::move(file), 0};
  return std::nullopt;
}

std::optional<BlobAnswer> BlobStore::on(const BlobAppend& r) {
  const auto it = writing_.find(r.id);
  if (it == writing_.end()) return failed(r.id, "append to a blob that is not being written");
  if (Status s = it->second.file->write(it->second.size, Chain(r.bytes)); !s.ok()) {
    return give_up(r.id, temporary_blob_name(r.id), s);
  }
  it->second.size += r.bytes.size();
  return BlobAppended{r.id, it->second.size};
}

std::optional<BlobAnswer> BlobStore::on(const BlobSeal& r) {
  const auto it = writing_.find(r.id);
  if (it == writing_.end()) return failed(r.id, "seal of a blob that is not being written");
  const std::string temporary = temporary_blob_name(r.id), name = blob_name(r.id);
  Status synced = it->second.file->sync();
  if (planted<"S4">() && !synced.ok()) synced = it->second.file->sync();
  if (!synced.ok()) return give_up(r.id, temporary, synced);
  if (Status s = disk_.rename(temporary, name); !s.ok()) return give_up(r.id, temporary, s);
  if (!planted<"S10">()) {
    if (Status s = disk_.sync_dir(); !s.ok()) return give_up(r.id, name, s);
  }
  const uint64_t size = it->second.size;
  sealed_[r.id] = {std::move(it->second.file), size};
  writing_.erase(it);
  return BlobSealed{r.id, size};
}

std::optional<BlobAnswer> BlobStore::on(const BlobDrop& r) {
  if (writing_.erase(r.id) > 0) {
    // A temporary file does not survive a restart in any case.
    disk_.remove(temporary_blob_name(r.id)).IgnoreError();
    return std::nullopt;
  }
  if (sealed_.erase(r.id) == 0) return std::nullopt;
  // Nobody waits for a drop. When it fails the blob may be back after a restart, to be dropped again.
  Status s = disk_.remove(blob_name(r.id));
  if (s.ok()) s = disk_.sync_dir();
  if (!s.ok()) mark<"blob.drop_failed">();
  return std::nullopt;
}

std::optional<BlobAnswer> BlobStore::on(const BlobRead& r) {
  const auto it = sealed_.find(r.id);
  if (it == sealed_.end()) return failed(r.id, "read of a blob that is not sealed");
  if (it->second.file == nullptr) {
    StatusOr<std::unique_ptr<File>> file = disk_.open(blob_name(r.id));
    if (!file.ok()) return failed(r.id, std::string(file.status().message()));
    it->second.file = *std::move(file);
  }
  StatusOr<Slice> bytes = it->second.file->read(r.offset, r.length);
  if (!bytes.ok()) return failed(r.id, std::string(bytes.status().message()));
  return BlobData{r.id, r.offset, *std::move(bytes)};
}

}  // namespace holdfast::stable
