#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/hash.h"
#include "storage/migrator/migration.h"

namespace signalbox {

// A migration as the database remembers it: a row of schema_versions.
struct AppliedMigration {
  int version = 0;
  std::string name;
  Digest checksum;
  absl::Time applied_at;  // milliseconds
  std::string by;         // the program that did it: "signalbox 0.1.0"
};

// The database of one area, as the migrator sees it: what a backend fills. All methods block and
// give storage/errors.h.
class MigrationTarget {
 public:
  virtual ~MigrationTarget() = default;

  // Where it is, for errors: a path, or database and schema. Never holds a password.
  virtual std::string Name() const = 0;

  // The rows of schema_versions by version; none where there is no such table yet. Writes nothing.
  virtual absl::StatusOr<std::vector<AppliedMigration>> Applied() = 0;

  // In one transaction that no other process can race: runs `migration.up` and adds `row`. Where a
  // row of that version is there by then, another process was first and nothing is done. An error
  // leaves everything as it was.
  virtual absl::Status Apply(const Migration& migration, const AppliedMigration& row) = 0;
};

// Where an area's schema is.
struct MigrationStatus {
  std::vector<AppliedMigration> applied;  // by version
  std::vector<Migration> pending;         // by version

  // The last applied version; 0 for a database without a schema.
  int version() const { return applied.empty() ? 0 : applied.back().version; }
};

// Brings the schema of one area to what the program knows. Knows no backend. Not safe from several
// threads at once; several processes at once apply each migration once.
class Migrator {
 public:
  // `migrations` are the program's, by version; `by` is what schema_versions will name. `target`
  // and `clock` must outlive this object.
  Migrator(std::vector<Migration> migrations, std::string by, MigrationTarget* target,
           const Clock* clock);

  // What is applied and what is pending, after checking that what is applied is what the program
  // has. Writes nothing.
  //   kFailedPrecondition  a checksum or a name differs (all versions are named), or the schema is
  //                        newer
  //   any                  the target's
  absl::StatusOr<MigrationStatus> Status();

  // Applies what is pending, in order, each in its own transaction, and returns the status
  // afterwards. When one fails, the ones before it stay applied: running again goes on from there.
  //   kFailedPrecondition  as Status
  //   any                  the target's, with the migration named
  absl::StatusOr<MigrationStatus> Up();

 private:
  const std::vector<Migration> migrations_;
  const std::string by_;
  MigrationTarget* const target_;
  const Clock* const clock_;
};

}  // namespace signalbox
