#include "storage/migrator/errors.h"

#include "absl/strings/str_cat.h"

namespace signalbox::errors {

absl::Status SchemaTooNew(absl::string_view path, int found, int known) {
  return absl::FailedPreconditionError(absl::StrCat(
      path, " has schema version ", found,
      ", made by a newer signalbox; this one knows versions up to ", known, ": run the newer one"));
}

absl::Status MigrationsDiffer(absl::string_view path, absl::string_view versions) {
  return absl::FailedPreconditionError(
      absl::StrCat("the migrations that were applied to ", path,
                   " are not the ones that this signalbox has (version ", versions,
                   "): run the signalbox that applied them"));
}

absl::Status MigrationFailed(absl::string_view path, int version, absl::string_view name,
                             const absl::Status& cause) {
  return absl::Status(cause.code(), absl::StrCat("migration ", version, " (", name, ") of ", path,
                                                 " failed and was undone: ", cause.message()));
}

}  // namespace signalbox::errors
