#include "storage/postgres/postgres_migrations.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "migrations/postgres/audit/postgres_audit_migrations.h"
#include "migrations/postgres/config/postgres_config_migrations.h"
#include "migrations/postgres/queue/postgres_queue_migrations.h"
#include "migrations/postgres/telemetry/postgres_telemetry_migrations.h"
#include "storage/migrator/errors.h"
#include "storage/postgres/limits.h"

namespace signalbox {
namespace {

// What all processes lock while they change the schema: "signalbx" as a number.
constexpr int64_t kSchemaLock = 0x7369676e616c6278;
// Each waits 2 s for its locks.
constexpr int kTries = 15;

struct Area {
  PostgresArea area;
  absl::string_view name;
  Sql make_schema;
  absl::Span<const EmbeddedFile> (*files)();
};
constexpr Area kAreas[] = {
    {PostgresArea::kConfig,
     "config",
     {"make_schema_config", "CREATE SCHEMA config"},
     PostgresConfigMigrations},
    {PostgresArea::kAudit,
     "audit",
     {"make_schema_audit", "CREATE SCHEMA audit"},
     PostgresAuditMigrations},
    {PostgresArea::kQueue,
     "queue",
     {"make_schema_queue", "CREATE SCHEMA queue"},
     PostgresQueueMigrations},
    {PostgresArea::kTelemetry,
     "telemetry",
     {"make_schema_telemetry", "CREATE SCHEMA telemetry"},
     PostgresTelemetryMigrations},
};

constexpr Sql kHasVersions = {"has_schema_versions",
                              "SELECT to_regclass($1 || '.schema_versions') IS NOT NULL"};
constexpr Sql kLock = {"lock_schema", "SELECT pg_advisory_xact_lock($1)"};
// A migration may take long on a large table; the lock it waits for may not.
constexpr Sql kNoTimeout = {"no_statement_timeout",
                            "SELECT set_config('statement_timeout', '0', true)"};
constexpr Sql kHasSchema = {"has_schema", "SELECT to_regnamespace($1) IS NOT NULL"};
constexpr Sql kUseSchema = {"use_schema", "SELECT set_config('search_path', $1, true)"};
constexpr Sql kMakeVersions = {"make_schema_versions",
                               "CREATE TABLE IF NOT EXISTS schema_versions ("
                               "  version INTEGER PRIMARY KEY CHECK (version > 0),"
                               "  name TEXT COLLATE \"C\" NOT NULL,"
                               "  checksum BYTEA NOT NULL CHECK (length(checksum) = 32),"
                               "  applied_at TIMESTAMPTZ NOT NULL,"
                               "  by TEXT COLLATE \"C\" NOT NULL,"
                               "  min_reader INTEGER NOT NULL,"
                               "  min_writer INTEGER NOT NULL"
                               ")"};
constexpr Sql kSelectVersions = {
    "select_schema_versions",
    "SELECT version, name, checksum, applied_at, by, min_reader, min_writer FROM schema_versions "
    "ORDER BY version"};
constexpr Sql kLastVersion = {"last_schema_version",
                              "SELECT coalesce(max(version), 0) FROM schema_versions"};
constexpr Sql kInsertVersion = {
    "insert_schema_version",
    "INSERT INTO schema_versions (version, name, checksum, applied_at, by, min_reader, min_writer) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"};
constexpr Sql kDeleteVersion = {"delete_schema_version",
                                "DELETE FROM schema_versions WHERE version = $1"};

const Area& Of(PostgresArea area) {
  for (const Area& one : kAreas) {
    if (one.area == area) return one;
  }
  SB_CHECK(false);
  return kAreas[0];
}

}  // namespace

std::vector<PostgresArea> PostgresAreas() {
  std::vector<PostgresArea> areas;
  for (const Area& one : kAreas) areas.push_back(one.area);
  return areas;
}

absl::string_view PostgresAreaName(PostgresArea area) { return Of(area).name; }

std::vector<Migration> PostgresMigrations(PostgresArea area) {
  std::vector<std::pair<absl::string_view, absl::string_view>> files;
  for (const EmbeddedFile& file : Of(area).files()) files.emplace_back(file.name, file.content);
  return MigrationsIn(files);
}

PostgresMigrationTarget::PostgresMigrationTarget(absl::string_view location, PostgresArea area,
                                                 PostgresConnection* connection)
    : area_(area),
      name_(absl::StrCat(location, " schema ", Of(area).name)),
      connection_(connection) {}

absl::StatusOr<std::vector<AppliedMigration>> PostgresMigrationTarget::Applied() {
  const absl::string_view schema = Of(area_).name;
  std::vector<AppliedMigration> rows;
  PostgresTransaction transaction(connection_);
  PostgresBatch begin;
  PostgresTransaction::BeginRead(&begin);
  begin.Add(kHasVersions, PostgresParams().Text(schema))
      .Add(kUseSchema, PostgresParams().Text(schema));
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> begun, connection_->RunBatch(begin));
  if (!begun[begun.size() - 2][0].Bool(0)) return rows;
  SB_ASSIGN_OR_RETURN(const PostgresResult versions, connection_->Run(kSelectVersions));
  for (int i = 0; i < versions.rows(); ++i) {
    const PostgresRow row = versions[i];
    rows.push_back({.version = static_cast<int>(row.Int(0)),
                    .name = std::string(row.Text(1)),
                    .checksum = row.DigestAt(2),
                    .applied_at = row.Time(3),
                    .by = std::string(row.Text(4)),
                    .min_reader = static_cast<int>(row.Int(5)),
                    .min_writer = static_cast<int>(row.Int(6))});
  }
  return rows;
}

absl::StatusOr<int> PostgresMigrationTarget::Begin() {
  const Area& area = Of(area_);
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add(kNoTimeout)
      .Add(kLock, PostgresParams().Int(kSchemaLock))
      .Add(kHasSchema, PostgresParams().Text(area.name));
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> begun, connection_->RunBatch(begin));
  PostgresBatch prepare;
  if (!begun.back()[0].Bool(0)) prepare.Add(area.make_schema);
  prepare.Add(kUseSchema, PostgresParams().Text(area.name)).Add(kMakeVersions).Add(kLastVersion);
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> prepared, connection_->RunBatch(prepare));
  return static_cast<int>(prepared.back()[0].Int(0));
}

absl::Status PostgresMigrationTarget::Locked(Step step) {
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    PostgresTransaction transaction(connection_);
    const absl::StatusOr<int> version = Begin();
    status = version.status();
    if (status.ok()) {
      const absl::Duration silence = connection_->silence();
      connection_->set_silence(limits::kPostgresMigrationSilence);
      status = step(*version);
      connection_->set_silence(silence);
      return status.ok() ? connection_->Commit({}) : status;
    }
    if (!absl::IsAborted(status)) break;
  }
  return status;
}

absl::Status PostgresMigrationTarget::Apply(const Migration& migration,
                                            const AppliedMigration& row) {
  return Locked([&](int version) -> absl::Status {
    if (version >= migration.version) return absl::OkStatus();
    if (version != migration.version - 1) return errors::SchemaMoved(name_);
    SB_RETURN_IF_ERROR(connection_->RunScript(migration.name, migration.up));
    return connection_
        ->Run(kInsertVersion, PostgresParams()
                                  .Int(row.version)
                                  .Text(row.name)
                                  .Bytes(row.checksum.View())
                                  .Time(row.applied_at)
                                  .Text(row.by)
                                  .Int(row.min_reader)
                                  .Int(row.min_writer))
        .status();
  });
}

absl::Status PostgresMigrationTarget::Revert(const Migration& migration) {
  return Locked([&](int version) -> absl::Status {
    if (version < migration.version) return absl::OkStatus();
    if (version != migration.version) return errors::SchemaMoved(name_);
    SB_RETURN_IF_ERROR(connection_->RunScript(migration.name, migration.down));
    return connection_->Run(kDeleteVersion, PostgresParams().Int(migration.version)).status();
  });
}

}  // namespace signalbox
