#include "storage/migrator/errors.h"

#include "absl/strings/str_cat.h"

namespace signalbox::errors {

absl::Status SchemaTooNew(absl::string_view path, int found, int min_reader, int known) {
  return absl::FailedPreconditionError(absl::StrCat(
      path, " has schema version ", found, ", made by a newer signalbox and readable from version ",
      min_reader, " on; this one knows versions up to ", known, ": run the newer one"));
}

absl::Status SchemaReadOnly(absl::string_view path, int found, int known) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " has schema version ", found,
                   ", made by a newer signalbox; this one, which knows versions up to ", known,
                   ", may read it and not write: use the newer one for changes"));
}

absl::Status MigrationsDiffer(absl::string_view path, absl::string_view versions) {
  return absl::FailedPreconditionError(
      absl::StrCat("the migrations that were applied to ", path,
                   " are not the ones that this signalbox has (version ", versions,
                   "): run the signalbox that applied them"));
}

absl::Status MigrationRequired(absl::string_view path, int version, absl::string_view pending,
                               absl::string_view command) {
  return absl::FailedPreconditionError(absl::StrCat(path, " has schema version ", version,
                                                    ", and migrations are pending (", pending,
                                                    "): run `", command, "`"));
}

absl::Status NoSuchVersion(absl::string_view path, int target, int known) {
  return absl::InvalidArgumentError(absl::StrCat("there is no schema version ", target, " of ",
                                                 path, "; this signalbox knows versions up to ",
                                                 known));
}

absl::Status TargetBelow(absl::string_view path, int target, int version) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " has schema version ", version, " already: to go back to version ",
                   target, " run `signalbox db migrate down --target-version ", target, "`"));
}

absl::Status TargetAbove(absl::string_view path, int target, int version) {
  return absl::InvalidArgumentError(absl::StrCat(path, " has schema version ", version, ", and ",
                                                 target, " is no version below it"));
}

absl::Status CannotRevert(absl::string_view path, int version, int known) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " has schema version ", version,
                   ", made by a newer signalbox; this one knows versions up to ", known,
                   " and cannot take the others back: run the newer one"));
}

absl::Status SchemaMoved(absl::string_view path) {
  return absl::AbortedError(absl::StrCat("another process changed the schema of ", path,
                                         " meanwhile; nothing was done: run it again"));
}

absl::Status MigrationFailed(absl::string_view path, int version, absl::string_view name,
                             const absl::Status& cause) {
  return absl::Status(cause.code(), absl::StrCat("migration ", version, " (", name, ") of ", path,
                                                 " failed and was undone: ", cause.message()));
}

}  // namespace signalbox::errors
