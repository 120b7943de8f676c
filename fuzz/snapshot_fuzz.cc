// The snapshot decoder over any bytes: no crash, bounded output, and whatever it accepts is what the encoder makes.
//
// The first byte chooses: the rest is a file as it stands (checksums rarely match), or edits of a good file, or content
// to be encoded and decoded in pieces.
#include <cstddef>
#include <cstdint>
#include <string>

#include "holdfast/base/assert.h"
#include "holdfast/stable/snapshot_codec.h"

namespace {

using namespace holdfast;          // NOLINT: a program of one page
using namespace holdfast::stable;  // NOLINT

std::string join(const std::vector<Slice>& slices) {
  std::string all;
  for (const Slice& s : slices) all += s.view();
  return all;
}

std::string encode(std::string_view content) {
  SnapshotEncoder encoder({64, 1});
  std::vector<Slice> out;
  encoder.add(Slice::copy_of(content), out);
  encoder.finish(out);
  return join(out);
}

// The content, when the decoder accepts the file.
StatusOr<std::string> decode(std::string_view file, size_t step) {
  SnapshotDecoder decoder;
  std::vector<Slice> out;
  for (; !file.empty(); file.remove_prefix(std::min(step, file.size()))) {
    if (Status s = decoder.add(Slice::copy_of(file.substr(0, step)), out); !s.ok()) return s;
  }
  if (Status s = decoder.finish(); !s.ok()) return s;
  return join(out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t step = size_t{data[1]} + 1;
  if (data[0] % 3 == 0) {
    decode(rest, step).IgnoreError();
    const std::string good = encode("");
    decode(good.substr(0, 16) + rest, step).IgnoreError();
  } else if (data[0] % 3 == 1) {
    const std::string content = std::string(100, 'c') + "some content that is compressed a little, a little";
    std::string file = encode(content);
    const std::string original = file;
    for (size_t i = 0; i + 1 < rest.size(); i += 2) {
      char& byte = file[static_cast<uint8_t>(rest[i]) * file.size() / 256];
      byte = static_cast<char>(byte ^ rest[i + 1]);
    }
    const auto decoded = decode(file, step);
    ensure(decoded.ok() == (file == original), "a changed file is refused, an unchanged one accepted");
  } else {
    ensure(decode(encode(rest), step).value() == rest, "content comes back");
  }
  return 0;
}
