#include "server/daemon/open_store.h"

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "storage/sqlite/sqlite_resource_store.h"

namespace signalbox {

absl::StatusOr<std::unique_ptr<ResourceStore>> OpenStore(const options::StoreSettings& settings,
                                                         const Clock* clock, Random* random) {
  SqliteResourceStore::Options options;
  if (settings.kind == options::StoreSettings::Kind::kSqlite)
    options.directory = settings.directory;
  options.applied_by = absl::StrCat("signalbox ", kVersion);
  options.clock = clock;
  options.random = random;
  return SqliteResourceStore::Create(options);
}

}  // namespace signalbox
