#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/head_row.h"
#include "storage/judge.h"
#include "storage/model/audit_event.h"
#include "storage/model/change_set.h"
#include "storage/model/record_hasher.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"
#include "storage/recent_revisions.h"
#include "storage/resource_store.h"

// What a commit decides, apart from any database (STORAGE section 4): a backend reads the facts
// under the head's lock, the plan says what each request of a batch comes to and which rows that
// makes, the backend writes them. Pure; so all backends decide alike.
namespace signalbox {

// A change of one key, hashed before the writer is taken.
struct PreparedChange {
  const ResourceKey* key = nullptr;
  const Record* record = nullptr;  // null: a removal
  Digest body_hash;
  Digest record_hash;
};

// A request to commit, as it waits for the writer. Points into what it was prepared from, which
// must outlive it.
struct CommitRequest {
  const ChangeSet* changes = nullptr;
  Revision judged_on;
  const Judge* judge = nullptr;
  const Preconditions* preconditions = nullptr;

  std::vector<PreparedChange> prepared;  // sorted by key
  Digest request_hash;                   // zeros without a request id
  size_t bytes = 0;                      // of the bodies

  // Whether the client can ask by it what became of the request.
  bool has_id() const { return !changes->request_id.empty(); }
};

CommitRequest PrepareCommit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                            const Preconditions& preconditions, const RecordHasher& hasher);

// What is stored under a key.
struct StoredResource {
  bool exists = false;  // the resource is there now, ...
  Digest record_hash;   // ... with this record, ...
  Revision changed_in;  // ... since this revision
  int64_t key_id = 0;   // the backend's number of the key, from 1; 0: the key was never used
};

// What is stored under an author and a request id that is not forgotten yet.
struct StoredRequest {
  Digest hash;
  Revision revision;
};

using RequestName = std::pair<std::string, std::string>;  // author, request id

// What the database says, under the head's lock, of everything that a batch touches. A key or a
// request id that is not here is not stored.
struct CommitFacts {
  HeadRow head;
  absl::Time now;  // the store's clock, whole milliseconds
  absl::flat_hash_map<ResourceKey, StoredResource> resources;
  std::map<RequestName, StoredRequest> requests;
};

// Calls `visit` with every key that the facts must cover for `request`; some twice.
void ForEachKey(const CommitRequest& request, absl::FunctionRef<void(const ResourceKey&)> visit);

// What a batch writes, in order.
struct CommitPlan {
  struct Change {
    const PreparedChange* change = nullptr;
    bool existed = false;  // just before this revision
    int64_t key_id = 0;    // as in the facts: 0 for a key that was not used before this batch
  };
  struct PlannedRevision {
    RevisionInfo info;
    std::vector<Change> changes;  // sorted by key; only those that change something
  };
  struct PlannedRequest {
    RequestName name;
    StoredRequest request;
  };
  std::vector<PlannedRevision> revisions;
  std::vector<PlannedRequest> requests;
  std::vector<OutboxRow> outbox;  // one for each revision
  Head head;                      // after all of it

  bool empty() const { return revisions.empty() && requests.empty(); }
};

// Decides the requests of one batch in order, each on top of those before it. A request that is
// refused leaves nothing behind.
class CommitPlanner {
 public:
  // What followed a revision, up to the locked head, for a judge: asked only where `recent` does
  // not reach back that far. kAborted: it cannot be read in one go.
  using ReadSince = std::function<absl::StatusOr<std::vector<RevisionChanges>>(Revision)>;

  // `recent` must end at the locked head; the planned revisions are appended to it, and the caller
  // resets it when they are not written. Both must outlive this object.
  CommitPlanner(CommitFacts facts, RecentRevisions* recent, ReadSince read_since);

  // The errors and their order are those of ResourceStore::Commit. Lives on what `request` points
  // to.
  absl::StatusOr<Committed> Add(const CommitRequest& request);

  const CommitPlan& plan() const { return plan_; }

 private:
  absl::Status CheckPreconditions(const CommitRequest& request) const;
  absl::Status Judge(const CommitRequest& request);
  const StoredResource& Stored(const ResourceKey& key) const;
  // Appends the revision that the changes of `request` make.
  void Append(const CommitRequest& request);

  CommitFacts facts_;
  RecentRevisions* const recent_;
  const ReadSince read_since_;
  CommitPlan plan_;
};

}  // namespace signalbox
