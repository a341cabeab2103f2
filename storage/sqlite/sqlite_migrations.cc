#include "storage/sqlite/sqlite_migrations.h"

#include <utility>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "migrations/sqlite/config/sqlite_config_migrations.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

constexpr Sql kMakeVersions = {"make_schema_versions",
                               "CREATE TABLE IF NOT EXISTS schema_versions ("
                               "  version INTEGER PRIMARY KEY CHECK (version > 0),"
                               "  name TEXT NOT NULL,"
                               "  checksum BLOB NOT NULL CHECK (length(checksum) = 32),"
                               "  applied_at INTEGER NOT NULL,"  // milliseconds
                               "  by TEXT NOT NULL"
                               ") STRICT"};
constexpr Sql kHasVersions = {
    "has_schema_versions",
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'"};
constexpr Sql kSelectVersions = {
    "select_schema_versions",
    "SELECT version, name, checksum, applied_at, by FROM schema_versions ORDER BY version"};
constexpr Sql kSelectVersion = {"select_schema_version",
                                "SELECT 1 FROM schema_versions WHERE version = ?1"};
constexpr Sql kInsertVersion = {"insert_schema_version",
                                "INSERT INTO schema_versions (version, name, checksum, applied_at, "
                                "by) VALUES (?1, ?2, ?3, ?4, ?5)"};

}  // namespace

std::vector<Migration> ConfigMigrations() {
  std::vector<std::pair<absl::string_view, absl::string_view>> files;
  for (const EmbeddedFile& file : SqliteConfigMigrations())
    files.emplace_back(file.name, file.content);
  return MigrationsIn(files);
}

absl::StatusOr<std::vector<AppliedMigration>> SqliteMigrationTarget::Applied() {
  std::vector<AppliedMigration> rows;
  {
    SqliteQuery query(connection_, kHasVersions);
    const bool there = query.Step();
    SB_RETURN_IF_ERROR(query.status());
    if (!there) return rows;
  }
  SqliteQuery query(connection_, kSelectVersions);
  while (query.Step()) {
    rows.push_back({.version = static_cast<int>(query.Int(0)),
                    .name = std::string(query.Text(1)),
                    .checksum = DigestIn(query.Blob(2)),
                    .applied_at = absl::FromUnixMillis(query.Int(3)),
                    .by = std::string(query.Text(4))});
  }
  SB_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::Status SqliteMigrationTarget::Apply(const Migration& migration, const AppliedMigration& row) {
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kWrite));
  SB_RETURN_IF_ERROR(connection_->Execute(kMakeVersions));
  {
    SqliteQuery query(connection_, kSelectVersion);
    query.Bind(1, migration.version);
    const bool there = query.Step();
    SB_RETURN_IF_ERROR(query.status());
    if (there) return absl::OkStatus();
  }
  SB_RETURN_IF_ERROR(connection_->ExecuteScript(migration.name, migration.up));
  SB_RETURN_IF_ERROR(SqliteQuery(connection_, kInsertVersion)
                         .Bind(1, row.version)
                         .BindText(2, row.name)
                         .BindBlob(3, row.checksum.View())
                         .Bind(4, absl::ToUnixMillis(row.applied_at))
                         .BindText(5, row.by)
                         .Run());
  return transaction.Commit();
}

}  // namespace signalbox
