#include "storage/sqlite/sqlite_audit_log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/audit_chain.h"
#include "storage/check_audit_event.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/sqlite/sqlite_access.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

constexpr Sql kSelectHead = {"select_audit_head",
                             "SELECT newest, digest, oldest, oldest_digest, cursor_epoch, "
                             "cursor_seq, cursor_revision FROM audit_head"};
constexpr Sql kUpdateHead = {
    "update_audit_head",
    "UPDATE audit_head SET newest = ?1, digest = ?2, oldest = ?3, oldest_digest = ?4, "
    "cursor_epoch = ?5, cursor_seq = ?6, cursor_revision = ?7"};
constexpr Sql kInsertEvent = {
    "insert_audit_event",
    "INSERT INTO audit_event (number, time_ms, principal, action, resource, revision, request_id, "
    "outcome, detail, source, epoch, seq, digest) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"};
constexpr Sql kSelectEventsAfter = {
    "select_audit_events_after",
    "SELECT number, time_ms, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit_event WHERE number > ?1 ORDER BY number LIMIT ?2"};
constexpr Sql kSelectSteps = {
    "select_audit_steps",
    "SELECT number, time_ms, digest FROM audit_event ORDER BY number LIMIT ?1"};
constexpr Sql kDeleteEvents = {"delete_audit_events", "DELETE FROM audit_event WHERE number < ?1"};

// A list, one statement for each index. Parameters: since, the bound's time and number, the limit,
// outcome, principal, action, resource.
constexpr Sql kListByTime = {
    "list_audit_by_time",
    "SELECT number, time_ms, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit_event "
    "WHERE true "
    "AND time_ms >= ?1 AND (time_ms, number) < (?2, ?3) AND (?5 IS NULL OR outcome = ?5) "
    "AND (?6 IS NULL OR principal = ?6) AND (?7 IS NULL OR action = ?7) "
    "AND (?8 IS NULL OR resource = ?8) ORDER BY time_ms DESC, number DESC LIMIT ?4"};
constexpr Sql kListByPrincipal = {
    "list_audit_by_principal",
    "SELECT number, time_ms, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit_event "
    "WHERE principal = ?6 "
    "AND time_ms >= ?1 AND (time_ms, number) < (?2, ?3) AND (?5 IS NULL OR outcome = ?5) "
    "AND (?6 IS NULL OR principal = ?6) AND (?7 IS NULL OR action = ?7) "
    "AND (?8 IS NULL OR resource = ?8) ORDER BY time_ms DESC, number DESC LIMIT ?4"};
constexpr Sql kListByAction = {
    "list_audit_by_action",
    "SELECT number, time_ms, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit_event "
    "WHERE action = ?7 "
    "AND time_ms >= ?1 AND (time_ms, number) < (?2, ?3) AND (?5 IS NULL OR outcome = ?5) "
    "AND (?6 IS NULL OR principal = ?6) AND (?7 IS NULL OR action = ?7) "
    "AND (?8 IS NULL OR resource = ?8) ORDER BY time_ms DESC, number DESC LIMIT ?4"};
constexpr Sql kListByResource = {
    "list_audit_by_resource",
    "SELECT number, time_ms, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit_event "
    "WHERE resource = ?8 AND resource <> '' "
    "AND time_ms >= ?1 AND (time_ms, number) < (?2, ?3) AND (?5 IS NULL OR outcome = ?5) "
    "AND (?6 IS NULL OR principal = ?6) AND (?7 IS NULL OR action = ?7) "
    "AND (?8 IS NULL OR resource = ?8) ORDER BY time_ms DESC, number DESC LIMIT ?4"};

int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

absl::StatusOr<AuditHead> ReadHeadRow(SqliteConnection* connection) {
  SqliteQuery query(connection, kSelectHead);
  if (!query.Step()) {
    SB_RETURN_IF_ERROR(query.status());
    return errors::StoreDamaged("the audit log's head is missing");
  }
  return AuditHead{
      .cursor = {.epoch = static_cast<uint64_t>(query.Int(4)), .seq = query.Int(5)},
      .revision = Revision{query.Int(6)},
      .newest = query.Int(0),
      .digest = DigestIn(query.Blob(1)),
      .oldest = query.Int(2),
      .oldest_digest = DigestIn(query.Blob(3)),
  };
}

absl::Status WriteHeadRow(SqliteConnection* connection, const AuditHead& head) {
  return SqliteQuery(connection, kUpdateHead)
      .Bind(1, head.newest)
      .BindBlob(2, head.digest.View())
      .Bind(3, head.oldest)
      .BindBlob(4, head.oldest_digest.View())
      .Bind(5, Signed(head.cursor.epoch))
      .Bind(6, head.cursor.seq)
      .Bind(7, head.revision.number)
      .Run();
}

absl::Status WriteAppend(SqliteConnection* connection, const AuditAppend& append) {
  for (const AuditRecord& record : append.records) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertEvent)
                           .Bind(1, record.number)
                           .Bind(2, absl::ToUnixMillis(record.event.time))
                           .BindText(3, record.event.principal)
                           .BindText(4, record.event.action)
                           .BindText(5, record.event.resource)
                           .Bind(6, record.event.revision.number)
                           .BindText(7, record.event.request_id)
                           .Bind(8, static_cast<int64_t>(record.event.outcome))
                           .BindText(9, record.event.detail)
                           .BindText(10, record.event.source)
                           .Bind(11, Signed(record.origin.epoch))
                           .Bind(12, record.origin.seq)
                           .BindBlob(13, record.digest.View())
                           .Run());
  }
  return WriteHeadRow(connection, append.head);
}

AuditRecord RecordIn(const SqliteQuery& query) {
  return {
      .number = query.Int(0),
      .event = {.time = absl::FromUnixMillis(query.Int(1)),
                .principal = std::string(query.Text(2)),
                .action = std::string(query.Text(3)),
                .resource = std::string(query.Text(4)),
                .revision = Revision{query.Int(5)},
                .request_id = std::string(query.Text(6)),
                .outcome = static_cast<AuditOutcome>(query.Int(7)),
                .detail = std::string(query.Text(8)),
                .source = std::string(query.Text(9))},
      .origin = {.epoch = static_cast<uint64_t>(query.Int(10)), .seq = query.Int(11)},
      .digest = DigestIn(query.Blob(12)),
  };
}

absl::StatusOr<std::vector<AuditRecord>> ReadAfter(SqliteConnection* connection, int64_t after,
                                                   int count) {
  std::vector<AuditRecord> records;
  SqliteQuery query(connection, kSelectEventsAfter);
  query.Bind(1, after).Bind(2, count);
  while (query.Step()) records.push_back(RecordIn(query));
  SB_RETURN_IF_ERROR(query.status());
  return records;
}

void BindFilter(SqliteQuery& query, int index, const std::optional<std::string>& text) {
  if (text.has_value()) {
    query.BindText(index, *text);
  } else {
    query.BindNull(index);
  }
}

const Sql& ListFor(const AuditFilter& filter) {
  if (filter.resource.has_value() && !filter.resource->empty()) return kListByResource;
  if (filter.principal.has_value()) return kListByPrincipal;
  return filter.action.has_value() ? kListByAction : kListByTime;
}

}  // namespace

absl::StatusOr<AuditChainPart> ReadAuditChainPart(SqliteConnection* connection, int64_t after,
                                                  int count) {
  AuditChainPart part;
  SB_ASSIGN_OR_RETURN(part.head, ReadHeadRow(connection));
  SB_ASSIGN_OR_RETURN(part.records, ReadAfter(connection, after, count));
  return part;
}

absl::StatusOr<std::unique_ptr<SqliteAuditLog>> SqliteAuditLog::Create(
    std::shared_ptr<SqliteDatabase> database, const Clock* clock) {
  SB_CHECK(database != nullptr && clock != nullptr);
  std::unique_ptr<SqliteAuditLog> log(new SqliteAuditLog(std::move(database), clock));
  SB_RETURN_IF_ERROR(log->ReadHead().status());
  return log;
}

SqliteAuditLog::SqliteAuditLog(std::shared_ptr<SqliteDatabase> database, const Clock* clock)
    : database_(std::move(database)),
      clock_(clock),
      batches_([this](absl::Span<const AuditEvent* const> events) { return WriteDirect(events); }) {
}

absl::Status SqliteAuditLog::Append(const AuditEvent& event) {
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  return batches_.Submit(event);
}

absl::Status SqliteAuditLog::WriteDirect(absl::Span<const AuditEvent* const> events) {
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::Status {
    AuditAppend append;
    SB_ASSIGN_OR_RETURN(append.head, ReadHeadRow(connection));
    const absl::Time now = clock_->Now();
    for (const AuditEvent* event : events) {
      AuditEvent timed = *event;
      timed.time = now;
      append.Add(timed, {});
    }
    return WriteAppend(connection, append);
  });
}

absl::Status SqliteAuditLog::AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                              absl::Span<const OutboxRow> rows) {
  SB_RETURN_IF_ERROR(CheckOutbox(after, upto, rows));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::Status {
    SB_ASSIGN_OR_RETURN(const AuditHead head, ReadHeadRow(connection));
    if (head.cursor != after) return errors::AuditCursorMoved(after, head.cursor);
    return WriteAppend(connection, PlanOutbox(head, upto, rows, clock_->Now()));
  });
}

absl::StatusOr<AuditHead> SqliteAuditLog::ReadHead() {
  return ReadFrom(database_.get(), ReadHeadRow);
}

absl::StatusOr<AuditPage> SqliteAuditLog::List(const AuditFilter& filter,
                                               const std::optional<AuditPosition>& below,
                                               int page_size) {
  SB_RETURN_IF_ERROR(CheckAuditFilter(filter));
  const size_t count = static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
  const AuditPosition bound = AuditBound(filter, below);
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<AuditPage> {
    SqliteQuery query(connection, ListFor(filter));
    query.Bind(1, absl::ToUnixMillis(filter.since.value_or(absl::UnixEpoch())))
        .Bind(2, absl::ToUnixMillis(bound.time))
        .Bind(3, bound.number)
        .Bind(4, static_cast<int64_t>(count) + 1);
    if (filter.outcome.has_value()) {
      query.Bind(5, static_cast<int64_t>(*filter.outcome));
    } else {
      query.BindNull(5);
    }
    BindFilter(query, 6, filter.principal);
    BindFilter(query, 7, filter.action);
    BindFilter(query, 8, filter.resource);
    AuditPage page;
    while (query.Step()) page.records.push_back(RecordIn(query));
    SB_RETURN_IF_ERROR(query.status());
    CutPage(count, &page);
    return page;
  });
}

absl::StatusOr<std::vector<AuditRecord>> SqliteAuditLog::ListAfter(int64_t after, int page_size) {
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) {
    return ReadAfter(connection, after, std::clamp(page_size, 1, limits::kMaxPageSize));
  });
}

absl::StatusOr<AuditHead> SqliteAuditLog::VerifyChain() {
  return VerifyAuditChain([this](int64_t after, int count) {
    return ReadFrom(database_.get(), [&](SqliteConnection* connection) {
      return ReadAuditChainPart(connection, after, count);
    });
  });
}

absl::StatusOr<int> SqliteAuditLog::Prune(const AuditRetention& retention) {
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<int> {
    SB_ASSIGN_OR_RETURN(const AuditHead head, ReadHeadRow(connection));
    std::vector<AuditStep> oldest;
    SqliteQuery query(connection, kSelectSteps);
    query.Bind(1, limits::kMaxPrunedRows);
    while (query.Step()) {
      oldest.push_back({.number = query.Int(0),
                        .time = absl::FromUnixMillis(query.Int(1)),
                        .digest = DigestIn(query.Blob(2))});
    }
    SB_RETURN_IF_ERROR(query.status());
    const AuditHead pruned = PlanPrune(head, oldest, retention, clock_->Now());
    if (pruned.oldest == head.oldest) return 0;
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteEvents).Bind(1, pruned.oldest).Run());
    SB_RETURN_IF_ERROR(WriteHeadRow(connection, pruned));
    return static_cast<int>(pruned.oldest - head.oldest);
  });
}

}  // namespace signalbox
