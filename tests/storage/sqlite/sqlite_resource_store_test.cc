// What is particular to the SQLite store: its directory, its file and damage in it. The rest is in
// the conformance suite.
#include "storage/sqlite/sqlite_resource_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/random.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_migrations.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::ClusterKey;
using testing::CommitOnHead;
using testing::MustCommit;

class Directory {
 public:
  std::string path() const { return directory_.Join("deep/data"); }
  std::string file() const { return path() + "/config.db"; }

  absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Open() {
    return SqliteResourceStore::Create(
        {.directory = path(), .applied_by = "test", .clock = &clock_, .random = &random_});
  }

  // A store with three revisions, closed.
  void Fill() {
    const auto store = Open().value();
    MustCommit(*store, Changes({Cluster("a", std::string(20000, 'a')), Cluster("b")}));
    MustCommit(*store, Changes({Cluster("c")}));
    MustCommit(*store, Changes({Cluster("a", "later")}, {ClusterKey("b")}));
  }

  // Changes the closed store behind its back.
  void Tamper(const char* sql) const {
    const auto connection =
        SqliteConnection::Open(file(), SqliteConnection::Access::kReadWrite).value();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
    REQUIRE(connection->Checkpoint(SqliteConnection::CheckpointMode::kTruncate).ok());
  }

 private:
  testing::TempDir directory_;
  testing::FakeClock clock_;
  SystemRandom random_;
};

TEST_CASE("the directory is made, for its owner alone") {
  Directory directory;
  REQUIRE(directory.Open().ok());
  struct stat info;
  REQUIRE(::stat(directory.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a second store on the directory is refused with the pid that holds it") {
  Directory directory;
  auto store = directory.Open();
  REQUIRE(store.ok());
  const auto second = directory.Open();
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(second.status().message(), "process " + std::to_string(::getpid())));
  store->reset();
  CHECK(directory.Open().ok());
}

TEST_CASE("two stores have different names and epochs") {
  Directory one;
  Directory two;
  const Head a = *one.Open().value()->ReadHead();
  const Head b = *two.Open().value()->ReadHead();
  CHECK(a.store_id != b.store_id);
  CHECK(a.epoch != b.epoch);
}

TEST_CASE("status learns the driver, the place and the versions") {
  Directory directory;
  const StoreInfo info = directory.Open().value()->Info();
  CHECK(info.driver == "sqlite");
  CHECK(info.location == directory.path());
  CHECK(info.library_version.substr(0, 2) == "3.");
  CHECK(info.schema_version == static_cast<int>(ConfigMigrations().size()));
}

TEST_CASE("a schema newer than the program is refused, and its file left alone") {
  Directory directory;
  directory.Fill();
  directory.Tamper(
      "INSERT INTO schema_versions VALUES (99, 'future', zeroblob(32), 0, 'signalbox 9', 99, 99)");
  const auto refused = directory.Open();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), directory.file() + " has schema version 99"));
  directory.Tamper("DELETE FROM schema_versions WHERE version = 99");
  CHECK(directory.Open().ok());
}

TEST_CASE("a migration whose text is not what was applied is refused") {
  Directory directory;
  directory.Fill();
  directory.Tamper("UPDATE schema_versions SET checksum = zeroblob(32)");
  const auto refused = directory.Open();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "1 \"resources\""));
}

TEST_CASE("a file whose pages are overwritten is refused as damaged") {
  Directory directory;
  directory.Fill();
  {
    std::fstream file(directory.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 2);
    file << std::string(4096 * 3, '\x5a');
  }
  CHECK(directory.Open().status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("history that was changed behind the store's back is refused as damaged") {
  Directory directory;
  directory.Fill();
  directory.Tamper(GENERATE(
      "UPDATE revision SET author = 'eve' WHERE number = 1",
      "UPDATE revision SET time_ms = time_ms + 1 WHERE number = 2",
      "DELETE FROM resource_history WHERE revision = 2", "DELETE FROM revision WHERE number = 1",
      "DELETE FROM revision WHERE number = 3", "UPDATE head SET revision = 2",
      "UPDATE head SET revision = 4", "UPDATE revision SET epoch = 7 WHERE number = 2",
      "DELETE FROM head", "UPDATE resource_history SET record = NULL WHERE revision = 2",
      "UPDATE resource_key SET name = 'z' WHERE name = 'b'"));
  CHECK(directory.Open().status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE(
    "a resource that is not what was written is found when the head is loaded, and the store goes "
    "read-only") {
  Directory directory;
  directory.Fill();
  directory.Tamper(
      GENERATE("UPDATE body SET bytes = CAST('Later' AS BLOB) WHERE bytes = CAST('later' AS BLOB)",
               "UPDATE record SET owner = 'eve'", "UPDATE record SET labels = '{\"a\":\"b\"}'",
               "UPDATE record SET labels = 'x'", "DELETE FROM body",
               "UPDATE resource SET key = 77 WHERE key = 3",
               "UPDATE record SET body = (SELECT max(id) - 1 FROM body)"));
  auto store = directory.Open();
  REQUIRE(store.ok());
  CHECK((*store)->LoadHead().status().code() == absl::StatusCode::kDataLoss);
  CHECK(CommitOnHead(**store, Changes({Cluster("d")})).status().code() ==
        absl::StatusCode::kDataLoss);
  CHECK((*store)->ReadHead().ok());
}

TEST_CASE("a body from the past that was changed is found when its revision is read") {
  Directory directory;
  directory.Fill();
  directory.Tamper("UPDATE body SET bytes = zeroblob(20000) WHERE length(bytes) = 20000");
  auto store = directory.Open();
  REQUIRE(store.ok());
  CHECK((*store)->LoadHead().ok());
  CHECK((*store)->ChangesSince(Revision{0}).status().code() == absl::StatusCode::kDataLoss);
  CHECK((*store)->ChangesSince(Revision{1}).ok());
}

TEST_CASE("a log left by a process that was killed is read") {
  Directory directory;
  Directory copy;
  auto store = directory.Open();
  REQUIRE(store.ok());
  MustCommit(**store, Changes({Cluster("a")}));
  // What a kill leaves: the files as they are, with the commit in the log only.
  std::filesystem::create_directories(copy.path());
  std::filesystem::copy(directory.file(), copy.file());
  std::filesystem::copy(directory.file() + "-wal", copy.file() + "-wal");
  std::filesystem::copy(directory.path() + "/secrets.key", copy.path() + "/secrets.key");
  const auto after = copy.Open();
  REQUIRE(after.ok());
  CHECK(testing::NamesAtHead(**after) == std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace signalbox
