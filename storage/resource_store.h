#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/judge.h"
#include "storage/model/audit_event.h"
#include "storage/model/change_set.h"
#include "storage/model/control_entry.h"
#include "storage/model/quarantine.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

namespace signalbox {

// What the user demands of the head, apart from what the judge says.
struct Preconditions {
  // The epoch that the revisions below are of; none: whichever the head has.
  std::optional<uint64_t> epoch;
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

// Nodes whose quarantines changed, in the order in which they did.
struct QuarantinePage {
  struct Node {
    NodeQuarantines is;
    // The resource of each quarantine's `last_good`, at its place; null where there is none. Equal
    // ones may be one object.
    std::vector<std::shared_ptr<const Resource>> last_good;
  };
  std::vector<Node> nodes;
  int64_t as_of = 0;      // ask with this for what follows
  bool complete = false;  // there was no more when it was read
};

// Which resources a list is of; each field that is set narrows it.
struct ResourceFilter {
  std::optional<std::string> namespace_name;
  std::optional<std::string> type;
  std::optional<std::string> group;           // named among the targets, or there are none
  std::map<std::string, std::string> labels;  // all of them, with these values
  std::optional<Revision> changed_since;      // last changed after this revision
};

// A page of a list of resources, sorted by key. What is added or removed between two pages does not
// move the others.
struct ResourcePage {
  Head head;  // that the page is of
  std::vector<Resource> resources;
  std::optional<ResourceKey> next_after;  // ask with this for the next page; none at the end
};

// What one revision made of one resource.
struct ResourceChange {
  RevisionInfo info;
  std::optional<Resource> resource;  // none: it was removed
};

// A page of a resource's history, newest first.
struct ResourceHistoryPage {
  std::vector<ResourceChange> changes;
  std::optional<Revision> next_below;  // ask with this for the next page; none at the end
};

// How a rotation of keys ended.
struct KeyRotation {
  std::string key_id;    // of the key that every secret is sealed with now
  int64_t resealed = 0;  // bodies that were sealed with another one
};

// What a store is, for status and logs. Does not change while the store is open.
struct StoreInfo {
  std::string driver;           // "sqlite", "sqlite (memory)" or "postgres"
  std::string library_version;  // of the database's library or server, "3.53.4"
  std::string location;         // a directory, "" in memory, "db1:5432/fleet"; never a password
  int schema_version = 0;
};

// Resources and their history: the only truth. A revision is durable before it is visible, and
// visible in order. Every method blocks and is safe from any thread. In all of them:
//   kUnavailable   the database cannot be reached or failed
//   kDataLoss      what is stored is damaged
//   kFailedPrecondition  of what reads records: a secret is sealed with a key that the key file
//                  lacks; the text names it
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
  //   kAborted             `judged_on` is not within the history kept, `preconditions` are of
  //                        another epoch, or another program holds the database. Read the head,
  //                        judge on it and retry.
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
  // nothing happened. A missed wake-up costs latency only: the caller compares. Where nothing
  // changed by the deadline it says what keeps the store from being used, if anything is known to:
  //   kUnavailable  the database did not answer when it was last looked at
  //   kDataLoss     damage was found: the text says what to do
  virtual absl::StatusOr<Head> WaitForChange(const Head& after, absl::Time deadline) = 0;

  // One resource at the head.
  //   kNotFound  it is not there
  virtual absl::StatusOr<Resource> Get(const ResourceKey& key) = 0;

  // The resources that `filter` lets through and whose key is above `after` (none: from the first),
  // at most `page_size` (1 to limits::kMaxResourcesPerPage, and limits::kMaxBytesPerRead of
  // bodies).
  virtual absl::StatusOr<ResourcePage> List(const ResourceFilter& filter,
                                            const std::optional<ResourceKey>& after,
                                            int page_size) = 0;

  // What one resource was in the revisions within the history kept and below `below` (none: from
  // the head), newest first, at most `page_size` (1 to limits::kMaxResourcesPerPage). Empty for a
  // key that was never used.
  virtual absl::StatusOr<ResourceHistoryPage> History(const ResourceKey& key,
                                                      std::optional<Revision> below,
                                                      int page_size) = 0;

  // Everything as it was at `revision`, whose digest the head has; for a rollback or a comparison.
  //   kOutOfRange  it is not within the history kept
  virtual absl::StatusOr<HeadState> LoadAt(Revision revision) = 0;

  // What is known of one revision.
  //   kOutOfRange  it is not within the history kept
  virtual absl::StatusOr<RevisionInfo> GetRevision(Revision revision) = 0;

  // Revisions within the history kept and below `below` (none: from the head), newest first, at
  // most `page_size` (1 to limits::kMaxRevisionsPerRead).
  virtual absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below,
                                                     int page_size) = 0;

  // What became of the request that `author` sent with `request_id`: the revision that it made or
  // found; none where no such request was written. Waits for commits under way, so that a commit
  // whose outcome was unknown is known after this.
  virtual absl::StatusOr<std::optional<Revision>> FindRequest(absl::string_view author,
                                                              absl::string_view request_id) = 0;

  // Adds an entry to the control log (its seq and time are filled in here) and `event` to the
  // outbox, in one transaction; returns the head afterwards. Refused as Commit refuses, and
  //   kInvalidArgument  what CheckAuditEvent says, or no kind
  virtual absl::StatusOr<Head> AppendControl(const ControlEntry& entry,
                                             const AuditEvent& event) = 0;

  // The entries of the control log above `after`, in order, at most limits::kMaxRevisionsPerRead.
  virtual absl::StatusOr<std::vector<ControlEntry>> ControlSince(int64_t after) = 0;

  // Makes what each of `nodes` refuses what is stored of it (XDS W2); the records that they name as
  // last good are kept as long. One that is not there any more is stored as not known. All in one
  // transaction, with an entry "quarantines" in the control log that replaces the last such one. A
  // node that refuses nothing is remembered for limits::kQuarantineEndKept.
  //   kInvalidArgument  as CheckQuarantines says
  virtual absl::StatusOr<Head> WriteQuarantines(absl::Span<const NodeQuarantines> nodes) = 0;

  // The nodes whose quarantines changed above `after` in the control log, at most
  // limits::kMaxQuarantineBatch of them; 0 gives all that there are.
  //   kFailedPrecondition, kDataLoss  as Get says of what is last good
  virtual absl::StatusOr<QuarantinePage> QuarantinesSince(int64_t after) = 0;

  // The rows of the outbox that follow `cursor`, in order, at most `count` (1 to
  // limits::kMaxRevisionsPerRead): those of the cursor's epoch above its seq, and those of later
  // epochs.
  virtual absl::StatusOr<std::vector<OutboxRow>> ReadOutbox(const AuditCursor& cursor,
                                                            int count) = 0;

  // Deletes rows of the outbox up to `cursor` that are older than `before`, at most
  // limits::kMaxRevisionsPerRead of them; returns how many.
  virtual absl::StatusOr<int> TrimOutbox(const AuditCursor& cursor, absl::Time before) = 0;

  // Starts a new epoch, which is random, after a restore or when another database is adopted:
  // what was remembered with the one before is not comparable from here on. Adds an entry "epoch"
  // to the control log and `event` to the outbox.
  virtual absl::StatusOr<Head> StartEpoch(const AuditEvent& event) = 0;

  // Seals every secret, history included, with the active key of the key file, which is read again;
  // kYes: a new key is made the active one first. Hashes, the chain and versions stay as they are,
  // and commits go on meanwhile. Adds an entry "keys" to the control log and `event` to the outbox.
  // After an error secrets are sealed with one key or another and open all the same, as long as the
  // key file has both; kNo goes on where it ended.
  //   kFailedPrecondition  the key file is missing, open to others or cannot be written, or lacks a
  //                        key: the text says what to do
  //   kResourceExhausted   the key file is full of keys, or the disk is
  enum class NewKey { kNo, kYes };
  virtual absl::StatusOr<KeyRotation> RotateKey(NewKey new_key, const AuditEvent& event) = 0;

  // What the store is. Needs no database and works after Close.
  virtual StoreInfo Info() const = 0;

  // Bytes the store occupies.
  virtual absl::StatusOr<int64_t> SizeBytes() = 0;

  // Ends every wait and refuses what comes after, with kCancelled. What is being read or committed
  // is finished first. May be called twice.
  virtual void Close() = 0;
};

}  // namespace signalbox
