#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "storage/alarm.h"
#include "storage/migrator/migration_policy.h"
#include "storage/sql.h"
#include "storage/sqlite/directory_lock.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {

// The directory of a store on SQLite, owned by this process: its lock and its files, each open with
// the schema that the program needs. Or the same in memory, where nothing survives. Safe from any
// thread once it is open. The stores on it share it.
class SqliteDirectory : public std::enable_shared_from_this<SqliteDirectory> {
 public:
  struct Options {
    std::string directory;  // made when missing, with mode 0700; "" in memory
    int readers = 2;        // of each file, beside the one that writes
    MigrationPolicy migrate = MigrationPolicy::kAuto;  // in memory always kAuto
    std::string applied_by;        // what schema_versions names: "signalbox 0.1.0"
    const Clock* clock = nullptr;  // must outlive this object
    // A file elsewhere that exists only where a store was: the last-good file. "" for none.
    std::string witness;
    StatementObserver observer;
    AlarmObserver alarm;
  };

  // Takes the directory's lock, opens and checks the files, and brings their schemas up to date or
  // refuses, as `migrate` says. Before a file with a schema is migrated, all are backed up into
  // DIRECTORY/backups, and the backup is verified; of such backups the newest
  // kBackupsBeforeMigration stay.
  //   kFailedPrecondition  another process has the directory (with its pid); config.db is missing
  //                        or empty beside what belongs to it; a file is another program's; a
  //                        schema is another's or too new, or a migration is pending and `migrate`
  //                        does not apply it; a network file system; no permission
  //   kDataLoss            a file is damaged whose loss is not accepted
  //   kResourceExhausted   the disk is full
  //   kUnavailable         reading or writing failed
  static absl::StatusOr<std::shared_ptr<SqliteDirectory>> Open(const Options& options);
  // Closes the files, then gives the directory back.
  ~SqliteDirectory();
  SqliteDirectory(const SqliteDirectory&) = delete;
  SqliteDirectory& operator=(const SqliteDirectory&) = delete;

  bool in_memory() const { return options_.directory.empty(); }
  const std::string& path() const { return options_.directory; }

  // The area's file, which keeps this object alive. One that a newer program made and this one may
  // only read refuses to be written.
  std::shared_ptr<SqliteDatabase> database(StoreArea area) {
    return {shared_from_this(), open_.at(area).database.get()};
  }
  int schema_version(StoreArea area) const { return open_.at(area).schema_version; }
  // Why the area may only be read; OK where it may be written.
  const absl::Status& read_only(StoreArea area) const { return open_.at(area).read_only; }

  // What happened at Open that a person should know, a line each: migrations that were applied, the
  // backup before them, a file that was set aside or made anew.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct OpenArea {
    std::unique_ptr<SqliteDatabase> database;
    int schema_version = 0;
    absl::Status read_only;
  };

  explicit SqliteDirectory(const Options& options) : options_(options) {}

  absl::Status CheckNothingLost() const;
  // What lies beside config.db and says that there was one; "" for nothing.
  std::string WhatIsLeft() const;
  absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenFile(const SqliteArea& area);
  absl::Status Add(const SqliteArea& area);
  absl::Status BackUpOnce();

  const Options options_;
  std::unique_ptr<DirectoryLock> lock_;  // null in memory
  std::map<StoreArea, OpenArea> open_;
  std::vector<std::string> notes_;
  bool backed_up_ = false;
};

}  // namespace signalbox
