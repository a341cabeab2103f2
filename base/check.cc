#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace signalbox {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: invariant does not hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace signalbox
