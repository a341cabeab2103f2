#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The errors of looking after a store, each with one text.
namespace signalbox::errors {

// kNotFound: `directory` holds no store. Name another one.
absl::Status NoStore(absl::string_view directory);
// kNotFound: `directory` holds no backup: there is no manifest in it.
absl::Status NoBackup(absl::string_view directory);
// kAlreadyExists: a backup goes to a new or empty directory, and `directory` is neither.
absl::Status BackupInTheWay(absl::string_view directory);
// kFailedPrecondition: the operating system refused to make or move the backup at `path`.
absl::Status BackupNotMade(absl::string_view path, absl::string_view why);
// kDataLoss: the copy was read again and is damaged, and so is the store; nothing was kept of it.
absl::Status BackupDamaged(absl::string_view where, absl::string_view what);
// kFailedPrecondition: a store on PostgreSQL is backed up with PostgreSQL's own tools.
absl::Status BackUpWithServerTools();

}  // namespace signalbox::errors
