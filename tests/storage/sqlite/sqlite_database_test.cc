#include "storage/sqlite/sqlite_database.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "storage/alarm.h"
#include "storage/sqlite/sqlite_connection.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

constexpr Sql kMakeTable = {"make", "CREATE TABLE t (a BLOB)"};
constexpr Sql kInsert = {"insert", "INSERT INTO t VALUES (zeroblob(1000000))"};
constexpr Sql kCount = {"count", "SELECT count(*) FROM t"};

std::string Read(const SqliteDatabase::Lease& lease, const char* pragma) {
  SqliteQuery query(lease.get(), {"read", pragma});
  return query.Step() ? std::string(query.Text(0)) : std::string(query.status().message());
}

int64_t BytesOf(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : -1;
}

std::unique_ptr<SqliteDatabase> MustOpen(const std::string& path) {
  auto database = SqliteDatabase::Open({.path = path, .application_id = 7});
  REQUIRE(database.ok());
  return *std::move(database);
}

TEST_CASE("every setting that durability rests on is made on every connection") {
  testing::TempDir directory;
  const auto database = MustOpen(directory.Join("f.db"));
  const auto writer = database->Writer();
  const auto reader = database->Reader();
  for (const auto* lease : {&*writer, &*reader}) {
    CHECK(Read(*lease, "PRAGMA journal_mode") == "wal");
    CHECK(Read(*lease, "PRAGMA synchronous") == "2");
    CHECK(Read(*lease, "PRAGMA foreign_keys") == "1");
    CHECK(Read(*lease, "PRAGMA busy_timeout") == "5000");
    CHECK(Read(*lease, "PRAGMA wal_autocheckpoint") == "0");
    CHECK(Read(*lease, "PRAGMA journal_size_limit") == "67108864");
    CHECK(Read(*lease, "PRAGMA temp_store") == "2");
    CHECK(Read(*lease, "PRAGMA trusted_schema") == "0");
    CHECK(Read(*lease, "PRAGMA cell_size_check") == "1");
    CHECK(Read(*lease, "PRAGMA mmap_size") == "0");
  }
  CHECK(Read(*writer, "PRAGMA query_only") == "0");
  CHECK(Read(*reader, "PRAGMA query_only") == "1");
  CHECK(!reader->get()->Execute(kMakeTable).ok());
}

TEST_CASE("the file is its owner's alone") {
  testing::TempDir directory;
  const auto database = MustOpen(directory.Join("f.db"));
  struct stat info;
  REQUIRE(::stat(directory.Join("f.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a file of another program is refused and left as it is") {
  testing::TempDir directory;
  {
    const auto other =
        SqliteConnection::Open(directory.Join("f.db"), SqliteConnection::Access::kReadWrite);
    REQUIRE((*other)->Execute(kMakeTable).ok());
  }
  std::ifstream before_file(directory.Join("f.db"), std::ios::binary);
  const std::string before{std::istreambuf_iterator<char>(before_file), {}};
  const auto refused = SqliteDatabase::Open({.path = directory.Join("f.db"), .application_id = 7});
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  std::ifstream after_file(directory.Join("f.db"), std::ios::binary);
  CHECK(before == std::string{std::istreambuf_iterator<char>(after_file), {}});
}

TEST_CASE("a file that is no database is damaged") {
  testing::TempDir directory;
  std::ofstream(directory.Join("f.db")) << std::string(8192, 'x');
  const auto refused = SqliteDatabase::Open({.path = directory.Join("f.db"), .application_id = 7});
  CHECK(refused.status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a directory that is missing is refused") {
  testing::TempDir directory;
  CHECK(SqliteDatabase::Open({.path = directory.Join("none/f.db"), .application_id = 7})
            .status()
            .code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE(
    "a large log is moved into the file while the database is in use, and all of it at the end") {
  testing::TempDir directory;
  const std::string path = directory.Join("f.db");
  auto database = MustOpen(path);
  {
    const auto writer = database->Writer();
    REQUIRE(writer->get()->Execute({"mark", "PRAGMA application_id = 7"}).ok());
    REQUIRE(writer->get()->Execute(kMakeTable).ok());
  }
  // The log starts again from its beginning after each complete checkpoint, so it stays far below
  // what is written.
  for (int i = 0; i < 40; ++i) REQUIRE(database->Writer()->get()->Execute(kInsert).ok());
  CHECK(BytesOf(path + "-wal") < 30'000'000);
  CHECK(BytesOf(path) > 10'000'000);
  database->Close();
  CHECK(BytesOf(path + "-wal") <= 0);
  CHECK(BytesOf(path) > 40'000'000);

  database = MustOpen(path);
  const auto reader = database->Reader();
  SqliteQuery count(reader->get(), kCount);
  REQUIRE(count.Step());
  CHECK(count.Int(0) == 40);
}

TEST_CASE("what was written is moved into the file once nobody writes") {
  testing::TempDir directory;
  const std::string path = directory.Join("f.db");
  const auto database = MustOpen(path);
  {
    const auto writer = database->Writer();
    REQUIRE(writer->get()->Execute(kMakeTable).ok());
    REQUIRE(writer->get()->Execute(kInsert).ok());
  }
  // The test's own time limit ends this where it never happens.
  while (BytesOf(path) < 1'000'000) std::this_thread::yield();
  CHECK(database->Reader().ok());
}

TEST_CASE("closing waits for the leases that are out and refuses further ones") {
  testing::TempDir directory;
  const auto database = MustOpen(directory.Join("f.db"));
  std::optional<SqliteDatabase::Lease> lease = *database->Reader();
  std::thread closer([&] { database->Close(); });
  while (database->Writer().ok()) std::this_thread::yield();
  CHECK(database->Reader().status().code() == absl::StatusCode::kCancelled);
  CHECK(lease->get()->Execute(kCount).code() !=
        absl::StatusCode::kOk);  // usable still: there is no such table
  lease.reset();
  closer.join();
}

TEST_CASE("after damage was found the file is read, not written") {
  testing::TempDir directory;
  const auto database = MustOpen(directory.Join("f.db"));
  database->MarkDamaged();
  CHECK(database->Writer().status().code() == absl::StatusCode::kDataLoss);
  CHECK(database->Reader().ok());
}

TEST_CASE("in memory one connection does everything, for one user at a time") {
  const auto database = MustOpen("");
  {
    const auto writer = database->Writer();
    REQUIRE(writer->get()->Execute(kMakeTable).ok());
    REQUIRE(writer->get()->Execute(kInsert).ok());
  }
  CHECK(Read(*database->Reader(), "SELECT count(*) FROM t") == "1");
  CHECK(database->SizeBytes().value() > 1'000'000);
}

TEST_CASE("a network file system is refused") {
  testing::TempDir directory;
  const auto open = [&](uint32_t magic) {
    return SqliteDatabase::Open(
               {.path = directory.Join("f.db"), .application_id = 7, .file_system_magic = magic})
        .status();
  };
  for (const uint32_t magic : {0x6969u, 0xFF534D42u, 0xFE534D42u, 0x01021997u}) {
    CHECK(open(magic).code() == absl::StatusCode::kFailedPrecondition);
  }
  CHECK_THAT(std::string(open(0x6969).message()),
             Catch::Contains("is on a network file system (NFS)"));
  CHECK(BytesOf(directory.Join("f.db")) == -1);
  CHECK(open(0xEF53).ok());  // ext4
}

// What was raised and is over, as it came.
class Alarms {
 public:
  AlarmObserver Observer() {
    return [this](AlarmState state, absl::string_view text) {
      MutexLock lock(&mu_);
      told_.emplace_back(state, std::string(text));
      changed_.SignalAll();
    };
  }
  // Waits until so many were told.
  std::vector<std::pair<AlarmState, std::string>> Wait(size_t count) {
    MutexLock lock(&mu_);
    while (told_.size() < count) changed_.Wait(&mu_);
    return told_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<std::pair<AlarmState, std::string>> told_ SB_GUARDED_BY(mu_);
};

TEST_CASE("a large file is checked beside the work on it, and its damage is an alarm") {
  testing::TempDir directory;
  const std::string path = directory.Join("f.db");
  {
    const auto database = MustOpen(path);
    const auto writer = database->Writer();
    REQUIRE(writer->get()->Execute({"own", "PRAGMA application_id = 7"}).ok());
    REQUIRE(writer->get()->Execute(kMakeTable).ok());
    REQUIRE(writer->get()->Execute(kInsert).ok());
  }
  Alarms alarms;
  SqliteDatabase::Options options = {
      .path = path, .application_id = 7, .alarm = alarms.Observer(), .quick_check_bytes = 1000};
  {
    const auto database = SqliteDatabase::Open(options);
    REQUIRE(database.ok());
    CHECK((*database)->Writer().ok());
  }
  {
    // The page of the table's root.
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(100, '\xff');
  }
  // A smaller one is checked before.
  CHECK(SqliteDatabase::Open({.path = path, .application_id = 7}).status().code() ==
        absl::StatusCode::kDataLoss);
  const auto database = SqliteDatabase::Open(options);
  REQUIRE(database.ok());
  const auto told = alarms.Wait(1);
  CHECK(told[0].first == AlarmState::kRaised);
  CHECK_THAT(told[0].second, Catch::Contains("quick_check") && Catch::Contains("read-only"));
  CHECK((*database)->Writer().status().code() == absl::StatusCode::kDataLoss);
  CHECK((*database)->Reader().ok());
}

TEST_CASE("a log that readers keep from being emptied is an alarm until it can be") {
  testing::TempDir directory;
  Alarms alarms;
  const auto database = SqliteDatabase::Open({.path = directory.Join("f.db"),
                                              .application_id = 7,
                                              .alarm = alarms.Observer(),
                                              .checkpoint_patience = absl::ZeroDuration()});
  REQUIRE(database.ok());
  const auto write = [&](const Sql& sql) {
    const auto writer = (*database)->Writer();
    REQUIRE(writer->get()->Execute(sql).ok());
  };
  write(kMakeTable);
  {
    const auto reader = (*database)->Reader();
    auto transaction = SqliteTransaction::Begin(reader->get(), SqliteTransaction::Kind::kRead);
    REQUIRE(transaction.ok());
    CHECK(Read(*reader, "SELECT count(*) FROM t") == "0");
    write(kInsert);
    const auto told = alarms.Wait(1);
    CHECK(told[0].first == AlarmState::kRaised);
    CHECK_THAT(told[0].second, Catch::Contains("f.db-wal grows"));
  }
  CHECK(alarms.Wait(2)[1].first == AlarmState::kOver);
}

TEST_CASE("each statement is told by name, with the time it took") {
  testing::TempDir directory;
  std::vector<std::string> told;
  absl::Duration insert;
  const auto database =
      SqliteDatabase::Open({.path = directory.Join("t.db"),
                            .application_id = 7,
                            .observer = [&](absl::string_view name, absl::Duration took) {
                              told.emplace_back(name);
                              if (name == "insert") insert = took;
                            }});
  REQUIRE(database.ok());
  told.clear();
  const auto lease = (*database)->Writer();
  REQUIRE(lease->get()->Execute(kMakeTable).ok());
  REQUIRE(lease->get()->Execute(kInsert).ok());
  {
    SqliteQuery query(lease->get(), kCount);
    CHECK(query.Step());
    CHECK_FALSE(query.Step());
  }
  CHECK(told == std::vector<std::string>{"make", "insert", "count"});
  CHECK(insert > absl::ZeroDuration());
}

}  // namespace
}  // namespace signalbox
