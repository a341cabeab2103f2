#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/migrator/area_schema.h"
#include "storage/standbys.h"
#include "storage/upkeep.h"

namespace signalbox {

// A store in the hands of who looks after it, while no daemon has it: it stays theirs until this
// goes. Whoever knows the backends makes it.
struct OfflineStore {
  // Owns what `schemas` name.
  std::unique_ptr<StoreUpkeep> upkeep;
  // `config` first.
  std::vector<AreaSchema> schemas;
  // Called before the first migration of what holds a schema already; null where the backend's own
  // tools do that.
  std::function<absl::StatusOr<Backup>()> back_up_first;
  // How many daemons are at work on the store all the same; null where none can be.
  std::function<absl::StatusOr<int>()> count_instances;
  // The standbys that the database's server waits for; null where there are no servers.
  std::function<absl::StatusOr<Standbys>()> standbys;
};

}  // namespace signalbox
