#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/judge.h"
#include "storage/model/change_set.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

namespace signalbox {

// What the user demands of the head, apart from what the judge says.
struct Preconditions {
  std::optional<Revision> expected_revision;
  // The revision in which the resource last changed (what its etag says); Revision{0}: it must not
  // exist.
  std::map<ResourceKey, Revision> expected_changes;
};

// How a commit ended well.
struct Committed {
  enum class Outcome {
    kNewRevision,  // `revision` is new and durable
    kUnchanged,    // everything was so already; `revision` is the head
    kRepeated,     // a retry of a request id; `revision` is what the first try made
  };
  Revision revision;
  Outcome outcome = Outcome::kNewRevision;
  int created = 0;    // how many resources are new, ...
  int updated = 0;    // ... have other content, ...
  int removed = 0;    // ... are gone, ...
  int unchanged = 0;  // ... were so already. All 0 for kRepeated.
};

// A page of a list of revisions, newest first.
struct RevisionPage {
  std::vector<RevisionInfo> revisions;
  std::optional<Revision> next_below;  // ask with this for the next page; none at the end
};

// What a store is, for status and logs. Does not change while the store is open.
struct StoreInfo {
  std::string driver;           // "sqlite" or "sqlite (memory)"
  std::string library_version;  // of the database's library or server, "3.53.4"
  std::string location;         // where it is: a directory; "" in memory. Never holds a password.
  int schema_version = 0;
};

// Resources and their history: the only truth. A revision is durable before it is visible, and
// visible in order. Every method blocks and is safe from any thread. In all of them:
//   kUnavailable   the database cannot be reached or failed
//   kDataLoss      what is stored is damaged
//   kCancelled     Close was called
class ResourceStore {
 public:
  virtual ~ResourceStore() = default;

  // Makes `changes` the next revision, all or nothing. `judged_on` is the head that the caller
  // judged them on; the writer, which holds the head meanwhile, asks `judge` again whenever that is
  // another by now. Upserts that
  // equal what is stored and are the whole change make no revision, and those that are a part of it
  // do not appear in the revision. The order in which it is decided: limits, request id,
  // preconditions, removals, judge. `judge` must not call the store: its writer is held meanwhile.
  //   kInvalidArgument     a limit of storage/limits.h, text that is not UTF-8, a key twice, a
  //                        request id used otherwise
  //   kFailedPrecondition  `preconditions` do not hold
  //   kNotFound            a removal names what is not there
  //   kAborted             `judged_on` is not within the history kept, or another program holds
  //                        the database. Judge on the head and retry.
  //   kResourceExhausted   the disk is full
  //   kUnavailable         whether it was written is unknown: ask again with the same request id
  //   any                  what `judge` returned
  // Nothing was written in every case but kUnavailable.
  virtual absl::StatusOr<Committed> Commit(const ChangeSet& changes, Revision judged_on,
                                           const Judge& judge,
                                           const Preconditions& preconditions) = 0;

  // The head, read from the database.
  virtual absl::StatusOr<Head> ReadHead() = 0;

  // Everything at the head, in one consistent read; each record is checked against its hash.
  virtual absl::StatusOr<HeadState> LoadHead() = 0;

  // The revisions after `after`, oldest first, contiguous, checked against their hashes and the
  // chain; none at the head. At most limits::kMaxRevisionsPerRead of them and
  // limits::kMaxBytesPerRead of bodies: ask again from the last one.
  //   kOutOfRange  `after` is below the history kept or above the head: use LoadHead
  virtual absl::StatusOr<std::vector<RevisionChanges>> ChangesSince(Revision after) = 0;

  // Waits until the head is another than `after` or the deadline (a time of Clock::Monotonic) has
  // passed; returns the head either way, as far as this process knows it: that costs no read where
  // nothing happened. A missed wake-up costs latency only: the caller compares.
  virtual absl::StatusOr<Head> WaitForChange(Revision after, absl::Time deadline) = 0;

  // One resource at the head.
  //   kNotFound  it is not there
  virtual absl::StatusOr<Resource> Get(const ResourceKey& key) = 0;

  // What is known of one revision.
  //   kOutOfRange  it is not within the history kept
  virtual absl::StatusOr<RevisionInfo> GetRevision(Revision revision) = 0;

  // Revisions within the history kept and below `below` (none: from the head), newest first, at
  // most `page_size` (1 to limits::kMaxRevisionsPerRead).
  virtual absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below,
                                                     int page_size) = 0;

  // What the store is. Needs no database and works after Close.
  virtual StoreInfo Info() const = 0;

  // Bytes the store occupies.
  virtual absl::StatusOr<int64_t> SizeBytes() = 0;

  // Ends every wait and refuses what comes after, with kCancelled. What is being read or committed
  // is finished first. May be called twice.
  virtual void Close() = 0;
};

}  // namespace signalbox
