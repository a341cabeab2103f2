#include "storage/postgres/resource_rows.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/stored_resource.h"

namespace signalbox {
namespace {

#define SB_HEAD                                                                             \
  "SELECT store_id, epoch, revision, digest, control_seq, oldest_revision, oldest_digest, " \
  "outbox_seq FROM config.head"

// The rows are sorted here: a server would sort them with their bodies.
constexpr Sql kSelectResources = {
    "select_resources",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM config.resource r LEFT JOIN config.resource_key k ON k.id = r.key "
    "LEFT JOIN config.record c ON c.id = r.record LEFT JOIN config.body b ON b.id = c.body"};

constexpr Sql kSelectResource = {
    "select_resource",
    "SELECT k.namespace, k.type, k.name, r.changed_in, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes "
    "FROM config.resource_key k JOIN config.resource r ON r.key = k.id "
    "LEFT JOIN config.record c ON c.id = r.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE k.namespace = $1 AND k.type = $2 AND k.name = $3"};

// With the sum of the bodies, which is known without reading them.
constexpr Sql kSelectRevisionsUp = {
    "select_revisions_up",
    "SELECT v.number, v.epoch, v.time, v.author, v.message, v.request_id, v.kind, "
    "  v.previous_digest, v.digest, "
    "  (SELECT coalesce(sum(octet_length(b.bytes)), 0)::bigint FROM config.resource_history h "
    "   JOIN config.record c ON c.id = h.record JOIN config.body b ON b.id = c.body "
    "   WHERE h.revision = v.number) "
    "FROM config.revision v WHERE v.number > $1 ORDER BY v.number LIMIT $2"};

constexpr Sql kSelectRevisionsDown = {
    "select_revisions_down",
    "SELECT number, epoch, time, author, message, request_id, kind, previous_digest, digest "
    "FROM config.revision WHERE number >= $1 AND number < $2 ORDER BY number DESC LIMIT $3"};

// A removal has no record; the columns are those of select_resource.
constexpr Sql kSelectHistory = {
    "select_history",
    "SELECT k.namespace, k.type, k.name, h.revision, "
    "  c.hash, c.targets, c.labels, c.annotations, c.owner, c.source, b.hash, b.bytes, "
    "  h.record IS NULL "
    "FROM config.resource_history h LEFT JOIN config.resource_key k ON k.id = h.key "
    "LEFT JOIN config.record c ON c.id = h.record LEFT JOIN config.body b ON b.id = c.body "
    "WHERE h.revision > $1 AND h.revision <= $2"};

constexpr Sql kSelectRevisionsWithCounts = {
    "select_revisions_with_counts",
    "SELECT v.number, v.epoch, v.time, v.author, v.message, v.request_id, v.kind, "
    "  v.previous_digest, v.digest, "
    "  (SELECT count(*) FROM config.resource_history h WHERE h.revision = v.number) "
    "FROM config.revision v ORDER BY v.number DESC LIMIT $1"};

constexpr Sql kSelectHistoryHashes = {
    "select_history_hashes",
    "SELECT h.revision, k.namespace, k.type, k.name, c.hash, h.record IS NULL "
    "FROM config.resource_history h LEFT JOIN config.resource_key k ON k.id = h.key "
    "LEFT JOIN config.record c ON c.id = h.record WHERE h.revision >= $1"};

ResourceKey KeyIn(const PostgresRow& row, int first) {
  return {.namespace_name = std::string(row.Text(first)),
          .type = std::string(row.Text(first + 1)),
          .name = std::string(row.Text(first + 2))};
}

absl::Status ChainBroken(Revision revision) {
  return errors::StoreDamaged(
      absl::StrCat("the chain of revisions does not hold at revision ", revision.number));
}

// Sorts what revisions changed by key.
void Sort(RevisionChanges* changes) {
  std::sort(changes->upserts.begin(), changes->upserts.end(),
            [](const Resource& a, const Resource& b) { return a.key < b.key; });
  std::sort(changes->removals.begin(), changes->removals.end());
}

// The revisions after `after` without their changes, as many as one read may return; `*full` when
// there may be more.
absl::StatusOr<std::vector<RevisionChanges>> ReadRevisionsToFill(PostgresConnection* connection,
                                                                 Revision after, bool* full) {
  std::vector<RevisionChanges> changes;
  SB_ASSIGN_OR_RETURN(
      const PostgresResult rows,
      connection->Run(kSelectRevisionsUp,
                      PostgresParams().Int(after.number).Int(limits::kMaxRevisionsPerRead)));
  size_t bytes = 0;
  for (int i = 0; i < rows.rows(); ++i) {
    const Revision expected = Next(changes.empty() ? after : changes.back().info.revision);
    RevisionInfo info = RevisionIn(rows[i], 0);
    if (info.revision != expected) return ChainBroken(expected);
    bytes += static_cast<size_t>(rows[i].Int(9));
    if (!changes.empty() && bytes > limits::kMaxBytesPerRead) break;
    changes.push_back({.info = std::move(info)});
  }
  *full = changes.size() == limits::kMaxRevisionsPerRead ||
          changes.size() < static_cast<size_t>(rows.rows());
  return changes;
}

}  // namespace

const Sql kSelectHead = {"select_head", SB_HEAD};
const Sql kLockHead = {"lock_head", SB_HEAD " FOR UPDATE"};
#undef SB_HEAD

std::optional<HeadRow> HeadRowIn(const PostgresResult& result) {
  if (result.rows() == 0) return std::nullopt;
  const PostgresRow row = result[0];
  return HeadRow{.head = {.store_id = std::string(row.Text(0)),
                          .epoch = static_cast<uint64_t>(row.Int(1)),
                          .revision = Revision{row.Int(2)},
                          .digest = row.DigestAt(3),
                          .control_seq = row.Int(4)},
                 .oldest = Revision{row.Int(5)},
                 .oldest_digest = row.DigestAt(6),
                 .outbox_seq = row.Int(7)};
}

absl::StatusOr<Resource> ResourceIn(const PostgresRow& row, const Sealer* sealer) {
  const ResourceKey key = KeyIn(row, 0);
  if (row.IsNull(0) || row.IsNull(4) || row.IsNull(10)) {
    return errors::StoreDamaged(
        absl::StrCat("the name, the record or the body of ", key.ToString(), " is missing"));
  }
  const RecordHashes hashes = {.body = row.DigestAt(10), .record = row.DigestAt(4)};
  return RestoreResource(
      {.key = key,
       .changed_in = Revision{row.Int(3)},
       .hashes = hashes,
       .targets = row.Json(5),
       .labels = row.Json(6),
       .annotations = row.Json(7),
       .owner = row.Text(8),
       .source = row.Text(9)},
      [&](Record* record) { return RestoreRecord(sealer, key, row.Bytes(11), hashes, record); });
}

RevisionInfo RevisionIn(const PostgresRow& row, int first) {
  return {.revision = Revision{row.Int(first)},
          .epoch = static_cast<uint64_t>(row.Int(first + 1)),
          .time = row.Time(first + 2),
          .author = std::string(row.Text(first + 3)),
          .message = std::string(row.Text(first + 4)),
          .request_id = std::string(row.Text(first + 5)),
          .kind = static_cast<RevisionKind>(row.Int(first + 6)),
          .previous_digest = row.DigestAt(first + 7),
          .digest = row.DigestAt(first + 8)};
}

absl::StatusOr<std::vector<Resource>> ReadResources(PostgresConnection* connection,
                                                    const Sealer* sealer) {
  std::vector<Resource> resources;
  SB_RETURN_IF_ERROR(
      connection->ForEachRow(kSelectResources, {}, [&](const PostgresRow& row) -> absl::Status {
        SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
        resources.push_back(std::move(resource));
        return absl::OkStatus();
      }));
  std::sort(resources.begin(), resources.end(),
            [](const Resource& a, const Resource& b) { return a.key < b.key; });
  return resources;
}

absl::StatusOr<std::optional<Resource>> ReadResource(PostgresConnection* connection,
                                                     const Sealer* sealer, const ResourceKey& key) {
  SB_ASSIGN_OR_RETURN(
      const PostgresResult rows,
      connection->Run(kSelectResource,
                      PostgresParams().Text(key.namespace_name).Text(key.type).Text(key.name)));
  if (rows.rows() == 0) return std::optional<Resource>();
  SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(rows[0], sealer));
  return std::optional<Resource>(std::move(resource));
}

absl::StatusOr<std::vector<RevisionChanges>> ReadChanges(PostgresConnection* connection,
                                                         const Sealer* sealer, const HeadRow& head,
                                                         Revision after) {
  bool full = false;
  SB_ASSIGN_OR_RETURN(std::vector<RevisionChanges> changes,
                      ReadRevisionsToFill(connection, after, &full));
  if (changes.empty()) {
    if (after != head.head.revision) return ChainBroken(Next(after));
    return changes;
  }
  const Revision last = changes.back().info.revision;
  if (!full && last != head.head.revision) return ChainBroken(Next(last));
  SB_RETURN_IF_ERROR(connection->ForEachRow(
      kSelectHistory, PostgresParams().Int(after.number).Int(last.number),
      [&](const PostgresRow& row) -> absl::Status {
        RevisionChanges& its = changes[static_cast<size_t>(row.Int(3) - after.number - 1)];
        if (row.Bool(12)) {
          its.removals.push_back(KeyIn(row, 0));
          return absl::OkStatus();
        }
        SB_ASSIGN_OR_RETURN(Resource resource, ResourceIn(row, sealer));
        its.upserts.push_back(std::move(resource));
        return absl::OkStatus();
      }));
  std::optional<Digest> previous;  // unknown for the first: its predecessor may be pruned
  if (after == head.Below()) previous = head.oldest_digest;
  for (RevisionChanges& its : changes) {
    Sort(&its);
    if ((previous.has_value() && its.info.previous_digest != *previous) ||
        ChainDigest(its.info.previous_digest, its.info, its.upserts, its.removals) !=
            its.info.digest) {
      return ChainBroken(its.info.revision);
    }
    previous = its.info.digest;
  }
  if (last == head.head.revision && *previous != head.head.digest) return ChainBroken(last);
  return changes;
}

absl::StatusOr<std::vector<RevisionInfo>> ReadRevisions(PostgresConnection* connection,
                                                        Revision oldest, Revision below,
                                                        int count) {
  SB_ASSIGN_OR_RETURN(
      const PostgresResult rows,
      connection->Run(kSelectRevisionsDown,
                      PostgresParams().Int(oldest.number).Int(below.number).Int(count)));
  std::vector<RevisionInfo> revisions;
  for (int i = 0; i < rows.rows(); ++i) revisions.push_back(RevisionIn(rows[i], 0));
  return revisions;
}

absl::StatusOr<Digest> ReadDigestAt(PostgresConnection* connection, const HeadRow& head,
                                    Revision revision) {
  if (revision == head.head.revision) return head.head.digest;
  if (revision == head.Below()) return head.oldest_digest;
  SB_ASSIGN_OR_RETURN(const std::vector<RevisionInfo> found,
                      ReadRevisions(connection, revision, Next(revision), 1));
  if (found.empty()) return ChainBroken(revision);
  return found.front().digest;
}

absl::Status CheckChain(PostgresConnection* connection, const HeadRow& head, int64_t row_limit) {
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      connection->Run(kSelectRevisionsWithCounts, PostgresParams().Int(row_limit)));
  // Newest first, down to where enough has been seen.
  std::vector<RevisionChanges> changes;
  int64_t seen = 0;
  Revision expected = head.head.revision;
  Digest digest = head.head.digest;
  for (int i = 0; i < rows.rows() && seen < row_limit && expected >= head.oldest; ++i) {
    RevisionInfo info = RevisionIn(rows[i], 0);
    if (info.revision != expected || info.digest != digest) return ChainBroken(expected);
    digest = info.previous_digest;
    expected.number--;
    seen += rows[i].Int(9) + 1;
    changes.push_back({.info = std::move(info)});
  }
  if (seen < row_limit && (expected != head.Below() || digest != head.oldest_digest)) {
    return ChainBroken(expected);
  }
  if (changes.empty()) return absl::OkStatus();
  SB_RETURN_IF_ERROR(connection->ForEachRow(
      kSelectHistoryHashes, PostgresParams().Int(changes.back().info.revision.number),
      [&](const PostgresRow& row) -> absl::Status {
        const int64_t index = head.head.revision.number - row.Int(0);
        if (index < 0) return ChainBroken(Revision{row.Int(0)});
        RevisionChanges& its = changes[static_cast<size_t>(index)];
        if (row.Bool(5)) {
          its.removals.push_back(KeyIn(row, 1));
        } else {
          its.upserts.push_back({.key = KeyIn(row, 1), .record_hash = row.DigestAt(4)});
        }
        return absl::OkStatus();
      }));
  for (RevisionChanges& its : changes) {
    Sort(&its);
    if (ChainDigest(its.info.previous_digest, its.info, its.upserts, its.removals) !=
        its.info.digest) {
      return ChainBroken(its.info.revision);
    }
  }
  return absl::OkStatus();
}

}  // namespace signalbox
