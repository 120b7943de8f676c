#include "holdfast/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace holdfast {

void fail_assertion(const char* what, Place where) {
  std::fprintf(stderr, "holdfast: broken invariant: %s\n  at %s:%d in %s\n", what, where.file, where.line,
               where.function);
  std::fflush(stderr);
  std::abort();
}

}  // namespace holdfast
