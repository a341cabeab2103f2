#include "storage/sqlite/sqlite_migrations.h"

#include <utility>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
#include "migrations/sqlite/audit/sqlite_audit_migrations.h"
#include "migrations/sqlite/config/sqlite_config_migrations.h"
#include "migrations/sqlite/queue/sqlite_queue_migrations.h"
#include "migrations/sqlite/telemetry/sqlite_telemetry_migrations.h"
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
                               "  min_reader INTEGER NOT NULL,"
                               "  min_writer INTEGER NOT NULL"
                               ") STRICT"};
constexpr Sql kHasVersions = {"has_schema_versions",
                              "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = "
                              "'schema_versions'"};
constexpr Sql kSelectVersions = {
    "select_schema_versions",
    "SELECT version, name, checksum, applied_at, by, min_reader, min_writer FROM schema_versions "
    "ORDER BY version"};
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

std::vector<Migration> Embedded(absl::Span<const EmbeddedFile> embedded) {
  std::vector<std::pair<absl::string_view, absl::string_view>> files;
  for (const EmbeddedFile& file : embedded) files.emplace_back(file.name, file.content);
  return MigrationsIn(files);
}

}  // namespace

std::vector<Migration> ConfigMigrations() { return Embedded(SqliteConfigMigrations()); }
std::vector<Migration> AuditMigrations() { return Embedded(SqliteAuditMigrations()); }
std::vector<Migration> QueueMigrations() { return Embedded(SqliteQueueMigrations()); }
std::vector<Migration> TelemetryMigrations() { return Embedded(SqliteTelemetryMigrations()); }

absl::StatusOr<std::vector<AppliedMigration>> SqliteMigrationTarget::Applied() {
  std::vector<AppliedMigration> rows;
  SB_ASSIGN_OR_RETURN(const int64_t there, Number(connection_, kHasVersions));
  if (there == 0) return rows;
  SqliteQuery query(connection_, kSelectVersions);
  while (query.Step()) {
    rows.push_back({.version = static_cast<int>(query.Int(0)),
                    .name = std::string(query.Text(1)),
                    .checksum = DigestIn(query.Blob(2)),
                    .applied_at = absl::FromUnixMillis(query.Int(3)),
                    .by = std::string(query.Text(4)),
                    .min_reader = static_cast<int>(query.Int(5)),
                    .min_writer = static_cast<int>(query.Int(6))});
  }
  SB_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::Status SqliteMigrationTarget::Apply(const Migration& migration, const AppliedMigration& row) {
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kWrite));
  SB_RETURN_IF_ERROR(connection_->Execute(kMakeVersions));
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
