#include "storage/sqlite/sqlite_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/migrator/errors.h"
#include "storage/migrator/migrator.h"
#include "storage/sqlite/sqlite_backup.h"
#include "storage/sqlite/sqlite_migrations.h"

namespace signalbox {
namespace {

int64_t FileBytes(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

// An empty store in place of a lost one would take everything from the proxies.
absl::Status ConfigLost(absl::string_view config, absl::string_view left) {
  return errors::StoreUnfit(
      absl::StrCat(config, " is missing or empty, but ", left,
                   " is there: bring config.db back, or move all files of the directory away"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<SqliteDirectory>> SqliteDirectory::Open(const Options& options) {
  SB_CHECK(options.clock != nullptr);
  std::shared_ptr<SqliteDirectory> directory(new SqliteDirectory(options));
  if (!directory->in_memory()) {
    SB_RETURN_IF_ERROR(MakeDirectories(options.directory, 0700));
    SB_ASSIGN_OR_RETURN(directory->lock_, DirectoryLock::Take(options.directory));
    SB_RETURN_IF_ERROR(directory->CheckNothingLost());
  }
  for (const SqliteArea& area : SqliteAreas()) SB_RETURN_IF_ERROR(directory->Add(area));
  return directory;
}

SqliteDirectory::~SqliteDirectory() {
  for (auto& [area, open] : open_) {
    if (open.database != nullptr) open.database->Close();
  }
}

std::string SqliteDirectory::WhatIsLeft() const {
  for (const SqliteArea& area : SqliteAreas()) {
    const std::string path = PathOf(area, options_.directory);
    if (area.area != StoreArea::kConfig && FileBytes(path) > 0) return path;
  }
  return FileBytes(options_.witness) > 0 ? options_.witness : "";
}

absl::Status SqliteDirectory::CheckNothingLost() const {
  const std::string config = PathOf(SqliteAreaOf(StoreArea::kConfig), options_.directory);
  if (FileBytes(config) > 0) return absl::OkStatus();
  const std::string log = config + "-wal";
  const std::string left = FileBytes(log) > 0 ? log : WhatIsLeft();
  return left.empty() ? absl::OkStatus() : ConfigLost(config, left);
}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDirectory::OpenFile(const SqliteArea& area) {
  SqliteDatabase::Options file = {.application_id = area.application_id,
                                  .readers = options_.readers,
                                  .durability = area.durability,
                                  .observer = options_.observer,
                                  .alarm = options_.alarm};
  if (in_memory()) return SqliteDatabase::Open(file);
  file.path = PathOf(area, options_.directory);
  absl::StatusOr<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::Open(file);
  if (!absl::IsDataLoss(database.status()) || area.loss == SqliteArea::Loss::kRefused)
    return database;
  const std::string aside = absl::StrCat(file.path, ".damaged");
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string from = absl::StrCat(file.path, suffix);
    if (std::rename(from.c_str(), absl::StrCat(aside, suffix).c_str()) != 0 && errno != ENOENT) {
      return errors::StoreUnfit(
          absl::StrCat("cannot set aside ", from, ": ", std::strerror(errno)));
    }
  }
  notes_.push_back(absl::StrCat(file.path, " was damaged and is made anew; what was there is in ",
                                aside, ": ", database.status().message()));
  return SqliteDatabase::Open(file);
}

absl::Status SqliteDirectory::Add(const SqliteArea& area) {
  OpenArea& open = open_[area.area];
  SB_ASSIGN_OR_RETURN(open.database, OpenFile(area));
  const std::string name =
      in_memory() ? absl::StrCat(area.name, " in memory") : PathOf(area, options_.directory);
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, open.database->Writer());
  SqliteMigrationTarget target(name, lease.get());
  Migrator migrator(area.migrations(), options_.applied_by, &target, options_.clock);
  SB_ASSIGN_OR_RETURN(const MigrationStatus before, migrator.Status());
  if (before.version() == 0 && !in_memory() && area.area == StoreArea::kConfig) {
    if (const std::string left = WhatIsLeft(); !left.empty()) return ConfigLost(name, left);
  }
  SB_ASSIGN_OR_RETURN(
      const MigrationStatus status,
      migrator.AtStart(in_memory() ? MigrationPolicy::kAuto : options_.migrate,
                       absl::StrCat("signalbox db migrate --store.path ", options_.directory),
                       [&](const MigrationPlan&) { return BackUpOnce(); }));
  open.schema_version = status.version();
  if (before.version() > 0 && status.version() > before.version()) {
    notes_.push_back(absl::StrCat(name, " was migrated from schema version ", before.version(),
                                  " to ", status.version()));
  } else if (!status.pending.empty()) {
    notes_.push_back(absl::StrCat(name, " has schema version ", status.version(),
                                  " and is used so, though this signalbox needs ", status.known));
  }
  if (status.access == MigrationStatus::Access::kReadOnly) {
    open.read_only = errors::SchemaReadOnly(name, status.version(), status.known);
    open.database->MakeReadOnly(open.read_only);
    notes_.emplace_back(open.read_only.message());
  }
  return absl::OkStatus();
}

absl::Status SqliteDirectory::BackUpOnce() {
  if (in_memory() || std::exchange(backed_up_, true)) return absl::OkStatus();
  const absl::Time now = options_.clock->Now();
  SB_ASSIGN_OR_RETURN(const Backup backup,
                      BackUpSqlite({.source = options_.directory,
                                    .target = BackupBeforeMigration(options_.directory, now),
                                    .made_by = options_.applied_by,
                                    .now = now}));
  notes_.push_back(
      absl::StrCat("the store was backed up before its migration, to ", backup.directory));
  const absl::StatusOr<std::vector<std::string>> pruned =
      PruneBackupsBeforeMigration(options_.directory);
  if (!pruned.ok()) {
    notes_.emplace_back(pruned.status().message());
    return absl::OkStatus();
  }
  for (const std::string& old : *pruned)
    notes_.push_back(absl::StrCat("an older backup before a migration was removed: ", old));
  return absl::OkStatus();
}

}  // namespace signalbox
