#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The errors of bringing a schema to a version, each with one text. `path` names the database to a
// person.
namespace signalbox::errors {

// kFailedPrecondition: `path` has schema `found`, made by a newer program, which programs that know
// less than `min_reader` cannot read; this one knows up to `known`. Run the newer one.
absl::Status SchemaTooNew(absl::string_view path, int found, int min_reader, int known);
// kFailedPrecondition: `path` has schema `found`, which this program, which knows up to `known`,
// may read, but not write. Write with the newer one.
absl::Status SchemaReadOnly(absl::string_view path, int found, int known);
// kFailedPrecondition: the migrations named (all whose text is not what was applied to `path`)
// differ. Run the program that applied them.
absl::Status MigrationsDiffer(absl::string_view path, absl::string_view versions);
// kFailedPrecondition: the migrations named are pending and are not applied at a start. Run
// `command`.
absl::Status MigrationRequired(absl::string_view path, int version, absl::string_view pending,
                               absl::string_view command);
// kInvalidArgument: no migration leads to version `target`; the program knows up to `known`.
absl::Status NoSuchVersion(absl::string_view path, int target, int known);
// kInvalidArgument: the schema is beyond the version asked for, and the way there is down.
absl::Status TargetBelow(absl::string_view path, int target, int version);
// kInvalidArgument: the version asked for is not below the schema's, or is negative.
absl::Status TargetAbove(absl::string_view path, int target, int version);
// kFailedPrecondition: the schema's last migrations are unknown to this program, which so cannot
// take them back.
absl::Status CannotRevert(absl::string_view path, int version, int known);
// kAborted: another process moved the schema while it was being migrated; nothing was done in this
// step. Look again.
absl::Status SchemaMoved(absl::string_view path);
// `cause` with the migration at fault in front of it; the code stays. The schema is what it was
// before that migration.
absl::Status MigrationFailed(absl::string_view path, int version, absl::string_view name,
                             const absl::Status& cause);

}  // namespace signalbox::errors
