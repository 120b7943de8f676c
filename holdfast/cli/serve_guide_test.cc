// docs/guide/configuration.md lists every flag as the program's own table has it. After a change to the table:
//   HOLDFAST_REGENERATE=1 build/release/bin/serve_guide_test
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "holdfast/cli/serve_flags.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

constexpr std::string_view kBegin = "<!-- flags: begin -->\n";
constexpr std::string_view kEnd = "<!-- flags: end -->\n";

std::string code(std::string_view text) { return text.empty() ? "empty" : cat("`", text, "`"); }

std::string accepted_values(const ServeFlag& flag) {
  std::vector<std::string> values;
  for (std::string_view value : split(flag.value, '|')) values.push_back(code(value));
  return join(values, ", ");
}

std::string tables() {
  std::string full = "| Flag | Variable | Default | Meaning |\n|---|---|---|---|\n";
  std::string fixed = "| Flag | Accepted | For other values |\n|---|---|---|\n";
  for (const ServeFlag& flag : serve_flags()) {
    if (flag.support != Support::kFixed) {
      const char* prefix = flag.support == Support::kOwn ? "HOLDFAST" : "ETCD";
      full += cat("| `--", flag.name, "` | `", environment_name(prefix, flag.name), "` | ", code(flag.value), " | ",
                  flag.text, " |\n");
    } else {
      fixed += cat("| `--", flag.name, "` | ", accepted_values(flag), " | ", flag.text, " |\n");
    }
  }
  return cat("## Supported\n\n", full, "\n## Accepted for what Holdfast does anyway\n\n", fixed);
}

TEST(ServeGuide, ListsEveryFlag) {
  const std::string path = HOLDFAST_SOURCE_DIR "/docs/guide/configuration.md";
  std::ifstream in(path);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const size_t begin = page.find(kBegin), end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::string wanted = cat(page.substr(0, begin), kBegin, "\n", tables(), "\n", page.substr(end));
  if (std::getenv("HOLDFAST_REGENERATE") != nullptr) std::ofstream(path) << wanted;
  EXPECT_EQ(page, wanted) << "regenerate it, as the head of this test says";
}

}  // namespace
}  // namespace holdfast::cli
