#include "storage/migrator/migrator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "storage/migrator/errors.h"

namespace signalbox {

Migrator::Migrator(std::vector<Migration> migrations, std::string by, MigrationTarget* target,
                   const Clock* clock)
    : migrations_(std::move(migrations)), by_(std::move(by)), target_(target), clock_(clock) {}

absl::StatusOr<MigrationStatus> Migrator::Status() {
  MigrationStatus status;
  SB_ASSIGN_OR_RETURN(status.applied, target_->Applied());
  if (status.version() > static_cast<int>(migrations_.size())) {
    return errors::SchemaTooNew(target_->Name(), status.version(),
                                static_cast<int>(migrations_.size()));
  }
  std::vector<std::string> differing;
  for (size_t i = 0; i < status.applied.size(); ++i) {
    const AppliedMigration& applied = status.applied[i];
    const Migration& known = migrations_[i];
    if (applied.version == known.version && applied.name == known.name &&
        applied.checksum == known.checksum)
      continue;
    differing.push_back(absl::StrCat(applied.version, " \"", applied.name, "\""));
  }
  if (!differing.empty())
    return errors::MigrationsDiffer(target_->Name(), absl::StrJoin(differing, ", "));
  status.pending.assign(migrations_.begin() + static_cast<std::ptrdiff_t>(status.applied.size()),
                        migrations_.end());
  return status;
}

absl::StatusOr<MigrationStatus> Migrator::Up() {
  SB_ASSIGN_OR_RETURN(const MigrationStatus before, Status());
  if (before.pending.empty()) return before;
  for (const Migration& migration : before.pending) {
    const AppliedMigration row = {
        .version = migration.version,
        .name = migration.name,
        .checksum = migration.checksum,
        .applied_at = absl::FromUnixMillis(absl::ToUnixMillis(clock_->Now())),
        .by = by_};
    if (const absl::Status status = target_->Apply(migration, row); !status.ok()) {
      return errors::MigrationFailed(target_->Name(), migration.version, migration.name, status);
    }
  }
  return Status();
}

}  // namespace signalbox
