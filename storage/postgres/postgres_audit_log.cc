#include "storage/postgres/postgres_audit_log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/audit_chain.h"
#include "storage/check_audit_event.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/postgres/postgres_access.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_result.h"

namespace signalbox {
namespace {

constexpr Sql kSelectHead = {"select_audit_head",
                             "SELECT newest, digest, oldest, oldest_digest, cursor_epoch, "
                             "cursor_seq, cursor_revision FROM audit.head"};
constexpr Sql kLockHead = {"lock_audit_head",
                           "SELECT newest, digest, oldest, oldest_digest, cursor_epoch, "
                           "cursor_seq, cursor_revision FROM audit.head FOR UPDATE"};
constexpr Sql kUpdateHead = {
    "update_audit_head",
    "UPDATE audit.head SET newest = $1, digest = $2, oldest = $3, oldest_digest = $4, "
    "cursor_epoch = $5, cursor_seq = $6, cursor_revision = $7"};
constexpr Sql kInsertEvents = {
    "insert_audit_events",
    "INSERT INTO audit.event (number, time, principal, action, resource, revision, request_id, "
    "outcome, detail, source, epoch, seq, digest) "
    "SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], "
    "$6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::bigint[], "
    "$12::bigint[], $13::bytea[])"};
constexpr Sql kSelectEventsAfter = {
    "select_audit_events_after",
    "SELECT number, time, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit.event WHERE number > $1 ORDER BY number LIMIT $2"};
// Parameters: since, the bound's time and number, the limit, outcome, principal, action, resource.
// The planner knows them, so each filter finds its index.
constexpr Sql kListEvents = {
    "list_audit_events",
    "SELECT number, time, principal, action, resource, revision, request_id, outcome, detail, "
    "source, epoch, seq, digest FROM audit.event "
    "WHERE time >= $1 AND (time, number) < ($2, $3) "
    "AND ($5::bigint IS NULL OR outcome = $5::bigint) "
    "AND ($6::text IS NULL OR principal = $6::text) AND ($7::text IS NULL OR action = $7::text) "
    "AND ($8::text IS NULL OR resource = $8::text) ORDER BY time DESC, number DESC LIMIT $4"};
constexpr Sql kSelectSteps = {
    "select_audit_steps", "SELECT number, time, digest FROM audit.event ORDER BY number LIMIT $1"};
constexpr Sql kDeleteEvents = {"delete_audit_events", "DELETE FROM audit.event WHERE number < $1"};
constexpr Sql kSelectSize = {
    "select_audit_size",
    "SELECT pg_total_relation_size('audit.event') + pg_total_relation_size('audit.head')"};

int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

absl::StatusOr<AuditHead> HeadIn(const PostgresResult& result) {
  if (result.rows() == 0) return errors::StoreDamaged("the audit log's head is missing");
  const PostgresRow row = result[0];
  return AuditHead{
      .cursor = {.epoch = static_cast<uint64_t>(row.Int(4)), .seq = row.Int(5)},
      .revision = Revision{row.Int(6)},
      .newest = row.Int(0),
      .digest = row.DigestAt(1),
      .oldest = row.Int(2),
      .oldest_digest = row.DigestAt(3),
  };
}

void AddHead(const AuditHead& head, PostgresBatch* batch) {
  batch->Add(kUpdateHead, PostgresParams()
                              .Int(head.newest)
                              .Bytes(head.digest.View())
                              .Int(head.oldest)
                              .Bytes(head.oldest_digest.View())
                              .Int(Signed(head.cursor.epoch))
                              .Int(head.cursor.seq)
                              .Int(head.revision.number));
}

void AddAppend(const AuditAppend& append, PostgresBatch* batch) {
  std::vector<int64_t> numbers, revisions, outcomes, epochs, seqs;
  std::vector<absl::Time> times;
  std::vector<absl::string_view> principals, actions, resources, request_ids, details, sources;
  std::vector<std::optional<absl::string_view>> digests;
  for (const AuditRecord& record : append.records) {
    numbers.push_back(record.number);
    times.push_back(record.event.time);
    principals.emplace_back(record.event.principal);
    actions.emplace_back(record.event.action);
    resources.emplace_back(record.event.resource);
    revisions.push_back(record.event.revision.number);
    request_ids.emplace_back(record.event.request_id);
    outcomes.push_back(static_cast<int64_t>(record.event.outcome));
    details.emplace_back(record.event.detail);
    sources.emplace_back(record.event.source);
    epochs.push_back(Signed(record.origin.epoch));
    seqs.push_back(record.origin.seq);
    digests.emplace_back(record.digest.View());
  }
  if (!append.records.empty()) {
    batch->Add(kInsertEvents, PostgresParams()
                                  .Ints(numbers)
                                  .Times(times)
                                  .Texts(principals)
                                  .Texts(actions)
                                  .Texts(resources)
                                  .Ints(revisions)
                                  .Texts(request_ids)
                                  .Ints(outcomes)
                                  .Texts(details)
                                  .Texts(sources)
                                  .Ints(epochs)
                                  .Ints(seqs)
                                  .BytesArray(digests));
  }
  AddHead(append.head, batch);
}

AuditRecord RecordIn(const PostgresRow& row) {
  return {
      .number = row.Int(0),
      .event = {.time = row.Time(1),
                .principal = std::string(row.Text(2)),
                .action = std::string(row.Text(3)),
                .resource = std::string(row.Text(4)),
                .revision = Revision{row.Int(5)},
                .request_id = std::string(row.Text(6)),
                .outcome = static_cast<AuditOutcome>(row.Int(7)),
                .detail = std::string(row.Text(8)),
                .source = std::string(row.Text(9))},
      .origin = {.epoch = static_cast<uint64_t>(row.Int(10)), .seq = row.Int(11)},
      .digest = row.DigestAt(12),
  };
}

std::vector<AuditRecord> RecordsIn(const PostgresResult& result) {
  std::vector<AuditRecord> records;
  records.reserve(static_cast<size_t>(result.rows()));
  for (int i = 0; i < result.rows(); ++i) records.push_back(RecordIn(result[i]));
  return records;
}

PostgresParams& AddFilter(const std::optional<std::string>& text, PostgresParams* params) {
  return text.has_value() ? params->Text(*text) : params->Null();
}

// What takes the head, and with it the order of events, and then looks at the clock.
PostgresBatch Locks() {
  PostgresBatch locks;
  locks.Add(kLockHead).Add(kSelectNow);
  return locks;
}

}  // namespace

PostgresAuditLog::PostgresAuditLog(std::shared_ptr<PostgresPool> pool, const Clock* clock)
    : pool_(std::move(pool)),
      clock_(clock),
      batches_([this](absl::Span<const AuditEvent* const> events) { return WriteDirect(events); }) {
  SB_CHECK(pool_ != nullptr);
}

absl::Status PostgresAuditLog::Append(const AuditEvent& event) {
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  return batches_.Submit(event);
}

absl::Status PostgresAuditLog::WriteDirect(absl::Span<const AuditEvent* const> events) {
  return WriteTo(pool_.get(), Locks(),
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::Status {
                   AuditAppend append;
                   SB_ASSIGN_OR_RETURN(append.head, HeadIn(locked[0]));
                   const absl::Time now = NowIn(locked[1], clock_);
                   for (const AuditEvent* event : events) {
                     AuditEvent timed = *event;
                     timed.time = now;
                     append.Add(timed, {});
                   }
                   AddAppend(append, last);
                   return absl::OkStatus();
                 });
}

absl::Status PostgresAuditLog::AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                                absl::Span<const OutboxRow> rows) {
  SB_RETURN_IF_ERROR(CheckOutbox(after, upto, rows));
  return WriteTo(pool_.get(), Locks(),
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::Status {
                   SB_ASSIGN_OR_RETURN(const AuditHead head, HeadIn(locked[0]));
                   if (head.cursor != after) return errors::AuditCursorMoved(after, head.cursor);
                   AddAppend(PlanOutbox(head, upto, rows, NowIn(locked[1], clock_)), last);
                   return absl::OkStatus();
                 });
}

absl::StatusOr<AuditHead> PostgresAuditLog::ReadHead() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<AuditHead> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectHead));
    return HeadIn(result);
  });
}

absl::StatusOr<AuditPage> PostgresAuditLog::List(const AuditFilter& filter,
                                                 const std::optional<AuditPosition>& below,
                                                 int page_size) {
  SB_RETURN_IF_ERROR(CheckAuditFilter(filter));
  const size_t count = static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
  const AuditPosition bound = AuditBound(filter, below);
  PostgresParams params;
  params.Time(filter.since.value_or(absl::UnixEpoch()))
      .Time(bound.time)
      .Int(bound.number)
      .Int(static_cast<int64_t>(count) + 1);
  if (filter.outcome.has_value()) {
    params.Int(static_cast<int64_t>(*filter.outcome));
  } else {
    params.Null();
  }
  AddFilter(filter.principal, &params);
  AddFilter(filter.action, &params);
  AddFilter(filter.resource, &params);
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<AuditPage> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListEvents, params));
    AuditPage page = {.records = RecordsIn(result), .next_below = {}};
    CutPage(count, &page);
    return page;
  });
}

absl::StatusOr<std::vector<AuditRecord>> PostgresAuditLog::ListAfter(int64_t after, int page_size) {
  const PostgresParams params =
      PostgresParams().Int(after).Int(std::clamp(page_size, 1, limits::kMaxPageSize));
  return ReadFrom(pool_.get(),
                  [&](PostgresConnection* connection) -> absl::StatusOr<std::vector<AuditRecord>> {
                    SB_ASSIGN_OR_RETURN(const PostgresResult result,
                                        connection->Run(kSelectEventsAfter, params));
                    return RecordsIn(result);
                  });
}

absl::StatusOr<AuditHead> PostgresAuditLog::VerifyChain() {
  return VerifyAuditChain([this](int64_t after, int count) {
    return ReadFrom(
        pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<AuditChainPart> {
          PostgresBatch batch;
          batch.Add(kSelectHead).Add(kSelectEventsAfter, PostgresParams().Int(after).Int(count));
          SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> results,
                              connection->RunBatch(batch));
          AuditChainPart part;
          SB_ASSIGN_OR_RETURN(part.head, HeadIn(results[0]));
          part.records = RecordsIn(results[1]);
          return part;
        });
  });
}

absl::StatusOr<int> PostgresAuditLog::Prune(const AuditRetention& retention) {
  PostgresBatch locks = Locks();
  locks.Add(kSelectSteps, PostgresParams().Int(limits::kMaxPrunedRows));
  return WriteTo(
      pool_.get(), locks,
      [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
          PostgresBatch* last) -> absl::StatusOr<int> {
        SB_ASSIGN_OR_RETURN(const AuditHead head, HeadIn(locked[0]));
        std::vector<AuditStep> oldest;
        for (int i = 0; i < locked[2].rows(); ++i) {
          const PostgresRow row = locked[2][i];
          oldest.push_back({.number = row.Int(0), .time = row.Time(1), .digest = row.DigestAt(2)});
        }
        const AuditHead pruned = PlanPrune(head, oldest, retention, NowIn(locked[1], clock_));
        if (pruned.oldest == head.oldest) return 0;
        last->Add(kDeleteEvents, PostgresParams().Int(pruned.oldest));
        AddHead(pruned, last);
        return static_cast<int>(pruned.oldest - head.oldest);
      });
}

absl::StatusOr<int64_t> PostgresAuditLog::SizeBytes() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<int64_t> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectSize));
    return result[0].Int(0);
  });
}

}  // namespace signalbox
