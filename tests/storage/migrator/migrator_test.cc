#include "storage/migrator/migrator.h"

#include <catch2/catch.hpp>
#include <optional>
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
  absl::Status Revert(const Migration& migration) override {
    if (migration.version == fails_at) return absl::UnavailableError("no disk");
    rows.pop_back();
    return absl::OkStatus();
  }
  std::vector<AppliedMigration> rows;
  int fails_at = 0;
};

Migration At(int version, const std::string& up, int min_reader = 0, int min_writer = 0) {
  return {.version = version,
          .name = "step" + std::to_string(version),
          .up = up,
          .down = "-",
          .checksum = Sha256(up),
          .min_reader = min_reader == 0 ? version : min_reader,
          .min_writer = min_writer == 0 ? version : min_writer};
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

TEST_CASE("a newer schema is used as far as its migrations allow a program of this version") {
  using Access = MigrationStatus::Access;
  FakeTarget target;
  testing::FakeClock clock;
  const Migration one = At(1, "a");
  // Programs of version 2 may write what 3 leaves, those of version 1 may read it.
  REQUIRE(Migrator({one, At(2, "b", 1, 2), At(3, "c", 1, 2)}, "", &target, &clock).Up().ok());

  Migrator second({one, At(2, "b", 1, 2)}, "", &target, &clock);
  CHECK(second.Status()->access == Access::kReadWrite);
  CHECK(second.Status()->version() == 3);
  CHECK(second.Status()->known == 2);
  CHECK(second.Up()->pending.empty());
  CHECK(Migrator({one}, "", &target, &clock).Status()->access == Access::kReadOnly);

  const Migrator::Before never = [](const MigrationPlan&) { return absl::InternalError("called"); };
  CHECK(second.AtStart(MigrationPolicy::kRequire, "", never).ok());
  CHECK(Migrator({}, "", &target, &clock).Status().status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("what a later migration allows does not undo what an earlier one demands") {
  FakeTarget target;
  testing::FakeClock clock;
  const Migration one = At(1, "a");
  REQUIRE(Migrator({one, At(2, "b"), At(3, "c", 1, 1)}, "", &target, &clock).Up().ok());
  CHECK(!Migrator({one}, "", &target, &clock).Status().ok());

  FakeTarget other;
  REQUIRE(Migrator({one, At(2, "b", 1, 2), At(3, "c", 1, 1)}, "", &other, &clock).Up().ok());
  CHECK(Migrator({one}, "", &other, &clock).Status()->access == MigrationStatus::Access::kReadOnly);
}

TEST_CASE("a status says what does not fit instead of failing") {
  FakeTarget target;
  testing::FakeClock clock;
  REQUIRE(Migrator({At(1, "a")}, "", &target, &clock).Up().ok());
  const auto status = Migrator({At(1, "A"), At(2, "b")}, "", &target, &clock).Inspect();
  REQUIRE(status.ok());
  CHECK(status->version() == 1);
  CHECK(status->pending.size() == 1);
  CHECK(status->fitness.code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a plan lists the steps to the version asked for, and nothing is written") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator migrator(kThree, "", &target, &clock);
  const auto up = migrator.PlanUp(2);
  REQUIRE(up.ok());
  CHECK(up->way == MigrationPlan::Way::kUp);
  CHECK(up->from == 0);
  CHECK(up->to == 2);
  REQUIRE(up->steps.size() == 2);
  CHECK(up->steps[1].name == "step2");
  CHECK(target.rows.empty());

  CHECK(migrator.Run(*up)->version() == 2);
  CHECK(migrator.PlanUp(2)->steps.empty());
  CHECK(migrator.PlanUp(std::nullopt)->steps.size() == 1);
  for (const auto& wrong :
       {migrator.PlanUp(4), migrator.PlanUp(1), migrator.PlanDown(3), migrator.PlanDown(-1)}) {
    CHECK(wrong.status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(target.rows.size() == 2);
}

TEST_CASE("down goes one step, or to the version asked for, newest first") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator migrator(kThree, "", &target, &clock);
  REQUIRE(migrator.Up().ok());
  const auto one = migrator.PlanDown(std::nullopt);
  REQUIRE(one.ok());
  REQUIRE(one->steps.size() == 1);
  CHECK(one->steps[0].version == 3);
  CHECK(one->to == 2);
  const auto all = migrator.PlanDown(0);
  REQUIRE(all.ok());
  CHECK(all->steps.front().version == 3);
  CHECK(all->steps.back().version == 1);
  CHECK(target.rows.size() == 3);

  target.fails_at = 1;
  const auto failed = migrator.Run(*all);
  CHECK(absl::StrContains(failed.status().message(), "migration 1 (step1)"));
  CHECK(target.rows.size() == 1);
  target.fails_at = 0;
  CHECK(migrator.Run(*migrator.PlanDown(std::nullopt))->version() == 0);
  CHECK(migrator.PlanDown(std::nullopt)->steps.empty());
}

TEST_CASE("a migration that only a newer program has is not taken back") {
  FakeTarget target;
  testing::FakeClock clock;
  REQUIRE(Migrator({At(1, "a"), At(2, "b", 1, 1)}, "", &target, &clock).Up().ok());
  const auto refused = Migrator({At(1, "a")}, "", &target, &clock).PlanDown(std::nullopt);
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a start applies, refuses with the command, or goes on, as the policy says") {
  FakeTarget target;
  testing::FakeClock clock;
  Migrator first({At(1, "a")}, "", &target, &clock);
  for (const MigrationPolicy policy : {MigrationPolicy::kRequire, MigrationPolicy::kOff}) {
    const auto refused = first.AtStart(policy, "signalbox db migrate --x");
    CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(absl::StrContains(refused.status().message(), "1 \"step1\""));
    CHECK(absl::StrContains(refused.status().message(), "`signalbox db migrate --x`"));
  }
  CHECK(target.rows.empty());
  CHECK(first.AtStart(MigrationPolicy::kAuto, "")->version() == 1);

  Migrator second({At(1, "a"), At(2, "b")}, "", &target, &clock);
  CHECK(second.AtStart(MigrationPolicy::kOff, "")->version() == 1);
  CHECK(!second.AtStart(MigrationPolicy::kRequire, "c").ok());
  CHECK(second.AtStart(MigrationPolicy::kAuto, "")->version() == 2);
  CHECK(second.AtStart(MigrationPolicy::kRequire, "")->version() == 2);
}

TEST_CASE("before the first step on a schema that is there its owner is asked, and may refuse") {
  FakeTarget target;
  testing::FakeClock clock;
  int calls = 0;
  absl::Status answer = absl::ResourceExhaustedError("no room for a backup");
  const Migrator::Before before = [&](const MigrationPlan& plan) {
    ++calls;
    CHECK(plan.from == 1);
    CHECK(plan.to == 3);
    return answer;
  };
  CHECK(
      Migrator({At(1, "a")}, "", &target, &clock).AtStart(MigrationPolicy::kAuto, "", before).ok());
  CHECK(calls == 0);
  Migrator migrator(kThree, "", &target, &clock);
  CHECK(migrator.AtStart(MigrationPolicy::kAuto, "", before).status() == answer);
  CHECK(target.rows.size() == 1);
  answer = absl::OkStatus();
  CHECK(migrator.AtStart(MigrationPolicy::kAuto, "", before).ok());
  CHECK(migrator.AtStart(MigrationPolicy::kAuto, "", before).ok());
  CHECK(calls == 2);
}

TEST_CASE("policies have names") {
  CHECK(MigrationPolicyNamed("require") == MigrationPolicy::kRequire);
  CHECK(MigrationPolicyName(MigrationPolicy::kAuto) == "auto");
  CHECK(MigrationPolicyNamed("never") == std::nullopt);
}

}  // namespace
}  // namespace signalbox
