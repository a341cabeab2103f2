#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/head_row.h"
#include "storage/model/audit_event.h"
#include "storage/model/control_entry.h"
#include "storage/model/revision.h"
#include "storage/sqlite/sqlite_connection.h"

// The outbox and the control log in config.db. What writes runs in a write transaction of the
// caller's. All give the connection's errors.
namespace signalbox {

// Adds a row to the outbox; the caller moves the head's outbox_seq.
absl::Status AddToOutbox(SqliteConnection* connection, const OutboxRow& row);

// The rows that follow `cursor`, as ResourceStore::ReadOutbox says.
absl::StatusOr<std::vector<OutboxRow>> ReadOutboxRows(SqliteConnection* connection,
                                                      const HeadRow& head,
                                                      const AuditCursor& cursor, int count);

// Deletes at most `count` rows up to `cursor` and older than `before`; returns how many.
absl::StatusOr<int> DeleteOutboxRows(SqliteConnection* connection, const AuditCursor& cursor,
                                     absl::Time before, int count);

// Adds `entry` (with the next seq, at `now`) to the control log and `event` to the outbox, and
// moves the head, whose epoch becomes `epoch`. Returns it.
absl::StatusOr<Head> AddControlEntry(SqliteConnection* connection, const HeadRow& head,
                                     uint64_t epoch, const ControlEntry& entry,
                                     const AuditEvent& event, absl::Time now);

// Puts `entry` (at `now`), which uses up `count` numbers and has the last of them, into the control
// log in the place of the entry of its kind, and moves the head. Returns it. For what proxies do:
// nobody is to account for it, and it may be much.
absl::StatusOr<Head> ReplaceControlEntry(SqliteConnection* connection, const HeadRow& head,
                                         int64_t count, const ControlEntry& entry, absl::Time now);

// The entries above `after`, in order, at most `count`.
absl::StatusOr<std::vector<ControlEntry>> ReadControlEntries(SqliteConnection* connection,
                                                             int64_t after, int count);

}  // namespace signalbox
