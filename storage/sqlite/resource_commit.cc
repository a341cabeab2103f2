#include "storage/sqlite/resource_commit.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/model/resource.h"
#include "storage/record_json.h"
#include "storage/seal/key_id.h"
#include "storage/seal/sealed_types.h"
#include "storage/sqlite/outbox_rows.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

constexpr Sql kSelectRequest = {
    "select_request", "SELECT hash, revision, time_ms FROM request WHERE author = ?1 AND id = ?2"};

constexpr Sql kUpsertRequest = {
    "upsert_request",
    "INSERT INTO request (author, id, hash, revision, time_ms) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (author, id) DO UPDATE SET hash = excluded.hash, "
    "revision = excluded.revision, time_ms = excluded.time_ms"};

// A few for each one that is added: so they keep up.
constexpr Sql kDeleteOldRequests = {
    "delete_old_requests",
    "DELETE FROM request WHERE (author, id) IN "
    "(SELECT author, id FROM request WHERE time_ms <= ?1 ORDER BY time_ms LIMIT ?2)"};

constexpr Sql kSelectCurrent = {
    "select_current",
    "SELECT k.id, r.changed_in, c.hash, r.key IS NOT NULL FROM resource_key k "
    "LEFT JOIN resource r ON r.key = k.id LEFT JOIN record c ON c.id = r.record "
    "WHERE k.namespace = ?1 AND k.type = ?2 AND k.name = ?3"};

constexpr Sql kInsertKey = {"insert_key",
                            "INSERT INTO resource_key (namespace, type, name) VALUES (?1, ?2, ?3)"};

constexpr Sql kSelectBody = {"select_body", "SELECT id FROM body WHERE hash = ?1"};
constexpr Sql kInsertBody = {"insert_body",
                             "INSERT INTO body (hash, bytes, key_id) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT (hash) DO NOTHING"};

constexpr Sql kSelectRecord = {"select_record", "SELECT id FROM record WHERE hash = ?1"};
constexpr Sql kInsertRecord = {
    "insert_record",
    "INSERT INTO record (hash, body, targets, labels, annotations, owner, source) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO NOTHING"};

constexpr Sql kInsertRevision = {"insert_revision",
                                 "INSERT INTO revision (number, epoch, time_ms, author, message, "
                                 "request_id, kind, previous_digest, digest) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};

constexpr Sql kInsertHistory = {
    "insert_history", "INSERT INTO resource_history (revision, key, record) VALUES (?1, ?2, ?3)"};

constexpr Sql kUpsertResource = {
    "upsert_resource",
    "INSERT INTO resource (key, record, changed_in) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (key) DO UPDATE SET record = excluded.record, "
    "changed_in = excluded.changed_in"};

constexpr Sql kDeleteResource = {"delete_resource", "DELETE FROM resource WHERE key = ?1"};

constexpr Sql kSelectLabels = {"select_labels",
                               "SELECT key, value FROM resource_label WHERE resource = ?1"};
constexpr Sql kDeleteLabel = {
    "delete_label", "DELETE FROM resource_label WHERE key = ?1 AND value = ?2 AND resource = ?3"};
constexpr Sql kInsertLabel = {
    "insert_label", "INSERT INTO resource_label (key, value, resource) VALUES (?1, ?2, ?3)"};

constexpr Sql kUpdateHead = {"update_head",
                             "UPDATE head SET revision = ?1, digest = ?2, outbox_seq = ?3 "
                             "WHERE revision = ?4"};

constexpr Sql kInsertHead = {
    "insert_head",
    "INSERT INTO head (only, store_id, epoch, revision, digest, oldest_digest) "
    "VALUES (1, ?1, ?2, ?3, ?4, ?4)"};

// The id of the row that `insert` has made, or that `select` finds because its hash was there.
absl::StatusOr<int64_t> IdOfNewOr(SqliteConnection* connection, SqliteQuery& insert,
                                  const Sql& select, const Digest& hash) {
  SB_RETURN_IF_ERROR(insert.Run());
  if (connection->ChangedRows() == 1) return connection->LastInsertId();
  SqliteQuery query(connection, select);
  query.BindBlob(1, hash.View());
  if (query.Step()) return query.Int(0);
  SB_RETURN_IF_ERROR(query.status());
  return errors::StoreDamaged(
      absl::StrCat(select.name, ": an index names a row that is not there"));
}

// The id of the body, which is stored once.
absl::StatusOr<int64_t> StoredBody(SqliteConnection* connection, const Sealer& sealer,
                                   const PreparedChange& change) {
  std::string sealed;
  SqliteQuery insert(connection, kInsertBody);
  insert.BindBlob(1, change.body_hash.View())
      .BindBlob(2, sealer.Stored(change.key->type, change.record->body, change.body_hash, &sealed));
  const KeyId key = sealer.ring().active().id;
  IsSealed(change.key->type) ? insert.BindBlob(3, key.View()) : insert.BindNull(3);
  return IdOfNewOr(connection, insert, kSelectBody, change.body_hash);
}

// The id of the record, which is stored once.
absl::StatusOr<int64_t> StoredRecord(SqliteConnection* connection, const Sealer& sealer,
                                     const PreparedChange& change) {
  SB_ASSIGN_OR_RETURN(const int64_t body, StoredBody(connection, sealer, change));
  SqliteQuery insert(connection, kInsertRecord);
  insert.BindBlob(1, change.record_hash.View())
      .Bind(2, body)
      .BindText(3, StringsAsJson(change.record->targets))
      .BindText(4, MapAsJson(change.record->labels))
      .BindText(5, MapAsJson(change.record->annotations))
      .BindText(6, change.record->owner)
      .BindText(7, change.record->source);
  return IdOfNewOr(connection, insert, kSelectRecord, change.record_hash);
}

absl::Status FindResource(SqliteConnection* connection, const ResourceKey& key,
                          CommitFacts* facts) {
  const auto [stored, is_new] = facts->resources.try_emplace(key);
  if (!is_new) return absl::OkStatus();
  SqliteQuery query(connection, kSelectCurrent);
  query.BindText(1, key.namespace_name).BindText(2, key.type).BindText(3, key.name);
  if (query.Step()) {
    stored->second = {.exists = query.Int(3) != 0,
                      .record_hash = DigestIn(query.Blob(2)),
                      .changed_in = Revision{query.Int(1)},
                      .key_id = query.Int(0)};
  }
  return query.status();
}

absl::StatusOr<int64_t> MakeKey(SqliteConnection* connection, const ResourceKey& key) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertKey)
                         .BindText(1, key.namespace_name)
                         .BindText(2, key.type)
                         .BindText(3, key.name)
                         .Run());
  return connection->LastInsertId();
}

// Most changes of a resource leave its labels: only what differs is written.
absl::Status WriteLabels(SqliteConnection* connection, const CommitPlan::Change& change,
                         int64_t key) {
  static const std::map<std::string, std::string> kNone;
  const auto& wanted = change.change->record == nullptr ? kNone : change.change->record->labels;
  std::map<std::string, std::string> stored;
  if (change.existed) {
    SqliteQuery row(connection, kSelectLabels);
    row.Bind(1, key);
    while (row.Step()) stored.emplace(row.Text(0), row.Text(1));
    SB_RETURN_IF_ERROR(row.status());
  }
  const auto has = [](const std::map<std::string, std::string>& labels, const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  };
  const auto write = [&](const Sql& sql, const auto& label) {
    return SqliteQuery(connection, sql)
        .BindText(1, label.first)
        .BindText(2, label.second)
        .Bind(3, key)
        .Run();
  };
  for (const auto& label : stored) {
    if (!has(wanted, label)) SB_RETURN_IF_ERROR(write(kDeleteLabel, label));
  }
  for (const auto& label : wanted) {
    if (!has(stored, label)) SB_RETURN_IF_ERROR(write(kInsertLabel, label));
  }
  return absl::OkStatus();
}

absl::Status WriteChange(SqliteConnection* connection, const Sealer& sealer,
                         const CommitPlan::Change& change, int64_t key, Revision revision) {
  if (change.change->record == nullptr) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertHistory)
                           .Bind(1, revision.number)
                           .Bind(2, key)
                           .BindNull(3)
                           .Run());
    SB_RETURN_IF_ERROR(WriteLabels(connection, change, key));
    return SqliteQuery(connection, kDeleteResource).Bind(1, key).Run();
  }
  SB_ASSIGN_OR_RETURN(const int64_t record, StoredRecord(connection, sealer, *change.change));
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertHistory)
                         .Bind(1, revision.number)
                         .Bind(2, key)
                         .Bind(3, record)
                         .Run());
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpsertResource)
                         .Bind(1, key)
                         .Bind(2, record)
                         .Bind(3, revision.number)
                         .Run());
  return WriteLabels(connection, change, key);
}

absl::Status WriteRevision(SqliteConnection* connection, const RevisionInfo& info) {
  return SqliteQuery(connection, kInsertRevision)
      .Bind(1, info.revision.number)
      .Bind(2, static_cast<int64_t>(info.epoch))
      .Bind(3, absl::ToUnixMillis(info.time))
      .BindText(4, info.author)
      .BindText(5, info.message)
      .BindText(6, info.request_id)
      .Bind(7, static_cast<int64_t>(info.kind))
      .BindBlob(8, info.previous_digest.View())
      .BindBlob(9, info.digest.View())
      .Run();
}

absl::Status WriteRequest(SqliteConnection* connection, const CommitPlan::PlannedRequest& request,
                          absl::Time now) {
  return SqliteQuery(connection, kUpsertRequest)
      .BindText(1, request.name.first)
      .BindText(2, request.name.second)
      .BindBlob(3, request.request.hash.View())
      .Bind(4, request.request.revision.number)
      .Bind(5, absl::ToUnixMillis(now))
      .Run();
}

}  // namespace

absl::Status ReadRequest(SqliteConnection* connection, const RequestName& name,
                         CommitFacts* facts) {
  SqliteQuery query(connection, kSelectRequest);
  query.BindText(1, name.first).BindText(2, name.second);
  if (query.Step() && absl::FromUnixMillis(query.Int(2)) > facts->now - limits::kRequestIdKept) {
    facts->requests.emplace(
        name, StoredRequest{.hash = DigestIn(query.Blob(0)), .revision = Revision{query.Int(1)}});
  }
  return query.status();
}

absl::StatusOr<CommitFacts> ReadFacts(SqliteConnection* connection, const HeadRow& head,
                                      absl::Span<const CommitRequest* const> batch,
                                      absl::Time now) {
  CommitFacts facts = {.head = head, .now = now};
  for (const CommitRequest* const request : batch) {
    if (request->has_id()) {
      const RequestName name = {request->changes->author, request->changes->request_id};
      SB_RETURN_IF_ERROR(ReadRequest(connection, name, &facts));
    }
    absl::Status status;
    ForEachKey(*request, [&](const ResourceKey& key) {
      if (status.ok()) status = FindResource(connection, key, &facts);
    });
    SB_RETURN_IF_ERROR(status);
  }
  return facts;
}

absl::Status WritePlan(SqliteConnection* connection, const Sealer& sealer, const HeadRow& head,
                       const CommitPlan& plan, absl::Time now) {
  std::map<ResourceKey, int64_t> made;  // keys that were not used before
  for (const CommitPlan::PlannedRevision& revision : plan.revisions) {
    SB_RETURN_IF_ERROR(WriteRevision(connection, revision.info));
    for (const CommitPlan::Change& change : revision.changes) {
      int64_t key = change.key_id;
      if (key == 0) {
        int64_t& id = made[*change.change->key];
        if (id == 0) {
          SB_ASSIGN_OR_RETURN(id, MakeKey(connection, *change.change->key));
        }
        key = id;
      }
      SB_RETURN_IF_ERROR(WriteChange(connection, sealer, change, key, revision.info.revision));
    }
  }
  for (const CommitPlan::PlannedRequest& request : plan.requests) {
    SB_RETURN_IF_ERROR(WriteRequest(connection, request, now));
  }
  if (!plan.requests.empty()) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteOldRequests)
                           .Bind(1, absl::ToUnixMillis(now - limits::kRequestIdKept))
                           .Bind(2, 16 * static_cast<int64_t>(plan.requests.size()))
                           .Run());
  }
  if (plan.revisions.empty()) return absl::OkStatus();
  for (const OutboxRow& row : plan.outbox) SB_RETURN_IF_ERROR(AddToOutbox(connection, row));
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpdateHead)
                         .Bind(1, plan.head.revision.number)
                         .BindBlob(2, plan.head.digest.View())
                         .Bind(3, plan.outbox.back().seq)
                         .Bind(4, head.head.revision.number)
                         .Run());
  return connection->ChangedRows() == 1 ? absl::OkStatus()
                                        : errors::StoreDamaged("the head is gone");
}

absl::Status WriteFirstHead(SqliteConnection* connection, const Head& head) {
  return SqliteQuery(connection, kInsertHead)
      .BindText(1, head.store_id)
      .Bind(2, static_cast<int64_t>(head.epoch))
      .Bind(3, head.revision.number)
      .BindBlob(4, head.digest.View())
      .Run();
}

}  // namespace signalbox
