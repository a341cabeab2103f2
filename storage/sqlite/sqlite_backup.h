#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/upkeep.h"

namespace signalbox {

// Copies of a directory's files (STORAGE section 8). A plain copy of a file in use is none: what
// was committed last stands in its log, and pages change while they are copied.
struct SqliteBackupRequest {
  std::string source;   // the store's directory
  std::string target;   // new or empty
  std::string made_by;  // "signalbox 0.1.0"
  absl::Time now;
};

// Copies every file, each in one step on a connection of its own, dependants first and `config`
// last, so that nothing in the others tells of what `config` has not. The store may be in use, by
// this process or another. The copy is made beside `target`, verified, flushed and renamed; its
// manifest is `manifest.json`. A damaged file whose loss is accepted is left out.
//   kNotFound            there is no store in `source`
//   kAlreadyExists       something is in `target`
//   kFailedPrecondition  `target` cannot be made
//   kDataLoss            the copy is damaged, and so is the store
//   kResourceExhausted   the disk is full
//   kUnavailable         reading or writing failed
absl::StatusOr<Backup> BackUpSqlite(const SqliteBackupRequest& request);

// Reads a backup and compares it with its manifest and with itself. Writes nothing there.
//   kNotFound            there is no backup in `directory`
//   kFailedPrecondition  a file cannot be opened
//   kUnavailable         reading failed
absl::StatusOr<Verification> VerifySqliteBackup(const std::string& directory);

// Reads the files of a store that no process uses.
//   kNotFound            there is no store in `directory`
//   kFailedPrecondition  a file cannot be opened
//   kUnavailable         reading failed
absl::StatusOr<Verification> VerifySqliteStore(const std::string& directory);

// Where the backup goes that precedes a migration of the store in `directory` at `now`.
std::string BackupBeforeMigration(const std::string& directory, absl::Time now);

// How many of those stay: enough to go back over several upgrades.
inline constexpr size_t kBackupsBeforeMigration = 5;

// Removes all but the newest kBackupsBeforeMigration backups that migrations of the store in
// `directory` were preceded by; returns those that it removed. What is no such backup stays.
//   kUnavailable  removing failed
absl::StatusOr<std::vector<std::string>> PruneBackupsBeforeMigration(const std::string& directory);

}  // namespace signalbox
