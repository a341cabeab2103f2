#include "storage/migrator/migrator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "storage/migrator/errors.h"

namespace signalbox {
namespace {

using Access = MigrationStatus::Access;
using Way = MigrationPlan::Way;

std::string Numbered(int version, absl::string_view name) {
  return absl::StrCat(version, " \"", name, "\"");
}

// The applied migrations that the program has otherwise, "" when there is none.
std::string Differing(const std::vector<AppliedMigration>& applied,
                      const std::vector<Migration>& known) {
  std::vector<std::string> differing;
  for (size_t i = 0; i < applied.size() && i < known.size(); ++i) {
    if (applied[i].version != known[i].version || applied[i].name != known[i].name ||
        applied[i].checksum != known[i].checksum) {
      differing.push_back(Numbered(applied[i].version, applied[i].name));
    }
  }
  return absl::StrJoin(differing, ", ");
}

}  // namespace

Migrator::Migrator(std::vector<Migration> migrations, std::string by, MigrationTarget* target,
                   const Clock* clock)
    : migrations_(std::move(migrations)), by_(std::move(by)), target_(target), clock_(clock) {}

absl::StatusOr<MigrationStatus> Migrator::Inspect() {
  MigrationStatus status = {.known = static_cast<int>(migrations_.size())};
  SB_ASSIGN_OR_RETURN(status.applied, target_->Applied());
  // What a later migration allows does not undo what an earlier one demands.
  int min_reader = 0;
  int min_writer = 0;
  for (const AppliedMigration& applied : status.applied) {
    min_reader = std::max(min_reader, applied.min_reader);
    min_writer = std::max(min_writer, applied.min_writer);
  }
  if (const std::string differing = Differing(status.applied, migrations_); !differing.empty()) {
    status.fitness = errors::MigrationsDiffer(target_->Name(), differing);
  } else if (status.version() > status.known) {
    status.access = status.known < min_writer ? Access::kReadOnly : Access::kReadWrite;
    if (status.known < min_reader) {
      status.fitness =
          errors::SchemaTooNew(target_->Name(), status.version(), min_reader, status.known);
    }
  }
  if (status.applied.size() < migrations_.size()) {
    status.pending.assign(migrations_.begin() + static_cast<std::ptrdiff_t>(status.applied.size()),
                          migrations_.end());
  }
  return status;
}

absl::StatusOr<MigrationStatus> Migrator::Status() {
  SB_ASSIGN_OR_RETURN(MigrationStatus status, Inspect());
  if (!status.fitness.ok()) return status.fitness;
  return status;
}

absl::StatusOr<MigrationPlan> Migrator::PlanUp(std::optional<int> target) {
  SB_ASSIGN_OR_RETURN(const MigrationStatus status, Status());
  if (target.has_value() && *target > status.known)
    return errors::NoSuchVersion(target_->Name(), *target, status.known);
  if (target.has_value() && *target < status.version())
    return errors::TargetBelow(target_->Name(), *target, status.version());
  MigrationPlan plan = {.way = Way::kUp, .from = status.version(), .to = status.version()};
  for (const Migration& migration : status.pending) {
    if (target.has_value() && migration.version > *target) break;
    plan.steps.push_back(migration);
    plan.to = migration.version;
  }
  return plan;
}

absl::StatusOr<MigrationPlan> Migrator::PlanDown(std::optional<int> target) {
  SB_ASSIGN_OR_RETURN(const MigrationStatus status, Status());
  const int from = status.version();
  if (target.has_value() && (*target < 0 || *target > from))
    return errors::TargetAbove(target_->Name(), *target, from);
  if (from > status.known) return errors::CannotRevert(target_->Name(), from, status.known);
  MigrationPlan plan = {
      .way = Way::kDown, .from = from, .to = target.value_or(std::max(0, from - 1))};
  for (int version = from; version > plan.to; --version)
    plan.steps.push_back(migrations_[static_cast<size_t>(version) - 1]);
  return plan;
}

absl::StatusOr<MigrationStatus> Migrator::Run(const MigrationPlan& plan, const Before& before) {
  if (!plan.steps.empty() && plan.from > 0 && before != nullptr) SB_RETURN_IF_ERROR(before(plan));
  for (const Migration& migration : plan.steps) {
    absl::Status status;
    if (plan.way == Way::kDown) {
      status = target_->Revert(migration);
    } else {
      status = target_->Apply(
          migration, {.version = migration.version,
                      .name = migration.name,
                      .checksum = migration.checksum,
                      .applied_at = absl::FromUnixMillis(absl::ToUnixMillis(clock_->Now())),
                      .by = by_,
                      .min_reader = migration.min_reader,
                      .min_writer = migration.min_writer});
    }
    if (!status.ok()) {
      return errors::MigrationFailed(target_->Name(), migration.version, migration.name, status);
    }
  }
  return Status();
}

absl::StatusOr<MigrationStatus> Migrator::Up() {
  SB_ASSIGN_OR_RETURN(const MigrationPlan plan, PlanUp(std::nullopt));
  return Run(plan);
}

absl::StatusOr<MigrationStatus> Migrator::AtStart(MigrationPolicy policy, absl::string_view command,
                                                  const Before& before) {
  SB_ASSIGN_OR_RETURN(MigrationStatus status, Status());
  if (status.pending.empty()) return status;
  if (policy == MigrationPolicy::kOff && status.version() > 0) return status;
  if (policy != MigrationPolicy::kAuto) {
    const std::string pending =
        absl::StrJoin(status.pending, ", ", [](std::string* out, const Migration& migration) {
          absl::StrAppend(out, Numbered(migration.version, migration.name));
        });
    return errors::MigrationRequired(target_->Name(), status.version(), pending, command);
  }
  SB_ASSIGN_OR_RETURN(const MigrationPlan plan, PlanUp(std::nullopt));
  return Run(plan, before);
}

}  // namespace signalbox
