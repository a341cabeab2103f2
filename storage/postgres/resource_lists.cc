#include "storage/postgres/resource_lists.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "base/status_macros.h"
#include "storage/limits.h"
#include "storage/postgres/resource_rows.h"
#include "storage/record_json.h"

namespace signalbox {
namespace {

// A page is looked up through indexes, row by row: a server that does not know yet how much a table
// holds would read whole tables for it.
constexpr Sql kByIndex = {"by_index",
                          "SELECT set_config('enable_hashjoin', 'off', true), "
                          "set_config('enable_mergejoin', 'off', true), "
                          "set_config('enable_seqscan', 'off', true), "
                          "set_config('max_parallel_workers_per_gather', '0', true)"};

// $1 to $3: the key to start at; $4: the namespace, $5: the type, $6: the group, $7: the
// revision since when, $8: labels, each null when it is not asked for. The values are known when
// the server plans, so that a condition which is not asked for costs nothing. $9: one more than the
// page; $10: the bytes of bodies after which no other one comes. The last column says how many rows
// there are, those that did not fit included.
constexpr Sql kList = {
    "list",
    "WITH page AS MATERIALIZED ("
    "  SELECT k.namespace, k.type, k.name, r.changed_in, r.record "
    "  FROM config.resource_key k JOIN config.resource r ON r.key = k.id "
    "  WHERE (k.namespace, k.type, k.name) >= ($1, $2, $3) "
    "  AND ($4::text IS NULL OR k.namespace = $4::text) "
    "  AND ($5::text IS NULL OR k.type = $5::text) "
    "  AND ($6::text IS NULL OR EXISTS (SELECT 1 FROM config.record t WHERE t.id = r.record "
    "    AND (t.targets = '[]'::jsonb OR t.targets ? $6::text))) "
    "  AND ($7::bigint IS NULL OR r.changed_in > $7::bigint) "
    "  AND ($8::jsonb IS NULL OR r.labels @> $8::jsonb) "
    "  ORDER BY k.namespace, k.type, k.name LIMIT $9), "
    "content AS ("
    "  SELECT p.namespace, p.type, p.name, p.changed_in, c.hash, c.targets, c.labels, "
    "    c.annotations, c.owner, c.source, b.hash AS body_hash, b.bytes, "
    "    sum(octet_length(b.bytes)) OVER (ORDER BY p.namespace, p.type, p.name) "
    "      - octet_length(b.bytes) AS before "
    "  FROM page p LEFT JOIN config.record c ON c.id = p.record "
    "  LEFT JOIN config.body b ON b.id = c.body) "
    "SELECT namespace, type, name, changed_in, hash, targets, labels, annotations, owner, source, "
    "  body_hash, bytes, (SELECT count(*) FROM page) "
    "FROM content WHERE coalesce(before, 0) < $10 ORDER BY namespace, type, name"};

// $1 to $3: the key; $4 and $5: the oldest revision and the one to stay below; $6 and $7 and the
// last column as $9, $10 and the last column above.
constexpr Sql kListHistory = {
    "list_history",
    "WITH page AS MATERIALIZED ("
    "  SELECT k.namespace, k.type, k.name, h.revision, h.record "
    "  FROM config.resource_key k JOIN config.resource_history h ON h.key = k.id "
    "  WHERE k.namespace = $1 AND k.type = $2 AND k.name = $3 AND h.revision >= $4 "
    "  AND h.revision < $5 ORDER BY h.revision DESC LIMIT $6), "
    "content AS ("
    "  SELECT p.*, c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, "
    "    b.hash AS body_hash, b.bytes, "
    "    sum(coalesce(octet_length(b.bytes), 0)) OVER (ORDER BY p.revision DESC) "
    "      - coalesce(octet_length(b.bytes), 0) AS before "
    "  FROM page p LEFT JOIN config.record c ON c.id = p.record "
    "  LEFT JOIN config.body b ON b.id = c.body) "
    "SELECT h.namespace, h.type, h.name, h.revision, h.hash, h.targets, h.labels, h.annotations, "
    "  h.owner, h.source, h.body_hash, h.bytes, h.record IS NULL, v.number, v.epoch, v.time, "
    "  v.author, v.message, v.request_id, v.kind, v.previous_digest, v.digest, "
    "  (SELECT count(*) FROM page) "
    "FROM content h JOIN config.revision v ON v.number = h.revision "
    "WHERE h.before < $7 ORDER BY h.revision DESC"};

constexpr Sql kSelectResourcesAt = {
    "select_resources_at",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM (SELECT DISTINCT ON (key) key, revision, record FROM config.resource_history "
    "      WHERE revision <= $1 ORDER BY key, revision DESC) h "
    "LEFT JOIN config.resource_key k ON k.id = h.key "
    "LEFT JOIN config.record c ON c.id = h.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE h.record IS NOT NULL"};

void SortByKey(std::vector<Resource>* resources) {
  std::sort(resources->begin(), resources->end(),
            [](const Resource& a, const Resource& b) { return a.key < b.key; });
}

// Runs the statement that finds the rows of a page.
absl::StatusOr<PostgresResult> FindPage(PostgresConnection* connection, const Sql& sql,
                                        PostgresParams params) {
  PostgresBatch batch;
  batch.Add(kByIndex).Add(sql, std::move(params));
  SB_ASSIGN_OR_RETURN(std::vector<PostgresResult> results, connection->RunBatch(batch));
  return std::move(results.back());
}

// The first key that may follow `key`: text has no NUL.
ResourceKey Behind(ResourceKey key) {
  key.name += '\x01';
  return key;
}

}  // namespace

absl::StatusOr<ResourcePage> ListResources(PostgresConnection* connection, const Sealer* sealer,
                                           const HeadRow& head, const ResourceFilter& filter,
                                           const std::optional<ResourceKey>& after, int page_size) {
  ResourceKey start;
  if (filter.namespace_name.has_value()) {
    start.namespace_name = *filter.namespace_name;
    start.type = filter.type.value_or("");
  }
  if (after.has_value()) start = std::max(start, Behind(*after));
  PostgresParams params;
  params.Text(start.namespace_name).Text(start.type).Text(start.name);
  filter.namespace_name.has_value() ? params.Text(*filter.namespace_name) : params.Null();
  filter.type.has_value() ? params.Text(*filter.type) : params.Null();
  filter.group.has_value() ? params.Text(*filter.group) : params.Null();
  filter.changed_since.has_value() ? params.Int(filter.changed_since->number) : params.Null();
  filter.labels.empty() ? params.Null() : params.Json(MapAsJson(filter.labels));
  params.Int(page_size + 1).Int(limits::kMaxBytesPerRead);
  SB_ASSIGN_OR_RETURN(const PostgresResult rows, FindPage(connection, kList, std::move(params)));
  ResourcePage page = {.head = head.head};
  const int count = std::min(rows.rows(), page_size);
  for (int i = 0; i < count; ++i) {
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(rows[i], sealer));
    page.resources.push_back(std::move(resource));
  }
  if (count > 0 && rows[0].Int(12) > count) page.next_after = page.resources.back().key;
  return page;
}

absl::StatusOr<ResourceHistoryPage> ReadHistory(PostgresConnection* connection,
                                                const Sealer* sealer, const HeadRow& head,
                                                const ResourceKey& key, Revision below,
                                                int page_size) {
  PostgresParams params;
  params.Text(key.namespace_name).Text(key.type).Text(key.name);
  params.Int(head.oldest.number).Int(below.number);
  params.Int(page_size + 1).Int(limits::kMaxBytesPerRead);
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      FindPage(connection, kListHistory, std::move(params)));
  ResourceHistoryPage page;
  const int count = std::min(rows.rows(), page_size);
  for (int i = 0; i < count; ++i) {
    const PostgresRow row = rows[i];
    ResourceChange change = {.info = RevisionIn(row, 13)};
    if (!row.Bool(12)) {
      SB_ASSIGN_OR_RETURN(change.resource, ResourceIn(row, sealer));
    }
    page.changes.push_back(std::move(change));
  }
  if (count > 0 && rows[0].Int(22) > count) page.next_below = page.changes.back().info.revision;
  return page;
}

absl::StatusOr<std::vector<Resource>> ReadResourcesAt(PostgresConnection* connection,
                                                      const Sealer* sealer, Revision revision) {
  std::vector<Resource> resources;
  SB_RETURN_IF_ERROR(
      connection->ForEachRow(kSelectResourcesAt, PostgresParams().Int(revision.number),
                             [&](const PostgresRow& row) -> absl::Status {
                               SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
                               resources.push_back(std::move(resource));
                               return absl::OkStatus();
                             }));
  SortByKey(&resources);
  return resources;
}

}  // namespace signalbox
