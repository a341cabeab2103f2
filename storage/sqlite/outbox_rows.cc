#include "storage/sqlite/outbox_rows.h"

#include <string>

#include "base/status_macros.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

constexpr Sql kInsertOutbox = {
    "insert_outbox",
    "INSERT INTO outbox (seq, epoch, time_ms, principal, action, resource, revision, request_id, "
    "outcome, detail, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};

constexpr Sql kSelectOutboxEnd = {"select_outbox_end",
                                  "SELECT max(seq) FROM outbox WHERE epoch = ?1"};

// ?1, ?2: the cursor; ?3: the head's epoch; ?4: where rows of the cursor's epoch end.
constexpr Sql kSelectOutbox = {
    "select_outbox",
    "SELECT seq, epoch, time_ms, principal, action, resource, revision, request_id, outcome, "
    "detail, source FROM outbox "
    "WHERE (epoch = ?1 AND seq > ?2) OR (epoch <> ?1 AND (epoch = ?3 OR seq > ?4)) "
    "ORDER BY seq LIMIT ?5"};

constexpr Sql kDeleteOutbox = {
    "delete_outbox",
    "DELETE FROM outbox WHERE seq IN "
    "(SELECT seq FROM outbox WHERE seq <= ?1 AND time_ms < ?2 ORDER BY seq LIMIT ?3)"};

constexpr Sql kInsertControl = {
    "insert_control",
    "INSERT INTO control_log (seq, time_ms, kind, subject) VALUES (?1, ?2, ?3, ?4)"};

constexpr Sql kDeleteControl = {"delete_control", "DELETE FROM control_log WHERE kind = ?1"};

constexpr Sql kSelectControl = {
    "select_control",
    "SELECT seq, time_ms, kind, subject FROM control_log WHERE seq > ?1 ORDER BY seq LIMIT ?2"};

constexpr Sql kUpdateHeadControl = {
    "update_head_control", "UPDATE head SET epoch = ?1, control_seq = ?2, outbox_seq = ?3"};

absl::Status InsertControl(SqliteConnection* connection, int64_t seq, const ControlEntry& entry,
                           absl::Time now) {
  return SqliteQuery(connection, kInsertControl)
      .Bind(1, seq)
      .Bind(2, absl::ToUnixMillis(now))
      .BindText(3, entry.kind)
      .BindText(4, entry.subject)
      .Run();
}

absl::Status MoveHead(SqliteConnection* connection, const Head& head, int64_t outbox_seq) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpdateHeadControl)
                         .Bind(1, static_cast<int64_t>(head.epoch))
                         .Bind(2, head.control_seq)
                         .Bind(3, outbox_seq)
                         .Run());
  if (connection->ChangedRows() != 1) return errors::StoreDamaged("the head is gone");
  return absl::OkStatus();
}

}  // namespace

absl::Status AddToOutbox(SqliteConnection* connection, const OutboxRow& row) {
  const AuditEvent& event = row.event;
  return SqliteQuery(connection, kInsertOutbox)
      .Bind(1, row.seq)
      .Bind(2, static_cast<int64_t>(row.epoch))
      .Bind(3, absl::ToUnixMillis(event.time))
      .BindText(4, event.principal)
      .BindText(5, event.action)
      .BindText(6, event.resource)
      .Bind(7, event.revision.number)
      .BindText(8, event.request_id)
      .Bind(9, static_cast<int64_t>(event.outcome))
      .BindText(10, event.detail)
      .BindText(11, event.source)
      .Run();
}

absl::StatusOr<std::vector<OutboxRow>> ReadOutboxRows(SqliteConnection* connection,
                                                      const HeadRow& head,
                                                      const AuditCursor& cursor, int count) {
  // A log that has none takes all. Where no row of the cursor's epoch is left, older epochs cannot
  // be told from later ones, but for the head's.
  int64_t end = cursor.epoch == 0 ? 0 : head.outbox_seq;
  SqliteQuery last(connection, kSelectOutboxEnd);
  last.Bind(1, static_cast<int64_t>(cursor.epoch));
  if (last.Step() && !last.IsNull(0)) end = last.Int(0);
  SB_RETURN_IF_ERROR(last.status());
  std::vector<OutboxRow> rows;
  SqliteQuery row(connection, kSelectOutbox);
  row.Bind(1, static_cast<int64_t>(cursor.epoch))
      .Bind(2, cursor.seq)
      .Bind(3, static_cast<int64_t>(head.head.epoch))
      .Bind(4, end)
      .Bind(5, count);
  while (row.Step()) {
    rows.push_back({.epoch = static_cast<uint64_t>(row.Int(1)),
                    .seq = row.Int(0),
                    .event = {.time = absl::FromUnixMillis(row.Int(2)),
                              .principal = std::string(row.Text(3)),
                              .action = std::string(row.Text(4)),
                              .resource = std::string(row.Text(5)),
                              .revision = Revision{row.Int(6)},
                              .request_id = std::string(row.Text(7)),
                              .outcome = static_cast<AuditOutcome>(row.Int(8)),
                              .detail = std::string(row.Text(9)),
                              .source = std::string(row.Text(10))}});
  }
  SB_RETURN_IF_ERROR(row.status());
  return rows;
}

absl::StatusOr<int> DeleteOutboxRows(SqliteConnection* connection, const AuditCursor& cursor,
                                     absl::Time before, int count) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteOutbox)
                         .Bind(1, cursor.seq)
                         .Bind(2, absl::ToUnixMillis(before))
                         .Bind(3, count)
                         .Run());
  return static_cast<int>(connection->ChangedRows());
}

absl::StatusOr<Head> AddControlEntry(SqliteConnection* connection, const HeadRow& head,
                                     uint64_t epoch, const ControlEntry& entry,
                                     const AuditEvent& event, absl::Time now) {
  Head next = head.head;
  next.epoch = epoch;
  ++next.control_seq;
  OutboxRow row = {.epoch = epoch, .seq = head.outbox_seq + 1, .event = event};
  row.event.time = now;
  SB_RETURN_IF_ERROR(InsertControl(connection, next.control_seq, entry, now));
  SB_RETURN_IF_ERROR(AddToOutbox(connection, row));
  SB_RETURN_IF_ERROR(MoveHead(connection, next, row.seq));
  return next;
}

absl::StatusOr<Head> ReplaceControlEntry(SqliteConnection* connection, const HeadRow& head,
                                         int64_t count, const ControlEntry& entry, absl::Time now) {
  Head next = head.head;
  next.control_seq += count;
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteControl).BindText(1, entry.kind).Run());
  SB_RETURN_IF_ERROR(InsertControl(connection, next.control_seq, entry, now));
  SB_RETURN_IF_ERROR(MoveHead(connection, next, head.outbox_seq));
  return next;
}

absl::StatusOr<std::vector<ControlEntry>> ReadControlEntries(SqliteConnection* connection,
                                                             int64_t after, int count) {
  std::vector<ControlEntry> entries;
  SqliteQuery row(connection, kSelectControl);
  row.Bind(1, after).Bind(2, count);
  while (row.Step()) {
    entries.push_back({.seq = row.Int(0),
                       .time = absl::FromUnixMillis(row.Int(1)),
                       .kind = std::string(row.Text(2)),
                       .subject = std::string(row.Text(3))});
  }
  SB_RETURN_IF_ERROR(row.status());
  return entries;
}

}  // namespace signalbox
