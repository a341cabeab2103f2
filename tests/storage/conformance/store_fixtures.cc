#include "tests/storage/conformance/store_fixtures.h"

#include <iostream>
#include <set>

#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "base/random.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {

struct SqliteFixture::State {
  TempDir place;
  SystemRandom random;
  bool in_memory = false;
  std::weak_ptr<SqliteDirectory> directory;  // the open store's
  std::set<std::string> statements;          // a connection knows them by their address
};

SqliteFixture::SqliteFixture(bool in_memory) : state_(std::make_unique<State>()) {
  state_->in_memory = in_memory;
}

SqliteFixture::~SqliteFixture() = default;

std::unique_ptr<ResourceStore> SqliteFixture::Open() {
  auto directory =
      SqliteDirectory::Open({.directory = state_->in_memory ? "" : state_->place.Join("data"),
                             .applied_by = "test",
                             .clock = &clock,
                             .witness = ""});
  if (!directory.ok()) std::cerr << directory.status() << "\n";
  SB_CHECK(directory.ok());
  state_->directory = *directory;
  auto store =
      SqliteResourceStore::Create(*std::move(directory), &clock, &state_->random, /*key_file=*/"");
  if (!store.ok()) std::cerr << store.status() << "\n";
  SB_CHECK(store.ok());
  return *std::move(store);
}

std::string SqliteFixture::Execute(absl::string_view sql) {
  const std::shared_ptr<SqliteDirectory> directory = state_->directory.lock();
  SB_CHECK(directory != nullptr);
  const auto& text = *state_->statements.insert(absl::StrReplaceAll(sql, {{"$", ""}})).first;
  const auto database = directory->database(StoreArea::kConfig);
  const auto writer = database->Writer();
  SB_CHECK(writer.ok());
  SqliteQuery query(writer->get(), {"test", text.c_str()});
  std::string value;
  if (query.Step()) value = std::string(query.Text(0));
  if (!query.status().ok()) std::cerr << text << ": " << query.status() << "\n";
  SB_CHECK(query.status().ok());
  return value;
}

struct PostgresFixture::State {
  PostgresDatabase database;
  TempDir directory;
  SystemRandom random;
};

PostgresFixture::PostgresFixture() : state_(std::make_unique<State>()) {}

PostgresFixture::~PostgresFixture() = default;

std::unique_ptr<ResourceStore> PostgresFixture::Open() {
  const auto schemas = PostgresSchemas::Open({.conninfo = state_->database.Url(),
                                              .applied_by = "test",
                                              .migrate = MigrationPolicy::kAuto,
                                              .fsync = PostgresSchemas::Options::Fsync::kMayBeOff,
                                              .clock = &clock,
                                              .random = &state_->random});
  if (!schemas.ok()) std::cerr << schemas.status() << "\n";
  SB_CHECK(schemas.ok());
  auto store =
      PostgresResourceStore::Create(*schemas, {.key_file = state_->directory.Join("secrets.key")});
  if (!store.ok()) std::cerr << store.status() << "\n";
  SB_CHECK(store.ok());
  return *std::move(store);
}

std::string PostgresFixture::Execute(absl::string_view sql) {
  return state_->database.Execute(absl::StrReplaceAll(sql, {{"$", "config."}}));
}

}  // namespace signalbox::testing
