#include "storage/sqlite/sqlite_version.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("the versions with the WAL-reset bug are known, the mended ones too") {
  CHECK(!HasWalResetBug(3006023));
  CHECK(HasWalResetBug(3007000));
  CHECK(HasWalResetBug(3040001));
  CHECK(HasWalResetBug(3044005));
  CHECK(!HasWalResetBug(3044006));
  CHECK(HasWalResetBug(3045000));
  CHECK(HasWalResetBug(3050006));
  CHECK(!HasWalResetBug(3050007));
  CHECK(HasWalResetBug(3051002));
  CHECK(!HasWalResetBug(3051003));
  CHECK(!HasWalResetBug(3053004));
}

}  // namespace
}  // namespace signalbox
