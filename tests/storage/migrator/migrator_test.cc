#include "storage/migrator/migrator.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/hash.h"
#include "tests/testing/fake_clock.h"

namespace signalbox {
namespace {

// A database that only remembers.
class FakeTarget : public MigrationTarget {
 public:
  std::string Name() const override { return "fake.db"; }
  absl::StatusOr<std::vector<AppliedMigration>> Applied() override { return rows; }
  absl::Status Apply(const Migration& migration, const AppliedMigration& row) override {
    if (migration.version == fails_at) return absl::UnavailableError("no disk");
    rows.push_back(row);
    return absl::OkStatus();
  }
  std::vector<AppliedMigration> rows;
  int fails_at = 0;
};

Migration At(int version, const std::string& up) {
  return {.version = version,
          .name = "step" + std::to_string(version),
          .up = up,
          .down = "-",
          .checksum = Sha256(up)};
}

const std::vector<Migration> kThree = {At(1, "a"), At(2, "b"), At(3, "c")};

TEST_CASE("what is pending is applied in order and recorded") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator migrator(kThree, "signalbox test", &target, &clock);
  CHECK(migrator.Status()->pending.size() == 3);
  CHECK(migrator.Status()->version() == 0);
  CHECK(target.rows.empty());

  const auto status = migrator.Up();
  REQUIRE(status.ok());
  CHECK(status->version() == 3);
  CHECK(status->pending.empty());
  REQUIRE(target.rows.size() == 3);
  CHECK(target.rows[1].version == 2);
  CHECK(target.rows[1].name == "step2");
  CHECK(target.rows[1].checksum == Sha256("b"));
  CHECK(target.rows[1].applied_at == clock.Now());
  CHECK(target.rows[1].by == "signalbox test");
}

TEST_CASE("applying again does nothing") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator migrator(kThree, "", &target, &clock);
  CHECK(migrator.Up().ok());
  CHECK(migrator.Up().ok());
  CHECK(target.rows.size() == 3);
}

TEST_CASE("a migration that fails keeps those before it, and running again goes on from there") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator migrator(kThree, "", &target, &clock);
  target.fails_at = 2;
  const auto failed = migrator.Up();
  CHECK(failed.status().code() == absl::StatusCode::kUnavailable);
  CHECK(absl::StrContains(failed.status().message(), "migration 2 (step2) of fake.db"));
  CHECK(absl::StrContains(failed.status().message(), "no disk"));
  CHECK(target.rows.size() == 1);
  target.fails_at = 0;
  CHECK(migrator.Up()->version() == 3);
}

TEST_CASE("migrations that changed are refused, all of them named, and nothing is applied") {
  FakeTarget target;
  testing::FakeClock clock;
  CHECK(Migrator({At(1, "a"), At(2, "b")}, "", &target, &clock).Up().ok());
  const auto refused = Migrator({At(1, "A"), At(2, "B"), At(3, "c")}, "", &target, &clock).Up();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "1 \"step1\", 2 \"step2\""));
  CHECK(target.rows.size() == 2);
}

TEST_CASE("a migration of the same text under another name is another one") {
  FakeTarget target;
  testing::FakeClock clock;
  CHECK(Migrator({At(1, "a")}, "", &target, &clock).Up().ok());
  Migration renamed = At(1, "a");
  renamed.name = "other";
  CHECK(Migrator({renamed}, "", &target, &clock).Status().status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a schema newer than the program is refused") {
  FakeTarget target;
  testing::FakeClock clock;
  CHECK(Migrator(kThree, "", &target, &clock).Up().ok());
  const auto refused = Migrator({At(1, "a"), At(2, "b")}, "", &target, &clock).Up();
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.status().message(), "schema version 3"));
  CHECK(absl::StrContains(refused.status().message(), "up to 2"));
}

}  // namespace
}  // namespace signalbox
