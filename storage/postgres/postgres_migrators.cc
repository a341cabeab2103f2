#include "storage/postgres/postgres_migrators.h"

#include <utility>

#include "base/status_macros.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_dial.h"
#include "storage/postgres/postgres_migrations.h"
#include "storage/postgres/postgres_result.h"
#include "storage/postgres/postgres_standbys.h"
#include "storage/sql.h"

namespace signalbox {
namespace {

// The application's name may be the configuration's; what a listener ran last is ours.
constexpr Sql kCountInstances = {
    "count_instances",
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND (application_name = 'signalbox listener' OR query = 'LISTEN signalbox_config')"};

}  // namespace

struct PostgresMigrators::Parts {
  std::unique_ptr<PostgresConnection> connection;
  std::vector<std::unique_ptr<PostgresMigrationTarget>> targets;
  std::vector<std::unique_ptr<Migrator>> migrators;
  std::vector<AreaSchema> schemas;
};

absl::StatusOr<std::unique_ptr<PostgresMigrators>> PostgresMigrators::Open(
    const std::string& conninfo, const std::string& by, const Clock* clock) {
  auto parts = std::make_unique<Parts>();
  SB_ASSIGN_OR_RETURN(parts->connection, PostgresConnection::Open({.conninfo = conninfo}));
  for (const PostgresArea area : PostgresAreas()) {
    parts->targets.push_back(std::make_unique<PostgresMigrationTarget>(
        PostgresLocation(conninfo), area, parts->connection.get()));
    PostgresMigrationTarget* const target = parts->targets.back().get();
    parts->migrators.push_back(
        std::make_unique<Migrator>(PostgresMigrations(area), by, target, clock));
    parts->schemas.push_back({.area = std::string(PostgresAreaName(area)),
                              .where = target->Name(),
                              .migrator = parts->migrators.back().get()});
  }
  return std::unique_ptr<PostgresMigrators>(new PostgresMigrators(std::move(parts)));
}

PostgresMigrators::PostgresMigrators(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PostgresMigrators::~PostgresMigrators() = default;

std::vector<AreaSchema> PostgresMigrators::Schemas() const { return parts_->schemas; }

absl::StatusOr<int> PostgresMigrators::CountInstances() {
  SB_ASSIGN_OR_RETURN(const PostgresResult count, parts_->connection->Run(kCountInstances));
  return static_cast<int>(count[0].Int(0));
}

absl::StatusOr<Standbys> PostgresMigrators::ReadStandbys() {
  return signalbox::ReadStandbys(parts_->connection.get());
}

}  // namespace signalbox
