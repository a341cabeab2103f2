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

// $1 to $3: the key to start above; $4: the namespace, $5: the type, $6: the group, $7: the
// revision since when, $8: labels, each null when it is not asked for. The values are known when
// the server plans, so that a condition which is not asked for costs nothing. With the size of the
// body, which is known without reading it.
constexpr Sql kList = {
    "list",
    "SELECT k.id, octet_length(b.bytes)::bigint "
    "FROM config.resource_key k JOIN config.resource r ON r.key = k.id "
    "JOIN config.record c ON c.id = r.record JOIN config.body b ON b.id = c.body "
    "WHERE (k.namespace, k.type, k.name) > ($1, $2, $3) "
    "AND ($4::text IS NULL OR k.namespace = $4::text) "
    "AND ($5::text IS NULL OR k.type = $5::text) "
    "AND ($6::text IS NULL OR c.targets = '[]'::jsonb OR c.targets ? $6::text) "
    "AND ($7::bigint IS NULL OR r.changed_in > $7::bigint) "
    "AND ($8::jsonb IS NULL OR r.labels @> $8::jsonb) "
    "ORDER BY k.namespace, k.type, k.name LIMIT $9"};

constexpr Sql kSelectByIds = {
    "select_by_ids",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM config.resource_key k JOIN config.resource r ON r.key = k.id "
    "LEFT JOIN config.record c ON c.id = r.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE k.id = ANY($1)"};

constexpr Sql kListHistory = {
    "list_history",
    "SELECT h.key, h.revision, coalesce(octet_length(b.bytes), 0)::bigint "
    "FROM config.resource_key k JOIN config.resource_history h ON h.key = k.id "
    "LEFT JOIN config.record c ON c.id = h.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE k.namespace = $1 AND k.type = $2 AND k.name = $3 AND h.revision >= $4 "
    "AND h.revision < $5 ORDER BY h.revision DESC LIMIT $6"};

constexpr Sql kSelectHistoryOfKey = {
    "select_history_of_key",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes, "
    "  h.record IS NULL, v.number, v.epoch, v.time, v.author, v.message, v.request_id, v.kind, "
    "  v.previous_digest, v.digest "
    "FROM config.resource_history h JOIN config.resource_key k ON k.id = h.key "
    "JOIN config.revision v ON v.number = h.revision "
    "LEFT JOIN config.record c ON c.id = h.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE h.key = $1 AND h.revision >= $2 AND h.revision <= $3 ORDER BY h.revision DESC"};

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

// The first rows of `rows`, at most `page_size`, that fit one read; `bytes_column` says how large
// each is. At least one where there is any.
int Fitting(const PostgresResult& rows, int page_size, int bytes_column) {
  size_t bytes = 0;
  int count = 0;
  while (count < std::min(rows.rows(), page_size) && bytes < limits::kMaxBytesPerRead) {
    bytes += static_cast<size_t>(rows[count++].Int(bytes_column));
  }
  return count;
}

PostgresParams ListParams(const ResourceFilter& filter, const ResourceKey& start, int limit) {
  PostgresParams params;
  params.Text(start.namespace_name).Text(start.type).Text(start.name);
  filter.namespace_name.has_value() ? params.Text(*filter.namespace_name) : params.Null();
  filter.type.has_value() ? params.Text(*filter.type) : params.Null();
  filter.group.has_value() ? params.Text(*filter.group) : params.Null();
  filter.changed_since.has_value() ? params.Int(filter.changed_since->number) : params.Null();
  filter.labels.empty() ? params.Null() : params.Json(MapAsJson(filter.labels));
  return params.Int(limit);
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
  if (after.has_value()) start = std::max(start, *after);
  ResourcePage page = {.head = head.head};
  // One more than the page tells whether there is another one.
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      connection->Run(kList, ListParams(filter, start, page_size + 1)));
  const int count = Fitting(rows, page_size, 1);
  std::vector<int64_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(rows[i].Int(0));
  if (ids.empty()) return page;
  SB_RETURN_IF_ERROR(connection->ForEachRow(
      kSelectByIds, PostgresParams().Ints(ids), [&](const PostgresRow& row) -> absl::Status {
        SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
        page.resources.push_back(std::move(resource));
        return absl::OkStatus();
      }));
  SortByKey(&page.resources);
  if (rows.rows() > count && !page.resources.empty()) page.next_after = page.resources.back().key;
  return page;
}

absl::StatusOr<ResourceHistoryPage> ReadHistory(PostgresConnection* connection,
                                                const Sealer* sealer, const HeadRow& head,
                                                const ResourceKey& key, Revision below,
                                                int page_size) {
  ResourceHistoryPage page;
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      connection->Run(kListHistory, PostgresParams()
                                                        .Text(key.namespace_name)
                                                        .Text(key.type)
                                                        .Text(key.name)
                                                        .Int(head.oldest.number)
                                                        .Int(below.number)
                                                        .Int(page_size + 1)));
  const int count = Fitting(rows, page_size, 2);
  if (count == 0) return page;
  SB_RETURN_IF_ERROR(connection->ForEachRow(
      kSelectHistoryOfKey,
      PostgresParams().Int(rows[0].Int(0)).Int(rows[count - 1].Int(1)).Int(rows[0].Int(1)),
      [&](const PostgresRow& row) -> absl::Status {
        ResourceChange change = {.info = RevisionIn(row, 13)};
        if (!row.Bool(12)) {
          SB_ASSIGN_OR_RETURN(change.resource, ResourceIn(row, sealer));
        }
        page.changes.push_back(std::move(change));
        return absl::OkStatus();
      }));
  if (rows.rows() > count) page.next_below = Revision{rows[count - 1].Int(1)};
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
