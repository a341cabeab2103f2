#include "storage/postgres/outbox_rows.h"

#include <string>

#include "base/status_macros.h"

namespace signalbox {
namespace {

constexpr Sql kInsertOutbox = {
    "insert_outbox",
    "INSERT INTO config.outbox (seq, epoch, time, principal, action, resource, revision, "
    "  request_id, outcome, detail, source) "
    "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], "
    "  $6::text[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[])"};

// $1, $2: the cursor; $3: the head's epoch; $4: where rows of the cursor's epoch end, where none
// are left.
constexpr Sql kSelectOutbox = {
    "select_outbox",
    "SELECT seq, epoch, time, principal, action, resource, revision, request_id, outcome, detail, "
    "  source FROM config.outbox "
    "WHERE (epoch = $1 AND seq > $2) OR (epoch <> $1 AND (epoch = $3 OR seq > "
    "  coalesce((SELECT max(seq) FROM config.outbox WHERE epoch = $1), $4))) "
    "ORDER BY seq LIMIT $5"};

constexpr Sql kDeleteOutbox = {
    "delete_outbox",
    "DELETE FROM config.outbox WHERE seq IN "
    "(SELECT seq FROM config.outbox WHERE seq <= $1 AND time < $2 ORDER BY seq LIMIT $3)"};

constexpr Sql kInsertControl = {
    "insert_control",
    "INSERT INTO config.control_log (seq, time, kind, subject) VALUES ($1, $2, $3, $4)"};

constexpr Sql kDeleteControl = {"delete_control", "DELETE FROM config.control_log WHERE kind = $1"};

constexpr Sql kSelectControl = {"select_control",
                                "SELECT seq, time, kind, subject FROM config.control_log "
                                "WHERE seq > $1 ORDER BY seq LIMIT $2"};

constexpr Sql kUpdateHeadControl = {
    "update_head_control", "UPDATE config.head SET epoch = $1, control_seq = $2, outbox_seq = $3"};

void InsertControl(int64_t seq, const ControlEntry& entry, absl::Time now, PostgresBatch* batch) {
  batch->Add(kInsertControl,
             PostgresParams().Int(seq).Time(now).Text(entry.kind).Text(entry.subject));
}

void MoveHead(const Head& head, int64_t outbox_seq, PostgresBatch* batch) {
  batch->Add(
      kUpdateHeadControl,
      PostgresParams().Int(static_cast<int64_t>(head.epoch)).Int(head.control_seq).Int(outbox_seq));
}

}  // namespace

void AddToOutbox(absl::Span<const OutboxRow> rows, PostgresBatch* batch) {
  std::vector<int64_t> seqs, epochs, revisions, outcomes;
  std::vector<absl::Time> times;
  std::vector<absl::string_view> principals, actions, resources, request_ids, details, sources;
  for (const OutboxRow& row : rows) {
    seqs.push_back(row.seq);
    epochs.push_back(static_cast<int64_t>(row.epoch));
    times.push_back(row.event.time);
    principals.push_back(row.event.principal);
    actions.push_back(row.event.action);
    resources.push_back(row.event.resource);
    revisions.push_back(row.event.revision.number);
    request_ids.push_back(row.event.request_id);
    outcomes.push_back(static_cast<int64_t>(row.event.outcome));
    details.push_back(row.event.detail);
    sources.push_back(row.event.source);
  }
  batch->Add(kInsertOutbox, PostgresParams()
                                .Ints(seqs)
                                .Ints(epochs)
                                .Times(times)
                                .Texts(principals)
                                .Texts(actions)
                                .Texts(resources)
                                .Ints(revisions)
                                .Texts(request_ids)
                                .Ints(outcomes)
                                .Texts(details)
                                .Texts(sources));
}

absl::StatusOr<std::vector<OutboxRow>> ReadOutboxRows(PostgresConnection* connection,
                                                      const HeadRow& head,
                                                      const AuditCursor& cursor, int count) {
  // A log that has none takes all. Where no row of the cursor's epoch is left, older epochs cannot
  // be told from later ones, but for the head's.
  const int64_t end = cursor.epoch == 0 ? 0 : head.outbox_seq;
  SB_ASSIGN_OR_RETURN(const PostgresResult found,
                      connection->Run(kSelectOutbox, PostgresParams()
                                                         .Int(static_cast<int64_t>(cursor.epoch))
                                                         .Int(cursor.seq)
                                                         .Int(static_cast<int64_t>(head.head.epoch))
                                                         .Int(end)
                                                         .Int(count)));
  std::vector<OutboxRow> rows;
  for (int i = 0; i < found.rows(); ++i) {
    const PostgresRow row = found[i];
    rows.push_back({.epoch = static_cast<uint64_t>(row.Int(1)),
                    .seq = row.Int(0),
                    .event = {.time = row.Time(2),
                              .principal = std::string(row.Text(3)),
                              .action = std::string(row.Text(4)),
                              .resource = std::string(row.Text(5)),
                              .revision = Revision{row.Int(6)},
                              .request_id = std::string(row.Text(7)),
                              .outcome = static_cast<AuditOutcome>(row.Int(8)),
                              .detail = std::string(row.Text(9)),
                              .source = std::string(row.Text(10))}});
  }
  return rows;
}

void DeleteOutboxRows(const AuditCursor& cursor, absl::Time before, int count,
                      PostgresBatch* batch) {
  batch->Add(kDeleteOutbox, PostgresParams().Int(cursor.seq).Time(before).Int(count));
}

Head AddControlEntry(const HeadRow& head, uint64_t epoch, const ControlEntry& entry,
                     const AuditEvent& event, absl::Time now, PostgresBatch* batch) {
  Head next = head.head;
  next.epoch = epoch;
  ++next.control_seq;
  OutboxRow row = {.epoch = epoch, .seq = head.outbox_seq + 1, .event = event};
  row.event.time = now;
  InsertControl(next.control_seq, entry, now, batch);
  AddToOutbox({&row, 1}, batch);
  MoveHead(next, row.seq, batch);
  return next;
}

Head ReplaceControlEntry(const HeadRow& head, int64_t count, const ControlEntry& entry,
                         absl::Time now, PostgresBatch* batch) {
  Head next = head.head;
  next.control_seq += count;
  batch->Add(kDeleteControl, PostgresParams().Text(entry.kind));
  InsertControl(next.control_seq, entry, now, batch);
  MoveHead(next, head.outbox_seq, batch);
  return next;
}

absl::StatusOr<std::vector<ControlEntry>> ReadControlEntries(PostgresConnection* connection,
                                                             int64_t after, int count) {
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      connection->Run(kSelectControl, PostgresParams().Int(after).Int(count)));
  std::vector<ControlEntry> entries;
  for (int i = 0; i < rows.rows(); ++i) {
    entries.push_back({.seq = rows[i].Int(0),
                       .time = rows[i].Time(1),
                       .kind = std::string(rows[i].Text(2)),
                       .subject = std::string(rows[i].Text(3))});
  }
  return entries;
}

}  // namespace signalbox
