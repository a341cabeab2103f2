#pragma once

#include <string>
#include <utility>
#include <vector>

#include "storage/migrator/migrator.h"
#include "storage/sqlite/sqlite_connection.h"

namespace signalbox {

// What this program has in migrations/sqlite/<area>.
std::vector<Migration> ConfigMigrations();
std::vector<Migration> AuditMigrations();
std::vector<Migration> QueueMigrations();
std::vector<Migration> TelemetryMigrations();

// One SQLite file to the migrator. Used by one thread at a time.
class SqliteMigrationTarget : public MigrationTarget {
 public:
  // `connection` is the file's writer and must outlive this object; `name` is the file's path.
  SqliteMigrationTarget(std::string name, SqliteConnection* connection)
      : name_(std::move(name)), connection_(connection) {}

  std::string Name() const override { return name_; }
  absl::StatusOr<std::vector<AppliedMigration>> Applied() override;
  absl::Status Apply(const Migration& migration, const AppliedMigration& row) override;
  absl::Status Revert(const Migration& migration) override;

 private:
  const std::string name_;
  SqliteConnection* const connection_;
};

}  // namespace signalbox
