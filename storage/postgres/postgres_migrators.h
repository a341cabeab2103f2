#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "storage/migrator/area_schema.h"
#include "storage/standbys.h"

namespace signalbox {

// The schemas of a database in the hands of who looks after it; instances may use it meanwhile. One
// thread at a time.
class PostgresMigrators {
 public:
  // Connects to a server that can write. `by` is what schema_versions will name; `clock` must
  // outlive this object.
  //   kFailedPrecondition  a conninfo that cannot be read, a server that is too old or not in UTF-8
  //   kUnavailable         the database cannot be reached
  static absl::StatusOr<std::unique_ptr<PostgresMigrators>> Open(const std::string& conninfo,
                                                                 const std::string& by,
                                                                 const Clock* clock);
  ~PostgresMigrators();

  // `config` first. They live as long as this object.
  std::vector<AreaSchema> Schemas() const;

  // How many instances listen for changes to this database now. One behind a pooler, or whose
  // session has another owner, does not show.
  //   kUnavailable  the database cannot be reached
  absl::StatusOr<int> CountInstances();

  // The standbys that the server waits for.
  //   kUnavailable  the database cannot be reached
  absl::StatusOr<Standbys> ReadStandbys();

 private:
  struct Parts;
  explicit PostgresMigrators(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox
