#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/model/audit_event.h"
#include "storage/model/revision.h"

namespace signalbox {

// Where the log is.
struct AuditHead {
  AuditCursor cursor;    // what was moved from the outbox
  Revision revision;     // the newest that the events of the cursor's epoch name: a witness of it
  int64_t newest = 0;    // the number of the newest event; 0: there was none yet
  Digest digest;         // of the chain at it
  int64_t oldest = 1;    // the number of the oldest event kept; newest + 1 where none is
  Digest oldest_digest;  // of the chain just below it
};

// Which events a list shows; what is not set shows all. Texts are compared whole, by bytes.
struct AuditFilter {
  std::optional<std::string> principal;
  std::optional<std::string> action;
  std::optional<std::string> resource;
  std::optional<AuditOutcome> outcome;
  std::optional<absl::Time> since;  // at or after
  std::optional<absl::Time> until;  // before
};

// Where a page of a list ends.
struct AuditPosition {
  absl::Time time;
  int64_t number = 0;
};

// A page of a list, newest first.
struct AuditPage {
  std::vector<AuditRecord> records;
  std::optional<AuditPosition> next_below;  // ask with this for the next page; none at the end
};

// What is kept: an event goes when it is beyond the age or the count. The newest
// limits::kAuditAlwaysKept stay whatever their age.
struct AuditRetention {
  absl::Duration age = absl::InfiniteDuration();
  int64_t count = INT64_MAX;
};

// Who did what: events are added and never changed; each is in a chain of digests, so that what was
// changed or cut out shows. Every method blocks and is safe from any thread. In all of them:
//   kUnavailable  the database cannot be reached or failed
//   kDataLoss     what is stored is damaged
//   kCancelled    the store is closing
class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // Adds an event that no change in `config` has: a refusal, a login, the read of a secret. Its
  // time is the log's own. Events that wait at the same time are written together; it is durable
  // when this returns.
  //   kInvalidArgument    CheckAuditEvent
  //   kResourceExhausted  the disk is full; it was not written
  //   kUnavailable        whether it was written is unknown; once more may write it twice
  virtual absl::Status Append(const AuditEvent& event) = 0;

  // Adds the events of `rows` and moves the cursor from `after` to `upto`, in one transaction:
  // every row is moved exactly once, however often and by however many followers this is tried.
  // Where `upto` has another epoch than `after`, an event "store restored" stands between the rows
  // of the two; nothing tells of the first epoch. `rows` may be empty.
  //   kInvalidArgument    CheckAuditEvent; rows that are not between the two in growing order, or
  //                       `upto` that is before the last one; more than limits::kMaxOutboxRows
  //   kAborted            the cursor is not `after`: read the head and go on from its cursor
  //   kResourceExhausted  the disk is full; nothing was written
  //   kUnavailable        whether it was written is unknown: read the head
  virtual absl::Status AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                        absl::Span<const OutboxRow> rows) = 0;

  // The head, read from the database.
  virtual absl::StatusOr<AuditHead> ReadHead() = 0;

  // Events by time and number, newest first, those below `below` (none: from the newest), at most
  // `page_size` (1 to limits::kMaxPageSize).
  //   kInvalidArgument  a filter's text is none
  virtual absl::StatusOr<AuditPage> List(const AuditFilter& filter,
                                         const std::optional<AuditPosition>& below,
                                         int page_size) = 0;

  // Events with numbers above `after`, in the order of the chain, at most `page_size`: for those
  // who follow the log or write it out. None at the end.
  virtual absl::StatusOr<std::vector<AuditRecord>> ListAfter(int64_t after, int page_size) = 0;

  // Reads everything that is kept and computes the chain again. Returns the head that it led to.
  // Takes as long as that takes; others read and write meanwhile.
  //   kDataLoss  an event was changed, is missing or does not fit; the text has its number
  virtual absl::StatusOr<AuditHead> VerifyChain() = 0;

  // Removes the oldest events that `retention` does not keep, at most limits::kMaxPrunedRows; how
  // many. 0: there is nothing left to do. Only ever the oldest go, in their order, so that the
  // chain holds from the oldest kept.
  virtual absl::StatusOr<int> Prune(const AuditRetention& retention) = 0;

  // Bytes that it occupies.
  virtual absl::StatusOr<int64_t> SizeBytes() = 0;
};

}  // namespace signalbox
