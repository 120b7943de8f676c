// How the image of a state gets into a snapshot.
#pragma once

#include <cstddef>
#include <string>

namespace holdfast {

// An image of a state that is read in bounded slices while the state goes on changing.
class ImageReader {
 public:
  virtual ~ImageReader() = default;
  // Appends up to about `max_bytes` to `out`; false when the image is complete.
  virtual bool read(size_t max_bytes, std::string& out) = 0;
};

}  // namespace holdfast
