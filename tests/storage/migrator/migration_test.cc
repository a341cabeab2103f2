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

TEST_CASE("a migration that says nothing shuts older programs out, and one may say otherwise") {
  const auto migrations = MigrationsIn({{"0001_a.up.sql", "A"},
                                        {"0001_a.down.sql", "a"},
                                        {"0002_b.up.sql", "-- Adds a column.\n-- min_writer: 1\nB"},
                                        {"0002_b.down.sql", "b"},
                                        {"0003_c.up.sql", "-- min_reader: 1\n-- min_writer: 2\nC"},
                                        {"0003_c.down.sql", "c"}});
  REQUIRE(migrations.size() == 3);
  CHECK(migrations[0].min_reader == 1);
  CHECK(migrations[0].min_writer == 1);
  CHECK(migrations[1].min_reader == 1);
  CHECK(migrations[1].min_writer == 1);
  CHECK(migrations[2].min_reader == 1);
  CHECK(migrations[2].min_writer == 2);
}

}  // namespace
}  // namespace signalbox
