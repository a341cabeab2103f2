#include "storage/postgres/postgres_node_history.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_node.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/node_steps.h"
#include "storage/postgres/postgres_access.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_result.h"
#include "storage/retention.h"

namespace signalbox {
namespace {

// In the order of ids, as all who write take them: no two wait for each other.
constexpr Sql kLockKnownNodes = {
    "lock_known_nodes",
    "SELECT id, instance, node_group, state, connected FROM telemetry.node "
    "WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE"};
// The condition is Replaces: another instance may have added the node meanwhile.
constexpr Sql kWriteNodes = {
    "write_nodes",
    "INSERT INTO telemetry.node AS known (id, namespace, node_group, client, variant, instance, "
    "connected, state, since, epoch, revision, acked, detail, seen) "
    "SELECT a, b, c, d, e, f, g, h, i, j, k, l::jsonb, m, $14 FROM unnest($1::text[], $2::text[], "
    "$3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[], "
    "$9::timestamptz[], $10::bigint[], $11::bigint[], $12::text[], $13::text[]) "
    "AS u (a, b, c, d, e, f, g, h, i, j, k, l, m) "
    "ON CONFLICT (id) DO UPDATE SET namespace = excluded.namespace, node_group = "
    "excluded.node_group, client = excluded.client, variant = excluded.variant, instance = "
    "excluded.instance, connected = excluded.connected, state = excluded.state, since = "
    "excluded.since, epoch = excluded.epoch, revision = excluded.revision, acked = excluded.acked, "
    "detail = excluded.detail, seen = excluded.seen "
    "WHERE known.instance = excluded.instance OR "
    "(excluded.state <> 8 AND excluded.connected >= known.connected)"};
constexpr Sql kInsertStatuses = {
    "insert_node_statuses",
    "INSERT INTO telemetry.node_status (node, node_group, instance, state, since, revision, "
    "detail, seen) SELECT a, b, c, d, e, f, g, $8 FROM unnest($1::text[], $2::text[], $3::text[], "
    "$4::bigint[], $5::timestamptz[], $6::bigint[], $7::text[]) AS u (a, b, c, d, e, f, g)"};
constexpr Sql kWriteNacks = {
    "write_nacks",
    "INSERT INTO telemetry.nack AS known (fingerprint, type, resource, node, client, message, "
    "epoch, revision, first_seen, last_seen, count) SELECT * FROM unnest($1::text[], $2::text[], "
    "$3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], "
    "$9::timestamptz[], $10::timestamptz[], $11::bigint[]) "
    "ON CONFLICT (node, fingerprint, type, resource) DO UPDATE SET client = excluded.client, "
    "message = excluded.message, epoch = excluded.epoch, revision = excluded.revision, first_seen "
    "= least(known.first_seen, excluded.first_seen), last_seen = greatest(known.last_seen, "
    "excluded.last_seen), count = known.count + excluded.count"};
constexpr Sql kWriteInstance = {
    "write_instance",
    "INSERT INTO telemetry.instance (name, version, address, started, nodes, epoch, watermark, "
    "seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET version = "
    "excluded.version, address = excluded.address, started = excluded.started, nodes = "
    "excluded.nodes, epoch = excluded.epoch, watermark = excluded.watermark, seen = "
    "excluded.seen"};

constexpr Sql kSelectNode = {
    "select_node",
    "SELECT id, namespace, node_group, client, variant, instance, connected, state, since, epoch, "
    "revision, acked, detail, seen FROM telemetry.node WHERE id = $1"};
// Parameters: the position's namespace, group and id, the limit, namespace, group, instance, state.
constexpr Sql kListNodes = {
    "list_nodes",
    "SELECT id, namespace, node_group, client, variant, instance, connected, state, since, epoch, "
    "revision, acked, detail, seen FROM telemetry.node "
    "WHERE (namespace, node_group, id) > ($1, $2, $3) "
    "AND ($5::text IS NULL OR namespace = $5::text) "
    "AND ($6::text IS NULL OR node_group = $6::text) "
    "AND ($7::text IS NULL OR instance = $7::text) "
    "AND ($8::bigint IS NULL OR state = $8::bigint) ORDER BY namespace, node_group, id LIMIT $4"};
constexpr Sql kCountNodes = {"count_nodes",
                             "SELECT state, count(*) FROM telemetry.node GROUP BY state"};
constexpr Sql kListStatuses = {
    "list_node_statuses",
    "SELECT number, node, node_group, instance, state, since, revision, detail FROM "
    "telemetry.node_status WHERE node = $1 AND number < $2 ORDER BY number DESC LIMIT $3"};
// Parameters: the position's time (NULL: the newest) and number, the limit, node, fingerprint,
// type, resource.
constexpr Sql kListNacks = {
    "list_nacks",
    "SELECT number, fingerprint, type, resource, node, client, message, epoch, revision, "
    "first_seen, last_seen, count FROM telemetry.nack "
    "WHERE ($1::timestamptz IS NULL OR (last_seen, number) < ($1::timestamptz, $2)) "
    "AND ($4::text IS NULL OR node = $4::text) "
    "AND ($5::text IS NULL OR fingerprint = $5::text) AND ($6::text IS NULL OR type = $6::text) "
    "AND ($7::text IS NULL OR resource = $7::text) ORDER BY last_seen DESC, number DESC LIMIT $3"};
constexpr Sql kListInstances = {
    "list_instances",
    "SELECT name, version, address, started, nodes, epoch, watermark, seen FROM telemetry.instance "
    "ORDER BY name"};

constexpr Sql kDeleteNodes = {"delete_nodes",
                              "DELETE FROM telemetry.node WHERE id = ANY ($1::text[])"};
constexpr Sql kDeleteStatusesOf = {
    "delete_statuses_of_nodes", "DELETE FROM telemetry.node_status WHERE node = ANY ($1::text[])"};
constexpr Sql kDeleteNacksOf = {"delete_nacks_of_nodes",
                                "DELETE FROM telemetry.nack WHERE node = ANY ($1::text[])"};

// Parameters: kept since, how many are kept, limit.
constexpr Sql kPruneStatuses = {
    "prune_node_statuses",
    "DELETE FROM telemetry.node_status WHERE number IN (SELECT number FROM telemetry.node_status "
    "WHERE seen < $1 OR number <= coalesce((SELECT number FROM telemetry.node_status ORDER BY "
    "number DESC LIMIT 1 OFFSET $2), 0) ORDER BY number LIMIT $3)"};
constexpr Sql kPruneNacks = {
    "prune_nacks",
    "DELETE FROM telemetry.nack WHERE number IN (SELECT number FROM telemetry.nack WHERE last_seen "
    "< $1 OR (last_seen, number) <= (SELECT last_seen, number FROM telemetry.nack ORDER BY "
    "last_seen DESC, number DESC LIMIT 1 OFFSET $2) ORDER BY last_seen, number LIMIT $3)"};
constexpr Sql kLockGone = {
    "lock_gone_nodes",
    "SELECT id FROM telemetry.node WHERE state = 8 AND (seen < $1 OR (seen, id) <= (SELECT seen, "
    "id FROM telemetry.node WHERE state = 8 ORDER BY seen DESC, id DESC LIMIT 1 OFFSET $2)) "
    "ORDER BY seen, id LIMIT $3 FOR UPDATE SKIP LOCKED"};
constexpr Sql kPruneInstances = {
    "prune_instances",
    "DELETE FROM telemetry.instance WHERE name IN (SELECT name FROM telemetry.instance WHERE seen "
    "< $1 ORDER BY seen LIMIT $2)"};
constexpr Sql kSelectSize = {
    "select_telemetry_size",
    "SELECT pg_total_relation_size('telemetry.node') + "
    "pg_total_relation_size('telemetry.node_status') + pg_total_relation_size('telemetry.nack') + "
    "pg_total_relation_size('telemetry.instance')"};

static_assert(static_cast<int>(NodeState::kGone) == 8);

using Views = std::vector<absl::string_view>;

int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

PostgresParams& AddFilter(const std::optional<std::string>& text, PostgresParams* params) {
  return text.has_value() ? params->Text(*text) : params->Null();
}

// Adds the rows of nodes, of which each id stands there once.
void AddNodes(const std::map<std::string, const NodeRecord*>& nodes, absl::Time now,
              PostgresBatch* batch) {
  if (nodes.empty()) return;
  Views ids, namespaces, groups, clients, variants, instances, details;
  std::vector<std::string> acked;
  std::vector<absl::Time> connected, since;
  std::vector<int64_t> states, epochs, revisions;
  for (const auto& [id, node] : nodes) {
    ids.emplace_back(node->id);
    namespaces.emplace_back(node->namespace_name);
    groups.emplace_back(node->group);
    clients.emplace_back(node->client);
    variants.emplace_back(node->variant);
    instances.emplace_back(node->instance);
    connected.push_back(node->connected);
    states.push_back(static_cast<int64_t>(node->state));
    since.push_back(node->since);
    epochs.push_back(Signed(node->epoch));
    revisions.push_back(node->revision.number);
    acked.push_back(AckedJson(node->acked));
    details.emplace_back(node->detail);
  }
  batch->Add(kWriteNodes, PostgresParams()
                              .Texts(ids)
                              .Texts(namespaces)
                              .Texts(groups)
                              .Texts(clients)
                              .Texts(variants)
                              .Texts(instances)
                              .Times(connected)
                              .Ints(states)
                              .Times(since)
                              .Ints(epochs)
                              .Ints(revisions)
                              .Texts(Views(acked.begin(), acked.end()))
                              .Texts(details)
                              .Time(now));
}

void AddStatuses(const std::vector<const NodeRecord*>& changes, absl::Time now,
                 PostgresBatch* batch) {
  if (changes.empty()) return;
  Views nodes, groups, instances, details;
  std::vector<int64_t> states, revisions;
  std::vector<absl::Time> since;
  for (const NodeRecord* node : changes) {
    nodes.emplace_back(node->id);
    groups.emplace_back(node->group);
    instances.emplace_back(node->instance);
    states.push_back(static_cast<int64_t>(node->state));
    since.push_back(node->since);
    revisions.push_back(node->revision.number);
    details.emplace_back(node->detail);
  }
  batch->Add(kInsertStatuses, PostgresParams()
                                  .Texts(nodes)
                                  .Texts(groups)
                                  .Texts(instances)
                                  .Ints(states)
                                  .Times(since)
                                  .Ints(revisions)
                                  .Texts(details)
                                  .Time(now));
}

// Adds the refusals, those that mean the same counted together.
void AddNacks(const std::vector<NackRecord>& nacks, PostgresBatch* batch) {
  using Key =
      std::tuple<absl::string_view, absl::string_view, absl::string_view, absl::string_view>;
  std::map<Key, NackRecord> merged;
  for (const NackRecord& nack : nacks) {
    const auto [it, is_new] =
        merged.try_emplace(Key(nack.node, nack.fingerprint, nack.type, nack.resource), nack);
    if (is_new) continue;
    NackRecord next = nack;
    next.first_seen = std::min(nack.first_seen, it->second.first_seen);
    next.last_seen = std::max(nack.last_seen, it->second.last_seen);
    next.count += it->second.count;
    it->second = std::move(next);
  }
  if (merged.empty()) return;
  Views fingerprints, types, resources, nodes, clients, messages;
  std::vector<int64_t> epochs, revisions, counts;
  std::vector<absl::Time> first, last;
  for (const auto& [key, nack] : merged) {
    fingerprints.emplace_back(nack.fingerprint);
    types.emplace_back(nack.type);
    resources.emplace_back(nack.resource);
    nodes.emplace_back(nack.node);
    clients.emplace_back(nack.client);
    messages.emplace_back(nack.message);
    epochs.push_back(Signed(nack.epoch));
    revisions.push_back(nack.revision.number);
    first.push_back(nack.first_seen);
    last.push_back(nack.last_seen);
    counts.push_back(nack.count);
  }
  batch->Add(kWriteNacks, PostgresParams()
                              .Texts(fingerprints)
                              .Texts(types)
                              .Texts(resources)
                              .Texts(nodes)
                              .Texts(clients)
                              .Texts(messages)
                              .Ints(epochs)
                              .Ints(revisions)
                              .Times(first)
                              .Times(last)
                              .Ints(counts));
}

void AddInstance(const InstanceRecord& instance, absl::Time now, PostgresBatch* batch) {
  batch->Add(kWriteInstance, PostgresParams()
                                 .Text(instance.name)
                                 .Text(instance.version)
                                 .Text(instance.address)
                                 .Time(instance.started)
                                 .Int(instance.nodes)
                                 .Int(Signed(instance.epoch))
                                 .Int(instance.watermark.number)
                                 .Time(now));
}

absl::StatusOr<NodeRecord> NodeIn(const PostgresRow& row) {
  NodeRecord node = {
      .id = std::string(row.Text(0)),
      .namespace_name = std::string(row.Text(1)),
      .group = std::string(row.Text(2)),
      .client = std::string(row.Text(3)),
      .variant = std::string(row.Text(4)),
      .instance = std::string(row.Text(5)),
      .connected = row.Time(6),
      .state = static_cast<NodeState>(row.Int(7)),
      .since = row.Time(8),
      .epoch = static_cast<uint64_t>(row.Int(9)),
      .revision = Revision{row.Int(10)},
      .detail = std::string(row.Text(12)),
      .seen = row.Time(13),
  };
  SB_ASSIGN_OR_RETURN(node.acked, AckedIn(row.Json(11)));
  return node;
}

NackRecord NackIn(const PostgresRow& row) {
  return {
      .number = row.Int(0),
      .fingerprint = std::string(row.Text(1)),
      .type = std::string(row.Text(2)),
      .resource = std::string(row.Text(3)),
      .node = std::string(row.Text(4)),
      .client = std::string(row.Text(5)),
      .message = std::string(row.Text(6)),
      .epoch = static_cast<uint64_t>(row.Int(7)),
      .revision = Revision{row.Int(8)},
      .first_seen = row.Time(9),
      .last_seen = row.Time(10),
      .count = row.Int(11),
  };
}

// Adds what deletes nodes with all of their rows.
void AddDelete(const Views& ids, PostgresBatch* batch) {
  batch->Add(kDeleteNodes, PostgresParams().Texts(ids))
      .Add(kDeleteStatusesOf, PostgresParams().Texts(ids))
      .Add(kDeleteNacksOf, PostgresParams().Texts(ids));
}

size_t PageSize(int page_size) {
  return static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
}

PostgresBatch OnlyNow() {
  PostgresBatch locks;
  locks.Add(kSelectNow);
  return locks;
}

}  // namespace

PostgresNodeHistory::PostgresNodeHistory(std::shared_ptr<PostgresPool> pool, const Clock* clock)
    : pool_(std::move(pool)), clock_(clock) {
  SB_CHECK(pool_ != nullptr);
}

absl::StatusOr<NodeHistoryWritten> PostgresNodeHistory::Write(const NodeHistoryBatch& batch) {
  NodeHistoryWritten written;
  SB_ASSIGN_OR_RETURN(NodeHistoryBatch rows, Acceptable(batch, &written));
  for (NodeRecord& node : rows.nodes) {
    node.connected = absl::FromUnixMillis(absl::ToUnixMillis(node.connected));
    node.since = absl::FromUnixMillis(absl::ToUnixMillis(node.since));
  }
  for (NackRecord& nack : rows.nacks) {
    nack.first_seen = absl::FromUnixMillis(absl::ToUnixMillis(nack.first_seen));
    nack.last_seen = absl::FromUnixMillis(absl::ToUnixMillis(nack.last_seen));
  }
  if (rows.instance.has_value()) {
    rows.instance->started = absl::FromUnixMillis(absl::ToUnixMillis(rows.instance->started));
  }
  Views ids;
  for (const NodeRecord& node : rows.nodes) ids.emplace_back(node.id);
  PostgresBatch locks;
  locks.Add(kLockKnownNodes, PostgresParams().Texts(ids)).Add(kSelectNow);
  return WriteTo(pool_.get(), locks,
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::StatusOr<NodeHistoryWritten> {
                   std::map<std::string, KnownNode> known;
                   for (int i = 0; i < locked[0].rows(); ++i) {
                     const PostgresRow row = locked[0][i];
                     known[std::string(row.Text(0))] = {.instance = std::string(row.Text(1)),
                                                        .group = std::string(row.Text(2)),
                                                        .state = static_cast<NodeState>(row.Int(3)),
                                                        .connected = row.Time(4)};
                   }
                   const absl::Time now = NowIn(locked[1], clock_);
                   std::map<std::string, const NodeRecord*> nodes;
                   std::vector<const NodeRecord*> changes;
                   for (const NodeRecord& node : rows.nodes) {
                     const auto it = known.find(node.id);
                     std::optional<KnownNode> before;
                     if (it != known.end()) before = it->second;
                     if (before.has_value() && !Replaces(*before, node)) continue;
                     if (IsChange(before, node)) changes.push_back(&node);
                     nodes[node.id] = &node;
                     known[node.id] = {.instance = node.instance,
                                       .group = node.group,
                                       .state = node.state,
                                       .connected = node.connected};
                   }
                   AddNodes(nodes, now, last);
                   AddStatuses(changes, now, last);
                   AddNacks(rows.nacks, last);
                   if (rows.instance.has_value()) AddInstance(*rows.instance, now, last);
                   return written;
                 });
}

absl::StatusOr<NodeRecord> PostgresNodeHistory::GetNode(absl::string_view id) {
  SB_RETURN_IF_ERROR(CheckNodeId(id));
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<NodeRecord> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result,
                        connection->Run(kSelectNode, PostgresParams().Text(id)));
    if (result.rows() == 0) return errors::NoSuchNode(id);
    return NodeIn(result[0]);
  });
}

absl::StatusOr<NodePage> PostgresNodeHistory::ListNodes(const NodeFilter& filter,
                                                        const std::optional<NodePosition>& after,
                                                        int page_size) {
  SB_RETURN_IF_ERROR(CheckNodeFilter(filter, after));
  const size_t count = PageSize(page_size);
  const NodePosition position = after.value_or(NodePosition{});
  PostgresParams params;
  params.Text(position.namespace_name)
      .Text(position.group)
      .Text(position.id)
      .Int(static_cast<int64_t>(count) + 1);
  AddFilter(filter.namespace_name, &params);
  AddFilter(filter.group, &params);
  AddFilter(filter.instance, &params);
  if (filter.state.has_value()) {
    params.Int(static_cast<int64_t>(*filter.state));
  } else {
    params.Null();
  }
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<NodePage> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListNodes, params));
    NodePage page;
    for (int i = 0; i < result.rows(); ++i) {
      SB_ASSIGN_OR_RETURN(NodeRecord node, NodeIn(result[i]));
      page.nodes.push_back(std::move(node));
    }
    if (page.nodes.size() > count) {
      page.nodes.resize(count);
      const NodeRecord& last = page.nodes.back();
      page.next_after =
          NodePosition{.namespace_name = last.namespace_name, .group = last.group, .id = last.id};
    }
    return page;
  });
}

absl::StatusOr<std::map<NodeState, int64_t>> PostgresNodeHistory::CountNodes() {
  return ReadFrom(
      pool_.get(),
      [](PostgresConnection* connection) -> absl::StatusOr<std::map<NodeState, int64_t>> {
        SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kCountNodes));
        std::map<NodeState, int64_t> counts;
        for (int i = 0; i < result.rows(); ++i)
          counts[static_cast<NodeState>(result[i].Int(0))] = result[i].Int(1);
        return counts;
      });
}

absl::StatusOr<NodeStatusPage> PostgresNodeHistory::ListStatusChanges(absl::string_view node,
                                                                      std::optional<int64_t> below,
                                                                      int page_size) {
  SB_RETURN_IF_ERROR(CheckNodeId(node));
  const size_t count = PageSize(page_size);
  const PostgresParams params = PostgresParams()
                                    .Text(node)
                                    .Int(below.value_or(INT64_MAX))
                                    .Int(static_cast<int64_t>(count) + 1);
  return ReadFrom(
      pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<NodeStatusPage> {
        SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListStatuses, params));
        NodeStatusPage page;
        for (int i = 0; i < result.rows(); ++i) {
          const PostgresRow row = result[i];
          page.changes.push_back({.number = row.Int(0),
                                  .node = std::string(row.Text(1)),
                                  .group = std::string(row.Text(2)),
                                  .instance = std::string(row.Text(3)),
                                  .state = static_cast<NodeState>(row.Int(4)),
                                  .since = row.Time(5),
                                  .revision = Revision{row.Int(6)},
                                  .detail = std::string(row.Text(7))});
        }
        if (page.changes.size() > count) {
          page.changes.resize(count);
          page.next_below = page.changes.back().number;
        }
        return page;
      });
}

absl::StatusOr<NackPage> PostgresNodeHistory::ListNacks(const NackFilter& filter,
                                                        const std::optional<NackPosition>& below,
                                                        int page_size) {
  SB_RETURN_IF_ERROR(CheckNackFilter(filter));
  const size_t count = PageSize(page_size);
  PostgresParams params;
  if (below.has_value()) {
    params.Time(below->last_seen).Int(below->number);
  } else {
    params.Null().Int(0);
  }
  params.Int(static_cast<int64_t>(count) + 1);
  AddFilter(filter.node, &params);
  AddFilter(filter.fingerprint, &params);
  AddFilter(filter.type, &params);
  AddFilter(filter.resource, &params);
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<NackPage> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListNacks, params));
    NackPage page;
    for (int i = 0; i < result.rows(); ++i) page.nacks.push_back(NackIn(result[i]));
    if (page.nacks.size() > count) {
      page.nacks.resize(count);
      page.next_below = NackPosition{.last_seen = page.nacks.back().last_seen,
                                     .number = page.nacks.back().number};
    }
    return page;
  });
}

absl::StatusOr<std::vector<InstanceRecord>> PostgresNodeHistory::ListInstances() {
  return ReadFrom(
      pool_.get(),
      [](PostgresConnection* connection) -> absl::StatusOr<std::vector<InstanceRecord>> {
        SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListInstances));
        std::vector<InstanceRecord> instances;
        for (int i = 0; i < result.rows(); ++i) {
          const PostgresRow row = result[i];
          instances.push_back({.name = std::string(row.Text(0)),
                               .version = std::string(row.Text(1)),
                               .address = std::string(row.Text(2)),
                               .started = row.Time(3),
                               .nodes = row.Int(4),
                               .epoch = static_cast<uint64_t>(row.Int(5)),
                               .watermark = Revision{row.Int(6)},
                               .seen = row.Time(7)});
        }
        return instances;
      });
}

absl::Status PostgresNodeHistory::ForgetNode(absl::string_view id) {
  SB_RETURN_IF_ERROR(CheckNodeId(id));
  PostgresBatch locks;
  locks.Add(kLockKnownNodes, PostgresParams().Texts({id}));
  return WriteTo(pool_.get(), locks,
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::Status {
                   if (locked[0].rows() == 0) return errors::NoSuchNode(id);
                   AddDelete({id}, last);
                   return absl::OkStatus();
                 });
}

absl::StatusOr<int> PostgresNodeHistory::Prune(const NodeHistoryRetention& retention) {
  return WriteTo(
      pool_.get(), OnlyNow(),
      [&](PostgresConnection* connection, const std::vector<PostgresResult>& answers,
          PostgresBatch* last) -> absl::StatusOr<int> {
        const absl::Time now = NowIn(answers[0], clock_);
        const auto since = [&](absl::Duration age) {
          return absl::FromUnixMillis(KeptSinceMillis(now, age));
        };
        int64_t left = limits::kMaxPrunedRows;
        const auto prune = [&](const Sql& sql, absl::Duration age, int64_t kept) -> absl::Status {
          SB_ASSIGN_OR_RETURN(
              const PostgresResult result,
              connection->Run(sql, PostgresParams().Time(since(age)).Int(kept).Int(left)));
          left -= result.changed_rows();
          return absl::OkStatus();
        };
        SB_RETURN_IF_ERROR(prune(kPruneStatuses, retention.status_age, retention.status_count));
        SB_RETURN_IF_ERROR(prune(kPruneNacks, retention.nack_age, retention.nack_count));
        SB_ASSIGN_OR_RETURN(
            const PostgresResult instances,
            connection->Run(kPruneInstances,
                            PostgresParams().Time(since(retention.instance_age)).Int(left)));
        left -= instances.changed_rows();
        SB_ASSIGN_OR_RETURN(const PostgresResult gone,
                            connection->Run(kLockGone, PostgresParams()
                                                           .Time(since(retention.gone_age))
                                                           .Int(retention.gone_count)
                                                           .Int(left)));
        Views ids;
        for (int i = 0; i < gone.rows(); ++i) ids.push_back(gone[i].Text(0));
        if (!ids.empty()) AddDelete(ids, last);
        left -= gone.rows();
        return static_cast<int>(limits::kMaxPrunedRows - left);
      });
}

absl::StatusOr<int64_t> PostgresNodeHistory::SizeBytes() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<int64_t> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectSize));
    return result[0].Int(0);
  });
}

}  // namespace signalbox
