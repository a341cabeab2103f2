#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The errors of bringing a schema up to date, each with one text. `path` names the database to a
// person.
namespace signalbox::errors {

// kFailedPrecondition: `path` has schema `found`, made by a newer program; this one knows up to
// `known`. Run the newer one.
absl::Status SchemaTooNew(absl::string_view path, int found, int known);
// kFailedPrecondition: the migrations named (all whose text is not what was applied to `path`)
// differ. Run the program that applied them.
absl::Status MigrationsDiffer(absl::string_view path, absl::string_view versions);
// `cause` with the migration at fault in front of it; the code stays. The schema is what it was
// before that migration.
absl::Status MigrationFailed(absl::string_view path, int version, absl::string_view name,
                             const absl::Status& cause);

}  // namespace signalbox::errors
