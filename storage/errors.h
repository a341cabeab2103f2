#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
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
// kCancelled: the store is shutting down.
absl::Status StoreClosing();

}  // namespace signalbox::errors
