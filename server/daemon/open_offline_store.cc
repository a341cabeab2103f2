#include "server/daemon/open_offline_store.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "storage/sqlite/sqlite_backup.h"
#include "storage/sqlite/sqlite_upkeep.h"

namespace signalbox {

absl::StatusOr<OfflineStore> OpenOfflineStore(const options::StoreSettings& settings,
                                              const Clock* clock) {
  const options::SqliteSettings* const sqlite = settings.sqlite();
  if (sqlite == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("store.url: this build serves SQLite only, not ", settings.ToString()));
  }
  if (sqlite->in_memory()) {
    return absl::InvalidArgumentError(
        "a store in memory goes with its process, and there is nothing to look after: name one "
        "with --store.path or --store.url");
  }
  SB_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteUpkeep> upkeep,
      SqliteUpkeep::Open(sqlite->directory, absl::StrCat("signalbox ", kVersion), clock));
  SqliteUpkeep* const raw = upkeep.get();
  return OfflineStore{.upkeep = std::move(upkeep),
                      .schemas = raw->Schemas(),
                      .back_up_first = [raw] { return raw->BackUpBeforeMigration(); }};
}

absl::StatusOr<Verification> VerifyBackup(const std::string& directory) {
  return VerifySqliteBackup(directory);
}

}  // namespace signalbox
