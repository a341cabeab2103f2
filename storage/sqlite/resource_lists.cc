#include "storage/sqlite/resource_lists.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "storage/limits.h"
#include "storage/record_json.h"
#include "storage/sqlite/resource_rows.h"

namespace signalbox {
namespace {

// A label that more resources have than this is not looked up first: the list then walks the keys
// in their order, where one in a few has the label, and sorts nothing.
constexpr int64_t kFewResources = 10000;

constexpr Sql kCountLabel = {
    "count_label",
    "SELECT count(*) FROM (SELECT 1 FROM resource_label WHERE key = ?1 AND value = ?2 LIMIT ?3)"};

// What both lists ask of a resource. ?1 to ?3: the key to start at; ?4 and ?5: the last
// namespace and type; ?6: the type, ?7: the group, ?8: the revision since when, ?9: labels as a
// JSON object, each null when it is not asked for: then nothing is looked up for it. A blob in ?4
// or ?5 is above every text.
#define SB_LIST_CONDITIONS                                                                     \
  "(k.namespace, k.type, k.name) >= (?1, ?2, ?3) "                                             \
  "AND (k.namespace, k.type) <= (?4, ?5) "                                                     \
  "AND (?6 IS NULL OR k.type = ?6) "                                                           \
  "AND (?7 IS NULL OR EXISTS (SELECT 1 FROM resource r JOIN record c ON c.id = r.record "      \
  "  WHERE r.key = k.id AND (c.targets = '[]' "                                                \
  "  OR EXISTS (SELECT 1 FROM json_each(c.targets) t WHERE t.value = ?7)))) "                  \
  "AND (?8 IS NULL OR EXISTS (SELECT 1 FROM resource r WHERE r.key = k.id AND r.changed_in > " \
  "?8)) "                                                                                      \
  "AND (?9 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(?9) w WHERE NOT EXISTS ("            \
  "  SELECT 1 FROM resource_label l WHERE l.key = w.key AND l.value = w.value "                \
  "  AND l.resource = k.id))) "                                                                \
  "ORDER BY k.namespace, k.type, k.name LIMIT ?10"

// CROSS JOIN keeps the order of the keys' index, so that nothing is sorted.
constexpr Sql kListByKey = {"list_by_key",
                            "SELECT k.id FROM resource_key k "
                            "CROSS JOIN resource here ON here.key = k.id "
                            "WHERE " SB_LIST_CONDITIONS};

constexpr Sql kListByLabel = {"list_by_label",
                              "SELECT k.id FROM resource_label few "
                              "CROSS JOIN resource_key k ON k.id = few.resource "
                              "WHERE few.key = ?11 AND few.value = ?12 AND " SB_LIST_CONDITIONS};

#undef SB_LIST_CONDITIONS

constexpr Sql kSelectById = {
    "select_by_id",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM resource_key k JOIN resource r ON r.key = k.id "
    "LEFT JOIN record c ON c.id = r.record LEFT JOIN body b ON b.id = c.body "
    "WHERE k.id = ?1"};

constexpr Sql kSelectHistoryOfKey = {
    "select_history_of_key",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes, "
    "  h.record IS NULL, v.number, v.epoch, v.time_ms, v.author, v.message, v.request_id, v.kind, "
    "  v.previous_digest, v.digest "
    "FROM resource_key k JOIN resource_history h ON h.key = k.id "
    "JOIN revision v ON v.number = h.revision "
    "LEFT JOIN record c ON c.id = h.record LEFT JOIN body b ON b.id = c.body "
    "WHERE k.namespace = ?1 AND k.type = ?2 AND k.name = ?3 AND h.revision >= ?4 "
    "AND h.revision < ?5 ORDER BY h.revision DESC LIMIT ?6"};

constexpr Sql kSelectResourcesAt = {
    "select_resources_at",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM resource_key k CROSS JOIN resource_history h ON h.key = k.id "
    "AND h.revision = (SELECT max(i.revision) FROM resource_history i "
    "                  WHERE i.key = k.id AND i.revision <= ?1) "
    "LEFT JOIN record c ON c.id = h.record LEFT JOIN body b ON b.id = c.body "
    "WHERE h.record IS NOT NULL ORDER BY k.namespace, k.type, k.name"};

// The first key that may follow `key`: text has no NUL.
ResourceKey Behind(ResourceKey key) {
  key.name += '\x01';
  return key;
}

using Label = std::map<std::string, std::string>::value_type;

// The label of `filter` that the fewest resources have; null where all are had by many.
absl::StatusOr<const Label*> RarestLabel(SqliteConnection* connection,
                                         const ResourceFilter& filter) {
  const Label* rarest = nullptr;
  int64_t fewest = kFewResources + 1;
  for (const Label& label : filter.labels) {
    SqliteQuery count(connection, kCountLabel);
    count.BindText(1, label.first).BindText(2, label.second).Bind(3, fewest);
    const int64_t found = count.Step() ? count.Int(0) : 0;
    SB_RETURN_IF_ERROR(count.status());
    if (found >= fewest) continue;
    fewest = found;
    rarest = &label;
  }
  return rarest;
}

// Binds what SB_LIST_CONDITIONS asks for; of the labels those that `labels` has. `start` outlives
// the query.
void BindConditions(const ResourceFilter& filter, const std::map<std::string, std::string>& labels,
                    const ResourceKey& start, int limit, SqliteQuery* query) {
  const absl::string_view above_all_text("\xff", 1);
  query->BindText(1, start.namespace_name).BindText(2, start.type).BindText(3, start.name);
  filter.namespace_name.has_value() ? query->BindText(4, *filter.namespace_name)
                                    : query->BindBlob(4, above_all_text);
  filter.namespace_name.has_value() && filter.type.has_value() ? query->BindText(5, *filter.type)
                                                               : query->BindBlob(5, above_all_text);
  filter.type.has_value() ? query->BindText(6, *filter.type) : query->BindNull(6);
  filter.group.has_value() ? query->BindText(7, *filter.group) : query->BindNull(7);
  filter.changed_since.has_value() ? query->Bind(8, filter.changed_since->number)
                                   : query->BindNull(8);
  labels.empty() ? query->BindNull(9) : query->BindText(9, MapAsJson(labels));
  query->Bind(10, limit);
}

// The ids of the keys of a page, in the order of the keys, at most `limit`.
absl::StatusOr<std::vector<int64_t>> ListIds(SqliteConnection* connection,
                                             const ResourceFilter& filter, const ResourceKey& start,
                                             int limit) {
  SB_ASSIGN_OR_RETURN(const Label* const label, RarestLabel(connection, filter));
  SqliteQuery query(connection, label == nullptr ? kListByKey : kListByLabel);
  std::map<std::string, std::string> others = filter.labels;
  if (label != nullptr) {
    others.erase(label->first);
    query.BindText(11, label->first).BindText(12, label->second);
  }
  BindConditions(filter, others, start, limit, &query);
  std::vector<int64_t> ids;
  while (query.Step()) ids.push_back(query.Int(0));
  SB_RETURN_IF_ERROR(query.status());
  return ids;
}

}  // namespace

absl::StatusOr<ResourcePage> ListResources(SqliteConnection* connection, const Sealer* sealer,
                                           const HeadRow& head, const ResourceFilter& filter,
                                           const std::optional<ResourceKey>& after, int page_size) {
  ResourceKey start;
  if (filter.namespace_name.has_value()) {
    start.namespace_name = *filter.namespace_name;
    start.type = filter.type.value_or("");
  }
  if (after.has_value()) start = std::max(start, Behind(*after));
  // One more than the page tells whether there is another one.
  SB_ASSIGN_OR_RETURN(const std::vector<int64_t> ids,
                      ListIds(connection, filter, start, page_size + 1));
  ResourcePage page = {.head = head.head};
  size_t bytes = 0;
  for (const int64_t id : ids) {
    if (page.resources.size() == static_cast<size_t>(page_size) ||
        bytes >= limits::kMaxBytesPerRead) {
      page.next_after = page.resources.back().key;
      break;
    }
    SqliteQuery row(connection, kSelectById);
    row.Bind(1, id);
    if (!row.Step()) {
      SB_RETURN_IF_ERROR(row.status());
      continue;
    }
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
    bytes += resource.record->body.size();
    page.resources.push_back(std::move(resource));
  }
  return page;
}

absl::StatusOr<ResourceHistoryPage> ReadHistory(SqliteConnection* connection, const Sealer* sealer,
                                                const HeadRow& head, const ResourceKey& key,
                                                Revision below, int page_size) {
  ResourceHistoryPage page;
  size_t bytes = 0;
  SqliteQuery row(connection, kSelectHistoryOfKey);
  row.BindText(1, key.namespace_name)
      .BindText(2, key.type)
      .BindText(3, key.name)
      .Bind(4, head.oldest.number)
      .Bind(5, below.number)
      .Bind(6, page_size + 1);
  while (row.Step()) {
    if (page.changes.size() == static_cast<size_t>(page_size) ||
        bytes >= limits::kMaxBytesPerRead) {
      page.next_below = page.changes.back().info.revision;
      break;
    }
    ResourceChange change = {.info = RevisionIn(row, 13)};
    if (row.Int(12) == 0) {
      SB_ASSIGN_OR_RETURN(change.resource, ResourceIn(row, sealer));
      bytes += change.resource->record->body.size();
    }
    page.changes.push_back(std::move(change));
  }
  SB_RETURN_IF_ERROR(row.status());
  return page;
}

absl::StatusOr<std::vector<Resource>> ReadResourcesAt(SqliteConnection* connection,
                                                      const Sealer* sealer, Revision revision) {
  std::vector<Resource> resources;
  SqliteQuery row(connection, kSelectResourcesAt);
  row.Bind(1, revision.number);
  while (row.Step()) {
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
    resources.push_back(std::move(resource));
  }
  SB_RETURN_IF_ERROR(row.status());
  return resources;
}

}  // namespace signalbox
