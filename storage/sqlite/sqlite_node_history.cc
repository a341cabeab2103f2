#include "storage/sqlite/sqlite_node_history.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_node.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/node_steps.h"
#include "storage/retention.h"
#include "storage/sqlite/sqlite_access.h"
#include "storage/sqlite/sqlite_connection.h"

namespace signalbox {
namespace {

constexpr Sql kSelectKnownNode = {
    "select_known_node",
    "SELECT instance, node_group, state, connected_ms FROM node WHERE id = ?1"};
constexpr Sql kWriteNode = {
    "write_node",
    "INSERT INTO node (id, namespace, node_group, client, variant, instance, connected_ms, state, "
    "since_ms, epoch, revision, acked, detail, seen_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
    "ON CONFLICT (id) DO UPDATE SET namespace = ?2, node_group = ?3, client = ?4, variant = ?5, "
    "instance = ?6, connected_ms = ?7, state = ?8, since_ms = ?9, epoch = ?10, revision = ?11, "
    "acked = ?12, detail = ?13, seen_ms = ?14"};
constexpr Sql kInsertStatus = {
    "insert_node_status",
    "INSERT INTO node_status (node, node_group, instance, state, since_ms, revision, detail, "
    "seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
constexpr Sql kWriteNack = {
    "write_nack",
    "INSERT INTO nack (fingerprint, type, resource, node, client, message, epoch, revision, "
    "first_ms, last_ms, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "ON CONFLICT (fingerprint, type, resource, node) DO UPDATE SET client = ?5, message = ?6, "
    "epoch = ?7, revision = ?8, first_ms = min(first_ms, ?9), last_ms = max(last_ms, ?10), "
    "count = count + ?11"};
constexpr Sql kWriteInstance = {
    "write_instance",
    "INSERT INTO instance (name, version, address, started_ms, nodes, epoch, watermark, seen_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (name) DO UPDATE SET version = ?2, address = ?3, started_ms = ?4, nodes = ?5, "
    "epoch = ?6, watermark = ?7, seen_ms = ?8"};

constexpr Sql kSelectNode = {
    "select_node",
    "SELECT id, namespace, node_group, client, variant, instance, connected_ms, state, since_ms, "
    "epoch, revision, acked, detail, seen_ms FROM node WHERE id = ?1"};
// Parameters: the position's namespace, group and id, the limit, namespace, group, instance, state.
constexpr Sql kListNodes = {
    "list_nodes",
    "SELECT id, namespace, node_group, client, variant, instance, connected_ms, state, since_ms, "
    "epoch, revision, acked, detail, seen_ms FROM node "
    "WHERE (namespace, node_group, id) > (?1, ?2, ?3) AND (?5 IS NULL OR namespace = ?5) "
    "AND (?6 IS NULL OR node_group = ?6) AND (?7 IS NULL OR instance = ?7) "
    "AND (?8 IS NULL OR state = ?8) ORDER BY namespace, node_group, id LIMIT ?4"};
constexpr Sql kCountNodes = {"count_nodes", "SELECT state, count(*) FROM node GROUP BY state"};
constexpr Sql kListStatuses = {
    "list_node_statuses",
    "SELECT number, node, node_group, instance, state, since_ms, revision, detail FROM node_status "
    "WHERE node = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3"};
// Parameters: the position's time and number, the limit, node, fingerprint, type, resource.
constexpr Sql kListNacks = {
    "list_nacks",
    "SELECT number, fingerprint, type, resource, node, client, message, epoch, revision, first_ms, "
    "last_ms, count FROM nack "
    "WHERE (last_ms, number) < (?1, ?2) AND (?4 IS NULL OR node = ?4) "
    "AND (?5 IS NULL OR fingerprint = ?5) AND (?6 IS NULL OR type = ?6) "
    "AND (?7 IS NULL OR resource = ?7) ORDER BY last_ms DESC, number DESC LIMIT ?3"};
constexpr Sql kListNacksByNode = {
    "list_nacks_by_node",
    "SELECT number, fingerprint, type, resource, node, client, message, epoch, revision, first_ms, "
    "last_ms, count FROM nack "
    "WHERE node = ?4 AND (last_ms, number) < (?1, ?2) AND (?5 IS NULL OR fingerprint = ?5) "
    "AND (?6 IS NULL OR type = ?6) AND (?7 IS NULL OR resource = ?7) "
    "ORDER BY last_ms DESC, number DESC LIMIT ?3"};
constexpr Sql kListInstances = {
    "list_instances",
    "SELECT name, version, address, started_ms, nodes, epoch, watermark, seen_ms FROM instance "
    "ORDER BY name"};

constexpr Sql kDeleteNode = {"delete_node", "DELETE FROM node WHERE id = ?1"};
constexpr Sql kDeleteStatusesOf = {"delete_statuses_of_node",
                                   "DELETE FROM node_status WHERE node = ?1"};
constexpr Sql kDeleteNacksOf = {"delete_nacks_of_node", "DELETE FROM nack WHERE node = ?1"};

// Parameters: kept since, how many are kept, limit.
constexpr Sql kPruneStatuses = {
    "prune_node_statuses",
    "DELETE FROM node_status WHERE number IN (SELECT number FROM node_status WHERE seen_ms < ?1 OR "
    "number <= coalesce((SELECT number FROM node_status ORDER BY number DESC LIMIT 1 OFFSET ?2), "
    "0) "
    "ORDER BY number LIMIT ?3)"};
constexpr Sql kPruneNacks = {
    "prune_nacks",
    "DELETE FROM nack WHERE number IN (SELECT number FROM nack WHERE last_ms < ?1 OR (last_ms, "
    "number) <= (SELECT last_ms, number FROM nack ORDER BY last_ms DESC, number DESC LIMIT 1 "
    "OFFSET "
    "?2) ORDER BY last_ms, number LIMIT ?3)"};
constexpr Sql kSelectGone = {
    "select_gone_nodes",
    "SELECT id FROM node WHERE state = 8 AND (seen_ms < ?1 OR (seen_ms, id) <= (SELECT seen_ms, id "
    "FROM node WHERE state = 8 ORDER BY seen_ms DESC, id DESC LIMIT 1 OFFSET ?2)) "
    "ORDER BY seen_ms, id LIMIT ?3"};
constexpr Sql kPruneInstances = {
    "prune_instances",
    "DELETE FROM instance WHERE name IN (SELECT name FROM instance WHERE seen_ms < ?1 "
    "ORDER BY seen_ms LIMIT ?2)"};

static_assert(static_cast<int>(NodeState::kGone) == 8);

int64_t Millis(absl::Time time) { return absl::ToUnixMillis(time); }
int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

void BindFilter(SqliteQuery& query, int index, const std::optional<std::string>& text) {
  if (text.has_value()) {
    query.BindText(index, *text);
  } else {
    query.BindNull(index);
  }
}

absl::StatusOr<std::optional<KnownNode>> ReadKnown(SqliteConnection* connection,
                                                   const std::string& id) {
  SqliteQuery query(connection, kSelectKnownNode);
  query.BindText(1, id);
  std::optional<KnownNode> known;
  if (query.Step()) {
    known = KnownNode{.instance = std::string(query.Text(0)),
                      .group = std::string(query.Text(1)),
                      .state = static_cast<NodeState>(query.Int(2)),
                      .connected = absl::FromUnixMillis(query.Int(3))};
  }
  SB_RETURN_IF_ERROR(query.status());
  return known;
}

absl::Status WriteNode(SqliteConnection* connection, const NodeRecord& node, int64_t now) {
  SB_ASSIGN_OR_RETURN(const std::optional<KnownNode> known, ReadKnown(connection, node.id));
  if (known.has_value() && !Replaces(*known, node)) return absl::OkStatus();
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kWriteNode)
                         .BindText(1, node.id)
                         .BindText(2, node.namespace_name)
                         .BindText(3, node.group)
                         .BindText(4, node.client)
                         .BindText(5, node.variant)
                         .BindText(6, node.instance)
                         .Bind(7, Millis(node.connected))
                         .Bind(8, static_cast<int64_t>(node.state))
                         .Bind(9, Millis(node.since))
                         .Bind(10, Signed(node.epoch))
                         .Bind(11, node.revision.number)
                         .BindText(12, AckedJson(node.acked))
                         .BindText(13, node.detail)
                         .Bind(14, now)
                         .Run());
  if (!IsChange(known, node)) return absl::OkStatus();
  return SqliteQuery(connection, kInsertStatus)
      .BindText(1, node.id)
      .BindText(2, node.group)
      .BindText(3, node.instance)
      .Bind(4, static_cast<int64_t>(node.state))
      .Bind(5, Millis(node.since))
      .Bind(6, node.revision.number)
      .BindText(7, node.detail)
      .Bind(8, now)
      .Run();
}

absl::Status WriteNack(SqliteConnection* connection, const NackRecord& nack) {
  return SqliteQuery(connection, kWriteNack)
      .BindText(1, nack.fingerprint)
      .BindText(2, nack.type)
      .BindText(3, nack.resource)
      .BindText(4, nack.node)
      .BindText(5, nack.client)
      .BindText(6, nack.message)
      .Bind(7, Signed(nack.epoch))
      .Bind(8, nack.revision.number)
      .Bind(9, Millis(nack.first_seen))
      .Bind(10, Millis(nack.last_seen))
      .Bind(11, nack.count)
      .Run();
}

absl::Status WriteInstance(SqliteConnection* connection, const InstanceRecord& instance,
                           int64_t now) {
  return SqliteQuery(connection, kWriteInstance)
      .BindText(1, instance.name)
      .BindText(2, instance.version)
      .BindText(3, instance.address)
      .Bind(4, Millis(instance.started))
      .Bind(5, instance.nodes)
      .Bind(6, Signed(instance.epoch))
      .Bind(7, instance.watermark.number)
      .Bind(8, now)
      .Run();
}

absl::StatusOr<NodeRecord> NodeIn(const SqliteQuery& query) {
  NodeRecord node = {
      .id = std::string(query.Text(0)),
      .namespace_name = std::string(query.Text(1)),
      .group = std::string(query.Text(2)),
      .client = std::string(query.Text(3)),
      .variant = std::string(query.Text(4)),
      .instance = std::string(query.Text(5)),
      .connected = absl::FromUnixMillis(query.Int(6)),
      .state = static_cast<NodeState>(query.Int(7)),
      .since = absl::FromUnixMillis(query.Int(8)),
      .epoch = static_cast<uint64_t>(query.Int(9)),
      .revision = Revision{query.Int(10)},
      .detail = std::string(query.Text(12)),
      .seen = absl::FromUnixMillis(query.Int(13)),
  };
  SB_ASSIGN_OR_RETURN(node.acked, AckedIn(query.Text(11)));
  return node;
}

NackRecord NackIn(const SqliteQuery& query) {
  return {
      .number = query.Int(0),
      .fingerprint = std::string(query.Text(1)),
      .type = std::string(query.Text(2)),
      .resource = std::string(query.Text(3)),
      .node = std::string(query.Text(4)),
      .client = std::string(query.Text(5)),
      .message = std::string(query.Text(6)),
      .epoch = static_cast<uint64_t>(query.Int(7)),
      .revision = Revision{query.Int(8)},
      .first_seen = absl::FromUnixMillis(query.Int(9)),
      .last_seen = absl::FromUnixMillis(query.Int(10)),
      .count = query.Int(11),
  };
}

// Deletes the node with all of its rows; how many nodes that was.
absl::StatusOr<int64_t> DeleteNode(SqliteConnection* connection, absl::string_view id) {
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteNode).BindText(1, id).Run());
  const int64_t nodes = connection->ChangedRows();
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteStatusesOf).BindText(1, id).Run());
  SB_RETURN_IF_ERROR(SqliteQuery(connection, kDeleteNacksOf).BindText(1, id).Run());
  return nodes;
}

size_t PageSize(int page_size) {
  return static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
}

}  // namespace

SqliteNodeHistory::SqliteNodeHistory(std::shared_ptr<SqliteDatabase> database, const Clock* clock)
    : database_(std::move(database)), clock_(clock) {
  SB_CHECK(database_ != nullptr && clock_ != nullptr);
}

absl::StatusOr<NodeHistoryWritten> SqliteNodeHistory::Write(const NodeHistoryBatch& batch) {
  NodeHistoryWritten written;
  SB_ASSIGN_OR_RETURN(const NodeHistoryBatch rows, Acceptable(batch, &written));
  return WriteTo(database_.get(),
                 [&](SqliteConnection* connection) -> absl::StatusOr<NodeHistoryWritten> {
                   const int64_t now = Millis(clock_->Now());
                   for (const NodeRecord& node : rows.nodes) {
                     SB_RETURN_IF_ERROR(WriteNode(connection, node, now));
                   }
                   for (const NackRecord& nack : rows.nacks) {
                     SB_RETURN_IF_ERROR(WriteNack(connection, nack));
                   }
                   if (rows.instance.has_value()) {
                     SB_RETURN_IF_ERROR(WriteInstance(connection, *rows.instance, now));
                   }
                   return written;
                 });
}

absl::StatusOr<NodeRecord> SqliteNodeHistory::GetNode(absl::string_view id) {
  SB_RETURN_IF_ERROR(CheckNodeId(id));
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<NodeRecord> {
    SqliteQuery query(connection, kSelectNode);
    query.BindText(1, id);
    if (query.Step()) return NodeIn(query);
    SB_RETURN_IF_ERROR(query.status());
    return errors::NoSuchNode(id);
  });
}

absl::StatusOr<NodePage> SqliteNodeHistory::ListNodes(const NodeFilter& filter,
                                                      const std::optional<NodePosition>& after,
                                                      int page_size) {
  SB_RETURN_IF_ERROR(CheckNodeFilter(filter, after));
  const size_t count = PageSize(page_size);
  const NodePosition position = after.value_or(NodePosition{});
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<NodePage> {
    SqliteQuery query(connection, kListNodes);
    query.BindText(1, position.namespace_name)
        .BindText(2, position.group)
        .BindText(3, position.id)
        .Bind(4, static_cast<int64_t>(count) + 1);
    BindFilter(query, 5, filter.namespace_name);
    BindFilter(query, 6, filter.group);
    BindFilter(query, 7, filter.instance);
    if (filter.state.has_value()) {
      query.Bind(8, static_cast<int64_t>(*filter.state));
    } else {
      query.BindNull(8);
    }
    NodePage page;
    while (query.Step()) {
      SB_ASSIGN_OR_RETURN(NodeRecord node, NodeIn(query));
      page.nodes.push_back(std::move(node));
    }
    SB_RETURN_IF_ERROR(query.status());
    if (page.nodes.size() > count) {
      page.nodes.resize(count);
      const NodeRecord& last = page.nodes.back();
      page.next_after =
          NodePosition{.namespace_name = last.namespace_name, .group = last.group, .id = last.id};
    }
    return page;
  });
}

absl::StatusOr<std::map<NodeState, int64_t>> SqliteNodeHistory::CountNodes() {
  return ReadFrom(database_.get(),
                  [](SqliteConnection* connection) -> absl::StatusOr<std::map<NodeState, int64_t>> {
                    std::map<NodeState, int64_t> counts;
                    SqliteQuery query(connection, kCountNodes);
                    while (query.Step())
                      counts[static_cast<NodeState>(query.Int(0))] = query.Int(1);
                    SB_RETURN_IF_ERROR(query.status());
                    return counts;
                  });
}

absl::StatusOr<NodeStatusPage> SqliteNodeHistory::ListStatusChanges(absl::string_view node,
                                                                    std::optional<int64_t> below,
                                                                    int page_size) {
  SB_RETURN_IF_ERROR(CheckNodeId(node));
  const size_t count = PageSize(page_size);
  return ReadFrom(database_.get(),
                  [&](SqliteConnection* connection) -> absl::StatusOr<NodeStatusPage> {
                    SqliteQuery query(connection, kListStatuses);
                    query.BindText(1, node)
                        .Bind(2, below.value_or(INT64_MAX))
                        .Bind(3, static_cast<int64_t>(count) + 1);
                    NodeStatusPage page;
                    while (query.Step()) {
                      page.changes.push_back({.number = query.Int(0),
                                              .node = std::string(query.Text(1)),
                                              .group = std::string(query.Text(2)),
                                              .instance = std::string(query.Text(3)),
                                              .state = static_cast<NodeState>(query.Int(4)),
                                              .since = absl::FromUnixMillis(query.Int(5)),
                                              .revision = Revision{query.Int(6)},
                                              .detail = std::string(query.Text(7))});
                    }
                    SB_RETURN_IF_ERROR(query.status());
                    if (page.changes.size() > count) {
                      page.changes.resize(count);
                      page.next_below = page.changes.back().number;
                    }
                    return page;
                  });
}

absl::StatusOr<NackPage> SqliteNodeHistory::ListNacks(const NackFilter& filter,
                                                      const std::optional<NackPosition>& below,
                                                      int page_size) {
  SB_RETURN_IF_ERROR(CheckNackFilter(filter));
  const size_t count = PageSize(page_size);
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<NackPage> {
    SqliteQuery query(connection, filter.node.has_value() ? kListNacksByNode : kListNacks);
    query.Bind(1, below.has_value() ? Millis(below->last_seen) : INT64_MAX)
        .Bind(2, below.has_value() ? below->number : 0)
        .Bind(3, static_cast<int64_t>(count) + 1);
    BindFilter(query, 4, filter.node);
    BindFilter(query, 5, filter.fingerprint);
    BindFilter(query, 6, filter.type);
    BindFilter(query, 7, filter.resource);
    NackPage page;
    while (query.Step()) page.nacks.push_back(NackIn(query));
    SB_RETURN_IF_ERROR(query.status());
    if (page.nacks.size() > count) {
      page.nacks.resize(count);
      page.next_below = NackPosition{.last_seen = page.nacks.back().last_seen,
                                     .number = page.nacks.back().number};
    }
    return page;
  });
}

absl::StatusOr<std::vector<InstanceRecord>> SqliteNodeHistory::ListInstances() {
  return ReadFrom(database_.get(),
                  [](SqliteConnection* connection) -> absl::StatusOr<std::vector<InstanceRecord>> {
                    std::vector<InstanceRecord> instances;
                    SqliteQuery query(connection, kListInstances);
                    while (query.Step()) {
                      instances.push_back({.name = std::string(query.Text(0)),
                                           .version = std::string(query.Text(1)),
                                           .address = std::string(query.Text(2)),
                                           .started = absl::FromUnixMillis(query.Int(3)),
                                           .nodes = query.Int(4),
                                           .epoch = static_cast<uint64_t>(query.Int(5)),
                                           .watermark = Revision{query.Int(6)},
                                           .seen = absl::FromUnixMillis(query.Int(7))});
                    }
                    SB_RETURN_IF_ERROR(query.status());
                    return instances;
                  });
}

absl::Status SqliteNodeHistory::ForgetNode(absl::string_view id) {
  SB_RETURN_IF_ERROR(CheckNodeId(id));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::Status {
    SB_ASSIGN_OR_RETURN(const int64_t nodes, DeleteNode(connection, id));
    return nodes > 0 ? absl::OkStatus() : errors::NoSuchNode(id);
  });
}

absl::StatusOr<int> SqliteNodeHistory::Prune(const NodeHistoryRetention& retention) {
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<int> {
    const absl::Time now = clock_->Now();
    int64_t left = limits::kMaxPrunedRows;
    const auto prune = [&](const Sql& sql, absl::Duration age, int64_t kept) -> absl::Status {
      SB_RETURN_IF_ERROR(SqliteQuery(connection, sql)
                             .Bind(1, KeptSinceMillis(now, age))
                             .Bind(2, kept)
                             .Bind(3, left)
                             .Run());
      left -= connection->ChangedRows();
      return absl::OkStatus();
    };
    SB_RETURN_IF_ERROR(prune(kPruneStatuses, retention.status_age, retention.status_count));
    SB_RETURN_IF_ERROR(prune(kPruneNacks, retention.nack_age, retention.nack_count));
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kPruneInstances)
                           .Bind(1, KeptSinceMillis(now, retention.instance_age))
                           .Bind(2, left)
                           .Run());
    left -= connection->ChangedRows();
    std::vector<std::string> gone;
    {
      SqliteQuery query(connection, kSelectGone);
      query.Bind(1, KeptSinceMillis(now, retention.gone_age))
          .Bind(2, retention.gone_count)
          .Bind(3, left);
      while (query.Step()) gone.emplace_back(query.Text(0));
      SB_RETURN_IF_ERROR(query.status());
    }
    for (const std::string& id : gone) {
      SB_ASSIGN_OR_RETURN(const int64_t nodes, DeleteNode(connection, id));
      left -= nodes;
    }
    return static_cast<int>(limits::kMaxPrunedRows - left);
  });
}

}  // namespace signalbox
