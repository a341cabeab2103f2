#include "storage/upkeep_errors.h"

#include "absl/strings/str_cat.h"

namespace signalbox::errors {

absl::Status NoStore(absl::string_view directory) {
  return absl::NotFoundError(
      absl::StrCat("there is no store in ", directory, ": name its directory with --store.path"));
}

absl::Status NoBackup(absl::string_view directory) {
  return absl::NotFoundError(
      absl::StrCat("there is no backup in ", directory, ": it has no manifest.json"));
}

absl::Status BackupInTheWay(absl::string_view directory) {
  return absl::AlreadyExistsError(absl::StrCat(
      "a backup goes to a new or empty directory, and something is in ", directory, " already"));
}

absl::Status BackupNotMade(absl::string_view path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("cannot make the backup ", path, ": ", why));
}

absl::Status BackupDamaged(absl::string_view where, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the backup was not kept: its ", where,
                                          " is damaged, as the store's is (", what,
                                          "); `signalbox db verify` names everything"));
}

absl::Status BackUpWithServerTools() {
  return absl::FailedPreconditionError(
      "a store on PostgreSQL is backed up with PostgreSQL's own tools: `pg_dump -Fc` for a copy, "
      "continuous archiving for a point in time");
}

}  // namespace signalbox::errors
