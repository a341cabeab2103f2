#pragma once

#include <optional>
#include <vector>

#include "base/json.h"
#include "server/maintenance/schemas.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"
#include "storage/standbys.h"
#include "storage/upkeep.h"

// What the db verbs answer, as JSON: the `data` of -o json.
namespace signalbox {

// With the standbys that the areas' server waits for, where there is one.
Json ToJson(const std::vector<AreaStatus>& statuses, const std::optional<Standbys>& standbys);
Json ToJson(const SchemaChanged& changed, SchemaChange::DryRun dry_run);
Json ToJson(const Verification& verification);
Json ToJson(const Backup& backup);
Json ToJson(const KeyRotation& rotation);
Json ToJson(const Head& head);

}  // namespace signalbox
