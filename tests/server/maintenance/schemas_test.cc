#include "server/maintenance/schemas.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/hash.h"
#include "base/json.h"
#include "server/maintenance/reports.h"
#include "tests/testing/fake_clock.h"

namespace signalbox {
namespace {

// The schema of one area that only remembers.
class FakeTarget : public MigrationTarget {
 public:
  explicit FakeTarget(std::string name) : name_(std::move(name)) {}
  std::string Name() const override { return name_; }
  absl::StatusOr<std::vector<AppliedMigration>> Applied() override { return rows; }
  absl::Status Apply(const Migration&, const AppliedMigration& row) override {
    rows.push_back(row);
    return absl::OkStatus();
  }
  absl::Status Revert(const Migration&) override {
    rows.pop_back();
    return absl::OkStatus();
  }
  std::vector<AppliedMigration> rows;

 private:
  const std::string name_;
};

Migration At(int version, const std::string& up) {
  return {.version = version,
          .name = "step" + std::to_string(version),
          .up = up,
          .down = "-",
          .checksum = Sha256(up),
          .min_reader = version,
          .min_writer = version};
}

// A store of two areas, with two and one migrations.
class Fake {
 public:
  Fake() {
    store.schemas = {{"config", "c.db", &config_migrator}, {"audit", "a.db", &audit_migrator}};
    store.back_up_first = [this]() -> absl::StatusOr<Backup> {
      ++backups;
      if (!backup_answer.ok()) return backup_answer;
      return Backup{.directory = "/backup"};
    };
  }

  FakeTarget config{"c.db"};
  FakeTarget audit{"a.db"};
  testing::FakeClock clock;
  Migrator config_migrator{{At(1, "a"), At(2, "b")}, "test", &config, &clock};
  Migrator audit_migrator{{At(1, "x")}, "test", &audit, &clock};
  OfflineStore store;
  int backups = 0;
  absl::Status backup_answer;
};

TEST_CASE("all areas are brought up; a new store needs no backup, one with a schema does") {
  Fake fake;
  auto changed = ChangeSchemas(fake.store, {});
  REQUIRE(changed.ok());
  CHECK(changed->areas.size() == 2);
  CHECK(fake.config.rows.size() == 2);
  CHECK(fake.audit.rows.size() == 1);
  CHECK(fake.backups == 0);

  CHECK(ChangeSchemas(fake.store, {})->empty());
  CHECK(fake.backups == 0);

  fake.config.rows.pop_back();
  changed = ChangeSchemas(fake.store, {});
  REQUIRE(changed.ok());
  CHECK(changed->backup->directory == "/backup");
  CHECK(fake.backups == 1);
  CHECK(fake.config.rows.size() == 2);
}

TEST_CASE("a backup that fails stops the migration before its first step") {
  Fake fake;
  REQUIRE(ChangeSchemas(fake.store, {}).ok());
  fake.config.rows.pop_back();
  fake.backup_answer = absl::ResourceExhaustedError("no room");
  CHECK(ChangeSchemas(fake.store, {}).status() == fake.backup_answer);
  CHECK(fake.config.rows.size() == 1);
}

TEST_CASE("a dry run plans and writes nothing, no backup either") {
  Fake fake;
  REQUIRE(ChangeSchemas(fake.store, {.area = "config", .target = 1}).ok());
  const auto plan = ChangeSchemas(fake.store, {.dry_run = SchemaChange::DryRun::kYes});
  REQUIRE(plan.ok());
  CHECK(!plan->empty());
  CHECK(plan->areas[0].plan.steps.size() == 1);
  CHECK(plan->areas[1].plan.steps.size() == 1);
  CHECK(fake.config.rows.size() == 1);
  CHECK(fake.audit.rows.empty());
  CHECK(fake.backups == 0);
  const Json json = ToJson(*plan, SchemaChange::DryRun::kYes);
  CHECK(json.Find("dryRun")->text() == "true");
  CHECK(
      json.Find("areas")->elements()[0].Dump() ==
      R"({"area":"config","location":"c.db","from":1,"to":2,"steps":[{"version":2,"name":"step2"}]})");
}

TEST_CASE("a version, and the way down, are one area's: it must be named") {
  Fake fake;
  REQUIRE(ChangeSchemas(fake.store, {}).ok());
  for (const SchemaChange& vague :
       {SchemaChange{.target = 1}, SchemaChange{.way = MigrationPlan::Way::kDown}}) {
    const auto refused = ChangeSchemas(fake.store, vague);
    CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(absl::StrContains(refused.status().message(), "--area config|audit"));
  }
  const auto unknown = ChangeSchemas(fake.store, {.area = "confg"});
  CHECK(unknown.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(absl::StrContains(unknown.status().message(), "did you mean \"config\"?"));

  REQUIRE(ChangeSchemas(fake.store, {.way = MigrationPlan::Way::kDown, .area = "config"}).ok());
  CHECK(fake.config.rows.size() == 1);
  CHECK(fake.audit.rows.size() == 1);
  CHECK(fake.backups == 1);
  REQUIRE(
      ChangeSchemas(fake.store, {.way = MigrationPlan::Way::kDown, .area = "config", .target = 0})
          .ok());
  CHECK(fake.config.rows.empty());
}

TEST_CASE("one area that does not fit stops all, and its status says why") {
  Fake fake;
  REQUIRE(ChangeSchemas(fake.store, {.area = "audit"}).ok());
  fake.audit.rows[0].checksum = Sha256("another");
  const auto refused = ChangeSchemas(fake.store, {});
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(fake.config.rows.empty());

  const auto statuses = ReadSchemas(fake.store);
  REQUIRE(statuses.ok());
  CHECK((*statuses)[0].status.fitness.ok());
  CHECK((*statuses)[0].status.pending.size() == 2);
  CHECK((*statuses)[1].status.fitness == refused.status());
  const Json json = ToJson(*statuses, std::nullopt);
  CHECK(json.elements()[1].Find("fits")->text() == "false");
  CHECK(json.elements()[1].Find("applied")->elements()[0].Dump() ==
        R"({"version":1,"name":"step1","appliedAt":"2001-09-09T01:46:40Z","by":"test"})");
}

}  // namespace
}  // namespace signalbox
