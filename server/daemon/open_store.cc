#include "server/daemon/open_store.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "options/store_settings.h"
#include "storage/migrator/migration_policy.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"

namespace signalbox {
namespace {

MigrationPolicy PolicyOf(options::Migrate migrate) {
  const std::optional<MigrationPolicy> policy = MigrationPolicyNamed(options::MigrateName(migrate));
  SB_CHECK(policy.has_value());
  return *policy;
}

std::string AppliedBy() { return absl::StrCat("signalbox ", kVersion); }

absl::StatusOr<std::unique_ptr<ResourceStore>> OpenSqlite(const options::Settings& settings,
                                                          const Clock* clock, Random* random) {
  SqliteDirectory::Options options;
  options.directory = settings.store.sqlite()->directory;
  options.readers = settings.store.pool_max;
  options.migrate = PolicyOf(settings.store.migrate);
  options.applied_by = AppliedBy();
  options.clock = clock;
  SB_ASSIGN_OR_RETURN(std::shared_ptr<SqliteDirectory> directory, SqliteDirectory::Open(options));
  return SqliteResourceStore::Create(std::move(directory), clock, random, settings.key_file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResourceStore>> OpenStore(const options::Settings& settings,
                                                         const SlowQueries* slow_queries,
                                                         const Clock* clock, Random* random) {
  if (settings.store.sqlite() != nullptr) return OpenSqlite(settings, clock, random);
  return absl::FailedPreconditionError(
      absl::StrCat("store.url: this build serves SQLite only, not ", settings.store.ToString()));
}

}  // namespace signalbox
