// Runs a fuzz target without libFuzzer: over the files that are named on the command line, or over generated inputs of
// all sizes up to a few thousand bytes, the same ones every time.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "holdfast/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kInputs = 4000;

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string generated(holdfast::Random& random) {
  std::string input;
  const uint64_t size = random.below(random.chance(1, 2) ? 4000 : 60);
  // Small values and repeats reach more than evenly spread bytes.
  while (input.size() < size) {
    const uint64_t value = random.chance(1, 2) ? random.below(8) : random.below(256);
    input.append(random.chance(1, 10) ? random.below(40) : 1, static_cast<char>(value));
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) return std::fprintf(stderr, "%s: cannot read\n", argv[i]), 2;
    run(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  if (argc > 1) return 0;
  run("");
  holdfast::Random random(1);
  for (int i = 0; i < kInputs; ++i) run(generated(random));
  std::printf("%d inputs\n", kInputs + 1);
  return 0;
}
