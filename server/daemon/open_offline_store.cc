#include "server/daemon/open_offline_store.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "options/store_settings.h"
#include "server/daemon/open_store.h"
#include "server/maintenance/check_store.h"
#include "storage/postgres/postgres_migrators.h"
#include "storage/slow_queries.h"
#include "storage/sqlite/sqlite_backup.h"
#include "storage/sqlite/sqlite_upkeep.h"

namespace signalbox {
namespace {

std::string By() { return absl::StrCat("signalbox ", kVersion); }

absl::StatusOr<OfflineStore> OnSqlite(const options::SqliteSettings& settings, const Clock* clock) {
  if (settings.in_memory()) {
    return absl::InvalidArgumentError(
        "a store in memory goes with its process, and there is nothing to look after: name one "
        "with --store.path or --store.url");
  }
  SB_ASSIGN_OR_RETURN(std::unique_ptr<SqliteUpkeep> upkeep,
                      SqliteUpkeep::Open(settings.directory, By(), clock));
  SqliteUpkeep* const raw = upkeep.get();
  return OfflineStore{.upkeep = std::move(upkeep),
                      .schemas = raw->Schemas(),
                      .back_up_first = [raw] { return raw->BackUpBeforeMigration(); }};
}

// With what its stores need to live, and the schemas' owner.
class PostgresUpkeep : public ServerUpkeep {
 public:
  PostgresUpkeep(const options::Settings& settings, std::unique_ptr<PostgresMigrators> migrators,
                 const Clock* clock)
      : ServerUpkeep([this, clock] { return OpenTheStores(clock); }),
        settings_(settings),
        slow_queries_(settings.store.slow_query),
        migrators_(std::move(migrators)) {
    // Who only looks migrates nothing.
    settings_.store.migrate = options::Migrate::kRequire;
  }

 private:
  absl::StatusOr<ServerUpkeep::Stores> OpenTheStores(const Clock* clock) {
    SB_ASSIGN_OR_RETURN(signalbox::Stores stores, OpenStores(settings_, &slow_queries_, clock,
                                                             &random_, Witnesses::kIgnored));
    return ServerUpkeep::Stores{std::move(stores.resources), std::move(stores.audit)};
  }

  options::Settings settings_;
  const SlowQueries slow_queries_;
  SystemRandom random_;
  const std::unique_ptr<PostgresMigrators> migrators_;
};

absl::StatusOr<OfflineStore> OnPostgres(const options::Settings& settings, const Clock* clock) {
  const options::PostgresSettings& postgres = *settings.store.postgres();
  SB_ASSIGN_OR_RETURN(const std::string conninfo,
                      ConnectionString(postgres.primary, postgres.password_file));
  SB_ASSIGN_OR_RETURN(std::unique_ptr<PostgresMigrators> migrators,
                      PostgresMigrators::Open(conninfo, By(), clock));
  PostgresMigrators* const raw = migrators.get();
  return OfflineStore{
      .upkeep = std::make_unique<PostgresUpkeep>(settings, std::move(migrators), clock),
      .schemas = raw->Schemas(),
      .count_instances = [raw] { return raw->CountInstances(); },
      .standbys = [raw] { return raw->ReadStandbys(); }};
}

}  // namespace

absl::StatusOr<OfflineStore> OpenOfflineStore(const options::Settings& settings,
                                              const Clock* clock) {
  if (const options::SqliteSettings* const sqlite = settings.store.sqlite())
    return OnSqlite(*sqlite, clock);
  return OnPostgres(settings, clock);
}

absl::StatusOr<Verification> VerifyBackup(const std::string& directory) {
  return VerifySqliteBackup(directory);
}

}  // namespace signalbox
