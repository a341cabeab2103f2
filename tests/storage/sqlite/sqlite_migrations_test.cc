#include "storage/sqlite/sqlite_migrations.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/sqlite/sqlite_connection.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

constexpr Sql kUserVersion = {"user_version", "PRAGMA user_version"};
constexpr Sql kApplicationId = {"application_id", "PRAGMA application_id"};
constexpr Sql kTables = {"tables", "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"};
constexpr Sql kSchema = {
    "schema", "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)"};
constexpr Sql kLoose = {
    "loose",
    "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND strict = 0 AND name NOT LIKE 'sqlite_%'"};

class OpenFile {
 public:
  OpenFile()
      : connection_(
            SqliteConnection::Open(directory_.Join("config.db"), Access::kReadWrite).value()) {}

  SqliteConnection* get() const { return connection_.get(); }
  int64_t Int(const Sql& sql) const {
    SqliteQuery query(get(), sql);
    return query.Step() ? query.Int(0) : -1;
  }
  std::string Text(const Sql& sql) const {
    SqliteQuery query(get(), sql);
    return query.Step() ? std::string(query.Text(0)) : "";
  }
  absl::StatusOr<MigrationStatus> Up(std::vector<Migration> migrations) {
    SqliteMigrationTarget target("config.db", get());
    return Migrator(std::move(migrations), "test", &target, &clock_).Up();
  }

 private:
  using Access = SqliteConnection::Access;
  testing::TempDir directory_;
  testing::FakeClock clock_;
  const std::unique_ptr<SqliteConnection> connection_;
};

TEST_CASE("the shipped migrations apply, mark the file and make strict tables only") {
  OpenFile file;
  const auto status = file.Up(ConfigMigrations());
  REQUIRE(status.ok());
  CHECK(status->version() == static_cast<int>(ConfigMigrations().size()));
  CHECK(status->applied[0].name == "resources");
  CHECK(status->applied[0].by == "test");
  CHECK(file.Int(kUserVersion) == status->version());
  CHECK(file.Int(kApplicationId) == kConfigApplicationId);
  CHECK(file.Int(kLoose) == 0);
}

TEST_CASE("each migration's way down leads back to the schema before it") {
  OpenFile file;
  const std::vector<Migration> all = ConfigMigrations();
  std::vector<std::string> schemas;
  REQUIRE(file.Up({}).ok());
  for (size_t n = 1; n <= all.size(); ++n) {
    schemas.push_back(file.Text(kSchema));
    REQUIRE(file.Up({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)}).ok());
    if (n == 1) schemas[0] = "CREATE TABLE schema_versions";
  }
  for (size_t n = all.size(); n > 0; --n) {
    REQUIRE(file.get()->ExecuteScript("down", all[n - 1].down).ok());
    CHECK(file.Int(kUserVersion) == static_cast<int64_t>(n) - 1);
    CHECK(file.Text(kSchema).substr(0, schemas[n - 1].size()) == schemas[n - 1]);
  }
  CHECK(file.Int(kTables) == 1);
}

TEST_CASE("a migration that fails in its last statement leaves the schema of before") {
  OpenFile file;
  std::vector<Migration> migrations = ConfigMigrations();
  REQUIRE(file.Up(migrations).ok());
  const std::string before = file.Text(kSchema);
  migrations.push_back(
      {.version = static_cast<int>(migrations.size()) + 1,
       .name = "broken",
       .up = "PRAGMA user_version = 99; DROP TABLE resource_label; CREATE TABLE t (a); NOT SQL;",
       .down = "-"});
  const auto failed = file.Up(migrations);
  REQUIRE(!failed.ok());
  CHECK(std::string(failed.status().message()).find("(broken) of config.db") != std::string::npos);
  CHECK(file.Text(kSchema) == before);
  CHECK(file.Int(kUserVersion) == static_cast<int64_t>(migrations.size()) - 1);
  CHECK(!file.get()->InTransaction());
}

TEST_CASE("a migration that another process applied meanwhile is not applied again") {
  OpenFile file;
  const Migration step = {.version = 1, .name = "step", .up = "CREATE TABLE t (a)", .down = "-"};
  SqliteMigrationTarget target("config.db", file.get());
  CHECK(target.Apply(step, {.version = 1, .name = "step"}).ok());
  CHECK(target.Apply(step, {.version = 1, .name = "step"}).ok());
  CHECK(target.Applied()->size() == 1);
}

}  // namespace
}  // namespace signalbox
