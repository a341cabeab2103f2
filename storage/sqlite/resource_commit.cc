#include "storage/sqlite/resource_commit.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
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

// A few at each commit keep up with what each commit adds.
constexpr Sql kDeleteOldRequests = {
    "delete_old_requests",
    "DELETE FROM request WHERE (author, id) IN "
    "(SELECT author, id FROM request WHERE time_ms <= ?1 ORDER BY time_ms LIMIT 16)"};

constexpr Sql kSelectCurrent = {
    "select_current",
    "SELECT k.id, r.changed_in, c.hash, r.key IS NOT NULL FROM resource_key k "
    "LEFT JOIN resource r ON r.key = k.id LEFT JOIN record c ON c.id = r.record "
    "WHERE k.namespace = ?1 AND k.type = ?2 AND k.name = ?3"};

constexpr Sql kInsertKey = {"insert_key",
                            "INSERT INTO resource_key (namespace, type, name) VALUES (?1, ?2, ?3)"};

constexpr Sql kSelectBody = {"select_body", "SELECT id FROM body WHERE hash = ?1"};
constexpr Sql kInsertBody = {"insert_body", "INSERT INTO body (hash, bytes) VALUES (?1, ?2)"};

constexpr Sql kSelectRecord = {"select_record", "SELECT id FROM record WHERE hash = ?1"};
constexpr Sql kInsertRecord = {
    "insert_record",
    "INSERT INTO record (hash, body, targets, labels, annotations, owner, source) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};

constexpr Sql kInsertRevision = {"insert_revision",
                                 "INSERT INTO revision (number, time_ms, author, message, "
                                 "request_id, kind, previous_digest, digest) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};

constexpr Sql kInsertHistory = {
    "insert_history", "INSERT INTO resource_history (revision, key, record) VALUES (?1, ?2, ?3)"};

constexpr Sql kUpsertResource = {
    "upsert_resource",
    "INSERT INTO resource (key, record, changed_in) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (key) DO UPDATE SET record = excluded.record, "
    "changed_in = excluded.changed_in"};

constexpr Sql kDeleteResource = {"delete_resource", "DELETE FROM resource WHERE key = ?1"};

constexpr Sql kDeleteLabels = {"delete_labels", "DELETE FROM resource_label WHERE resource = ?1"};
constexpr Sql kInsertLabel = {
    "insert_label", "INSERT INTO resource_label (key, value, resource) VALUES (?1, ?2, ?3)"};

constexpr Sql kUpdateHead = {"update_head",
                             "UPDATE head SET revision = ?1, digest = ?2 WHERE revision = ?3"};

constexpr Sql kInsertHead = {
    "insert_head",
    "INSERT INTO head (only, store_id, epoch, revision, digest, oldest_digest) "
    "VALUES (1, ?1, ?2, ?3, ?4, ?4)"};

PreparedChange PreparedUpsert(const Upsert& upsert) {
  PreparedChange change = {
      .key = &upsert.key, .record = &upsert.record, .body_hash = Sha256(upsert.record.body)};
  change.record_hash = upsert.record.Hash(change.body_hash);
  return change;
}

// The id of the row that `select` finds by a hash; none where there is none.
absl::StatusOr<std::optional<int64_t>> FindByHash(SqliteConnection* connection, const Sql& select,
                                                  const Digest& hash) {
  SqliteQuery query(connection, select);
  query.BindBlob(1, hash.View());
  std::optional<int64_t> id;
  if (query.Step()) id = query.Int(0);
  SB_RETURN_IF_ERROR(query.status());
  return id;
}

// The id of the body, which is stored once.
absl::StatusOr<int64_t> StoredBody(SqliteConnection* connection, const PreparedChange& change) {
  SB_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                      FindByHash(connection, kSelectBody, change.body_hash));
  if (found.has_value()) return *found;
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertBody)
                         .BindBlob(1, change.body_hash.View())
                         .BindBlob(2, change.record->body)
                         .Run());
  return connection->LastInsertId();
}

// The id of the record, which is stored once.
absl::StatusOr<int64_t> StoredRecord(SqliteConnection* connection, const PreparedChange& change) {
  SB_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                      FindByHash(connection, kSelectRecord, change.record_hash));
  if (found.has_value()) return *found;
  SB_ASSIGN_OR_RETURN(const int64_t body, StoredBody(connection, change));
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertRecord)
                         .BindBlob(1, change.record_hash.View())
                         .Bind(2, body)
                         .BindText(3, JsonOf(change.record->targets))
                         .BindText(4, JsonOf(change.record->labels))
                         .BindText(5, JsonOf(change.record->annotations))
                         .BindText(6, change.record->owner)
                         .BindText(7, change.record->source)
                         .Run());
  return connection->LastInsertId();
}

absl::Status WriteLabels(SqliteConnection* connection, const PreparedChange& change) {
  if (change.exists)
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteLabels).Bind(1, change.key_id).Run());
  if (change.record == nullptr) return absl::OkStatus();
  for (const auto& [key, value] : change.record->labels) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertLabel)
                           .BindText(1, key)
                           .BindText(2, value)
                           .Bind(3, change.key_id)
                           .Run());
  }
  return absl::OkStatus();
}

absl::Status WriteUpsert(SqliteConnection* connection, PreparedChange* change, Revision revision) {
  if (change->key_id == 0) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertKey)
                           .BindText(1, change->key->namespace_name)
                           .BindText(2, change->key->type)
                           .BindText(3, change->key->name)
                           .Run());
    change->key_id = connection->LastInsertId();
  }
  SB_ASSIGN_OR_RETURN(const int64_t record, StoredRecord(connection, *change));
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertHistory)
                         .Bind(1, revision.number)
                         .Bind(2, change->key_id)
                         .Bind(3, record)
                         .Run());
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpsertResource)
                         .Bind(1, change->key_id)
                         .Bind(2, record)
                         .Bind(3, revision.number)
                         .Run());
  return WriteLabels(connection, *change);
}

absl::Status WriteRemoval(SqliteConnection* connection, const PreparedChange& change,
                          Revision revision) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertHistory)
                         .Bind(1, revision.number)
                         .Bind(2, change.key_id)
                         .BindNull(3)
                         .Run());
  SB_RETURN_IF_ERROR(WriteLabels(connection, change));
  return SqliteQuery(connection, kDeleteResource).Bind(1, change.key_id).Run();
}

absl::Status FindCurrentOf(SqliteConnection* connection, PreparedChange* change) {
  SqliteQuery query(connection, kSelectCurrent);
  query.BindText(1, change->key->namespace_name)
      .BindText(2, change->key->type)
      .BindText(3, change->key->name);
  if (query.Step()) {
    change->key_id = query.Int(0);
    change->exists = query.Int(3) != 0;
    change->changed_in = Revision{query.Int(1)};
    change->current_hash = DigestIn(query.Blob(2));
  }
  return query.status();
}

}  // namespace

std::vector<PreparedChange> Prepare(const ChangeSet& changes) {
  std::vector<PreparedChange> prepared;
  prepared.reserve(changes.upserts.size() + changes.removals.size());
  for (const Upsert& upsert : changes.upserts) prepared.push_back(PreparedUpsert(upsert));
  for (const ResourceKey& key : changes.removals) prepared.push_back({.key = &key});
  std::sort(prepared.begin(), prepared.end(),
            [](const PreparedChange& a, const PreparedChange& b) { return *a.key < *b.key; });
  return prepared;
}

absl::StatusOr<std::optional<Revision>> FindRequest(SqliteConnection* connection,
                                                    const ChangeSet& changes,
                                                    const Digest& request_hash, absl::Time now) {
  std::optional<Revision> made;
  SqliteQuery query(connection, kSelectRequest);
  query.BindText(1, changes.author).BindText(2, changes.request_id);
  if (query.Step() && absl::FromUnixMillis(query.Int(2)) > now - limits::kRequestIdKept) {
    if (DigestIn(query.Blob(0)) != request_hash) return errors::RequestIdReused(changes.request_id);
    made = Revision{query.Int(1)};
  }
  SB_RETURN_IF_ERROR(query.status());
  return made;
}

absl::Status RecordRequest(SqliteConnection* connection, const ChangeSet& changes,
                           const Digest& request_hash, Revision revision, absl::Time now) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpsertRequest)
                         .BindText(1, changes.author)
                         .BindText(2, changes.request_id)
                         .BindBlob(3, request_hash.View())
                         .Bind(4, revision.number)
                         .Bind(5, absl::ToUnixMillis(now))
                         .Run());
  return SqliteQuery(connection, kDeleteOldRequests)
      .Bind(1, absl::ToUnixMillis(now - limits::kRequestIdKept))
      .Run();
}

absl::Status FindCurrent(SqliteConnection* connection, std::vector<PreparedChange>* changes) {
  for (PreparedChange& change : *changes) {
    SB_RETURN_IF_ERROR(FindCurrentOf(connection, &change));
    if (change.record == nullptr && !change.exists) return errors::NoSuchResource(*change.key);
  }
  return absl::OkStatus();
}

absl::Status CheckPreconditions(SqliteConnection* connection, const Preconditions& preconditions,
                                Revision head) {
  if (preconditions.expected_revision.has_value() && *preconditions.expected_revision != head) {
    return errors::RevisionConflict(*preconditions.expected_revision, head);
  }
  for (const auto& [key, revision] : preconditions.expected_changes) {
    PreparedChange current = {.key = &key};
    SB_RETURN_IF_ERROR(FindCurrentOf(connection, &current));
    if ((current.exists ? current.changed_in : Revision{0}) != revision)
      return errors::EtagConflict(key);
  }
  return absl::OkStatus();
}

absl::StatusOr<Head> WriteRevision(SqliteConnection* connection, const HeadRow& head,
                                   const ChangeSet& changes, std::vector<PreparedChange>* prepared,
                                   absl::Time now) {
  RevisionInfo info = {.revision = Next(head.head.revision),
                       .time = now,
                       .author = changes.author,
                       .message = changes.message,
                       .request_id = changes.request_id,
                       .kind = changes.kind,
                       .previous_digest = head.head.digest};
  std::vector<Resource> upserts;
  std::vector<ResourceKey> removals;
  for (const PreparedChange& change : *prepared) {
    if (change.record == nullptr) {
      removals.push_back(*change.key);
    } else if (!change.Unchanged()) {
      upserts.push_back({.key = *change.key, .record_hash = change.record_hash});
    }
  }
  info.digest = ChainDigest(info.previous_digest, head.head.epoch, info, upserts, removals);
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kInsertRevision)
                         .Bind(1, info.revision.number)
                         .Bind(2, absl::ToUnixMillis(info.time))
                         .BindText(3, info.author)
                         .BindText(4, info.message)
                         .BindText(5, info.request_id)
                         .Bind(6, static_cast<int64_t>(info.kind))
                         .BindBlob(7, info.previous_digest.View())
                         .BindBlob(8, info.digest.View())
                         .Run());
  for (PreparedChange& change : *prepared) {
    if (change.Unchanged()) continue;
    SB_RETURN_IF_ERROR(change.record != nullptr ? WriteUpsert(connection, &change, info.revision)
                                                : WriteRemoval(connection, change, info.revision));
  }
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpdateHead)
                         .Bind(1, info.revision.number)
                         .BindBlob(2, info.digest.View())
                         .Bind(3, head.head.revision.number)
                         .Run());
  if (connection->ChangedRows() != 1) return errors::StoreDamaged("the head is gone");
  Head next = head.head;
  next.revision = info.revision;
  next.digest = info.digest;
  return next;
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
