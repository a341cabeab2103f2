#include "storage/postgres/postgres_schemas.h"

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/migrator/errors.h"
#include "storage/migrator/migrator.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_dial.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_standbys.h"

namespace signalbox {
namespace {

constexpr Sql kSelectFsync = {"select_fsync", "SELECT current_setting('fsync')"};

}  // namespace

absl::StatusOr<std::shared_ptr<PostgresSchemas>> PostgresSchemas::Open(const Options& options) {
  SB_CHECK(options.clock != nullptr && options.random != nullptr);
  std::shared_ptr<PostgresSchemas> schemas(new PostgresSchemas(options));
  SB_RETURN_IF_ERROR(schemas->Start());
  return schemas;
}

PostgresSchemas::PostgresSchemas(const Options& options)
    : options_(options),
      location_(PostgresLocation(options.conninfo)),
      pool_(std::make_shared<PostgresPool>(PostgresPool::Options{
          .connection = {.conninfo = options.conninfo, .observer = options.observer},
          .readers = options.readers,
          .kept_readers = options.kept_readers,
          .random = options.random})) {}

absl::StatusOr<Standbys> PostgresSchemas::ReadStandbys() const {
  SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Reader());
  return signalbox::ReadStandbys(lease.get());
}

absl::Status PostgresSchemas::Start() {
  SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Writer());
  server_version_ = lease->ServerVersionText();
  SB_ASSIGN_OR_RETURN(const PostgresResult fsync, lease->Run(kSelectFsync));
  if (fsync[0].Text(0) != "on" && options_.fsync == Options::Fsync::kRequired) {
    return errors::StoreUnfit(
        "the PostgreSQL server runs with fsync=off, so that a crash loses what was acknowledged: "
        "set fsync=on");
  }
  for (const PostgresArea area : PostgresAreas()) {
    PostgresMigrationTarget target(location_, area, lease.get());
    SB_ASSIGN_OR_RETURN(
        const MigrationStatus schema,
        Migrator(PostgresMigrations(area), options_.applied_by, &target, options_.clock)
            .AtStart(options_.migrate, options_.migrate_command));
    OpenArea& open = areas_[area];
    open.schema_version = schema.version();
    if (schema.access == MigrationStatus::Access::kReadOnly) {
      open.read_only = errors::SchemaReadOnly(target.Name(), schema.version(), schema.known);
    }
  }
  return absl::OkStatus();
}

}  // namespace signalbox
