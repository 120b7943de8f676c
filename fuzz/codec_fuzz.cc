// The codec over any bytes, as a value with every kind of field: no read past the end, bounded memory and nesting; what
// is accepted is the one encoding of its value, except for bytes of newer versions that were skipped.
#include <cstddef>
#include <cstdint>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"

namespace {

using namespace holdfast;  // NOLINT: a program of one page

struct IndexTag {
  static constexpr const char* kPrefix = "i";
};
enum class Color { kRed, kGreen, kBlue };
constexpr Color last_value(Color) { return Color::kBlue; }
struct Grown {
  static constexpr size_t kRequiredFields = 1;
  uint8_t old_field = 0;
  std::vector<int16_t> new_field;
};
struct Scalars {
  Strong<IndexTag, uint64_t> index;
  int64_t number = 0;
  int32_t small = 0;
  bool flag = false;
  Color color = Color::kRed;
  codec::Fixed64 hash;
};
struct Tree;
using Node = std::variant<Scalars, Grown, std::vector<Slice>, Tree>;
struct Tree {
  std::string name;
  std::optional<Scalars> scalars;
  std::vector<std::pair<uint32_t, Slice>> pairs;
  std::vector<Tree> trees;
  std::vector<Node> nodes;
};

bool has_grown(const Node& node);
bool has_grown(const Tree& tree) {
  for (const Tree& t : tree.trees) {
    if (has_grown(t)) return true;
  }
  for (const Node& n : tree.nodes) {
    if (has_grown(n)) return true;
  }
  return false;
}
bool has_grown(const Node& node) {
  if (const auto* tree = std::get_if<Tree>(&node)) return has_grown(*tree);
  return std::holds_alternative<Grown>(node);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // The first byte chooses: the rest as it stands, or as the body of an alternative, with the right frame around it.
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  codec::Writer writer;
  if (data[0] % 5 == 4) {
    writer.bytes(rest);
  } else {
    writer.varint(data[0] % 5);
    const codec::Writer::Frame frame = writer.open();
    writer.bytes(rest);
    writer.close(frame);
  }
  const Slice input = writer.finish().flatten();
  const StatusOr<Node> first = codec::decode<Node>(input);
  if (!first.ok()) {
    ensure(absl::IsUnimplemented(first.status()) || absl::IsDataLoss(first.status()), "two ways to refuse");
    return 0;
  }
  const Slice again = codec::encode_flat(*first);
  const StatusOr<Node> second = codec::decode<Node>(again);
  ensure(second.ok(), "what was encoded is decoded");
  ensure(codec::encode_flat(*second) == again, "and is encoded as before");
  ensure(print(*first) == print(*second), "and is the same value");
  if (!has_grown(*first)) {
    ensure(again.size() <= input.size(), "nothing is added");
    ensure(again.size() < input.size() || again == input, "one encoding per value");
  }
  return 0;
}
