#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/model/change_set.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sqlite_connection.h"

// The steps of a commit to config.db, in the order in which SqliteResourceStore takes them. All but
// the first run in one write transaction of the caller's. They give the connection's errors beside
// those they name.
namespace signalbox {

// A change of one key, hashed before the writer is taken, and what it finds there.
struct PreparedChange {
  const ResourceKey* key = nullptr;
  const Record* record = nullptr;  // null: a removal
  Digest body_hash;
  Digest record_hash;

  // What is stored, filled by FindCurrent.
  int64_t key_id = 0;   // 0: the key has never been used
  bool exists = false;  // the resource is there now, ...
  Digest current_hash;  // ... with this record
  Revision changed_in;

  bool Unchanged() const { return record != nullptr && exists && current_hash == record_hash; }
};

// The changes of a set, sorted by key. They point into `changes`, which must outlive them.
std::vector<PreparedChange> Prepare(const ChangeSet& changes);

// What a commit of this author with this request id made before `now`; none for an id that is new
// or forgotten.
//   kInvalidArgument  the id was used for another request
absl::StatusOr<std::optional<Revision>> FindRequest(SqliteConnection* connection,
                                                    const ChangeSet& changes,
                                                    const Digest& request_hash, absl::Time now);

// Remembers that the request of `changes` made `revision`, and forgets some of those that are too
// old.
absl::Status RecordRequest(SqliteConnection* connection, const ChangeSet& changes,
                           const Digest& request_hash, Revision revision, absl::Time now);

// Fills in what is stored under each key.
//   kNotFound  a removal names what is not there
absl::Status FindCurrent(SqliteConnection* connection, std::vector<PreparedChange>* changes);

//   kFailedPrecondition  the head or a resource is not at the revision that the user expects
absl::Status CheckPreconditions(SqliteConnection* connection, const Preconditions& preconditions,
                                Revision head);

// Writes those of `prepared` that change something as the revision after `head`, at `now`, and
// moves the head. Returns the head as it is then.
absl::StatusOr<Head> WriteRevision(SqliteConnection* connection, const HeadRow& head,
                                   const ChangeSet& changes, std::vector<PreparedChange>* prepared,
                                   absl::Time now);

// Makes the head row of a new store.
absl::Status WriteFirstHead(SqliteConnection* connection, const Head& head);

}  // namespace signalbox
