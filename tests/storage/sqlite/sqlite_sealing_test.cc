// What is particular to secrets in SQLite's files: what lies on the disk, and what happens without
// the right key file. The rest is in the conformance suite.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "migrations/sqlite/config/sqlite_config_migrations.h"
#include "storage/resource_store.h"
#include "storage/seal/key_file.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/sealer.h"
#include "storage/sqlite/sealing_rows.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/storage/sqlite/fault_vfs.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Code = absl::StatusCode;

constexpr absl::string_view kPlain = "PRIVATE-KEY-0123456789-abcdefghij";

Upsert Secret(absl::string_view name, absl::string_view body) {
  return {.key = {.namespace_name = "default", .type = "secret", .name = std::string(name)},
          .record = {.body = std::string(body)}};
}

AuditEvent Rotated() { return {.principal = "alice", .action = "rotate key", .source = "unix"}; }

class Directory {
 public:
  std::string path() const { return directory_.Join("data"); }
  std::string key_file() const { return path() + "/secrets.key"; }
  std::string Join(const std::string& name) const { return directory_.Join(name); }

  absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Open(const std::string& key_file = "") {
    return SqliteResourceStore::Create({.directory = path(),
                                        .applied_by = "test",
                                        .key_file = key_file,
                                        .clock = &clock_,
                                        .random = &random_});
  }
  std::unique_ptr<SqliteResourceStore> MustOpen(const std::string& key_file = "") {
    auto store = Open(key_file);
    REQUIRE(store.ok());
    return *std::move(store);
  }

  // Whether `text` is in any file of the directory but the key file.
  bool OnDisk(absl::string_view text) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path())) {
      if (!entry.is_regular_file() || entry.path() == key_file()) continue;
      const auto content = ReadFile(entry.path().string(), size_t{1} << 30);
      REQUIRE(content.ok());
      if (absl::StrContains(*content, text)) return true;
    }
    return false;
  }

  std::unique_ptr<SqliteConnection> Behind() const {
    auto connection =
        SqliteConnection::Open(path() + "/config.db", SqliteConnection::Access::kReadWrite);
    REQUIRE(connection.ok());
    return *std::move(connection);
  }
  // Changes the closed store behind its back.
  void Tamper(const char* sql) const {
    const auto connection = Behind();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
    REQUIRE(connection->Checkpoint(SqliteConnection::CheckpointMode::kTruncate).ok());
  }
  std::vector<KeyId> KeyIds() const {
    const auto connection = Behind();
    auto ids = ReadKeyIds(connection.get());
    REQUIRE(ids.ok());
    return *ids;
  }

 private:
  TempDir directory_;
  FakeClock clock_;
  SystemRandom random_;
};

TEST_CASE("a secret's content is in no file, open or closed, before and after rotations",
          "[sqlite][seal]") {
  Directory directory;
  auto store = directory.MustOpen();
  ChangeSet changes = Changes({Secret("s", kPlain), Cluster("c", "PLAIN-CLUSTER-BODY")});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  MustCommit(*store, Changes({Secret("s", absl::StrCat("2", kPlain))}));
  CHECK_FALSE(directory.OnDisk(kPlain));
  CHECK(directory.OnDisk("PLAIN-CLUSTER-BODY"));  // the search finds what is there
  REQUIRE(store->RotateKey(ResourceStore::NewKey::kYes, Rotated()).ok());
  CHECK_FALSE(directory.OnDisk(kPlain));
  store.reset();
  CHECK_FALSE(directory.OnDisk(kPlain));
  CHECK(directory.OnDisk("PLAIN-CLUSTER-BODY"));
}

TEST_CASE("what follows from a secret without a key is in no file", "[sqlite][seal]") {
  Directory directory;
  auto store = directory.MustOpen();
  ChangeSet changes = Changes({Secret("s", kPlain)});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  store.reset();
  CHECK_FALSE(directory.OnDisk(Sha256(kPlain).View()));
  CHECK_FALSE(directory.OnDisk(changes.upserts[0].record.Hash().View()));
  CHECK_FALSE(directory.OnDisk(changes.RequestHash().View()));
}

TEST_CASE("no key is in the database's files", "[sqlite][seal]") {
  Directory directory;
  directory.MustOpen();
  const auto ring = KeyFile(directory.key_file()).Read();
  REQUIRE(ring.ok());
  CHECK_FALSE(directory.OnDisk(ring->active().bytes.View()));
  CHECK(directory.KeyIds() == ring->ids());
}

TEST_CASE("the key file is made beside the store, or where it is named", "[sqlite][seal]") {
  Directory directory;
  const std::string elsewhere = directory.Join("other.key");
  directory.MustOpen(elsewhere);
  CHECK(KeyFile(elsewhere).Read().ok());
  CHECK(KeyFile(directory.key_file()).Read().status().code() == Code::kNotFound);

  Directory plain;
  plain.MustOpen();
  struct stat info;
  REQUIRE(::stat(plain.key_file().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
}

TEST_CASE("a store whose key file is missing is not opened and no key is made", "[sqlite][seal]") {
  Directory directory;
  MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain)}));
  const std::string moved = directory.Join("moved.key");
  std::filesystem::rename(directory.key_file(), moved);
  const auto refused = directory.Open();
  CHECK(refused.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(),
                          absl::StrCat("there is no key file ", directory.key_file())));
  CHECK_FALSE(std::filesystem::exists(directory.key_file()));
  std::filesystem::rename(moved, directory.key_file());
  CHECK(directory.MustOpen()->Get(Secret("s", "").key)->record->body == kPlain);
}

TEST_CASE("a store is not opened with another store's key file", "[sqlite][seal]") {
  Directory directory;
  MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain)}));
  const auto own = KeyFile(directory.key_file()).Read();
  const std::string other = directory.Join("other.key");
  REQUIRE(KeyFile(other).ReadOrMake().ok());
  const auto refused = directory.Open(other);
  CHECK(refused.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(),
                          absl::StrCat("is sealed with key ", own->active().id.Hex(),
                                       ", which is not in the key file ", other)));
  // Nothing was changed by that.
  CHECK(directory.MustOpen()->Get(Secret("s", "").key)->record->body == kPlain);
}

TEST_CASE("a store is not opened with a key file that others may read", "[sqlite][seal]") {
  Directory directory;
  directory.MustOpen();
  REQUIRE(::chmod(directory.key_file().c_str(), 0644) == 0);
  const auto refused = directory.Open();
  CHECK(refused.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "run: chmod 0600"));
}

TEST_CASE("after a rotation the older key can be retired", "[sqlite][seal]") {
  Directory directory;
  auto store = directory.MustOpen();
  const KeyId first = KeyFile(directory.key_file()).Read()->active().id;
  MustCommit(*store, Changes({Secret("s", kPlain), Secret("t", "t")}));
  const auto rotation = store->RotateKey(ResourceStore::NewKey::kYes, Rotated());
  REQUIRE(rotation.ok());
  CHECK(rotation->resealed == 2);
  store.reset();
  CHECK(directory.KeyIds().size() == 1);
  CHECK(directory.KeyIds()[0].Hex() == rotation->key_id);
  REQUIRE(KeyFile(directory.key_file()).Retire(first).ok());
  CHECK(directory.MustOpen()->Get(Secret("s", "").key)->record->body == kPlain);
}

TEST_CASE("a key retired too early is named by what it sealed", "[sqlite][seal]") {
  Directory directory;
  MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain)}));
  const KeyFile file(directory.key_file());
  const KeyId first = file.Read()->active().id;
  REQUIRE(file.Rotate().ok());
  {
    // Only the hash key is sealed anew, as after a crash in the middle of a rotation.
    const auto connection = directory.Behind();
    const auto wrapped = ReadHashKey(connection.get());
    REQUIRE(wrapped.ok());
    const auto sealer =
        Sealer::WithHashKey(std::make_shared<const KeyRing>(*file.Read()), **wrapped);
    REQUIRE(sealer.ok());
    REQUIRE(WriteHashKey(connection.get(), (*sealer)->WrapHashKey()).ok());
  }
  CHECK(directory.KeyIds().size() == 2);
  const auto copy = ReadFile(file.path(), 100000);
  REQUIRE(file.Retire(first).ok());
  {
    const auto store = directory.MustOpen();
    const auto secret = store->Get(Secret("s", "").key);
    CHECK(secret.status().code() == Code::kFailedPrecondition);
    CHECK(absl::StartsWith(
        secret.status().message(),
        absl::StrCat("default/secret/s: its sealed body is sealed with key ", first.Hex())));
    CHECK(store->LoadHead().status().code() == Code::kFailedPrecondition);
    CHECK(store->RotateKey(ResourceStore::NewKey::kNo, Rotated()).status().code() ==
          Code::kFailedPrecondition);
    // The key file that has it comes back; the rotation ends.
    REQUIRE(WriteFileAtomically(file.path(), *copy, 0600).ok());
    const auto rotation = store->RotateKey(ResourceStore::NewKey::kNo, Rotated());
    REQUIRE(rotation.ok());
    CHECK(rotation->resealed == 1);
    CHECK(store->Get(Secret("s", "").key)->record->body == kPlain);
  }
  CHECK(directory.KeyIds().size() == 1);
}

TEST_CASE("a secret's stored body that was changed, moved or unsealed is damage",
          "[sqlite][seal]") {
  const char* const tampers[] = {
      "UPDATE body SET bytes = substr(bytes, 1, length(bytes) - 1)",
      "UPDATE body SET bytes = CAST('PRIVATE' AS BLOB) WHERE id = 1",
      "UPDATE body SET bytes = x'' WHERE id = 1",
      "UPDATE body SET bytes = (SELECT b.bytes FROM body b WHERE b.id = 2) WHERE id = 1",
      "UPDATE record SET body = 2 WHERE id = 1",
      "UPDATE record SET labels = '{\"a\":\"b\"}' WHERE id = 1",
  };
  for (const char* const tamper : tampers) {
    INFO(tamper);
    Directory directory;
    MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain), Secret("t", "other")}));
    directory.Tamper(tamper);
    const auto store = directory.MustOpen();
    const auto secret = store->Get(Secret("s", "").key);
    CHECK(secret.status().code() == Code::kDataLoss);
    CHECK(absl::StrContains(secret.status().message(), "default/secret/s"));
    CHECK_FALSE(absl::StrContains(secret.status().message(), "PRIVATE"));
  }
}

TEST_CASE("a hash key that is gone or damaged is noticed at the start", "[sqlite][seal]") {
  for (const char* const tamper : {"DELETE FROM sealing", "UPDATE sealing SET hash_key = x'01'",
                                   "UPDATE sealing SET hash_key = substr(hash_key, 1, 80)"}) {
    INFO(tamper);
    Directory directory;
    MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain)}));
    directory.Tamper(tamper);
    CHECK(directory.Open().status().code() == Code::kDataLoss);
  }
}

TEST_CASE("whichever operation of a rotation fails, every secret is read at the next start",
          "[sqlite][seal]") {
  const int64_t how_many = GENERATE(1, 1000000);  // once, or from then on
  bool passed = false;
  int64_t nth = 1;
  for (; !passed && nth < 100; ++nth) {
    INFO(nth);
    Directory directory;
    FaultVfs vfs;
    auto store = directory.MustOpen();
    MustCommit(*store, Changes({Secret("s", kPlain), Secret("t", "other")}));
    vfs.FailAt(nth, FaultVfs::Fault::kError, how_many);
    const auto rotation = store->RotateKey(ResourceStore::NewKey::kYes, Rotated());
    passed = !vfs.Fired();
    CHECK((rotation.ok() || rotation.status().code() == Code::kUnavailable));
    CHECK((!passed || rotation.ok()));
    vfs.Heal();
    store.reset();

    store = directory.MustOpen();
    CHECK(store->Get(Secret("s", "").key)->record->body == kPlain);
    CHECK(store->Get(Secret("t", "").key)->record->body == "other");
    const auto again = store->RotateKey(ResourceStore::NewKey::kNo, Rotated());
    REQUIRE(again.ok());
    store.reset();
    const std::vector<KeyId> ids = directory.KeyIds();
    REQUIRE(ids.size() == 1);
    CHECK(ids[0].Hex() == again->key_id);
  }
  CHECK(passed);
  CHECK(nth > 4);  // there was something to fail
}

TEST_CASE("sealing cannot be migrated away while secrets are stored", "[sqlite][seal]") {
  Directory directory;
  MustCommit(*directory.MustOpen(), Changes({Secret("s", kPlain)}));
  const auto connection = directory.Behind();
  std::string down;
  for (const EmbeddedFile& file : SqliteConfigMigrations()) {
    if (file.name == "0002_sealing.down.sql") down = std::string(file.content);
  }
  REQUIRE_FALSE(down.empty());
  REQUIRE(connection->ExecuteScript("begin", "BEGIN").ok());
  const absl::Status refused = connection->ExecuteScript("down", down);
  CHECK_FALSE(refused.ok());
  CHECK(absl::StrContains(refused.message(), "secrets are stored"));
  REQUIRE(connection->ExecuteScript("rollback", "ROLLBACK").ok());
  REQUIRE(connection->ExecuteScript("clear", "UPDATE body SET key_id = NULL").ok());
  CHECK(connection->ExecuteScript("down", down).ok());
}

}  // namespace
}  // namespace signalbox::testing
