#include "storage/sqlite/sqlite_migrations.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/check.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_connection.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

constexpr Sql kUserVersion = {"user_version", "PRAGMA user_version"};
constexpr Sql kApplicationId = {"application_id", "PRAGMA application_id"};
constexpr Sql kTables = {"tables",
                         "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT "
                         "LIKE 'sqlite_%'"};
constexpr Sql kSchema = {
    "schema", "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)"};
constexpr Sql kLoose = {
    "loose",
    "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND strict = 0 AND name NOT LIKE 'sqlite_%'"};

// Gives a connection the SQL function die(), which kills the process.
int AddDie(sqlite3* handle, char**, const void*) {
  return sqlite3_create_function(
      handle, "die", 0, SQLITE_UTF8, nullptr,
      [](sqlite3_context*, int, sqlite3_value**) { ::kill(::getpid(), SIGKILL); }, nullptr,
      nullptr);
}

class OpenFile {
 public:
  OpenFile() : connection_(SqliteConnection::Open(path(), Access::kReadWrite).value()) {}

  std::string path() const { return directory_.Join("config.db"); }

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

TEST_CASE("the shipped migrations of each area apply, mark the file and make strict tables only") {
  for (const SqliteArea& area : SqliteAreas()) {
    INFO(area.name);
    OpenFile file;
    const auto status = file.Up(area.migrations());
    REQUIRE(status.ok());
    CHECK(status->version() == static_cast<int>(area.migrations().size()));
    CHECK(status->applied[0].by == "test");
    CHECK(file.Int(kUserVersion) == status->version());
    CHECK(file.Int(kApplicationId) == area.application_id);
    CHECK(file.Int(kLoose) == 0);
  }
}

TEST_CASE("each migration's way down leads back to the schema before it") {
  for (const SqliteArea& area : SqliteAreas()) {
    INFO(area.name);
    OpenFile file;
    const std::vector<Migration> all = area.migrations();
    std::vector<std::string> schemas;
    REQUIRE(file.Up({}).ok());
    for (size_t n = 1; n <= all.size(); ++n) {
      schemas.push_back(file.Text(kSchema));
      REQUIRE(file.Up({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)}).ok());
      if (n == 1) schemas[0] = "CREATE TABLE schema_versions";
    }
    for (size_t n = all.size(); n > 0; --n) {
      SqliteMigrationTarget target("a.db", file.get());
      REQUIRE(target.Revert(all[n - 1]).ok());
      CHECK(file.Int(kUserVersion) == static_cast<int64_t>(n) - 1);
      CHECK(file.Text(kSchema).substr(0, schemas[n - 1].size()) == schemas[n - 1]);
    }
    CHECK(file.Int(kTables) == 1);
    CHECK(file.Up(all).ok());
  }
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
  CHECK(target.Revert({.version = 2, .name = "later", .down = "NOT SQL"}).ok());
  CHECK(target.Revert({.version = 1, .name = "step", .down = "DROP TABLE t"}).ok());
  CHECK(target.Revert({.version = 1, .name = "step", .down = "DROP TABLE t"}).ok());
  CHECK(target.Applied()->empty());
}

TEST_CASE("a step from where the schema no longer is is refused, and nothing is done") {
  OpenFile file;
  SqliteMigrationTarget target("config.db", file.get());
  const auto step = [](int version) {
    return Migration{.version = version,
                     .name = "step",
                     .up = "CREATE TABLE t" + std::to_string(version) + " (a)",
                     .down = "DROP TABLE t" + std::to_string(version)};
  };
  CHECK(target.Apply(step(2), {.version = 2, .name = "step"}).code() == absl::StatusCode::kAborted);
  REQUIRE(target.Apply(step(1), {.version = 1, .name = "step"}).ok());
  REQUIRE(target.Apply(step(2), {.version = 2, .name = "step"}).ok());
  CHECK(target.Revert(step(1)).code() == absl::StatusCode::kAborted);
  CHECK(target.Applied()->size() == 2);
  CHECK(file.Int(kTables) == 3);
}

TEST_CASE("eight connections at once apply each migration once, with its row") {
  testing::TempDir directory;
  testing::FakeClock clock;
  std::vector<Migration> migrations;
  for (int version = 1; version <= 5; ++version) {
    migrations.push_back({.version = version,
                          .name = "step",
                          .up = "CREATE TABLE t" + std::to_string(version) + " (a)",
                          .down = "-",
                          .min_reader = version,
                          .min_writer = version});
  }
  const auto open = [&] {
    auto connection =
        SqliteConnection::Open(directory.Join("config.db"), SqliteConnection::Access::kReadWrite)
            .value();
    SB_CHECK(connection->Execute({"busy", "PRAGMA busy_timeout = 60000"}).ok());
    return connection;
  };
  std::vector<absl::StatusOr<MigrationStatus>> results(8, absl::UnknownError(""));
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      const auto connection = open();
      SqliteMigrationTarget target("config.db", connection.get());
      result = Migrator(migrations, "test", &target, &clock).Up();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) {
    INFO(result.status().ToString());
    REQUIRE(result.ok());
    CHECK(result->version() == 5);
  }
}

TEST_CASE("a process killed in the middle of a migration leaves the schema of before") {
  OpenFile file;
  std::vector<Migration> migrations = ConfigMigrations();
  REQUIRE(file.Up(migrations).ok());
  const std::string before = file.Text(kSchema);
  const int version = static_cast<int>(migrations.size()) + 1;
  // More than the cache holds, so that pages reach the files before the end.
  migrations.push_back({.version = version,
                        .name = "large",
                        .up = "DROP TABLE resource_label; CREATE TABLE t (a);"
                              "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                              "WHERE i < 10000) INSERT INTO t SELECT randomblob(1000) FROM n;"
                              "SELECT die()",
                        .down = "-"});
  const pid_t child = ::fork();
  if (child == 0) {
    ::sqlite3_auto_extension(reinterpret_cast<void (*)()>(&AddDie));
    const auto connection =
        SqliteConnection::Open(file.path(), SqliteConnection::Access::kReadWrite);
    SqliteMigrationTarget target("config.db", connection->get());
    target.Apply(migrations.back(), {.version = version, .name = "large"}).IgnoreError();
    ::_exit(0);
  }
  int ended = 0;
  REQUIRE(::waitpid(child, &ended, 0) == child);
  REQUIRE(WIFSIGNALED(ended));
  CHECK(WTERMSIG(ended) == SIGKILL);
  CHECK(file.Text(kSchema) == before);
  CHECK(file.Int(kUserVersion) == version - 1);
}

}  // namespace
}  // namespace signalbox
