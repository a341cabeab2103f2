// Backups of a store on SQLite, and what verifying finds.
#include "storage/sqlite/sqlite_backup.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "storage/sqlite/sqlite_upkeep.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/storage/sqlite/fault_vfs.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::ClusterKey;
using testing::MustCommit;

class Store {
 public:
  Store() {
    const auto store = Open();
    Upsert labelled = Cluster("a", std::string(20000, 'a'));
    labelled.record.labels = {{"env", "prod"}};
    MustCommit(*store, Changes({labelled, Cluster("b", "only b")}));
    MustCommit(*store, Changes({Cluster("c")}));
    MustCommit(*store, Changes({Cluster("d", "later")}, {ClusterKey("b")}));
  }

  std::string path() const { return root_.Join("data"); }
  std::string Join(const std::string& name) const { return root_.Join(name); }
  std::unique_ptr<SqliteResourceStore> Open() {
    return SqliteResourceStore::Create(
               {.directory = path(), .applied_by = "test", .clock = &clock_, .random = &random_})
        .value();
  }
  absl::StatusOr<Backup> BackUp(const std::string& target) {
    return BackUpSqlite(
        {.source = path(), .target = target, .made_by = "test", .now = clock_.Now()});
  }
  static void Tamper(const std::string& file, const std::string& sql) {
    const auto connection =
        SqliteConnection::Open(file, SqliteConnection::Access::kReadWrite).value();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
    REQUIRE(connection->Checkpoint(SqliteConnection::CheckpointMode::kTruncate).ok());
  }

  testing::FakeClock clock_;

 private:
  testing::TempDir root_;
  SystemRandom random_;
};

int EntriesIn(const std::string& directory) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

TEST_CASE("a backup holds every file by its name, and a manifest that fits them") {
  Store store;
  const std::string target = store.Join("new/backup");
  const auto backup = store.BackUp(target + "/");
  INFO(backup.status().ToString());
  REQUIRE(backup.ok());
  CHECK(backup->directory == target);
  CHECK(backup->head->revision == Revision{3});
  CHECK(backup->files.size() == SqliteAreas().size());
  CHECK(EntriesIn(target) == static_cast<int>(SqliteAreas().size()) + 1);
  CHECK(EntriesIn(store.Join("new")) == 1);

  const Json manifest = Json::Parse(ReadFile(target + "/manifest.json", 1 << 20).value()).value();
  CHECK(manifest.Find("revision")->text() == "3");
  CHECK(manifest.Find("epoch")->text() == absl::StrCat(backup->head->epoch));
  CHECK(manifest.Find("made_by")->text() == "test");
  REQUIRE(manifest.Find("files")->elements().size() == SqliteAreas().size());
  CHECK(manifest.Find("files")->elements()[0].Find("name")->text() == "config.db");

  const auto verified = VerifySqliteBackup(target);
  REQUIRE(verified.ok());
  CHECK(verified->sound());
  CHECK(verified->head == backup->head);
  // Nothing was made beside the files by looking.
  CHECK(EntriesIn(target) == static_cast<int>(SqliteAreas().size()) + 1);
}

TEST_CASE("a backup is a store: opened in place of the one it is of, it has everything") {
  Store store;
  const std::string target = store.Join("backup");
  std::vector<std::string> before;
  {
    const auto open = store.Open();
    before = testing::NamesAtHead(*open);
    REQUIRE(store.BackUp(target).ok());
  }
  // Keys are not part of a backup.
  std::filesystem::copy(store.path() + "/secrets.key", target);
  std::filesystem::remove_all(store.path());
  std::filesystem::rename(target, store.path());
  const auto restored = store.Open();
  CHECK(testing::NamesAtHead(*restored) == before);
  CHECK(testing::MustReadHead(*restored) == Revision{3});
}

TEST_CASE("a backup while changes are committed is whole, and of one of their revisions") {
  Store store;
  const auto open = store.Open();
  std::atomic<bool> stop = false;
  std::atomic<int> made = 0;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      MustCommit(*open, Changes({Cluster(absl::StrCat("n", i), std::string(5000, 'x'))}));
      ++made;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const int64_t before = testing::MustReadHead(*open).number;
    while (made < 20 * (i + 1)) std::this_thread::yield();
    const auto backup = store.BackUp(store.Join(absl::StrCat("backup", i)));
    INFO(backup.status().ToString());
    CHECK(backup.ok());
    if (!backup.ok()) break;
    CHECK(backup->head->revision.number > before);
    CHECK(backup->head->revision <= testing::MustReadHead(*open));
    CHECK(VerifySqliteBackup(backup->directory)->sound());
  }
  stop = true;
  writer.join();
}

TEST_CASE("a backup goes to a new or an empty directory only") {
  Store store;
  const std::string target = store.Join("there");
  std::filesystem::create_directory(target);
  SECTION("an empty one is filled") { CHECK(store.BackUp(target).ok()); }
  SECTION("one with something in it is left alone") {
    std::ofstream(target + "/notes.txt") << "mine";
    CHECK(store.BackUp(target).status().code() == absl::StatusCode::kAlreadyExists);
    CHECK(EntriesIn(target) == 1);
  }
  SECTION("a file is left alone") {
    std::ofstream(store.Join("file")) << "mine";
    CHECK(store.BackUp(store.Join("file")).status().code() == absl::StatusCode::kAlreadyExists);
  }
  SECTION("a second backup does not replace the first") {
    REQUIRE(store.BackUp(target).ok());
    CHECK(store.BackUp(target).status().code() == absl::StatusCode::kAlreadyExists);
  }
  SECTION("where there is no store there is nothing to back up") {
    CHECK(BackUpSqlite({.source = target, .target = store.Join("x"), .now = store.clock_.Now()})
              .status()
              .code() == absl::StatusCode::kNotFound);
  }
}

TEST_CASE("a damaged store is not backed up, and nothing is left of the try") {
  Store store;
  Store::Tamper(store.path() + "/config.db", "UPDATE revision SET author = 'eve' WHERE number = 1");
  const auto refused = store.BackUp(store.Join("new/backup"));
  CHECK(refused.status().code() == absl::StatusCode::kDataLoss);
  CHECK(absl::StrContains(refused.status().message(), "config.db"));
  CHECK(EntriesIn(store.Join("new")) == 0);
}

TEST_CASE("whichever operation fails, a backup is whole or not there, and the store is as it was") {
  testing::FaultVfs disk;
  Store store;
  const testing::FaultVfs::Fault fault =
      GENERATE(testing::FaultVfs::Fault::kError, testing::FaultVfs::Fault::kFull);
  bool passed = false;
  int64_t nth = 1;
  for (; !passed && nth < 2000; ++nth) {
    const std::string target = store.Join(absl::StrCat("new/backup", nth));
    disk.FailAt(nth, fault);
    const auto backup = store.BackUp(target);
    passed = !disk.Fired();
    disk.Heal();
    INFO(nth << ": " << backup.status().ToString());
    CHECK(std::filesystem::exists(target) == backup.ok());
    CHECK(EntriesIn(store.Join("new")) == (backup.ok() ? 1 : 0));
    if (backup.ok()) {
      CHECK(VerifySqliteBackup(target)->sound());
      std::filesystem::remove_all(target);
    } else {
      const absl::StatusCode code = backup.status().code();
      CHECK(
          (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted));
    }
  }
  CHECK(passed);
  CHECK(nth > 10);
  CHECK(VerifySqliteStore(store.path())->sound());
}

TEST_CASE("telemetry that is damaged does not keep the rest from being backed up") {
  Store store;
  {
    std::fstream file(store.path() + "/telemetry.db",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(8192, '\x5a');
  }
  const auto backup = store.BackUp(store.Join("backup"));
  INFO(backup.status().ToString());
  REQUIRE(backup.ok());
  CHECK(backup->files.size() == SqliteAreas().size() - 1);
  CHECK(VerifySqliteBackup(backup->directory)->sound());
}

TEST_CASE("a backup that was changed is found out") {
  Store store;
  const std::string target = store.Join("backup");
  REQUIRE(store.BackUp(target).ok());
  const std::string what =
      GENERATE("a row", "a bit", "a missing file", "a missing config.db", "the manifest's text",
               "the manifest's revision", "a file's hash", "no files");
  INFO(what);
  const std::string manifest = ReadFile(target + "/manifest.json", 1 << 20).value();
  if (what == "a row") {
    Store::Tamper(target + "/config.db", "UPDATE record SET owner = 'eve'");
  } else if (what == "a bit") {
    std::fstream file(target + "/queue.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4000);
    file.put('\x01');
  } else if (what == "a missing file") {
    std::filesystem::remove(target + "/audit.db");
  } else if (what == "a missing config.db") {
    std::filesystem::remove(target + "/config.db");
  } else {
    std::string changed = manifest;
    if (what == "the manifest's text") changed = changed.substr(0, changed.size() / 2);
    if (what == "the manifest's revision")
      changed.replace(changed.find("\"revision\": 3"), 13, "\"revision\": 4");
    if (what == "a file's hash") {
      char& digit = changed[changed.find("\"sha256\": \"") + 12];
      digit = digit == '0' ? '1' : '0';
    }
    if (what == "no files") changed = R"({"format": 1})";
    std::ofstream(target + "/manifest.json") << changed;
  }
  const auto verified = VerifySqliteBackup(target);
  INFO(verified.status().ToString());
  REQUIRE(verified.ok());
  CHECK(!verified->sound());
}

TEST_CASE("a directory without a manifest is no backup") {
  Store store;
  CHECK(VerifySqliteBackup(store.path()).status().code() == absl::StatusCode::kNotFound);
  CHECK(VerifySqliteBackup(store.Join("nowhere")).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("verifying a sound store finds nothing and says what was looked at") {
  Store store;
  const auto verified = VerifySqliteStore(store.path());
  REQUIRE(verified.ok());
  CHECK(verified->sound());
  CHECK(verified->head->revision == Revision{3});
  REQUIRE(verified->areas.size() == SqliteAreas().size());
  CHECK(verified->areas[0].checks.size() == 5);
  CHECK(VerifySqliteStore(store.Join("nowhere")).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("verifying names what was changed behind the store's back") {
  Store store;
  const std::string sql = GENERATE(
      "UPDATE revision SET author = 'eve' WHERE number = 1",
      "DELETE FROM resource_history WHERE revision = 2", "UPDATE head SET revision = 4",
      "UPDATE body SET bytes = zeroblob(20000) WHERE length(bytes) = 20000",
      "UPDATE body SET bytes = CAST('ONLY B' AS BLOB) WHERE bytes = CAST('only b' AS BLOB)",
      "UPDATE record SET owner = 'eve'", "DELETE FROM head", "DELETE FROM resource WHERE key = 3",
      "UPDATE resource SET changed_in = 2 WHERE changed_in = 3",
      "UPDATE resource SET record = (SELECT record FROM resource WHERE key = 1) WHERE key = 3",
      "DELETE FROM resource_label", "UPDATE resource_label SET value = 'test'",
      "PRAGMA foreign_keys = OFF; DELETE FROM resource_key WHERE id = 2");
  INFO(sql);
  Store::Tamper(store.path() + "/config.db", sql);
  const auto verified = VerifySqliteStore(store.path());
  INFO(verified.status().ToString());
  REQUIRE(verified.ok());
  REQUIRE(!verified->sound());
  CHECK(verified->damage[0].where == store.path() + "/config.db");
}

TEST_CASE("verifying names what was changed in the audit log") {
  Store store;
  const std::string file = store.path() + "/audit.db";
  {
    testing::FakeClock clock;
    const auto directory =
        SqliteDirectory::Open({.directory = store.path(), .applied_by = "test", .clock = &clock});
    const auto audit =
        SqliteAuditLog::Create((*directory)->database(StoreArea::kAudit), &clock).value();
    REQUIRE(audit->Append({.principal = "alice", .action = "login"}).ok());
    REQUIRE(audit->Append({.principal = "bob", .action = "login"}).ok());
  }
  CHECK(VerifySqliteStore(store.path())->sound());
  Store::Tamper(file, GENERATE("UPDATE audit_event SET principal = 'eve' WHERE number = 1",
                               "DELETE FROM audit_event WHERE number = 1",
                               "DELETE FROM audit_event WHERE number = 2"));
  const auto verified = VerifySqliteStore(store.path());
  REQUIRE(verified.ok());
  REQUIRE(verified->damage.size() == 1);
  CHECK(verified->damage[0].where == file);
}

TEST_CASE("verifying names damaged pages and lost files of every area but telemetry's loss") {
  Store store;
  for (const SqliteArea& area : SqliteAreas()) {
    INFO(area.name);
    const std::string file = PathOf(area, store.path());
    std::filesystem::copy(file, file + ".copy");
    {
      std::fstream pages(file, std::ios::in | std::ios::out | std::ios::binary);
      pages.seekp(4096);
      pages << std::string(8192, '\x5a');
    }
    auto verified = VerifySqliteStore(store.path());
    REQUIRE(verified.ok());
    CHECK(!verified->sound());
    if (!verified->sound()) CHECK(verified->damage[0].where == file);
    if (area.area != StoreArea::kConfig) {
      std::filesystem::remove(file);
      verified = VerifySqliteStore(store.path());
      REQUIRE(verified.ok());
      CHECK(verified->sound() == (area.area == StoreArea::kTelemetry));
    }
    std::filesystem::rename(file + ".copy", file);
  }
}

TEST_CASE("who looks after a store has it alone") {
  Store store;
  testing::FakeClock clock;
  {
    const auto open = store.Open();
    const auto refused = SqliteUpkeep::Open(store.path(), "test", &clock);
    CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(absl::StrContains(refused.status().message(), "in use by process"));
  }
  const auto upkeep = SqliteUpkeep::Open(store.path(), "test", &clock);
  REQUIRE(upkeep.ok());
  CHECK((*upkeep)->Verify()->sound());
  CHECK((*upkeep)->BackUp(store.Join("backup")).ok());
  CHECK((*upkeep)->BackUpBeforeMigration()->directory ==
        store.path() + "/backups/before-migration-20010909T014640.000Z");
  CHECK(SqliteUpkeep::Open(store.Join("nowhere"), "test", &clock).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE("of the backups before migrations the newest stay, and nothing else goes") {
  Store store;
  testing::FakeClock clock;
  const auto upkeep = SqliteUpkeep::Open(store.path(), "test", &clock);
  REQUIRE(upkeep.ok());
  const std::string backups = store.path() + "/backups";
  std::filesystem::create_directories(backups + "/before-migration-of-mine");
  std::vector<std::string> made;
  for (size_t i = 0; i < kBackupsBeforeMigration + 2; ++i) {
    made.push_back((*upkeep)->BackUpBeforeMigration()->directory);
    clock.Advance(absl::Hours(1));
  }
  for (size_t i = 0; i < made.size(); ++i) CHECK(std::filesystem::exists(made[i]) == (i >= 2));
  CHECK(std::filesystem::exists(backups + "/before-migration-of-mine"));
  CHECK(VerifySqliteBackup(made.back())->sound());
}

TEST_CASE("sealed bodies that were not opened are counted") {
  Store store;
  MustCommit(*store.Open(),
             Changes({{.key = {"default", "secret", "s"}, .record = {.body = "hush"}}}));
  const auto verified = VerifySqliteStore(store.path());
  REQUIRE(verified.ok());
  CHECK(verified->sound());
  CHECK(verified->unopened == 1);
  CHECK(verified->key_ids.size() == 1);
}

TEST_CASE("schemas go down and up again, area by area, without a daemon") {
  Store store;
  testing::FakeClock clock;
  const auto upkeep = SqliteUpkeep::Open(store.path(), "test", &clock);
  REQUIRE(upkeep.ok());
  for (const AreaSchema& schema : (*upkeep)->Schemas()) {
    INFO(schema.area);
    const auto before = schema.migrator->Status();
    REQUIRE(before.ok());
    CHECK(before->version() > 0);
    CHECK(before->pending.empty());
    const auto down = schema.migrator->Run(*schema.migrator->PlanDown(0));
    REQUIRE(down.ok());
    CHECK(down->version() == 0);
    CHECK(schema.migrator->Up()->version() == before->version());
  }
}

TEST_CASE("a file that is missing has no schema, and is made by its first migration only") {
  testing::TempDir directory;
  testing::FakeClock clock;
  const auto upkeep = SqliteUpkeep::Open(directory.path(), "test", &clock);
  REQUIRE(upkeep.ok());
  for (const AreaSchema& schema : (*upkeep)->Schemas()) {
    CHECK(schema.migrator->Status()->version() == 0);
    CHECK(!std::filesystem::exists(schema.where));
    CHECK(schema.migrator->Up()->version() > 0);
    CHECK(std::filesystem::exists(schema.where));
  }
}

}  // namespace
}  // namespace signalbox
