#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "storage/migrator/migrator.h"
#include "storage/postgres/postgres_connection.h"

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// The areas, each a schema of its name with migrations of its own.
enum class PostgresArea { kConfig, kAudit, kQueue, kTelemetry };

// All of them.
std::vector<PostgresArea> PostgresAreas();
// "config".
absl::string_view PostgresAreaName(PostgresArea area);

// What this program has in migrations/postgres/<area>.
std::vector<Migration> PostgresMigrations(PostgresArea area);

// One area of a database to the migrator. What changes the schema takes a lock that all processes
// share, and gives up after a few tries when somebody else holds a table for long. Used by one
// thread at a time.
class PostgresMigrationTarget : public MigrationTarget {
 public:
  // `connection` can write, and must outlive this object; `location` is the database for people.
  PostgresMigrationTarget(absl::string_view location, PostgresArea area,
                          PostgresConnection* connection);

  std::string Name() const override { return name_; }
  absl::StatusOr<std::vector<AppliedMigration>> Applied() override;
  absl::Status Apply(const Migration& migration, const AppliedMigration& row) override;
  absl::Status Revert(const Migration& migration) override;

 private:
  // What is to be done inside a transaction that holds the schema's lock and commits afterwards,
  // given the version that is there.
  using Step = absl::FunctionRef<absl::Status(int version)>;
  // Tries again when a lock was not to be had.
  absl::Status Locked(Step step);
  // Takes the transaction's locks, and makes what remembers the versions where it is missing.
  absl::StatusOr<int> Begin();

  const PostgresArea area_;
  const std::string name_;
  PostgresConnection* const connection_;
};

}  // namespace signalbox
