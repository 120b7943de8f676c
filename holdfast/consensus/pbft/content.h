// A batch as it travels and as it is read, with its digest.
#pragma once

#include <memory>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

struct Content {
  Slice bytes;
  Digest digest;
  Batch batch;
  uint64_t operations = 0;
};
using ContentPtr = std::shared_ptr<const Content>;

// Null when the bytes are no batch.
ContentPtr content_of(Slice bytes);
ContentPtr content_of(const Batch& batch);
// The batch that fills gaps.
const ContentPtr& null_content();

}  // namespace holdfast::pbft
