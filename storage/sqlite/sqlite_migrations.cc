#include "storage/sqlite/sqlite_migrations.h"

#include <utility>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "migrations/sqlite/config/sqlite_config_migrations.h"
#include "storage/migrator/errors.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

constexpr Sql kMakeVersions = {"make_schema_versions",
                               "CREATE TABLE IF NOT EXISTS schema_versions ("
                               "  version INTEGER PRIMARY KEY CHECK (version > 0),"
                               "  name TEXT NOT NULL,"
                               "  checksum BLOB NOT NULL CHECK (length(checksum) = 32),"
                               "  applied_at INTEGER NOT NULL,"  // milliseconds
                               "  by TEXT NOT NULL,"
                               "  min_reader INTEGER NOT NULL DEFAULT 0,"  // 0: the version
                               "  min_writer INTEGER NOT NULL DEFAULT 0"
                               ") STRICT"};
// Stores of signalbox 0.1.0 were made without these columns.
constexpr char kAddReaders[] =
    "ALTER TABLE schema_versions ADD COLUMN min_reader INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE schema_versions ADD COLUMN min_writer INTEGER NOT NULL DEFAULT 0";
constexpr Sql kVersionsColumns = {"schema_versions_columns",
                                  "SELECT count(*) FROM pragma_table_info('schema_versions')"};
constexpr int kColumnsWithoutReaders = 5;
constexpr Sql kSelectVersions = {
    "select_schema_versions",
    "SELECT version, name, checksum, applied_at, by, min_reader, min_writer FROM schema_versions "
    "ORDER BY version"};
constexpr Sql kSelectVersionsWithoutReaders = {
    "select_schema_versions_without_readers",
    "SELECT version, name, checksum, applied_at, by, 0, 0 FROM schema_versions ORDER BY version"};
constexpr Sql kLastVersion = {"last_schema_version",
                              "SELECT coalesce(max(version), 0) FROM schema_versions"};
constexpr Sql kInsertVersion = {
    "insert_schema_version",
    "INSERT INTO schema_versions (version, name, checksum, applied_at, by, min_reader, min_writer) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Sql kDeleteVersion = {"delete_schema_version",
                                "DELETE FROM schema_versions WHERE version = ?1"};

absl::StatusOr<int64_t> Number(SqliteConnection* connection, const Sql& sql) {
  SqliteQuery query(connection, sql);
  const int64_t number = query.Step() ? query.Int(0) : 0;
  SB_RETURN_IF_ERROR(query.status());
  return number;
}

}  // namespace

std::vector<Migration> ConfigMigrations() {
  std::vector<std::pair<absl::string_view, absl::string_view>> files;
  for (const EmbeddedFile& file : SqliteConfigMigrations())
    files.emplace_back(file.name, file.content);
  return MigrationsIn(files);
}

absl::StatusOr<std::vector<AppliedMigration>> SqliteMigrationTarget::Applied() {
  std::vector<AppliedMigration> rows;
  SB_ASSIGN_OR_RETURN(const int64_t columns, Number(connection_, kVersionsColumns));
  if (columns == 0) return rows;
  SqliteQuery query(connection_, columns == kColumnsWithoutReaders ? kSelectVersionsWithoutReaders
                                                                   : kSelectVersions);
  while (query.Step()) {
    const int version = static_cast<int>(query.Int(0));
    rows.push_back({.version = version,
                    .name = std::string(query.Text(1)),
                    .checksum = DigestIn(query.Blob(2)),
                    .applied_at = absl::FromUnixMillis(query.Int(3)),
                    .by = std::string(query.Text(4)),
                    .min_reader = query.Int(5) == 0 ? version : static_cast<int>(query.Int(5)),
                    .min_writer = query.Int(6) == 0 ? version : static_cast<int>(query.Int(6))});
  }
  SB_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::Status SqliteMigrationTarget::Apply(const Migration& migration, const AppliedMigration& row) {
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kWrite));
  SB_RETURN_IF_ERROR(connection_->Execute(kMakeVersions));
  SB_ASSIGN_OR_RETURN(const int64_t columns, Number(connection_, kVersionsColumns));
  if (columns == kColumnsWithoutReaders)
    SB_RETURN_IF_ERROR(connection_->ExecuteScript("add_readers", kAddReaders));
  SB_ASSIGN_OR_RETURN(const int64_t last, Number(connection_, kLastVersion));
  if (last >= migration.version) return absl::OkStatus();
  if (last != migration.version - 1) return errors::SchemaMoved(name_);
  SB_RETURN_IF_ERROR(connection_->ExecuteScript(migration.name, migration.up));
  SB_RETURN_IF_ERROR(SqliteQuery(connection_, kInsertVersion)
                         .Bind(1, row.version)
                         .BindText(2, row.name)
                         .BindBlob(3, row.checksum.View())
                         .Bind(4, absl::ToUnixMillis(row.applied_at))
                         .BindText(5, row.by)
                         .Bind(6, row.min_reader)
                         .Bind(7, row.min_writer)
                         .Run());
  return transaction.Commit();
}

absl::Status SqliteMigrationTarget::Revert(const Migration& migration) {
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kWrite));
  SB_RETURN_IF_ERROR(connection_->Execute(kMakeVersions));
  SB_ASSIGN_OR_RETURN(const int64_t last, Number(connection_, kLastVersion));
  if (last < migration.version) return absl::OkStatus();
  if (last != migration.version) return errors::SchemaMoved(name_);
  SB_RETURN_IF_ERROR(connection_->ExecuteScript(migration.name, migration.down));
  SB_RETURN_IF_ERROR(SqliteQuery(connection_, kDeleteVersion).Bind(1, migration.version).Run());
  return transaction.Commit();
}

}  // namespace signalbox
