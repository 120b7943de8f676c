// Arbitrary bytes as a store's image: refused, or a store that works and writes the same state again.
//
// The bytes are also read as a run of parts without frames, which an end with the right counts is put behind: that
// brings more of them to the checks of what a state can be. (All but the right hash, which is not hit by chance.)
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "holdfast/base/assert.h"
#include "holdfast/store/image.h"
#include "holdfast/store/store.h"

namespace holdfast::store {
namespace {

StatusOr<Store> load(std::string_view image, size_t piece) {
  const auto loader = Store::load(Limits{});
  for (; !image.empty(); image.remove_prefix(std::min(piece, image.size()))) {
    if (const Status status = loader->add(image.substr(0, piece)); !status.ok()) return status;
  }
  return loader->finish();
}

std::string image_of(const Store& store) {
  std::string image;
  const auto reader = store.snapshot();
  while (reader->read(100, image)) {
  }
  return image;
}

void use(Store& store) {
  const uint64_t hash = store.state_hash();
  const auto again = load(image_of(store), 1000);
  ensure(again.ok(), "what a store writes can be loaded");
  ensure(again->state_hash() == hash, "a loaded store has the state of its image");
  store.apply(Tick{store.clock_ms() + 1'000'000});
  PutRequest put;
  put.key = Slice::copy_of("a");
  store.apply(put);
  store.apply(DeleteRangeRequest{Slice::copy_of("a"), Slice::copy_of(std::string_view("\0", 1)), true});
  store.apply(CompactRequest{store.revision()});
  while (store.collect_garbage(3)) {
  }
  store.state_hash();
}

void append(std::string& out, const ImagePart& part) {
  const Slice body = codec::encode(part).flatten();
  const auto n = static_cast<uint32_t>(body.size());
  out.append(reinterpret_cast<const char*>(&n), 4);
  out += body.view();
}

// An image whose parts are what the bytes decode to.
std::string repaired(std::string_view bytes) {
  std::string image(kImageMagic);
  ImageEnd end;
  codec::Reader r(Slice::copy_of(bytes));
  while (r.ok() && r.remaining() > 0) {
    ImagePart part;
    codec::read(r, part);
    if (!r.ok() || std::holds_alternative<ImageEnd>(part)) break;
    if (const auto* leases = std::get_if<ImageLeases>(&part)) end.leases += leases->leases.size();
    if (const auto* versions = std::get_if<ImageVersions>(&part)) end.versions += versions->versions.size();
    append(image, part);
  }
  append(image, end);
  return image;
}

}  // namespace
}  // namespace holdfast::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::store;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto store = load(bytes, 7); store.ok()) use(*store);
  if (auto store = load(repaired(bytes), 1000); store.ok()) use(*store);
  return 0;
}
