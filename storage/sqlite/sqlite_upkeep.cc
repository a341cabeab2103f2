#include "storage/sqlite/sqlite_upkeep.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_backup.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_database.h"
#include "storage/sqlite/sqlite_migrations.h"
#include "storage/upkeep_errors.h"

namespace signalbox {
namespace {

constexpr Sql kQueryOnly = {"set query_only", "PRAGMA query_only = ON"};

// One file to the migrator, opened to be read when it is there and to be written when it must be.
class FileTarget : public MigrationTarget {
 public:
  FileTarget(const SqliteArea& area, std::string path) : area_(area), path_(std::move(path)) {}

  std::string Name() const override { return path_; }

  absl::StatusOr<std::vector<AppliedMigration>> Applied() override {
    struct stat info;
    if (::stat(path_.c_str(), &info) != 0) return std::vector<AppliedMigration>();
    if (database_ != nullptr) {
      SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
      return SqliteMigrationTarget(path_, lease.get()).Applied();
    }
    SB_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection,
                        SqliteConnection::Open(path_, SqliteConnection::Access::kQueryOnly));
    SB_RETURN_IF_ERROR(connection->Execute(kQueryOnly));
    return SqliteMigrationTarget(path_, connection.get()).Applied();
  }

  absl::Status Apply(const Migration& migration, const AppliedMigration& row) override {
    SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, Writer());
    return SqliteMigrationTarget(path_, lease.get()).Apply(migration, row);
  }

  absl::Status Revert(const Migration& migration) override {
    SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, Writer());
    return SqliteMigrationTarget(path_, lease.get()).Revert(migration);
  }

 private:
  absl::StatusOr<SqliteDatabase::Lease> Writer() {
    if (database_ == nullptr) {
      SB_ASSIGN_OR_RETURN(database_, SqliteDatabase::Open({.path = path_,
                                                           .application_id = area_.application_id,
                                                           .readers = 1,
                                                           .durability = area_.durability}));
    }
    return database_->Writer();
  }

  const SqliteArea& area_;
  const std::string path_;
  std::unique_ptr<SqliteDatabase> database_;  // null until something is written
};

}  // namespace

class SqliteUpkeep::Area {
 public:
  Area(const SqliteArea& area, const std::string& directory, const std::string& by,
       const Clock* clock)
      : target_(area, PathOf(area, directory)),
        migrator_(area.migrations(), by, &target_, clock),
        schema_{.area = std::string(area.name), .where = target_.Name(), .migrator = &migrator_} {}

  const AreaSchema& schema() const { return schema_; }

 private:
  FileTarget target_;
  Migrator migrator_;
  const AreaSchema schema_;
};

absl::StatusOr<std::unique_ptr<SqliteUpkeep>> SqliteUpkeep::Open(const std::string& directory,
                                                                 std::string by,
                                                                 const Clock* clock) {
  struct stat info;
  if (::stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return errors::NoStore(directory);
  std::unique_ptr<SqliteUpkeep> upkeep(new SqliteUpkeep(directory, std::move(by), clock));
  SB_ASSIGN_OR_RETURN(upkeep->lock_, DirectoryLock::Take(directory));
  return upkeep;
}

SqliteUpkeep::SqliteUpkeep(const std::string& directory, std::string by, const Clock* clock)
    : directory_(directory), by_(std::move(by)), clock_(clock) {
  for (const SqliteArea& area : SqliteAreas())
    areas_.push_back(std::make_unique<Area>(area, directory_, by_, clock_));
}

SqliteUpkeep::~SqliteUpkeep() { areas_.clear(); }

absl::StatusOr<Verification> SqliteUpkeep::Verify() { return VerifySqliteStore(directory_); }

absl::StatusOr<Backup> SqliteUpkeep::BackUp(const std::string& directory) {
  return BackUpSqlite(
      {.source = directory_, .target = directory, .made_by = by_, .now = clock_->Now()});
}

absl::StatusOr<Backup> SqliteUpkeep::BackUpBeforeMigration() {
  SB_ASSIGN_OR_RETURN(Backup backup, BackUp(BackupBeforeMigration(directory_, clock_->Now())));
  // What cannot be removed takes room, and no more.
  PruneBackupsBeforeMigration(directory_).status().IgnoreError();
  return backup;
}

std::vector<AreaSchema> SqliteUpkeep::Schemas() {
  std::vector<AreaSchema> schemas;
  for (const std::unique_ptr<Area>& area : areas_) schemas.push_back(area->schema());
  return schemas;
}

}  // namespace signalbox
