#include "storage/migrator/migration.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("migrations are ordered by version, whatever the order of the files") {
  const auto migrations = MigrationsIn({{"0002_tokens.up.sql", "B"},
                                        {"0001_resources.down.sql", "a"},
                                        {"0002_tokens.down.sql", "b"},
                                        {"0001_resources.up.sql", "A"}});
  REQUIRE(migrations.size() == 2);
  CHECK(migrations[0].version == 1);
  CHECK(migrations[0].name == "resources");
  CHECK(migrations[0].up == "A");
  CHECK(migrations[0].down == "a");
  CHECK(migrations[0].checksum == Sha256("A"));
  CHECK(migrations[1].name == "tokens");
}

}  // namespace
}  // namespace signalbox
