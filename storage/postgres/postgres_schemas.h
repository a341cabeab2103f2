#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_migrations.h"
#include "storage/sql.h"
#include "storage/standbys.h"

namespace signalbox {

class PostgresPool;

// The database of a store on PostgreSQL: its connections, and its schemas, each as the program
// needs it. Other instances may use it at the same time; so may the stores of all areas. Safe from
// any thread once it is open.
class PostgresSchemas {
 public:
  struct Options {
    std::string conninfo;    // a postgres:// URL or libpq's keyword=value pairs
    int readers = 4;         // connections that read, beside the one that writes; at most, ...
    int kept_readers = 0;    // ... and those that stay open
    std::string applied_by;  // what schema_versions names: "signalbox 0.1.0"
    MigrationPolicy migrate = MigrationPolicy::kRequire;
    std::string migrate_command = "signalbox db migrate";  // for kRequire's refusal
    // Whether a server with fsync=off, which loses what it acknowledged, is taken all the same.
    enum class Fsync { kRequired, kMayBeOff } fsync = Fsync::kRequired;
    StatementObserver observer;
    const Clock* clock = nullptr;  // must outlive this object
    Random* random = nullptr;      // must outlive this object
  };

  // Connects, and brings the schemas up to date or refuses, as `migrate` says.
  //   kFailedPrecondition  a conninfo that cannot be read; a server that is too old, is not in
  //   UTF-8
  //                        or runs with fsync=off; missing rights; a schema that is another's or
  //                        too new, or a migration is pending and `migrate` does not apply it
  //   kUnavailable         the database cannot be reached
  static absl::StatusOr<std::shared_ptr<PostgresSchemas>> Open(const Options& options);

  const Options& options() const { return options_; }
  const std::shared_ptr<PostgresPool>& pool() const { return pool_; }
  // Where the database is, for people; never holds a password.
  const std::string& location() const { return location_; }
  // "15.4".
  const std::string& server_version() const { return server_version_; }

  // The standbys that the server waits for.
  //   kUnavailable  the database cannot be reached
  //   kCancelled    the pool is closed
  absl::StatusOr<Standbys> ReadStandbys() const;

  int schema_version(PostgresArea area) const { return areas_.at(area).schema_version; }
  // Why the area may only be read; OK where it may be written.
  const absl::Status& read_only(PostgresArea area) const { return areas_.at(area).read_only; }

 private:
  struct OpenArea {
    int schema_version = 0;
    absl::Status read_only;
  };

  explicit PostgresSchemas(const Options& options);
  absl::Status Start();

  const Options options_;
  const std::string location_;
  const std::shared_ptr<PostgresPool> pool_;
  std::string server_version_;              // made by Open, ...
  std::map<PostgresArea, OpenArea> areas_;  // ... as is this
};

}  // namespace signalbox
