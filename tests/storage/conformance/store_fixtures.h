#pragma once

#include <memory>
#include <string>
#include <tuple>

#include "absl/strings/string_view.h"
#include "storage/resource_store.h"
#include "tests/testing/fake_clock.h"

// Every store that the conformance suite runs over. A fixture has
//   kDriver    what StoreInfo::driver says
//   kReopens   whether what was written is there when the store is opened again; what needs that
//              prints n/a otherwise
//   kNeedle    SQL: whether the column `bytes` has the word "needle" in it
//   clock      the store's; moved by the test
//   Open()     opens the fixture's one store, which must not be open already
//   Execute()  runs a statement past the open store; "$" before a table stands for its schema.
//              Returns the first column of the first row as text, "" where there is none
namespace signalbox::testing {

// What both SQLite fixtures share.
class SqliteFixture {
 public:
  static constexpr char kNeedle[] = "instr(bytes, CAST('needle' AS BLOB)) > 0";
  FakeClock clock;

  ~SqliteFixture();
  SqliteFixture(const SqliteFixture&) = delete;
  SqliteFixture& operator=(const SqliteFixture&) = delete;
  std::unique_ptr<ResourceStore> Open();
  std::string Execute(absl::string_view sql);

 protected:
  explicit SqliteFixture(bool in_memory);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

class SqliteFileFixture : public SqliteFixture {
 public:
  static constexpr absl::string_view kDriver = "sqlite";
  static constexpr bool kReopens = true;
  SqliteFileFixture() : SqliteFixture(false) {}
};

class SqliteMemoryFixture : public SqliteFixture {
 public:
  static constexpr absl::string_view kDriver = "sqlite (memory)";
  static constexpr bool kReopens = false;
  SqliteMemoryFixture() : SqliteFixture(true) {}
};

// A database of its own in the test binary's cluster.
class PostgresFixture {
 public:
  static constexpr absl::string_view kDriver = "postgres";
  static constexpr bool kReopens = true;
  static constexpr char kNeedle[] = "position('needle'::bytea in bytes) > 0";
  FakeClock clock;

  PostgresFixture();
  ~PostgresFixture();
  PostgresFixture(const PostgresFixture&) = delete;
  PostgresFixture& operator=(const PostgresFixture&) = delete;
  std::unique_ptr<ResourceStore> Open();
  std::string Execute(absl::string_view sql);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// The order of the columns in tests/storage/conformance/table.
using StoreFixtures = std::tuple<SqliteFileFixture, SqliteMemoryFixture, PostgresFixture>;

}  // namespace signalbox::testing
