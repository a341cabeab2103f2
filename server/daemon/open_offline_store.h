#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "options/settings.h"
#include "server/maintenance/offline_store.h"
#include "storage/upkeep.h"

namespace signalbox {

// Takes the store that the settings name into the hands of who looks after it. Makes none. On
// PostgreSQL daemons may use it meanwhile. `clock` must outlive it.
//   kNotFound            there is no store
//   kFailedPrecondition  a daemon has it (with its pid); store.password_file cannot be used
//   kInvalidArgument     it is in memory, where there is nothing to look after
//   any                  the backend's
absl::StatusOr<OfflineStore> OpenOfflineStore(const options::Settings& settings,
                                              const Clock* clock);

// Reads the backup in `directory`, made by `signalbox db backup`.
//   kNotFound  there is none
//   any        reading failed
absl::StatusOr<Verification> VerifyBackup(const std::string& directory);

}  // namespace signalbox
