#pragma once

#include <iostream>
#include <memory>
#include <tuple>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/random.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/resource_store.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

// Every store that the conformance suite runs over. A fixture has
//   kDriver    what StoreInfo::driver says
//   kReopens   whether what was written is there when the store is opened again; what needs that
//              prints n/a otherwise
//   clock      the store's; moved by the test
//   Open()     opens the fixture's one store, which must not be open already
namespace signalbox::testing {

class SqliteFileFixture {
 public:
  static constexpr absl::string_view kDriver = "sqlite";
  static constexpr bool kReopens = true;
  FakeClock clock;

  std::unique_ptr<ResourceStore> Open() {
    auto store = SqliteResourceStore::Create({.directory = directory_.Join("data"),
                                              .applied_by = "test",
                                              .clock = &clock,
                                              .random = &random_});
    SB_CHECK(store.ok());
    return *std::move(store);
  }

 private:
  TempDir directory_;
  SystemRandom random_;
};

class SqliteMemoryFixture {
 public:
  static constexpr absl::string_view kDriver = "sqlite (memory)";
  static constexpr bool kReopens = false;
  FakeClock clock;

  std::unique_ptr<ResourceStore> Open() {
    auto store = SqliteResourceStore::Create(
        {.directory = "", .applied_by = "test", .clock = &clock, .random = &random_});
    SB_CHECK(store.ok());
    return *std::move(store);
  }

 private:
  SystemRandom random_;
};

// A database of its own in the test binary's cluster.
class PostgresFixture {
 public:
  static constexpr absl::string_view kDriver = "postgres";
  static constexpr bool kReopens = true;
  FakeClock clock;

  std::unique_ptr<ResourceStore> Open() {
    const auto schemas = PostgresSchemas::Open({.conninfo = database_.Url(),
                                                .applied_by = "test",
                                                .migrate = MigrationPolicy::kAuto,
                                                .fsync = PostgresSchemas::Options::Fsync::kMayBeOff,
                                                .clock = &clock,
                                                .random = &random_});
    if (!schemas.ok()) std::cerr << schemas.status() << "\n";
    SB_CHECK(schemas.ok());
    auto store =
        PostgresResourceStore::Create(*schemas, {.key_file = directory_.Join("secrets.key")});
    if (!store.ok()) std::cerr << store.status() << "\n";
    SB_CHECK(store.ok());
    return *std::move(store);
  }

 private:
  PostgresDatabase database_;
  TempDir directory_;
  SystemRandom random_;
};

using StoreFixtures = std::tuple<SqliteFileFixture, SqliteMemoryFixture, PostgresFixture>;

}  // namespace signalbox::testing
