#include "storage/witness.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/random.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::MustCommit;

const AuditEvent kAdopted = {.principal = "alice", .action = "adopt"};

// A store in memory with three revisions.
class Setting {
 public:
  Setting() {
    store = SqliteResourceStore::Create(
                {.directory = "", .applied_by = "test", .clock = &clock_, .random = &random_})
                .value();
    for (const char* name : {"a", "b", "c"}) MustCommit(*store, Changes({Cluster(name)}));
    head = *store->ReadHead();
  }

  // What a witness of revision `number` remembers.
  Witness At(int64_t number) {
    return {.name = "the test",
            .store_id = head.store_id,
            .epoch = head.epoch,
            .revision = Revision{number},
            .digest = store->GetRevision(Revision{number})->digest};
  }
  absl::Status Check(const Witness& witness) { return CheckWitness(store.get(), witness); }

  std::unique_ptr<SqliteResourceStore> store;
  Head head;

 private:
  testing::FakeClock clock_;
  SystemRandom random_;
};

bool Refuses(const absl::Status& status, absl::string_view words) {
  return status.code() == absl::StatusCode::kFailedPrecondition &&
         absl::StrContains(status.message(), words);
}

TEST_CASE("a store that went on since has what the witness saw") {
  Setting setting;
  CHECK(setting.Check(setting.At(3)).ok());
  CHECK(setting.Check(setting.At(1)).ok());
}

TEST_CASE("who remembers nothing has no objection") {
  Setting setting;
  CHECK(setting.Check({.name = "the test"}).ok());
}

TEST_CASE("a history that was cut short is noticed, and what is missing named") {
  Setting setting;
  Witness witness = setting.At(3);
  witness.revision = Revision{5};
  CHECK(Refuses(setting.Check(witness), "revisions 4 to 5 are missing"));
  witness.revision = Revision{4};
  CHECK(Refuses(setting.Check(witness), "revision 4 is missing"));
  witness.digest.reset();
  CHECK(Refuses(setting.Check(witness), "signalbox db adopt --yes"));
}

TEST_CASE("another history up to the same revision is noticed") {
  Setting setting;
  Witness witness = setting.At(2);
  witness.digest->bytes[0] ^= 1;
  CHECK(Refuses(setting.Check(witness), "revision 2"));
}

TEST_CASE("another store is noticed") {
  Setting setting;
  Witness witness = setting.At(2);
  witness.store_id = "another";
  CHECK(Refuses(setting.Check(witness), "remembers store another"));
}

TEST_CASE("an epoch that the store never had is noticed, one that ended in it is not") {
  Setting setting;
  Witness before = setting.At(3);
  before.revision = Revision{9};
  Witness unknown = setting.At(3);
  ++unknown.epoch;
  CHECK(Refuses(setting.Check(unknown), "another history"));
  REQUIRE(setting.store->StartEpoch(kAdopted).ok());
  CHECK(setting.Check(before).ok());
  CHECK(Refuses(setting.Check(unknown), "another history"));
}

TEST_CASE("after an adoption no witness of before objects") {
  Setting setting;
  Witness longer = setting.At(3);
  longer.revision = Revision{9};
  Witness unknown = setting.At(3);
  unknown.epoch += 5;
  Witness another = setting.At(3);
  another.epoch += 6;
  another.store_id = "another";
  CHECK_FALSE(*HasEnded(setting.store.get(), std::nullopt));
  const auto head = AdoptStore(setting.store.get(), {longer, unknown, another}, kAdopted);
  REQUIRE(head.ok());
  CHECK(head->epoch != setting.head.epoch);
  CHECK(head->revision == Revision{3});
  CHECK(setting.Check(longer).ok());
  CHECK(setting.Check(unknown).ok());
  CHECK(setting.Check(another).ok());
  CHECK(*HasEnded(setting.store.get(), std::nullopt));
  CHECK(*HasEnded(setting.store.get(), setting.head.epoch));
  CHECK_FALSE(*HasEnded(setting.store.get(), head->epoch));
  another.epoch += 1;
  CHECK(Refuses(setting.Check(another), "remembers store another"));
  CHECK(setting.store->ReadOutbox({}, 100)->back().event.action == "adopt");
}

}  // namespace
}  // namespace signalbox
