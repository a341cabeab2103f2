// The migrator over a real PostgreSQL.
#include "storage/postgres/postgres_migrations.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "storage/migrator/migrator.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"

namespace signalbox::testing {
namespace {

std::unique_ptr<PostgresConnection> Connect(const std::string& url) {
  auto connection = PostgresConnection::Open({.conninfo = url});
  SB_CHECK(connection.ok());
  return *std::move(connection);
}

std::vector<Migration> Two() {
  return MigrationsIn({{"0001_a.up.sql", "CREATE TABLE config.a (x INT); SELECT 1;"},
                       {"0001_a.down.sql", "DROP TABLE config.a"},
                       {"0002_b.up.sql", "-- min_reader: 1\nCREATE TABLE config.b (x INT);"},
                       {"0002_b.down.sql", "DROP TABLE config.b"}});
}

struct Fixture {
  PostgresDatabase database;
  FakeClock clock;
  std::unique_ptr<PostgresConnection> connection = Connect(database.Url());
  PostgresMigrationTarget target{"here", PostgresArea::kConfig, connection.get()};
};

TEST_CASE("migrations go up and down and are remembered") {
  Fixture fixture;
  Migrator migrator(Two(), "test 1", &fixture.target, &fixture.clock);
  CHECK(fixture.target.Name() == "here schema config");
  CHECK(migrator.Status()->version() == 0);
  CHECK(fixture.database.Execute("SELECT to_regnamespace('config') IS NULL") == "t");
  const auto up = migrator.Up();
  REQUIRE(up.ok());
  REQUIRE(up->applied.size() == 2);
  CHECK(up->applied[0].name == "a");
  CHECK(up->applied[0].checksum == Two()[0].checksum);
  CHECK(up->applied[0].applied_at == fixture.clock.Now());
  CHECK(up->applied[0].by == "test 1");
  CHECK(up->applied[1].min_reader == 1);
  CHECK(up->applied[1].min_writer == 2);
  const auto down = migrator.PlanDown(0);
  REQUIRE(down.ok());
  CHECK(migrator.Run(*down)->version() == 0);
  CHECK(fixture.database.Execute("SELECT to_regclass('config.a') IS NULL") == "t");
}

TEST_CASE("a migration that fails leaves the schema as it was") {
  Fixture fixture;
  const auto bad = MigrationsIn({{"0001_a.up.sql", "CREATE TABLE config.a (x INT); SELECT nothing"},
                                 {"0001_a.down.sql", "DROP TABLE config.a"}});
  CHECK(!Migrator(bad, "test", &fixture.target, &fixture.clock).Up().ok());
  CHECK(fixture.database.Execute("SELECT to_regclass('config.a') IS NULL") == "t");
  CHECK(Migrator(Two(), "test", &fixture.target, &fixture.clock).Up()->version() == 2);
}

TEST_CASE("eight at once apply each migration once") {
  PostgresDatabase database;
  const FakeClock clock;
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(8);
  for (absl::Status& result : results) {
    threads.emplace_back([&] {
      const auto connection = Connect(database.Url());
      PostgresMigrationTarget target("here", PostgresArea::kConfig, connection.get());
      result = Migrator(Two(), "test", &target, &clock).Up().status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) CHECK(result == absl::OkStatus());
  CHECK(database.Execute("SELECT count(*) FROM config.schema_versions") == "2");
}

TEST_CASE("the schema's lock is waited for") {
  Fixture fixture;
  const auto holder = Connect(fixture.database.Url());
  REQUIRE(
      holder->RunScript("hold", "BEGIN; SELECT pg_advisory_xact_lock(8316291910694888056)").ok());
  std::thread release([&] {
    // Until the migrator waits.
    while (fixture.database.Execute(
               "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") ==
           "0") {
    }
    holder->Rollback();
  });
  CHECK(Migrator(Two(), "test", &fixture.target, &fixture.clock).Up()->version() == 2);
  release.join();
}

TEST_CASE("what the program has goes up, down and up again, and leaves nothing behind") {
  Fixture fixture;
  Migrator migrator(PostgresMigrations(PostgresArea::kConfig), "test", &fixture.target,
                    &fixture.clock);
  REQUIRE(migrator.Up().ok());
  REQUIRE(migrator.Run(*migrator.PlanDown(0)).ok());
  CHECK(fixture.database.Execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'config'") ==
        "1");
  CHECK(migrator.Up().ok());
}

TEST_CASE("every text column compares by bytes") {
  Fixture fixture;
  REQUIRE(
      Migrator(PostgresMigrations(PostgresArea::kConfig), "test", &fixture.target, &fixture.clock)
          .Up()
          .ok());
  CHECK(fixture.database.Execute(
            "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'config' AND a.atttypid = 'text'::regtype AND a.attcollation <> "
            "(SELECT oid FROM pg_collation WHERE collname = 'C')") == "0");
}

}  // namespace
}  // namespace signalbox::testing
