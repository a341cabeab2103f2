#include "server/daemon/open_store.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "options/password_file.h"
#include "options/postgres_target.h"
#include "options/store_settings.h"
#include "storage/alarm.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_audit_log.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/sql.h"
#include "storage/sqlite/how_to_restore.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "storage/witness.h"
#include "storage/witness_file.h"

namespace signalbox {
namespace {

MigrationPolicy PolicyOf(options::Migrate migrate) {
  const std::optional<MigrationPolicy> policy = MigrationPolicyNamed(options::MigrateName(migrate));
  SB_CHECK(policy.has_value());
  return *policy;
}

std::string AppliedBy() { return absl::StrCat("signalbox ", kVersion); }

StatementObserver ObserverOf(const SlowQueries* slow_queries) {
  return [slow_queries](absl::string_view statement, absl::Duration took) {
    slow_queries->OnRan(statement, took);
  };
}

absl::Status OpenSqlite(const options::Settings& settings, const SlowQueries* slow_queries,
                        const Clock* clock, Random* random, Stores* stores) {
  SqliteDirectory::Options options;
  options.directory = settings.store.sqlite()->directory;
  options.readers = settings.store.pool_max;
  options.migrate = PolicyOf(settings.store.migrate);
  options.applied_by = AppliedBy();
  options.clock = clock;
  options.witness = stores->witness_file;
  options.observer = ObserverOf(slow_queries);
  options.alarm = [](AlarmState state, absl::string_view text) {
    if (state == AlarmState::kRaised) {
      log::Error("store alarm", {{"problem", text}});
    } else {
      log::Info("store alarm is over", {{"problem", text}});
    }
  };
  SB_ASSIGN_OR_RETURN(const std::shared_ptr<SqliteDirectory> directory,
                      SqliteDirectory::Open(options));
  for (const std::string& note : directory->notes()) log::Info(note);
  SB_ASSIGN_OR_RETURN(stores->resources,
                      SqliteResourceStore::Create(directory, clock, random, settings.key_file));
  SB_ASSIGN_OR_RETURN(stores->audit,
                      SqliteAuditLog::Create(directory->database(StoreArea::kAudit), clock));
  return absl::OkStatus();
}

absl::Status OpenPostgres(const options::Settings& settings, const SlowQueries* slow_queries,
                          const Clock* clock, Random* random, Stores* stores) {
  const options::PostgresSettings& postgres = *settings.store.postgres();
  using Fsync = PostgresSchemas::Options::Fsync;
  PostgresSchemas::Options options;
  SB_ASSIGN_OR_RETURN(options.conninfo, ConnectionString(postgres.primary, postgres.password_file));
  options.readers = settings.store.pool_max;
  options.kept_readers = settings.store.pool_min;
  options.applied_by = AppliedBy();
  options.migrate = PolicyOf(settings.store.migrate);
  options.fsync = settings.store.allow_fsync_off ? Fsync::kMayBeOff : Fsync::kRequired;
  options.observer = ObserverOf(slow_queries);
  options.clock = clock;
  options.random = random;
  SB_ASSIGN_OR_RETURN(const std::shared_ptr<PostgresSchemas> schemas,
                      PostgresSchemas::Open(options));
  PostgresResourceStore::Options resources;
  if (postgres.listen.has_value()) {
    SB_ASSIGN_OR_RETURN(resources.listen_conninfo,
                        ConnectionString(*postgres.listen, postgres.password_file));
  }
  if (postgres.replica.has_value()) {
    SB_ASSIGN_OR_RETURN(resources.replica_conninfo,
                        ConnectionString(*postgres.replica, postgres.password_file));
  }
  resources.key_file = settings.key_file;
  stores->audit = std::make_unique<PostgresAuditLog>(schemas->pool(), nullptr);
  SB_ASSIGN_OR_RETURN(stores->resources, PostgresResourceStore::Create(schemas, resources));
  stores->standbys = [schemas] { return schemas->ReadStandbys(); };
  return absl::OkStatus();
}

// Holds the database against what was remembered of it.
absl::Status CheckWitnesses(const Stores& stores) {
  SB_ASSIGN_OR_RETURN(const AuditHead audit, stores.audit->ReadHead());
  SB_RETURN_IF_ERROR(CheckWitness(
      stores.resources.get(),
      {.name = "the audit log", .epoch = audit.cursor.epoch, .revision = audit.revision}));
  if (stores.witness_file.empty()) return absl::OkStatus();
  SB_ASSIGN_OR_RETURN(const Witness witness, ReadWitnessFile(stores.witness_file));
  return CheckWitness(stores.resources.get(), witness);
}

}  // namespace

absl::StatusOr<std::string> ConnectionString(options::PostgresTarget target,
                                             const std::string& password_file) {
  if (target.password.empty() && !password_file.empty()) {
    SB_ASSIGN_OR_RETURN(target.password, options::ReadPasswordFile(password_file));
  }
  return options::PostgresConnectionString(target);
}

std::string WhatToDoAboutDamage(const options::Settings& settings) {
  const options::SqliteSettings* const sqlite = settings.store.sqlite();
  if (sqlite != nullptr) return HowToRestore(sqlite->directory);
  return "bring the database back from a backup with PostgreSQL's own tools, then `signalbox db "
         "adopt --yes`; the newest changes may be lost";
}

absl::StatusOr<Stores> OpenStores(const options::Settings& settings,
                                  const SlowQueries* slow_queries, const Clock* clock,
                                  Random* random, Witnesses witnesses) {
  Stores stores;
  if (!settings.state_dir.empty())
    stores.witness_file = absl::StrCat(settings.state_dir, "/last-good.json");
  SB_RETURN_IF_ERROR(settings.store.sqlite() != nullptr
                         ? OpenSqlite(settings, slow_queries, clock, random, &stores)
                         : OpenPostgres(settings, slow_queries, clock, random, &stores));
  if (witnesses == Witnesses::kChecked) SB_RETURN_IF_ERROR(CheckWitnesses(stores));
  return stores;
}

}  // namespace signalbox
