#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/head_row.h"
#include "storage/model/audit_event.h"
#include "storage/model/control_entry.h"
#include "storage/model/revision.h"
#include "storage/postgres/postgres_connection.h"

// The outbox and the control log in the schema `config`. What adds to a batch writes in a
// transaction of the caller's that holds the head (kLockHead). All give the connection's errors.
namespace signalbox {

// Adds the insertion of rows of the outbox to `batch`; the caller moves the head's outbox_seq.
void AddToOutbox(absl::Span<const OutboxRow> rows, PostgresBatch* batch);

// The rows that follow `cursor`, as ResourceStore::ReadOutbox says.
absl::StatusOr<std::vector<OutboxRow>> ReadOutboxRows(PostgresConnection* connection,
                                                      const HeadRow& head,
                                                      const AuditCursor& cursor, int count);

// Adds to `batch` the deletion of at most `count` rows up to `cursor` and older than `before`.
void DeleteOutboxRows(const AuditCursor& cursor, absl::Time before, int count,
                      PostgresBatch* batch);

// Adds to `batch` what puts `entry` (with the next seq, at `now`) into the control log and `event`
// into the outbox, and moves the head, whose epoch becomes `epoch`. Returns that head.
Head AddControlEntry(const HeadRow& head, uint64_t epoch, const ControlEntry& entry,
                     const AuditEvent& event, absl::Time now, PostgresBatch* batch);

// Adds to `batch` what puts `entry` (at `now`), which uses up `count` numbers and has the last of
// them, into the control log in the place of the entry of its kind, and moves the head. Returns
// that head. For what proxies do: nobody is to account for it, and it may be much.
Head ReplaceControlEntry(const HeadRow& head, int64_t count, const ControlEntry& entry,
                         absl::Time now, PostgresBatch* batch);

// The entries above `after`, in order, at most `count`.
absl::StatusOr<std::vector<ControlEntry>> ReadControlEntries(PostgresConnection* connection,
                                                             int64_t after, int count);

}  // namespace signalbox
