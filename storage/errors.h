#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/model/audit_event.h"
#include "storage/model/job.h"
#include "storage/model/lease.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

// The errors that every store gives, each with one text. The code says what the caller can do.
namespace signalbox::errors {

// kFailedPrecondition: the user's expected revision is not the head. Read again, decide again.
absl::Status RevisionConflict(Revision expected, Revision head);
// kFailedPrecondition: the resource is not what the user's etag says. Read again, decide again.
absl::Status EtagConflict(const ResourceKey& key);
// kAborted: from the revision that the change was judged on the head cannot be reached in one read:
// it is not kept, above the head or far behind; nothing was written. Judge on the head, retry.
absl::Status JudgedOnNotKept(Revision judged_on, Revision head);
// kAborted: what the request says about revisions is of another epoch; nothing was written. Read
// again, decide again.
absl::Status AnotherEpoch();
// kInvalidArgument: the request id was used for another request. Choose a new one.
absl::Status RequestIdReused(absl::string_view request_id);
// kNotFound: a removal names a resource that is not there; nothing was written.
absl::Status NoSuchResource(const ResourceKey& key);
// kOutOfRange: the revision is below the oldest one kept, or above the head. Load the head instead.
absl::Status RevisionNotKept(Revision revision);
// kInvalidArgument: `what` is larger than the limit; nothing was written.
absl::Status TooLarge(absl::string_view what, size_t size, size_t limit);
// kInvalidArgument: `what` holds a NUL byte or is not UTF-8; nothing was written.
absl::Status NotText(absl::string_view what);
// kInvalidArgument: `what` is empty; nothing was written.
absl::Status Missing(absl::string_view what);
// kInvalidArgument: a key stands twice in one change set; nothing was written.
absl::Status DuplicateKey(const ResourceKey& key);
// kResourceExhausted: the disk is full; nothing was written. Make room, retry.
absl::Status StoreFull(absl::string_view detail);
// kUnavailable: the database cannot be reached or failed; whether a commit was written is unknown:
// ask by request id.
absl::Status StoreUnavailable(absl::string_view detail);
// kDataLoss: what is stored is not what was written; the store goes on read-only. Restore a backup.
absl::Status StoreDamaged(absl::string_view detail);
// kFailedPrecondition: another process has the store's directory; `holder` is its pid, or 0 when
// unknown.
absl::Status StoreLocked(absl::string_view directory, int holder);
// kAborted: another program holds the database's lock; nothing was written. Retry; close the other
// program.
absl::Status StoreBusy(absl::string_view detail);
// kFailedPrecondition: the place, the file system or the library cannot keep what the store
// promises, or the file is not a store; nothing was written. `detail` says what to do.
absl::Status StoreUnfit(absl::string_view detail);
// kInvalidArgument: `what` is not within the limits that `allowed` names; nothing was written.
absl::Status NotWithin(absl::string_view what, absl::string_view allowed);
// kAborted: the audit log's cursor is not where the follower believed it; nothing was written. Read
// the head, go on from there.
absl::Status AuditCursorMoved(const AuditCursor& expected, const AuditCursor& found);
// kInvalidArgument: the outbox rows do not go from the one cursor to the other; `why` names the
// row; nothing was written.
absl::Status OutboxOutOfOrder(absl::string_view why);
// kNotFound: there is no such job.
absl::Status NoSuchJob(int64_t id);
// kFailedPrecondition: the job was given to another worker, cancelled or finished; nothing was
// written. Stop working on it.
absl::Status JobClaimLost(const JobClaim& claim);
// kFailedPrecondition: the job's state does not allow `action`; nothing was written.
absl::Status JobNotInState(absl::string_view action, const Job& job);
// kAlreadyExists: another job with the key is pending or running; nothing was written. Wait for it.
absl::Status JobKeyTaken(absl::string_view unique_key, int64_t by);
// kResourceExhausted: too many jobs wait; nothing was written. See why nobody does them.
absl::Status QueueFull(int64_t limit);
// kFailedPrecondition: somebody else has the lease; nothing was written. Try again later.
absl::Status LeaseHeld(const Lease& held);
// kFailedPrecondition: the lease was taken over or released; nothing was written. Stop.
absl::Status LeaseLost(const Lease& lease);
// kNotFound: no node of that id is known.
absl::Status NoSuchNode(absl::string_view id);
// kFailedPrecondition: `witness` remembers revisions of this epoch up to `remembered`, but the head
// is `head`: the history was cut short. Bring the missing part back, or adopt what is left.
absl::Status HistoryShortened(absl::string_view witness, Revision head, Revision remembered);
// kFailedPrecondition: the revision is there, but not the one that `witness` remembers.
absl::Status HistoryForked(absl::string_view witness, Revision revision);
// kFailedPrecondition: `witness` remembers an epoch that the store never had.
absl::Status EpochUnknown(absl::string_view witness);
// kFailedPrecondition: `witness` remembers another store than the one that is there.
absl::Status AnotherStore(absl::string_view witness, absl::string_view remembered,
                          absl::string_view found);
// kCancelled: the store is shutting down.
absl::Status StoreClosing();

}  // namespace signalbox::errors
