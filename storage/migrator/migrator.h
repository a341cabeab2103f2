#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/hash.h"
#include "storage/migrator/migration.h"
#include "storage/migrator/migration_policy.h"

namespace signalbox {

// A migration as the database remembers it: a row of schema_versions.
struct AppliedMigration {
  int version = 0;
  std::string name;
  Digest checksum;
  absl::Time applied_at;  // milliseconds
  std::string by;         // the program that did it: "signalbox 0.1.0"
  int min_reader = 0;     // as in Migration; kept with the row, for programs that do not know the
  int min_writer = 0;     // migration
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
  //   kAborted  the last row is not the version before: errors::SchemaMoved
  virtual absl::Status Apply(const Migration& migration, const AppliedMigration& row) = 0;

  // In one transaction that no other process can race: runs `migration.down` and deletes the row of
  // that version. Where there is no such row by then, another process was first and nothing is
  // done. An error leaves everything as it was.
  //   kAborted  a later version is applied: errors::SchemaMoved
  virtual absl::Status Revert(const Migration& migration) = 0;
};

// Where an area's schema is, seen by this program.
struct MigrationStatus {
  enum class Access {
    kReadWrite,
    kReadOnly,  // the schema is newer, and this program is below its min_writer
  };

  std::vector<AppliedMigration> applied;  // by version
  std::vector<Migration> pending;         // by version; none where the schema is newer
  int known = 0;                          // the last version that the program has
  Access access = Access::kReadWrite;
  // Why the program cannot use it, pending migrations apart; OK when it can.
  //   kFailedPrecondition  a checksum or a name differs (all versions are named), or the schema is
  //                        newer and the program below its min_reader
  absl::Status fitness;

  // The last applied version; 0 for a database without a schema.
  int version() const { return applied.empty() ? 0 : applied.back().version; }
};

// What would be done, in this order: all of `steps` go the same way.
struct MigrationPlan {
  enum class Way { kUp, kDown };

  Way way = Way::kUp;
  int from = 0;  // the schema's version before ...
  int to = 0;    // ... and after
  std::vector<Migration> steps;
};

// Brings the schema of one area to the version wanted. Knows no backend. Not safe from several
// threads at once; several processes at once apply each migration once.
class Migrator {
 public:
  // Called before the first step on a database that holds a schema already, and so perhaps data: a
  // backup, say. An error of it is returned and nothing is done.
  using Before = std::function<absl::Status(const MigrationPlan& plan)>;

  // `migrations` are the program's, by version; `by` is what schema_versions will name. `target`
  // and `clock` must outlive this object.
  Migrator(std::vector<Migration> migrations, std::string by, MigrationTarget* target,
           const Clock* clock);

  // What is applied and what is pending; whether it fits is in the status. Writes nothing.
  //   any  the target's
  absl::StatusOr<MigrationStatus> Inspect();

  // As Inspect, but a schema that does not fit is an error: its `fitness`.
  absl::StatusOr<MigrationStatus> Status();

  // The steps up to `target` (none: all there are); none where the schema is there or newer. Writes
  // nothing.
  //   kInvalidArgument     the program does not know `target`, or it is below the schema's version
  //   kFailedPrecondition  as Status
  absl::StatusOr<MigrationPlan> PlanUp(std::optional<int> target);

  // The steps down to `target` (none: one step), newest first; none where the schema is there.
  // Writes nothing.
  //   kInvalidArgument     `target` is negative or above the schema's version
  //   kFailedPrecondition  as Status, or the schema is newer: only a program that has a migration
  //                        can take it back
  absl::StatusOr<MigrationPlan> PlanDown(std::optional<int> target);

  // Does the steps, each in its own transaction, and returns the status afterwards. When one fails,
  // the ones before it stay done: planning and running again goes on from there.
  //   kAborted  another process moved the schema the other way meanwhile
  //   any       the target's, with the migration named, or what `before` gave
  absl::StatusOr<MigrationStatus> Run(const MigrationPlan& plan, const Before& before = nullptr);

  // PlanUp and Run to the last version.
  absl::StatusOr<MigrationStatus> Up();

  // What a start does: applies what is pending or refuses, as `policy` says. `command` is the
  // command line that applies it, for the refusal.
  //   kFailedPrecondition  as Status; or migrations are pending and `policy` does not apply them
  //   any                  as Run
  absl::StatusOr<MigrationStatus> AtStart(MigrationPolicy policy, absl::string_view command,
                                          const Before& before = nullptr);

 private:
  const std::vector<Migration> migrations_;
  const std::string by_;
  MigrationTarget* const target_;
  const Clock* const clock_;
};

}  // namespace signalbox
