#include "storage/sqlite/quarantine_rows.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

constexpr Sql kWriteNode = {
    "write_quarantined_node",
    "INSERT INTO quarantined_node (node, client, namespace, seq, changed_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (node, client) DO UPDATE SET namespace = ?3, seq = ?4, changed_ms = ?5 "
    "RETURNING id"};
constexpr Sql kDeleteQuarantines = {"delete_quarantines", "DELETE FROM quarantine WHERE node = ?1"};
// ?6: the hash of what is last good, or NULL. One that is gone leaves it unknown what the node has.
constexpr Sql kInsertQuarantine = {
    "insert_quarantine",
    "INSERT INTO quarantine (node, type, name, version, error, last_good, may_hold) "
    "SELECT ?1, ?2, ?3, ?4, ?5, c.id, ?7 OR (?6 IS NOT NULL AND c.id IS NULL) "
    "FROM (SELECT 1) LEFT JOIN record c ON c.hash = ?6"};
constexpr Sql kForgetNodes = {
    "forget_quarantined_nodes",
    "DELETE FROM quarantined_node WHERE changed_ms < ?1 AND "
    "NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.node = quarantined_node.id)"};

constexpr Sql kSelectNodes = {
    "select_quarantined_nodes",
    "SELECT id, node, client, namespace, seq FROM quarantined_node WHERE seq > ?1 "
    "ORDER BY seq LIMIT ?2"};
constexpr Sql kSelectQuarantines = {
    "select_quarantines",
    "SELECT q.type, q.name, q.version, q.error, q.last_good, c.hash, q.may_hold "
    "FROM quarantine q LEFT JOIN record c ON c.id = q.last_good WHERE q.node = ?1 "
    "ORDER BY q.type, q.name"};
// With the columns of a resource, whose key is told.
constexpr Sql kSelectLastGood = {
    "select_last_good",
    "SELECT ?2, ?3, ?4, 0, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM record c LEFT JOIN body b ON b.id = c.body WHERE c.id = ?1"};

using LastGood = std::map<std::pair<int64_t, ResourceKey>, std::shared_ptr<const Resource>>;

absl::StatusOr<std::shared_ptr<const Resource>> ReadLastGood(SqliteConnection* connection,
                                                             const Sealer* sealer, int64_t record,
                                                             const ResourceKey& key) {
  SqliteQuery row(connection, kSelectLastGood);
  row.Bind(1, record).BindText(2, key.namespace_name).BindText(3, key.type).BindText(4, key.name);
  if (!row.Step()) {
    SB_RETURN_IF_ERROR(row.status());
    return errors::StoreDamaged("a record that is last good is missing");
  }
  SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
  return std::make_shared<const Resource>(std::move(resource));
}

// Fills in what the node with this row id refuses.
absl::Status ReadQuarantinesOf(SqliteConnection* connection, const Sealer* sealer, int64_t id,
                               LastGood* read, QuarantinePage::Node* node) {
  std::vector<std::optional<int64_t>> records;
  {
    SqliteQuery row(connection, kSelectQuarantines);
    row.Bind(1, id);
    while (row.Step()) {
      Quarantine quarantine = {.type = std::string(row.Text(0)),
                               .name = std::string(row.Text(1)),
                               .version = std::string(row.Text(2)),
                               .error = std::string(row.Text(3)),
                               .last_good = std::nullopt,
                               .may_hold = row.Int(6) != 0};
      records.push_back(row.IsNull(4) ? std::nullopt : std::optional<int64_t>(row.Int(4)));
      if (records.back().has_value()) quarantine.last_good = DigestIn(row.Blob(5));
      node->is.quarantines.push_back(std::move(quarantine));
    }
    SB_RETURN_IF_ERROR(row.status());
  }
  for (size_t i = 0; i < records.size(); ++i) {
    node->last_good.push_back(nullptr);
    if (!records[i].has_value()) continue;
    const Quarantine& quarantine = node->is.quarantines[i];
    const ResourceKey key{node->is.namespace_name, quarantine.type, quarantine.name};
    std::shared_ptr<const Resource>& known = (*read)[{*records[i], key}];
    if (known == nullptr) {
      SB_ASSIGN_OR_RETURN(known, ReadLastGood(connection, sealer, *records[i], key));
    }
    node->last_good.back() = known;
  }
  return absl::OkStatus();
}

absl::Status WriteNodeRows(SqliteConnection* connection, const NodeQuarantines& node, int64_t seq,
                           absl::Time now) {
  int64_t id = 0;
  {
    SqliteQuery write(connection, kWriteNode);
    write.BindText(1, node.node)
        .BindText(2, node.client)
        .BindText(3, node.namespace_name)
        .Bind(4, seq)
        .Bind(5, absl::ToUnixMillis(now));
    while (write.Step()) id = write.Int(0);
    SB_RETURN_IF_ERROR(write.status());
  }
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteQuarantines).Bind(1, id).Run());
  for (const Quarantine& quarantine : node.quarantines) {
    SqliteQuery insert(connection, kInsertQuarantine);
    insert.Bind(1, id)
        .BindText(2, quarantine.type)
        .BindText(3, quarantine.name)
        .BindText(4, quarantine.version)
        .BindText(5, quarantine.error)
        .Bind(7, quarantine.may_hold ? 1 : 0);
    if (quarantine.last_good.has_value()) {
      insert.BindBlob(6, quarantine.last_good->View());
    } else {
      insert.BindNull(6);
    }
    SB_RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteQuarantineRows(SqliteConnection* connection,
                                 absl::Span<const NodeQuarantines> nodes, int64_t first,
                                 absl::Time now) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    SB_RETURN_IF_ERROR(WriteNodeRows(connection, nodes[i], first + static_cast<int64_t>(i), now));
  }
  return SqliteQuery(connection, kForgetNodes)
      .Bind(1, absl::ToUnixMillis(now - limits::kQuarantineEndKept))
      .Run();
}

absl::StatusOr<QuarantinePage> ReadQuarantineRows(SqliteConnection* connection,
                                                  const Sealer* sealer, int64_t after) {
  QuarantinePage page = {.as_of = after};
  std::vector<int64_t> ids;
  {
    SqliteQuery row(connection, kSelectNodes);
    row.Bind(1, after).Bind(2, static_cast<int64_t>(limits::kMaxQuarantineBatch));
    while (row.Step()) {
      ids.push_back(row.Int(0));
      page.nodes.push_back({.is = {.node = std::string(row.Text(1)),
                                   .client = std::string(row.Text(2)),
                                   .namespace_name = std::string(row.Text(3))}});
      page.as_of = row.Int(4);
    }
    SB_RETURN_IF_ERROR(row.status());
  }
  page.complete = ids.size() < limits::kMaxQuarantineBatch;
  LastGood read;
  for (size_t i = 0; i < ids.size(); ++i)
    SB_RETURN_IF_ERROR(ReadQuarantinesOf(connection, sealer, ids[i], &read, &page.nodes[i]));
  return page;
}

}  // namespace signalbox
