#include "storage/postgres/quarantine_rows.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_result.h"
#include "storage/postgres/resource_rows.h"

namespace signalbox {
namespace {

constexpr Sql kWriteNodes = {
    "write_quarantined_nodes",
    "INSERT INTO config.quarantined_node (node, client, namespace, seq, changed) "
    "SELECT t.node, t.client, t.namespace, t.seq, $5 "
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) "
    "  AS t (node, client, namespace, seq) "
    "ON CONFLICT (node, client) DO UPDATE SET namespace = excluded.namespace, seq = excluded.seq, "
    "  changed = excluded.changed"};
constexpr Sql kDeleteQuarantines = {
    "delete_quarantines",
    "DELETE FROM config.quarantine q USING config.quarantined_node n "
    "WHERE q.node = n.id AND n.seq >= $1"};
// $6: the hashes of what is last good, or NULL. One that is gone leaves it unknown what the node
// has.
constexpr Sql kInsertQuarantines = {
    "insert_quarantines",
    "INSERT INTO config.quarantine (node, type, name, version, error, last_good, may_hold) "
    "SELECT n.id, t.type, t.name, t.version, t.error, c.id, "
    "  t.may_hold <> 0 OR (t.last_good IS NOT NULL AND c.id IS NULL) "
    "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], "
    "  $7::bigint[]) AS t (seq, type, name, version, error, last_good, may_hold) "
    "JOIN config.quarantined_node n ON n.seq = t.seq "
    "LEFT JOIN config.record c ON c.hash = t.last_good"};
constexpr Sql kForgetNodes = {"forget_quarantined_nodes",
                              "DELETE FROM config.quarantined_node n WHERE n.changed < $1 AND "
                              "NOT EXISTS (SELECT 1 FROM config.quarantine q WHERE q.node = n.id)"};

constexpr Sql kSelectNodes = {
    "select_quarantined_nodes",
    "SELECT node, client, namespace, seq FROM config.quarantined_node WHERE seq > $1 "
    "ORDER BY seq LIMIT $2"};
constexpr Sql kSelectQuarantines = {
    "select_quarantines",
    "SELECT n.seq, q.type, q.name, q.version, q.error, q.last_good, c.hash, q.may_hold "
    "FROM config.quarantined_node n JOIN config.quarantine q ON q.node = n.id "
    "LEFT JOIN config.record c ON c.id = q.last_good "
    "WHERE n.seq > $1 AND n.seq <= $2 ORDER BY n.seq, q.type, q.name"};
// With the columns of a resource, whose key is told.
constexpr Sql kSelectLastGood = {
    "select_last_good",
    "SELECT t.namespace, t.type, t.name, 0::bigint, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes, t.record "
    "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) "
    "  AS t (record, namespace, type, name) "
    "LEFT JOIN config.record c ON c.id = t.record LEFT JOIN config.body b ON b.id = c.body"};

// What is last good of a resource: its record's row and its key.
using RecordOf = std::pair<int64_t, ResourceKey>;
using LastGood = std::map<RecordOf, std::shared_ptr<const Resource>>;

// Fills in the resources that are asked for.
absl::Status ReadLastGood(PostgresConnection* connection, const Sealer* sealer,
                          LastGood* last_good) {
  std::vector<int64_t> records;
  std::vector<absl::string_view> namespaces, types, names;
  for (const auto& [record_of, resource] : *last_good) {
    records.push_back(record_of.first);
    namespaces.push_back(record_of.second.namespace_name);
    types.push_back(record_of.second.type);
    names.push_back(record_of.second.name);
  }
  SB_ASSIGN_OR_RETURN(
      const PostgresResult rows,
      connection->Run(kSelectLastGood,
                      PostgresParams().Ints(records).Texts(namespaces).Texts(types).Texts(names)));
  for (int i = 0; i < rows.rows(); ++i) {
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(rows[i], sealer));
    RecordOf record_of{rows[i].Int(12), resource.key};
    last_good->insert_or_assign(std::move(record_of),
                                std::make_shared<const Resource>(std::move(resource)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddQuarantineRows(absl::Span<const NodeQuarantines> nodes, int64_t first, absl::Time now,
                       PostgresBatch* batch) {
  std::vector<int64_t> node_seqs, seqs, may_hold;
  std::vector<absl::string_view> node_ids, clients, namespaces, types, names, versions, errors;
  std::vector<std::optional<absl::string_view>> last_good;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodeQuarantines& node = nodes[i];
    node_seqs.push_back(first + static_cast<int64_t>(i));
    node_ids.push_back(node.node);
    clients.push_back(node.client);
    namespaces.push_back(node.namespace_name);
    for (const Quarantine& quarantine : node.quarantines) {
      seqs.push_back(node_seqs.back());
      types.push_back(quarantine.type);
      names.push_back(quarantine.name);
      versions.push_back(quarantine.version);
      errors.push_back(quarantine.error);
      last_good.push_back(quarantine.last_good.has_value()
                              ? std::optional<absl::string_view>(quarantine.last_good->View())
                              : std::nullopt);
      may_hold.push_back(quarantine.may_hold ? 1 : 0);
    }
  }
  batch
      ->Add(kWriteNodes, PostgresParams()
                             .Texts(node_ids)
                             .Texts(clients)
                             .Texts(namespaces)
                             .Ints(node_seqs)
                             .Time(now))
      .Add(kDeleteQuarantines, PostgresParams().Int(first))
      .Add(kInsertQuarantines, PostgresParams()
                                   .Ints(seqs)
                                   .Texts(types)
                                   .Texts(names)
                                   .Texts(versions)
                                   .Texts(errors)
                                   .BytesArray(last_good)
                                   .Ints(may_hold))
      .Add(kForgetNodes, PostgresParams().Time(now - limits::kQuarantineEndKept));
}

absl::StatusOr<QuarantinePage> ReadQuarantineRows(PostgresConnection* connection,
                                                  const Sealer* sealer, int64_t after) {
  QuarantinePage page = {.as_of = after};
  constexpr auto kCount = static_cast<int64_t>(limits::kMaxQuarantineBatch);
  SB_ASSIGN_OR_RETURN(const PostgresResult nodes,
                      connection->Run(kSelectNodes, PostgresParams().Int(after).Int(kCount)));
  page.complete = nodes.rows() < kCount;
  if (nodes.rows() == 0) return page;
  std::map<int64_t, size_t> place;  // of a node by its number
  for (int i = 0; i < nodes.rows(); ++i) {
    page.as_of = nodes[i].Int(3);
    place[page.as_of] = page.nodes.size();
    page.nodes.push_back({.is = {.node = std::string(nodes[i].Text(0)),
                                 .client = std::string(nodes[i].Text(1)),
                                 .namespace_name = std::string(nodes[i].Text(2))}});
  }
  SB_ASSIGN_OR_RETURN(
      const PostgresResult rows,
      connection->Run(kSelectQuarantines, PostgresParams().Int(after).Int(page.as_of)));
  LastGood last_good;
  std::vector<std::tuple<size_t, size_t, RecordOf>> wanted;  // node, quarantine, what
  for (int i = 0; i < rows.rows(); ++i) {
    const size_t at = place[rows[i].Int(0)];
    QuarantinePage::Node& node = page.nodes[at];
    Quarantine quarantine = {.type = std::string(rows[i].Text(1)),
                             .name = std::string(rows[i].Text(2)),
                             .version = std::string(rows[i].Text(3)),
                             .error = std::string(rows[i].Text(4)),
                             .last_good = std::nullopt,
                             .may_hold = rows[i].Bool(7)};
    if (!rows[i].IsNull(5)) {
      quarantine.last_good = rows[i].DigestAt(6);
      RecordOf record_of{rows[i].Int(5),
                         {node.is.namespace_name, quarantine.type, quarantine.name}};
      last_good.emplace(record_of, nullptr);
      wanted.emplace_back(at, node.is.quarantines.size(), std::move(record_of));
    }
    node.is.quarantines.push_back(std::move(quarantine));
    node.last_good.push_back(nullptr);
  }
  if (wanted.empty()) return page;
  SB_RETURN_IF_ERROR(ReadLastGood(connection, sealer, &last_good));
  for (const auto& [node, quarantine, record_of] : wanted) {
    const std::shared_ptr<const Resource>& found = last_good[record_of];
    if (found == nullptr) return errors::StoreDamaged("a record that is last good is missing");
    page.nodes[node].last_good[quarantine] = found;
  }
  return page;
}

}  // namespace signalbox
