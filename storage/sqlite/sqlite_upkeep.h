#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "storage/migrator/area_schema.h"
#include "storage/sqlite/directory_lock.h"
#include "storage/upkeep.h"

namespace signalbox {

// A directory that no daemon uses, in the hands of who looks after it. Makes no file and changes
// none unless it is told to. One thread at a time.
class SqliteUpkeep : public StoreUpkeep {
 public:
  // Takes the directory's lock. `by` is what schema_versions and manifests will name; `clock` must
  // outlive this object.
  //   kNotFound            there is no such directory
  //   kFailedPrecondition  another process has it (with its pid)
  static absl::StatusOr<std::unique_ptr<SqliteUpkeep>> Open(const std::string& directory,
                                                            std::string by, const Clock* clock);
  // Gives the directory back.
  ~SqliteUpkeep() override;

  absl::StatusOr<Verification> Verify() override;
  absl::StatusOr<Backup> BackUp(const std::string& directory) override;

  // Each area's schema, `config` first; a file that is missing has version 0, and is made by its
  // first migration. They live as long as this object.
  std::vector<AreaSchema> Schemas();

  // Backs up into DIRECTORY/backups what is about to be migrated.
  absl::StatusOr<Backup> BackUpBeforeMigration();

 private:
  class Area;

  SqliteUpkeep(const std::string& directory, std::string by, const Clock* clock);

  const std::string directory_;
  const std::string by_;
  const Clock* const clock_;
  std::unique_ptr<DirectoryLock> lock_;
  std::vector<std::unique_ptr<Area>> areas_;
};

}  // namespace signalbox
