#include "holdfast/base/mark.h"

namespace holdfast {
namespace {

std::vector<Mark*>& registry() {
  static std::vector<Mark*> marks;
  return marks;
}

}  // namespace

Mark::Mark(std::string_view n) : name(n) { registry().push_back(this); }

const std::vector<Mark*>& all_marks() { return registry(); }

}  // namespace holdfast
