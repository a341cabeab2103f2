#include "storage/postgres/postgres_migrators.h"

#include <utility>

#include "base/status_macros.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_dial.h"
#include "storage/postgres/postgres_migrations.h"

namespace signalbox {

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

}  // namespace signalbox
