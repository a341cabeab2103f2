#pragma once

#include <memory>
#include <tuple>

#include "base/check.h"
#include "base/random.h"
#include "storage/resource_store.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

// Every store that the conformance suite runs over. A fixture has
//   kReopens   whether what was written is there when the store is opened again; what needs that
//              prints n/a otherwise
//   clock      the store's; moved by the test
//   Open()     opens the fixture's one store, which must not be open already
namespace signalbox::testing {

class SqliteFileFixture {
 public:
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

using StoreFixtures = std::tuple<SqliteFileFixture, SqliteMemoryFixture>;

}  // namespace signalbox::testing
