#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/model/revision.h"

namespace signalbox {

// One thing that is not as it was written.
struct Damage {
  std::string where;  // a file, or an area of a database: "config.db"
  std::string what;   // "integrity_check: ..."
};

// One area as it was checked.
struct CheckedArea {
  std::string area;                 // "config"
  std::string where;                // its file
  int64_t bytes = 0;                // the file's
  int schema_version = 0;           // 0: it holds no schema
  std::vector<std::string> checks;  // what was looked at: "integrity", "foreign keys", "chain", ...
};

// What a look through a whole store found.
struct Verification {
  std::string location;
  std::optional<Head> head;          // none where it cannot be read
  std::vector<std::string> key_ids;  // of the keys that something is sealed with
  // Sealed bodies that were not opened, since whoever looked has no key: what they hold was not
  // compared with their hashes.
  int64_t unopened = 0;
  std::vector<CheckedArea> areas;
  std::vector<Damage> damage;

  bool sound() const { return damage.empty(); }
};

// One file of a backup.
struct BackupFile {
  std::string area;
  std::string name;  // in the backup's directory
  int64_t bytes = 0;
  Digest sha256;
  int schema_version = 0;
};

// What a backup holds: its manifest.
struct Backup {
  std::string directory;  // where it is
  absl::Time time;        // seconds; when it was begun
  std::string made_by;    // "signalbox 0.1.0"
  // None where the schema is not this program's own, which so could not read it.
  std::optional<Head> head;
  std::vector<std::string> key_ids;  // of the keys that a restore needs; never the keys
  std::vector<BackupFile> files;
};

// Looks after a store that no daemon is using. Every method blocks; one thread at a time.
class StoreUpkeep {
 public:
  virtual ~StoreUpkeep() = default;

  // Reads everything and compares it with what it should be. Damage is in the result, not an error.
  //   kNotFound     there is no store
  //   kUnavailable  reading failed
  virtual absl::StatusOr<Verification> Verify() = 0;

  // Copies the store to `directory`, which must be new or empty, and verifies the copy; on an error
  // there is nothing at `directory`.
  //   kNotFound            there is no store
  //   kAlreadyExists       something is in `directory`
  //   kFailedPrecondition  this backend is backed up otherwise: the text says how; or `directory`
  //                        cannot be made
  //   kDataLoss            the copy is damaged, so the store is
  //   kResourceExhausted   the disk is full
  //   kUnavailable         reading or writing failed
  virtual absl::StatusOr<Backup> BackUp(const std::string& directory) = 0;
};

}  // namespace signalbox
