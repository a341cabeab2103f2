// The db verbs on PostgreSQL, where nothing is a file and instances may go on meanwhile.
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "base/random.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "server/daemon/db_verbs.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/seal/key_file.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using cli::ExitCode;

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
  // `data` of -o json.
  Json Data() const { return *Json::Parse(out).value().Find("data"); }
};

class Store {
 public:
  Store() { std::filesystem::create_directories(directory_.Join("state")); }

  Result Run(std::vector<std::string> args) {
    args.insert(args.begin(), "db");
    args.insert(args.end(), {"--store.url", database.Url(), "--store.allow-fsync-off=true",
                             "--state-dir", directory_.Join("state")});
    std::istringstream in;
    std::ostringstream out, err;
    const ExitCode code =
        cli::RunApp(args, DbVerbs(),
                    {.in = &in,
                     .out = &out,
                     .err = &err,
                     .environment = {{"HOME", directory_.path()}, {"XDG_RUNTIME_DIR", "/run/u"}}});
    return {code, out.str(), err.str()};
  }

  std::string key_file() const { return directory_.Join("state/secrets.key"); }

  const testing::PostgresDatabase database;

 private:
  const testing::TempDir directory_;
};

TEST_CASE("schemas are shown, brought up and taken down, and the store is verified") {
  Store store;
  const Result before = store.Run({"status", "-o", "json"});
  INFO(before.err);
  REQUIRE(before.code == ExitCode::kDone);
  const Json areas = before.Data();
  REQUIRE(areas.elements().size() == 4);
  CHECK(areas.elements()[0].Find("area")->text() == "config");
  CHECK(areas.elements()[0].Find("version")->text() == "0");
  CHECK(!areas.elements()[0].Find("pending")->elements().empty());
  CHECK(areas.elements()[0].Find("standbys")->Find("synchronous")->text().empty());
  CHECK(areas.elements()[0].Find("standbys")->Find("connected")->text() == "0");
  CHECK(absl::StrContains(store.Run({"status"}).out, "no standby is synchronous"));

  // Who only looks migrates nothing.
  const Result early = store.Run({"verify"});
  CHECK(early.code == ExitCode::kConflict);
  CHECK(absl::StrContains(early.err, "signalbox db migrate"));
  CHECK(store.Run({"migrate", "--dry-run"}).code == ExitCode::kDone);
  CHECK(store.Run({"status", "-o", "json"}).Data().elements()[3].Find("version")->text() == "0");

  const Result up = store.Run({"migrate", "-o", "json"});
  INFO(up.err);
  CHECK(up.code == ExitCode::kDone);
  CHECK(up.Data().Find("backup")->text().empty());
  CHECK(!absl::StrContains(store.Run({"status"}).out, "pending"));

  const Result verified = store.Run({"verify"});
  INFO(verified.err);
  CHECK(verified.code == ExitCode::kDone);
  CHECK(absl::StrContains(verified.out, "is sound, at revision 0"));

  CHECK(store.Run({"migrate", "down", "--area", "queue", "--target-version", "0", "--yes"}).code ==
        ExitCode::kDone);
  CHECK(absl::StrContains(store.Run({"status"}).out, "pending"));
  CHECK(store.Run({"migrate", "--area", "queue"}).code == ExitCode::kDone);
  CHECK(!absl::StrContains(store.Run({"status"}).out, "pending"));
}

TEST_CASE("a backup is left to PostgreSQL's own tools, and adopting begins an epoch") {
  Store store;
  REQUIRE(store.Run({"migrate"}).code == ExitCode::kDone);
  const Result backup = store.Run({"backup", "/nowhere"});
  CHECK(backup.code == ExitCode::kConflict);
  CHECK(absl::StrContains(backup.err, "pg_dump"));

  const Result first = store.Run({"adopt", "--yes", "-o", "json"});
  INFO(first.err);
  REQUIRE(first.code == ExitCode::kDone);
  const Result second = store.Run({"adopt", "--yes", "-o", "json"});
  REQUIRE(second.code == ExitCode::kDone);
  CHECK(first.Data().Find("storeId")->text() == second.Data().Find("storeId")->text());
  CHECK(first.Data().Find("epoch")->text() != second.Data().Find("epoch")->text());
}

std::unique_ptr<PostgresResourceStore> Open(const Store& store, const Clock& clock,
                                            Random* random) {
  auto schemas = PostgresSchemas::Open({.conninfo = store.database.Url(),
                                        .applied_by = "test",
                                        .fsync = PostgresSchemas::Options::Fsync::kMayBeOff,
                                        .clock = &clock,
                                        .random = random});
  REQUIRE(schemas.ok());
  auto opened = PostgresResourceStore::Create(*schemas, {.key_file = store.key_file()});
  REQUIRE(opened.ok());
  return *std::move(opened);
}

Upsert Secret(const std::string& name, const std::string& body) {
  return {.key = {.namespace_name = "default", .type = "secret", .name = name},
          .record = {.body = body}};
}

TEST_CASE("a rotation waits for no instance to be at work, or is told that they share the file") {
  Store store;
  REQUIRE(store.Run({"migrate"}).code == ExitCode::kDone);
  testing::FakeClock clock;
  SystemRandom random;
  auto instance = Open(store, clock, &random);
  testing::MustCommit(*instance, testing::Changes({Secret("a", "one")}));
  const std::string first = KeyFile(store.key_file()).Read()->active().id.Hex();

  const Result refused = store.Run({"rotate-key"});
  CHECK(refused.code == ExitCode::kConflict);
  CHECK(absl::StrContains(refused.err, "1 instance is at work on the database"));
  CHECK(KeyFile(store.key_file()).Read()->keys().size() == 1);

  const Head before = *instance->ReadHead();
  const Result shared = store.Run({"rotate-key", "--shared-key-file", "-o", "json"});
  INFO(shared.err);
  REQUIRE(shared.code == ExitCode::kDone);
  CHECK(shared.Data().Find("resealed")->text() == "1");
  const std::string second = shared.Data().Find("keyId")->text();
  // The instance takes the new key over by itself.
  Head head = before;
  while (head.control_seq == before.control_seq)
    head = *instance->WaitForChange(head, absl::InfiniteFuture());
  CHECK(head.digest == before.digest);
  testing::MustCommit(*instance, testing::Changes({Secret("b", "two")}));
  const auto rest =
      instance->RotateKey(ResourceStore::NewKey::kNo, {.principal = "bob", .action = "rotate key"});
  REQUIRE(rest.ok());
  CHECK(rest->key_id == second);
  CHECK(rest->resealed == 0);

  const Result early = store.Run({"rotate-key", "--retire", first, "--yes", "--shared-key-file"});
  CHECK(early.code == ExitCode::kConflict);
  CHECK(absl::StrContains(early.err, "stop them"));
  const std::string digest = instance->ReadHead()->digest.Hex();
  instance = nullptr;
  const Result retired = store.Run({"rotate-key", "--retire", first, "--yes"});
  INFO(retired.err);
  CHECK(retired.code == ExitCode::kDone);
  CHECK(KeyFile(store.key_file()).Read()->keys().size() == 1);
  instance = Open(store, clock, &random);
  const HeadState state = *instance->LoadHead();
  CHECK(state.head.digest.Hex() == digest);
  REQUIRE(state.resources.size() == 2);
  CHECK(state.resources[0].record->body == "one");
}

}  // namespace
}  // namespace signalbox
