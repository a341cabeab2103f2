#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/maintenance/offline_store.h"
#include "storage/migrator/migrator.h"
#include "storage/upkeep.h"

namespace signalbox {

// Where one area's schema is.
struct AreaStatus {
  std::string area;
  std::string where;
  MigrationStatus status;
};

// Each area's, `config` first; what does not fit this program is in the status. Writes nothing.
//   any  the backend's
absl::StatusOr<std::vector<AreaStatus>> ReadSchemas(const OfflineStore& store);

// What is to be done with the schemas.
struct SchemaChange {
  enum class DryRun { kNo, kYes };

  MigrationPlan::Way way = MigrationPlan::Way::kUp;
  std::optional<std::string> area;  // none: all of them
  std::optional<int> target;        // none: all there is, or one step down
  DryRun dry_run = DryRun::kNo;
};

// What was done, or would be.
struct SchemaChanged {
  struct Area {
    std::string area;
    std::string where;
    MigrationPlan plan;
  };
  std::vector<Area> areas;  // the ones it was about; the plan of one that is there has no steps
  std::optional<Backup> backup;  // made before the first step

  bool empty() const;
};

// Plans all areas, then backs up what holds a schema, then takes the steps, area by area. When a
// step fails, the ones before it stay done: the same again goes on from there.
//   kInvalidArgument     no such area or version; `target` or the way down without an area
//   kFailedPrecondition  an area's schema is not this program's, or newer; nothing was done
//   any                  the backup's (nothing was done) or the backend's
absl::StatusOr<SchemaChanged> ChangeSchemas(const OfflineStore& store, const SchemaChange& change);

}  // namespace signalbox
