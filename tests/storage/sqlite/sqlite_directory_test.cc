// A directory's files as one: who owns it, what is refused, what a migration does first.
#include "storage/sqlite/sqlite_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_backup.h"
#include "storage/sqlite/sqlite_connection.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

constexpr Sql kSynchronous = {"synchronous", "PRAGMA synchronous"};
constexpr Sql kVersion = {"version", "SELECT max(version) FROM schema_versions"};

class Store {
 public:
  std::string path() const { return root_.Join("deep/data"); }
  std::string file(absl::string_view name) const { return absl::StrCat(path(), "/", name); }
  std::string witness() const { return root_.Join("last-good"); }

  absl::StatusOr<std::shared_ptr<SqliteDirectory>> Open(
      MigrationPolicy migrate = MigrationPolicy::kAuto) {
    return SqliteDirectory::Open({.directory = path(),
                                  .migrate = migrate,
                                  .applied_by = "test",
                                  .clock = &clock_,
                                  .witness = witness()});
  }
  void Write(const std::string& file_path, const std::string& content) const {
    std::ofstream(file_path, std::ios::binary) << content;
  }
  // Changes a closed file behind the store's back.
  void Tamper(absl::string_view name, const std::string& sql) const {
    const auto connection =
        SqliteConnection::Open(file(name), SqliteConnection::Access::kReadWrite).value();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
    REQUIRE(connection->Checkpoint(SqliteConnection::CheckpointMode::kTruncate).ok());
  }
  int64_t Int(absl::string_view name, const Sql& sql) const {
    const auto connection =
        SqliteConnection::Open(file(name), SqliteConnection::Access::kQueryOnly).value();
    SqliteQuery query(connection.get(), sql);
    return query.Step() ? query.Int(0) : -1;
  }
  bool Exists(absl::string_view name) const { return std::filesystem::exists(file(name)); }

 private:
  testing::TempDir root_;
  testing::FakeClock clock_;
};

// Makes the file's last migration look as if it had not been applied yet, and its content fit.
void TakeLastBack(const Store& store, const SqliteArea& area) {
  const std::vector<Migration> all = area.migrations();
  store.Tamper(area.file, all.back().down);
  store.Tamper(area.file,
               absl::StrCat("DELETE FROM schema_versions WHERE version = ", all.back().version));
}

TEST_CASE("all files are made at the first start, each with its own schema and durability") {
  Store store;
  auto directory = store.Open();
  REQUIRE(directory.ok());
  for (const SqliteArea& area : SqliteAreas()) {
    INFO(area.name);
    CHECK((*directory)->schema_version(area.area) == static_cast<int>(area.migrations().size()));
    CHECK((*directory)->read_only(area.area).ok());
    const auto lease = (*directory)->database(area.area)->Writer();
    REQUIRE(lease.ok());
    SqliteQuery query(lease->get(), kSynchronous);
    REQUIRE(query.Step());
    CHECK(query.Int(0) == (area.area == StoreArea::kTelemetry ? 1 : 2));
    struct stat info;
    REQUIRE(::stat(store.file(area.file).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK((*directory)->notes().empty());
}

TEST_CASE("a second owner is refused with the pid of the first, for as long as a store holds on") {
  Store store;
  auto directory = store.Open();
  REQUIRE(directory.ok());
  std::shared_ptr<SqliteDatabase> held = (*directory)->database(StoreArea::kAudit);
  directory->reset();
  const auto refused = store.Open();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), absl::StrCat("process ", ::getpid())));
  held.reset();
  CHECK(store.Open().ok());
}

TEST_CASE("a directory with a lost config.db is refused, and nothing is made in its place") {
  Store store;
  REQUIRE(store.Open().ok());
  for (const SqliteArea& area : SqliteAreas()) std::filesystem::remove(store.file(area.file));
  const std::string left =
      GENERATE("config.db-wal", "audit.db", "queue.db", "telemetry.db", "the witness");
  const std::string path = left == "the witness" ? store.witness() : store.file(left);
  store.Write(path, "something");
  SECTION("when it is missing") {}
  SECTION("when it is empty") { store.Write(store.file("config.db"), ""); }
  const auto refused = store.Open();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), path));
  CHECK(absl::StrContains(refused.status().message(), "bring config.db back"));
  CHECK((!store.Exists("config.db") || std::filesystem::is_empty(store.file("config.db"))));
}

TEST_CASE("a config.db without a schema beside what belongs to a store is refused") {
  Store store;
  REQUIRE(store.Open().ok());
  std::filesystem::remove(store.file("config.db"));
  store.Tamper("config.db", "PRAGMA journal_mode = WAL");
  REQUIRE(!std::filesystem::is_empty(store.file("config.db")));
  const auto refused = store.Open();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "audit.db is there"));
}

TEST_CASE("a first start that was killed is started again") {
  Store store;
  std::filesystem::create_directories(store.path());
  SECTION("before the first byte") { store.Write(store.file("config.db"), ""); }
  SECTION("before the schema") { store.Tamper("config.db", "PRAGMA journal_mode = WAL"); }
  SECTION("before the other files") {
    REQUIRE(store.Open().ok());
    for (const SqliteArea& area : SqliteAreas()) {
      if (area.area != StoreArea::kConfig) std::filesystem::remove(store.file(area.file));
    }
  }
  CHECK(store.Open().ok());
}

TEST_CASE("another program's file is refused and left as it is") {
  Store store;
  std::filesystem::create_directories(store.path());
  store.Tamper(GENERATE("config.db", "queue.db"), "CREATE TABLE theirs (a)");
  CHECK(store.Open().status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a damaged file is refused, but telemetry is set aside and made anew") {
  Store store;
  REQUIRE(store.Open().ok());
  const std::string name = GENERATE("config.db", "audit.db", "queue.db", "telemetry.db");
  {
    std::fstream file(store.file(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(4096 * 2, '\x5a');
  }
  const auto directory = store.Open();
  if (name != "telemetry.db") {
    CHECK(directory.status().code() == absl::StatusCode::kDataLoss);
    CHECK(absl::StrContains(directory.status().message(), name));
    return;
  }
  REQUIRE(directory.ok());
  REQUIRE((*directory)->notes().size() == 1);
  CHECK(absl::StrContains((*directory)->notes()[0], "telemetry.db.damaged"));
  CHECK(store.Exists("telemetry.db.damaged"));
  CHECK((*directory)->schema_version(StoreArea::kTelemetry) > 0);
}

TEST_CASE("what holds a schema is backed up once before it is migrated") {
  Store store;
  REQUIRE(store.Open().ok());
  const SqliteArea& config = SqliteAreaOf(StoreArea::kConfig);
  // Version 0 is no schema, so there must be a step before the last.
  if (config.migrations().size() < 2) return;
  TakeLastBack(store, config);
  const auto directory = store.Open();
  INFO(directory.status().ToString());
  REQUIRE(directory.ok());
  const std::vector<std::string>& notes = (*directory)->notes();
  REQUIRE(notes.size() == 2);
  const size_t at = notes[0].find(store.path() + "/backups/before-migration-");
  REQUIRE(at != std::string::npos);
  const std::string backup = notes[0].substr(at);
  CHECK(absl::StrContains(notes[1], "was migrated from schema version"));
  const auto verified = VerifySqliteBackup(backup);
  REQUIRE(verified.ok());
  CHECK(verified->sound());
  CHECK(verified->areas.size() == SqliteAreas().size());
  CHECK(verified->areas[0].schema_version == static_cast<int>(config.migrations().size()) - 1);
  CHECK(store.Int("config.db", kVersion) == static_cast<int64_t>(config.migrations().size()));
}

TEST_CASE("with migrate = require a new directory is refused with the command that makes it") {
  Store store;
  const auto refused = store.Open(MigrationPolicy::kRequire);
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(
      refused.status().message(),
      absl::StrCat("run `signalbox db migrate --store.path ", store.path(), "`")));
  REQUIRE(store.Open(MigrationPolicy::kAuto).ok());
  CHECK(store.Open(MigrationPolicy::kRequire).ok());
}

TEST_CASE("a newer schema is used as far as it allows") {
  Store store;
  REQUIRE(store.Open().ok());
  const std::string newer = absl::StrCat(SqliteAreaOf(StoreArea::kQueue).migrations().size() + 1);
  const auto insert = [&](int min_reader, const std::string& min_writer) {
    store.Tamper("queue.db", absl::StrCat("INSERT INTO schema_versions VALUES (", newer,
                                          ", 'future', zeroblob(32), 0, 'signalbox 9', ",
                                          min_reader, ", ", min_writer, ")"));
  };
  SECTION("both ways") {
    insert(1, "1");
    auto directory = store.Open();
    REQUIRE(directory.ok());
    CHECK((*directory)->database(StoreArea::kQueue)->Writer().ok());
  }
  SECTION("to read") {
    insert(1, newer);
    auto directory = store.Open();
    REQUIRE(directory.ok());
    const auto database = (*directory)->database(StoreArea::kQueue);
    CHECK(database->Reader().ok());
    CHECK(database->Writer().status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK((*directory)->read_only(StoreArea::kQueue) == database->Writer().status());
    CHECK((*directory)->notes().size() == 1);
  }
  SECTION("not at all") {
    insert(std::stoi(newer), newer);
    const auto refused = store.Open();
    CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(absl::StrContains(refused.status().message(), "queue.db has schema version " + newer));
  }
}

TEST_CASE("a store in memory has every area and no directory") {
  testing::FakeClock clock;
  const auto directory = SqliteDirectory::Open(
      {.migrate = MigrationPolicy::kRequire, .applied_by = "test", .clock = &clock});
  REQUIRE(directory.ok());
  CHECK((*directory)->in_memory());
  for (const SqliteArea& area : SqliteAreas())
    CHECK((*directory)->database(area.area)->Writer().ok());
}

}  // namespace
}  // namespace signalbox
