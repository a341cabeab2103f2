#include "storage/postgres/resource_commit.h"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/postgres/outbox_rows.h"
#include "storage/postgres/resource_rows.h"
#include "storage/record_json.h"
#include "storage/seal/key_id.h"
#include "storage/seal/sealed_types.h"

namespace signalbox {
namespace {

constexpr Sql kSelectRequests = {
    "select_requests",
    "SELECT q.author, q.id, q.hash, q.revision "
    "FROM unnest($1::text[], $2::text[]) AS u(author, id) "
    "JOIN config.request q ON q.author = u.author AND q.id = u.id WHERE q.time > $3"};

constexpr Sql kSelectCurrent = {
    "select_current",
    "SELECT k.namespace, k.type, k.name, k.id, r.changed_in, c.hash, r.key IS NOT NULL "
    "FROM unnest($1::text[], $2::text[], $3::text[]) AS u(namespace, type, name) "
    "JOIN config.resource_key k "
    "  ON k.namespace = u.namespace AND k.type = u.type AND k.name = u.name "
    "LEFT JOIN config.resource r ON r.key = k.id LEFT JOIN config.record c ON c.id = r.record"};

constexpr Sql kInsertBodies = {
    "insert_bodies",
    "INSERT INTO config.body (hash, bytes, key_id) "
    "SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) ON CONFLICT (hash) DO NOTHING"};

// Here and below what a statement before has written is joined so that a row that should be there
// and is not breaks a constraint, and with it the transaction.
constexpr Sql kInsertRecords = {
    "insert_records",
    "INSERT INTO config.record (hash, body, targets, labels, annotations, owner, source) "
    "SELECT u.hash, b.id, u.targets::jsonb, u.labels::jsonb, u.annotations::jsonb, u.owner, "
    "  u.source "
    "FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], "
    "  $7::text[]) AS u(hash, body_hash, targets, labels, annotations, owner, source) "
    "LEFT JOIN config.body b ON b.hash = u.body_hash ON CONFLICT (hash) DO NOTHING"};

constexpr Sql kInsertKeys = {"insert_keys",
                             "INSERT INTO config.resource_key (namespace, type, name) "
                             "SELECT * FROM unnest($1::text[], $2::text[], $3::text[])"};

constexpr Sql kInsertRevisions = {
    "insert_revisions",
    "INSERT INTO config.revision (number, epoch, time, author, message, request_id, kind, "
    "  previous_digest, digest) "
    "SELECT u.number, $2, $3, u.author, u.message, u.request_id, u.kind, u.previous_digest, "
    "  u.digest "
    "FROM unnest($1::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], "
    "  $9::bytea[]) AS u(number, author, message, request_id, kind, previous_digest, digest)"};

constexpr Sql kInsertHistory = {
    "insert_history",
    "INSERT INTO config.resource_history (revision, key, record) "
    "SELECT u.revision, k.id, CASE WHEN u.hash IS NOT NULL THEN coalesce(c.id, 0) END "
    "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[]) "
    "  AS u(revision, namespace, type, name, hash) "
    "LEFT JOIN config.resource_key k "
    "  ON k.namespace = u.namespace AND k.type = u.type AND k.name = u.name "
    "LEFT JOIN config.record c ON c.hash = u.hash"};

constexpr Sql kUpsertResources = {
    "upsert_resources",
    "INSERT INTO config.resource (key, record, changed_in, labels) "
    "SELECT k.id, c.id, u.revision, c.labels "
    "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[]) "
    "  AS u(revision, namespace, type, name, hash) "
    "LEFT JOIN config.resource_key k "
    "  ON k.namespace = u.namespace AND k.type = u.type AND k.name = u.name "
    "LEFT JOIN config.record c ON c.hash = u.hash "
    "ON CONFLICT (key) DO UPDATE SET record = excluded.record, changed_in = excluded.changed_in, "
    "  labels = excluded.labels"};

constexpr Sql kDeleteResources = {
    "delete_resources",
    "DELETE FROM config.resource r "
    "USING unnest($1::text[], $2::text[], $3::text[]) AS u(namespace, type, name) "
    "JOIN config.resource_key k "
    "  ON k.namespace = u.namespace AND k.type = u.type AND k.name = u.name WHERE r.key = k.id"};

constexpr Sql kUpsertRequests = {
    "upsert_requests",
    "INSERT INTO config.request (author, id, hash, revision, time) "
    "SELECT u.author, u.id, u.hash, u.revision, $5 "
    "FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) "
    "  AS u(author, id, hash, revision) "
    "ON CONFLICT (author, id) DO UPDATE SET hash = excluded.hash, revision = excluded.revision, "
    "  time = excluded.time"};

// A few at each commit keep up with what each commit adds.
constexpr Sql kDeleteOldRequests = {
    "delete_old_requests",
    "DELETE FROM config.request WHERE (author, id) IN "
    "(SELECT author, id FROM config.request WHERE time <= $1 ORDER BY time LIMIT $2)"};
constexpr int kDeletedForEach = 2;

constexpr Sql kUpdateHead = {"update_head",
                             "UPDATE config.head SET revision = $1, digest = $2, outbox_seq = $3"};

constexpr Sql kNotify = {"notify", "SELECT pg_notify($1, '')"};

constexpr Sql kSelectDigest = {"select_digest",
                               "SELECT digest FROM config.revision WHERE number = $1"};
constexpr Sql kSelectRequest = {
    "select_request",
    "SELECT revision, hash FROM config.request WHERE author = $1 AND id = $2 AND time > $3"};

constexpr Sql kInsertHead = {
    "insert_head",
    "INSERT INTO config.head (store_id, epoch, revision, digest, oldest_digest) "
    "VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING"};

// Keys as three arrays.
struct KeyColumns {
  std::vector<absl::string_view> namespaces, types, names;

  void Add(const ResourceKey& key) {
    namespaces.push_back(key.namespace_name);
    types.push_back(key.type);
    names.push_back(key.name);
  }
  bool empty() const { return names.empty(); }
};

PostgresParams& Add(const KeyColumns& keys, PostgresParams* params) {
  return params->Texts(keys.namespaces).Texts(keys.types).Texts(keys.names);
}

using Change = CommitPlan::Change;

// Calls `visit(revision, change)` in order.
template <typename Visit>
void ForEachChange(const CommitPlan& plan, const Visit& visit) {
  for (const CommitPlan::PlannedRevision& revision : plan.revisions) {
    for (const Change& change : revision.changes) visit(revision.info.revision, change);
  }
}

// The bodies and records, each once.
void AddContent(const CommitPlan& plan, const Sealer& sealer, PostgresBatch* batch) {
  const KeyId active = sealer.ring().active().id;
  std::deque<std::string> sealed;  // a view into each is bound
  absl::flat_hash_set<absl::string_view> bodies_seen, records_seen;
  std::vector<std::optional<absl::string_view>> body_hashes, bodies, key_ids, hashes, bodies_of;
  std::vector<std::string> json;
  std::vector<const Record*> records;
  ForEachChange(plan, [&](Revision, const Change& change) {
    const PreparedChange& prepared = *change.change;
    if (prepared.record == nullptr) return;
    if (bodies_seen.insert(prepared.body_hash.View()).second) {
      body_hashes.push_back(prepared.body_hash.View());
      const std::string& type = prepared.key->type;
      bodies.push_back(
          sealer.Stored(type, prepared.record->body, prepared.body_hash, &sealed.emplace_back()));
      key_ids.push_back(IsSealed(type) ? std::optional<absl::string_view>(active.View())
                                       : std::nullopt);
    }
    if (records_seen.insert(prepared.record_hash.View()).second) {
      hashes.push_back(prepared.record_hash.View());
      bodies_of.push_back(prepared.body_hash.View());
      records.push_back(prepared.record);
    }
  });
  if (records.empty()) return;
  batch->Add(kInsertBodies,
             PostgresParams().BytesArray(body_hashes).BytesArray(bodies).BytesArray(key_ids));
  for (const Record* const record : records) {
    json.push_back(StringsAsJson(record->targets));
    json.push_back(MapAsJson(record->labels));
    json.push_back(MapAsJson(record->annotations));
  }
  std::vector<absl::string_view> targets, labels, annotations, owners, sources;
  for (size_t i = 0; i < records.size(); ++i) {
    targets.push_back(json[3 * i]);
    labels.push_back(json[3 * i + 1]);
    annotations.push_back(json[3 * i + 2]);
    owners.push_back(records[i]->owner);
    sources.push_back(records[i]->source);
  }
  batch->Add(kInsertRecords, PostgresParams()
                                 .BytesArray(hashes)
                                 .BytesArray(bodies_of)
                                 .Texts(targets)
                                 .Texts(labels)
                                 .Texts(annotations)
                                 .Texts(owners)
                                 .Texts(sources));
}

void AddNewKeys(const CommitPlan& plan, PostgresBatch* batch) {
  KeyColumns keys;
  absl::flat_hash_set<ResourceKey> seen;
  ForEachChange(plan, [&](Revision, const Change& change) {
    if (change.key_id == 0 && seen.insert(*change.change->key).second)
      keys.Add(*change.change->key);
  });
  if (keys.empty()) return;
  PostgresParams params;
  Add(keys, &params);
  batch->Add(kInsertKeys, std::move(params));
}

void AddRevisions(const CommitPlan& plan, absl::Time now, PostgresBatch* batch) {
  std::vector<int64_t> numbers, kinds;
  std::vector<absl::string_view> authors, messages, request_ids;
  std::vector<std::optional<absl::string_view>> previous_digests, digests;
  for (const CommitPlan::PlannedRevision& revision : plan.revisions) {
    const RevisionInfo& info = revision.info;
    numbers.push_back(info.revision.number);
    authors.push_back(info.author);
    messages.push_back(info.message);
    request_ids.push_back(info.request_id);
    kinds.push_back(static_cast<int64_t>(info.kind));
    previous_digests.push_back(info.previous_digest.View());
    digests.push_back(info.digest.View());
  }
  batch->Add(kInsertRevisions, PostgresParams()
                                   .Ints(numbers)
                                   .Int(static_cast<int64_t>(plan.head.epoch))
                                   .Time(now)
                                   .Texts(authors)
                                   .Texts(messages)
                                   .Texts(request_ids)
                                   .Ints(kinds)
                                   .BytesArray(previous_digests)
                                   .BytesArray(digests));
}

// What each revision changed, and what that leaves at the head: of a key that several revisions of
// the batch change, the last state.
void AddChanges(const CommitPlan& plan, PostgresBatch* batch) {
  std::vector<int64_t> revisions;
  std::vector<std::optional<absl::string_view>> hashes;
  KeyColumns keys;
  std::map<ResourceKey, std::pair<Revision, const PreparedChange*>> last;
  ForEachChange(plan, [&](Revision revision, const Change& change) {
    const PreparedChange& prepared = *change.change;
    revisions.push_back(revision.number);
    keys.Add(*prepared.key);
    hashes.push_back(prepared.record == nullptr
                         ? std::nullopt
                         : std::optional<absl::string_view>(prepared.record_hash.View()));
    last[*prepared.key] = {revision, &prepared};
  });
  PostgresParams history;
  history.Ints(revisions);
  Add(keys, &history);
  batch->Add(kInsertHistory, std::move(history.BytesArray(hashes)));

  std::vector<int64_t> changed_in;
  std::vector<std::optional<absl::string_view>> records;
  KeyColumns upserts, removals;
  for (const auto& [key, state] : last) {
    const auto& [revision, prepared] = state;
    if (prepared->record == nullptr) {
      removals.Add(key);
      continue;
    }
    changed_in.push_back(revision.number);
    upserts.Add(key);
    records.push_back(prepared->record_hash.View());
  }
  if (!upserts.empty()) {
    PostgresParams params;
    params.Ints(changed_in);
    Add(upserts, &params);
    batch->Add(kUpsertResources, std::move(params.BytesArray(records)));
  }
  if (!removals.empty()) {
    PostgresParams params;
    batch->Add(kDeleteResources, std::move(Add(removals, &params)));
  }
}

void AddRequests(const CommitPlan& plan, absl::Time now, PostgresBatch* batch) {
  std::vector<absl::string_view> authors, ids;
  std::vector<std::optional<absl::string_view>> hashes;
  std::vector<int64_t> revisions;
  for (const CommitPlan::PlannedRequest& planned : plan.requests) {
    authors.push_back(planned.name.first);
    ids.push_back(planned.name.second);
    hashes.push_back(planned.request.hash.View());
    revisions.push_back(planned.request.revision.number);
  }
  if (ids.empty()) return;
  const auto deleted = static_cast<int64_t>(kDeletedForEach * ids.size());
  batch->Add(
      kUpsertRequests,
      PostgresParams().Texts(authors).Texts(ids).BytesArray(hashes).Ints(revisions).Time(now));
  batch->Add(kDeleteOldRequests, PostgresParams().Time(now - limits::kRequestIdKept).Int(deleted));
}

}  // namespace

void AddFactQueries(absl::Span<const CommitRequest* const> batch, absl::Time now,
                    PostgresBatch* facts) {
  std::vector<absl::string_view> authors, ids;
  KeyColumns keys;
  absl::flat_hash_set<ResourceKey> seen;
  for (const CommitRequest* const request : batch) {
    if (request->has_id()) {
      authors.push_back(request->changes->author);
      ids.push_back(request->changes->request_id);
    }
    ForEachKey(*request, [&](const ResourceKey& key) {
      if (seen.insert(key).second) keys.Add(key);
    });
  }
  facts->Add(kLockHead);
  facts->Add(kSelectRequests,
             PostgresParams().Texts(authors).Texts(ids).Time(now - limits::kRequestIdKept));
  PostgresParams params;
  facts->Add(kSelectCurrent, std::move(Add(keys, &params)));
}

absl::StatusOr<CommitFacts> FactsIn(const std::vector<PostgresResult>& results, absl::Time now) {
  SB_CHECK(results.size() >= 3);
  const PostgresResult& current = results[results.size() - 1];
  const PostgresResult& requests = results[results.size() - 2];
  const std::optional<HeadRow> head = HeadRowIn(results[results.size() - 3]);
  if (!head.has_value()) return errors::StoreDamaged("the head is missing");
  CommitFacts facts = {.head = *head, .now = now};
  for (int i = 0; i < requests.rows(); ++i) {
    const PostgresRow row = requests[i];
    facts.requests.emplace(
        RequestName(row.Text(0), row.Text(1)),
        StoredRequest{.hash = row.DigestAt(2), .revision = Revision{row.Int(3)}});
  }
  for (int i = 0; i < current.rows(); ++i) {
    const PostgresRow row = current[i];
    facts.resources.emplace(ResourceKey{.namespace_name = std::string(row.Text(0)),
                                        .type = std::string(row.Text(1)),
                                        .name = std::string(row.Text(2))},
                            StoredResource{.exists = row.Bool(6),
                                           .record_hash = row.DigestAt(5),
                                           .changed_in = Revision{row.Int(4)},
                                           .key_id = row.Int(3)});
  }
  return facts;
}

void AddPlan(const CommitPlan& plan, const Sealer& sealer, absl::Time now, PostgresBatch* batch) {
  if (!plan.revisions.empty()) {
    AddContent(plan, sealer, batch);
    AddNewKeys(plan, batch);
    AddRevisions(plan, now, batch);
    AddChanges(plan, batch);
    AddToOutbox(plan.outbox, batch);
    batch->Add(kUpdateHead, PostgresParams()
                                .Int(plan.head.revision.number)
                                .Bytes(plan.head.digest.View())
                                .Int(plan.outbox.back().seq));
    AddNotify(batch);
  }
  AddRequests(plan, now, batch);
}

void AddWrittenQuery(const CommitPlan& plan, PostgresBatch* batch) {
  if (!plan.revisions.empty()) {
    batch->Add(kSelectDigest, PostgresParams().Int(plan.revisions.back().info.revision.number));
    return;
  }
  const RequestName& name = plan.requests.back().name;
  AddRequestQuery(name.first, name.second, absl::UnixEpoch(), batch);
}

bool WasWritten(const CommitPlan& plan, const PostgresResult& result) {
  if (result.rows() == 0) return false;
  return plan.revisions.empty() ? result[0].DigestAt(1) == plan.requests.back().request.hash
                                : result[0].DigestAt(0) == plan.revisions.back().info.digest;
}

void AddRequestQuery(absl::string_view author, absl::string_view request_id, absl::Time now,
                     PostgresBatch* batch) {
  batch->Add(kSelectRequest,
             PostgresParams().Text(author).Text(request_id).Time(now - limits::kRequestIdKept));
}

std::optional<Revision> RequestIn(const PostgresResult& result) {
  if (result.rows() == 0) return std::nullopt;
  return Revision{result[0].Int(0)};
}

void AddFirstHead(const Head& head, PostgresBatch* batch) {
  batch->Add(kInsertHead, PostgresParams()
                              .Text(head.store_id)
                              .Int(static_cast<int64_t>(head.epoch))
                              .Int(head.revision.number)
                              .Bytes(head.digest.View()));
}

void AddNotify(PostgresBatch* batch) {
  batch->Add(kNotify, PostgresParams().Text(kPostgresChannel));
}

}  // namespace signalbox
