#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/model/revision.h"

namespace signalbox {

// How an audited action ended. The numbers are stored: append only.
enum class AuditOutcome { kDone = 1, kRefused = 2, kFailed = 3 };

// "done", "refused" or "failed": the name in the API and logs.
absl::string_view AuditOutcomeName(AuditOutcome outcome);

// Who did what, when, and how it ended. All text is UTF-8 without NUL, within storage/limits.h
// (CheckAuditEvent); secrets never stand in it.
struct AuditEvent {
  absl::Time time;  // milliseconds; from the store's clock
  std::string
      principal;         // who: "alice", "token/ci", "signalbox" for what the daemon does by itself
  std::string action;    // what: "apply", "login", "read secret", "store restored"
  std::string resource;  // what on: ResourceKey::ToString(), "token/ci"; "" for none or several
  Revision revision;     // the one that it made or read; Revision{0} for none
  std::string request_id;  // "" for none
  AuditOutcome outcome = AuditOutcome::kDone;
  std::string detail;  // for a person: counts, the reason of a refusal
  std::string source;  // where the request came from: "unix", an address, an instance's name

  friend bool operator==(const AuditEvent&, const AuditEvent&) = default;
};

// Where the audit follower is in `config`'s outbox: everything up to here is in the audit log.
// Numbers of different epochs are not comparable.
struct AuditCursor {
  uint64_t epoch = 0;  // the head's epoch when the row was written; 0: nothing was moved yet
  int64_t seq = 0;     // of the last row moved; rows of an epoch have growing numbers above 0

  friend bool operator==(const AuditCursor&, const AuditCursor&) = default;
};

// An event in `config`'s outbox: written in the transaction of the change that it tells of, moved
// to the audit log afterwards.
struct OutboxRow {
  uint64_t epoch = 0;
  int64_t seq = 0;  // in the order of commits
  AuditEvent event;
};

// An event as the audit log holds it.
struct AuditRecord {
  int64_t number = 0;  // 1, 2, 3, ... without gaps
  AuditEvent event;
  AuditCursor origin;  // the outbox row that it was; all 0 when it came directly
  Digest digest;       // of the chain up to here
};

// The chain's digest at a record: over the previous digest, the number, the origin and every field
// of the event. The same on every backend.
Digest AuditDigest(const Digest& previous, int64_t number, const AuditCursor& origin,
                   const AuditEvent& event);

}  // namespace signalbox
