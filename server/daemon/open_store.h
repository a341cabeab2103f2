#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "options/postgres_target.h"
#include "options/settings.h"
#include "storage/audit_log.h"
#include "storage/resource_store.h"
#include "storage/slow_queries.h"
#include "storage/standbys.h"

namespace signalbox {

// The stores of a daemon, all of one place.
struct Stores {
  std::unique_ptr<ResourceStore> resources;
  std::unique_ptr<AuditLog> audit;
  // What remembers outside the store how far it had come; "" where nothing survives.
  std::string witness_file;
  // The standbys that the database's server waits for; null where there are no servers.
  std::function<absl::StatusOr<Standbys>()> standbys;
};

// Whether the database must have what the audit log and the witness file saw of it.
enum class Witnesses { kChecked, kIgnored };

// Opens the stores that the settings name: the one place that knows the backends. The pointers must
// outlive the stores.
//   kFailedPrecondition  also: store.password_file cannot be used; the database's history was cut
//                        short, or it is another database than the witnesses know
//   any                  the backend's
absl::StatusOr<Stores> OpenStores(const options::Settings& settings,
                                  const SlowQueries* slow_queries, const Clock* clock,
                                  Random* random, Witnesses witnesses = Witnesses::kChecked);

// What to do where a store of these settings turned out damaged, for a person.
std::string WhatToDoAboutDamage(const options::Settings& settings);

// What libpq reads, with the password from `password_file` where `target` has none.
//   kFailedPrecondition  the file cannot be used
absl::StatusOr<std::string> ConnectionString(options::PostgresTarget target,
                                             const std::string& password_file);

}  // namespace signalbox
