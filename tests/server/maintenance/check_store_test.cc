#include "server/maintenance/check_store.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/random.h"
#include "server/maintenance/adopt.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "storage/witness.h"
#include "storage/witness_file.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::MustCommit;

// A store and its audit log, on a directory that outlives them.
class Store {
 public:
  void Open() {
    auto directory =
        SqliteDirectory::Open(
            {.directory = directory_.Join("data"), .applied_by = "test", .clock = &clock})
            .value();
    resources = SqliteResourceStore::Create(directory, &clock, &random_).value();
    audit = SqliteAuditLog::Create(directory->database(StoreArea::kAudit), &clock).value();
  }
  void Close() {
    resources.reset();
    audit.reset();
  }
  // Changes the closed store behind its back.
  void Tamper(const std::string& file, const std::string& sql) {
    const auto connection = SqliteConnection::Open(directory_.Join("data/" + file),
                                                   SqliteConnection::Access::kReadWrite)
                                .value();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
  }

  testing::FakeClock clock;
  std::unique_ptr<ResourceStore> resources;
  std::unique_ptr<AuditLog> audit;

  std::string Join(const std::string& name) const { return directory_.Join(name); }

 private:
  testing::TempDir directory_;
  SystemRandom random_;
};

TEST_CASE("a whole store is read through its interfaces, and damage in either area is named") {
  Store store;
  store.Open();
  MustCommit(*store.resources, Changes({Cluster("a"), Cluster("b", std::string(300, 'b'))}));
  MustCommit(*store.resources, Changes({Cluster("b", "later")}));
  REQUIRE(
      store.audit->Append({.principal = "alice", .action = "login", .outcome = AuditOutcome::kDone})
          .ok());
  auto verified = CheckStore(store.resources.get(), store.audit.get());
  REQUIRE(verified.ok());
  CHECK(verified->sound());
  CHECK(verified->head->revision == Revision{2});
  CHECK(verified->areas.size() == 2);
  store.Close();

  SECTION("a body of the past") {
    store.Tamper("config.db", "UPDATE body SET bytes = zeroblob(300) WHERE length(bytes) = 300");
    store.Open();
    verified = CheckStore(store.resources.get(), store.audit.get());
    REQUIRE(verified.ok());
    REQUIRE(verified->damage.size() == 1);
    CHECK(verified->damage[0].where == "config");
  }
  SECTION("an event") {
    store.Tamper("audit.db", "UPDATE audit_event SET principal = 'eve'");
    store.Open();
    verified = CheckStore(store.resources.get(), store.audit.get());
    REQUIRE(verified.ok());
    REQUIRE(verified->damage.size() == 1);
    CHECK(verified->damage[0].where == "audit");
  }
}

TEST_CASE("a store on a server is verified when asked, and backed up with the server's tools") {
  Store store;
  int opened = 0;
  ServerUpkeep upkeep([&]() -> absl::StatusOr<ServerUpkeep::Stores> {
    ++opened;
    store.Open();
    return ServerUpkeep::Stores{std::move(store.resources), std::move(store.audit)};
  });
  const auto refused = upkeep.BackUp("/backup");
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "pg_dump"));
  CHECK(opened == 0);
  CHECK(upkeep.Verify()->sound());
  CHECK(opened == 1);
}

TEST_CASE("adopting starts a new epoch in which no witness contradicts the store") {
  Store store;
  store.Open();
  MustCommit(*store.resources, Changes({Cluster("a")}));
  const Head before = *store.resources->ReadHead();
  const std::string file = store.Join("last-good.json");
  // The witness saw a revision that the store has lost.
  Head seen = before;
  seen.revision = Revision{7};
  REQUIRE(WriteWitnessFile(file, seen).ok());
  REQUIRE(!CheckWitness(store.resources.get(), *ReadWitnessFile(file)).ok());

  const auto after =
      Adopt(store.resources.get(), store.audit.get(), file, "alice", store.clock.Now());
  REQUIRE(after.ok());
  CHECK(after->epoch != before.epoch);
  CHECK(after->revision == before.revision);
  CHECK(after->digest == before.digest);
  CHECK(CheckWitness(store.resources.get(), *ReadWitnessFile(file)).ok());
  CHECK(ReadWitnessFile(file)->epoch == after->epoch);
  const auto rows = store.resources->ReadOutbox({}, 100);
  REQUIRE(rows.ok());
  REQUIRE(!rows->empty());
  CHECK(rows->back().event.action == "adopt");
  CHECK(rows->back().event.principal == "alice");
  // The chain of the epoch before still holds.
  store.Close();
  store.Open();
  CHECK(CheckStore(store.resources.get(), store.audit.get())->sound());
}

TEST_CASE("a damaged witness file does not keep a store from being adopted, and is made anew") {
  Store store;
  store.Open();
  const std::string file = store.Join("last-good.json");
  std::ofstream(file) << "{";
  REQUIRE(ReadWitnessFile(file).status().code() == absl::StatusCode::kDataLoss);
  REQUIRE(Adopt(store.resources.get(), store.audit.get(), file, "alice", store.clock.Now()).ok());
  CHECK(CheckWitness(store.resources.get(), *ReadWitnessFile(file)).ok());
}

}  // namespace
}  // namespace signalbox
