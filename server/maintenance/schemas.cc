#include "server/maintenance/schemas.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "server/maintenance/errors.h"

namespace signalbox {
namespace {

using Way = MigrationPlan::Way;

std::vector<std::string> NamesOf(const OfflineStore& store) {
  std::vector<std::string> names;
  for (const AreaSchema& schema : store.schemas) names.push_back(schema.area);
  return names;
}

// The areas that the change is about.
absl::StatusOr<std::vector<AreaSchema>> Chosen(const OfflineStore& store,
                                               const SchemaChange& change) {
  if (!change.area.has_value()) {
    if (change.target.has_value() || change.way == Way::kDown)
      return errors::AreaWanted(NamesOf(store));
    return store.schemas;
  }
  for (const AreaSchema& schema : store.schemas) {
    if (schema.area == *change.area) return std::vector<AreaSchema>{schema};
  }
  return errors::NoSuchArea(*change.area, NamesOf(store));
}

}  // namespace

bool SchemaChanged::empty() const {
  return std::all_of(areas.begin(), areas.end(),
                     [](const Area& area) { return area.plan.steps.empty(); });
}

absl::StatusOr<std::vector<AreaStatus>> ReadSchemas(const OfflineStore& store) {
  std::vector<AreaStatus> statuses;
  for (const AreaSchema& schema : store.schemas) {
    SB_ASSIGN_OR_RETURN(MigrationStatus status, schema.migrator->Inspect());
    statuses.push_back({schema.area, schema.where, std::move(status)});
  }
  return statuses;
}

absl::StatusOr<SchemaChanged> ChangeSchemas(const OfflineStore& store, const SchemaChange& change) {
  SB_ASSIGN_OR_RETURN(const std::vector<AreaSchema> schemas, Chosen(store, change));
  SchemaChanged changed;
  bool holds_something = false;
  for (const AreaSchema& schema : schemas) {
    SB_ASSIGN_OR_RETURN(MigrationPlan plan, change.way == Way::kDown
                                                ? schema.migrator->PlanDown(change.target)
                                                : schema.migrator->PlanUp(change.target));
    holds_something = holds_something || (plan.from > 0 && !plan.steps.empty());
    changed.areas.push_back({schema.area, schema.where, std::move(plan)});
  }
  if (change.dry_run == SchemaChange::DryRun::kYes || changed.empty()) return changed;
  if (holds_something && store.back_up_first != nullptr) {
    SB_ASSIGN_OR_RETURN(changed.backup, store.back_up_first());
  }
  for (size_t i = 0; i < schemas.size(); ++i)
    SB_RETURN_IF_ERROR(schemas[i].migrator->Run(changed.areas[i].plan).status());
  return changed;
}

}  // namespace signalbox
