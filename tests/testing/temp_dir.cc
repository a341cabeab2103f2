#include "tests/testing/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace signalbox::testing {

TempDir::TempDir(Place place) {
  const char* base = place == Place::kShortPath ? nullptr : std::getenv("TEST_TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/sb.XXXXXX";
  SB_CHECK(mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace signalbox::testing
