#include "holdfast/consensus/pbft/content.h"

#include "holdfast/base/codec.h"

namespace holdfast::pbft {

ContentPtr content_of(Slice bytes) {
  StatusOr<Batch> batch = codec::decode<Batch>(bytes);
  if (!batch.ok()) return nullptr;
  const Digest digest = crypto::digest(bytes.view());
  uint64_t operations = 0;
  for (const SignedRequest& r : batch->requests) operations += r.request.operations.size();
  return std::make_shared<const Content>(Content{std::move(bytes), digest, *std::move(batch), operations});
}

ContentPtr content_of(const Batch& batch) { return content_of(codec::encode_flat(batch)); }

const ContentPtr& null_content() {
  static const ContentPtr null = content_of(Batch{});
  return null;
}

}  // namespace holdfast::pbft
