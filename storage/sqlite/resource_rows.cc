#include "storage/sqlite/resource_rows.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/sqlite/sqlite_digest.h"
#include "storage/stored_resource.h"

namespace signalbox {
namespace {

constexpr Sql kSelectHead = {
    "select_head",
    "SELECT store_id, epoch, revision, digest, control_seq, oldest_revision, oldest_digest, "
    "outbox_seq FROM head"};

constexpr Sql kCountResources = {"count_resources", "SELECT count(*) FROM resource"};

// CROSS JOIN keeps the order of the keys' index, so that bodies are not sorted.
constexpr Sql kSelectResources = {
    "select_resources",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM resource_key k CROSS JOIN resource r ON r.key = k.id "
    "LEFT JOIN record c ON c.id = r.record LEFT JOIN body b ON b.id = c.body "
    "ORDER BY k.namespace, k.type, k.name"};

constexpr Sql kSelectResource = {
    "select_resource",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM resource_key k JOIN resource r ON r.key = k.id "
    "LEFT JOIN record c ON c.id = r.record LEFT JOIN body b ON b.id = c.body "
    "WHERE k.namespace = ?1 AND k.type = ?2 AND k.name = ?3"};

// A removal has no record; the columns are those of select_resource.
constexpr Sql kSelectHistory = {
    "select_history",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes, h.record IS "
    "NULL "
    "FROM resource_history h LEFT JOIN resource_key k ON k.id = h.key "
    "LEFT JOIN record c ON c.id = h.record LEFT JOIN body b ON b.id = c.body "
    "WHERE h.revision = ?1 ORDER BY k.namespace, k.type, k.name"};

constexpr Sql kSelectHistoryHashes = {
    "select_history_hashes",
    "SELECT k.namespace, k.type, k.name, c.hash, h.record IS NULL "
    "FROM resource_history h LEFT JOIN resource_key k ON k.id = h.key LEFT JOIN record c ON c.id = "
    "h.record "
    "WHERE h.revision = ?1 ORDER BY k.namespace, k.type, k.name"};

constexpr Sql kSelectRevisionsUp = {
    "select_revisions_up",
    "SELECT number, epoch, time_ms, author, message, request_id, kind, "
    "previous_digest, digest FROM revision "
    "WHERE number > ?1 ORDER BY number LIMIT ?2"};

constexpr Sql kSelectRevisionsDown = {
    "select_revisions_down",
    "SELECT number, epoch, time_ms, author, message, request_id, kind, previous_digest, digest "
    "FROM revision "
    "WHERE number >= ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3"};

ResourceKey KeyIn(const SqliteQuery& row) {
  return {.namespace_name = std::string(row.Text(0)),
          .type = std::string(row.Text(1)),
          .name = std::string(row.Text(2))};
}

absl::Status ChainBroken(Revision revision) {
  return errors::StoreDamaged(
      absl::StrCat("the chain of revisions does not hold at revision ", revision.number));
}

// The changes of a revision. `bytes` grows by its bodies.
absl::StatusOr<RevisionChanges> ReadChangesOf(SqliteConnection* connection, const Sealer* sealer,
                                              RevisionInfo info, size_t* bytes) {
  RevisionChanges changes;
  SqliteQuery row(connection, kSelectHistory);
  row.Bind(1, info.revision.number);
  while (row.Step()) {
    if (row.Int(12) != 0) {
      changes.removals.push_back(KeyIn(row));
      continue;
    }
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
    *bytes += resource.record->body.size();
    changes.upserts.push_back(std::move(resource));
  }
  SB_RETURN_IF_ERROR(row.status());
  changes.info = std::move(info);
  return changes;
}

// The digest of a revision from what is stored of it, without reading bodies. `rows` grows by its
// changes.
absl::StatusOr<Digest> ChainDigestOf(SqliteConnection* connection, const HeadRow& head,
                                     const RevisionInfo& info, int64_t* rows) {
  std::vector<Resource> upserts;
  std::vector<ResourceKey> removals;
  SqliteQuery row(connection, kSelectHistoryHashes);
  row.Bind(1, info.revision.number);
  while (row.Step()) {
    if (row.Int(4) != 0) {
      removals.push_back(KeyIn(row));
    } else {
      upserts.push_back({.key = KeyIn(row), .record_hash = DigestIn(row.Blob(3))});
    }
  }
  SB_RETURN_IF_ERROR(row.status());
  *rows += static_cast<int64_t>(upserts.size() + removals.size());
  return ChainDigest(info.previous_digest, info, upserts, removals);
}

}  // namespace

absl::StatusOr<Resource> ResourceIn(const SqliteQuery& row, const Sealer* sealer) {
  const ResourceKey key = KeyIn(row);
  if (row.IsNull(4) || row.IsNull(10)) {
    return errors::StoreDamaged(
        absl::StrCat("the record or the body of ", key.ToString(), " is missing"));
  }
  const RecordHashes hashes = {.body = DigestIn(row.Blob(10)), .record = DigestIn(row.Blob(4))};
  return RestoreResource(
      {.key = key,
       .changed_in = Revision{row.Int(3)},
       .hashes = hashes,
       .targets = row.Text(5),
       .labels = row.Text(6),
       .annotations = row.Text(7),
       .owner = row.Text(8),
       .source = row.Text(9)},
      [&](Record* record) { return RestoreRecord(sealer, key, row.Blob(11), hashes, record); });
}

RevisionInfo RevisionIn(const SqliteQuery& row, int first) {
  return {.revision = Revision{row.Int(first)},
          .epoch = static_cast<uint64_t>(row.Int(first + 1)),
          .time = absl::FromUnixMillis(row.Int(first + 2)),
          .author = std::string(row.Text(first + 3)),
          .message = std::string(row.Text(first + 4)),
          .request_id = std::string(row.Text(first + 5)),
          .kind = static_cast<RevisionKind>(row.Int(first + 6)),
          .previous_digest = DigestIn(row.Blob(first + 7)),
          .digest = DigestIn(row.Blob(first + 8))};
}

absl::StatusOr<std::optional<HeadRow>> ReadHeadRow(SqliteConnection* connection) {
  SqliteQuery row(connection, kSelectHead);
  if (!row.Step()) {
    SB_RETURN_IF_ERROR(row.status());
    return std::optional<HeadRow>();
  }
  return std::optional<HeadRow>(HeadRow{.head = {.store_id = std::string(row.Text(0)),
                                                 .epoch = static_cast<uint64_t>(row.Int(1)),
                                                 .revision = Revision{row.Int(2)},
                                                 .digest = DigestIn(row.Blob(3)),
                                                 .control_seq = row.Int(4)},
                                        .oldest = Revision{row.Int(5)},
                                        .oldest_digest = DigestIn(row.Blob(6)),
                                        .outbox_seq = row.Int(7)});
}

absl::StatusOr<std::vector<Resource>> ReadResources(SqliteConnection* connection,
                                                    const Sealer* sealer) {
  SqliteQuery count(connection, kCountResources);
  const int64_t expected = count.Step() ? count.Int(0) : 0;
  SB_RETURN_IF_ERROR(count.status());
  std::vector<Resource> resources;
  resources.reserve(static_cast<size_t>(expected));
  SqliteQuery row(connection, kSelectResources);
  while (row.Step()) {
    SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
    resources.push_back(std::move(resource));
  }
  SB_RETURN_IF_ERROR(row.status());
  if (static_cast<int64_t>(resources.size()) != expected) {
    return errors::StoreDamaged(
        absl::StrCat("of ", expected, " resources only ", resources.size(), " have a name"));
  }
  return resources;
}

absl::StatusOr<std::optional<Resource>> ReadResource(SqliteConnection* connection,
                                                     const Sealer* sealer, const ResourceKey& key) {
  SqliteQuery row(connection, kSelectResource);
  row.BindText(1, key.namespace_name).BindText(2, key.type).BindText(3, key.name);
  if (!row.Step()) {
    SB_RETURN_IF_ERROR(row.status());
    return std::optional<Resource>();
  }
  SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
  return std::optional<Resource>(std::move(resource));
}

absl::StatusOr<std::vector<RevisionChanges>> ReadChanges(SqliteConnection* connection,
                                                         const Sealer* sealer, const HeadRow& head,
                                                         Revision after) {
  std::vector<RevisionChanges> changes;
  std::optional<Digest> previous;  // unknown for the first: its predecessor may be pruned
  if (after == head.Below()) previous = head.oldest_digest;
  size_t bytes = 0;
  SqliteQuery row(connection, kSelectRevisionsUp);
  row.Bind(1, after.number).Bind(2, limits::kMaxRevisionsPerRead);
  while (bytes < limits::kMaxBytesPerRead && row.Step()) {
    const Revision expected = Next(changes.empty() ? after : changes.back().info.revision);
    RevisionInfo info = RevisionIn(row, 0);
    if (info.revision != expected) return ChainBroken(expected);
    size_t its_bytes = 0;
    SB_ASSIGN_OR_RETURN(RevisionChanges its,
                        ReadChangesOf(connection, sealer, std::move(info), &its_bytes));
    if (!changes.empty() && bytes + its_bytes > limits::kMaxBytesPerRead) return changes;
    bytes += its_bytes;
    if ((previous.has_value() && its.info.previous_digest != *previous) ||
        ChainDigest(its.info.previous_digest, its.info, its.upserts, its.removals) !=
            its.info.digest) {
      return ChainBroken(expected);
    }
    previous = its.info.digest;
    changes.push_back(std::move(its));
  }
  SB_RETURN_IF_ERROR(row.status());
  const Revision last = changes.empty() ? after : changes.back().info.revision;
  const bool full =
      bytes >= limits::kMaxBytesPerRead || changes.size() == limits::kMaxRevisionsPerRead;
  if ((!full && last != head.head.revision) ||
      (last == head.head.revision && previous.has_value() && *previous != head.head.digest)) {
    return ChainBroken(Next(last));
  }
  return changes;
}

absl::StatusOr<std::vector<RevisionInfo>> ReadRevisions(SqliteConnection* connection,
                                                        Revision oldest, Revision below,
                                                        int count) {
  std::vector<RevisionInfo> revisions;
  SqliteQuery row(connection, kSelectRevisionsDown);
  row.Bind(1, oldest.number).Bind(2, below.number).Bind(3, count);
  while (row.Step()) revisions.push_back(RevisionIn(row, 0));
  SB_RETURN_IF_ERROR(row.status());
  return revisions;
}

absl::StatusOr<Digest> ReadDigestAt(SqliteConnection* connection, const HeadRow& head,
                                    Revision revision) {
  if (revision == head.Below()) return head.oldest_digest;
  SB_ASSIGN_OR_RETURN(const std::vector<RevisionInfo> found,
                      ReadRevisions(connection, revision, Next(revision), 1));
  if (found.empty()) return ChainBroken(revision);
  return found.front().digest;
}

absl::Status CheckChain(SqliteConnection* connection, const HeadRow& head, int64_t row_limit) {
  int64_t rows = 0;
  Revision expected = head.head.revision;
  Digest digest = head.head.digest;
  SqliteQuery row(connection, kSelectRevisionsDown);
  row.Bind(1, 0).Bind(2, Next(head.head.revision).number).Bind(3, row_limit);
  while (rows < row_limit && expected >= head.oldest && row.Step()) {
    const RevisionInfo info = RevisionIn(row, 0);
    if (info.revision != expected || info.digest != digest) return ChainBroken(expected);
    SB_ASSIGN_OR_RETURN(const Digest computed, ChainDigestOf(connection, head, info, &rows));
    if (computed != digest) return ChainBroken(expected);
    digest = info.previous_digest;
    expected.number--;
    ++rows;
  }
  SB_RETURN_IF_ERROR(row.status());
  if (rows >= row_limit) return absl::OkStatus();
  return expected == head.Below() && digest == head.oldest_digest ? absl::OkStatus()
                                                                  : ChainBroken(expected);
}

}  // namespace signalbox
