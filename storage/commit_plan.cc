#include "storage/commit_plan.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

PreparedChange PreparedUpsert(const Upsert& upsert, const RecordHasher& hasher) {
  const RecordHashes hashes = hasher.HashesOf(upsert.key.type, upsert.record);
  return {.key = &upsert.key,
          .record = &upsert.record,
          .body_hash = hashes.body,
          .record_hash = hashes.record};
}

// The changes of a planned revision as a judge sees them.
RevisionChanges AsChanges(const CommitPlan::PlannedRevision& planned) {
  RevisionChanges changes = {.info = planned.info};
  for (const CommitPlan::Change& change : planned.changes) {
    const PreparedChange& prepared = *change.change;
    if (prepared.record == nullptr) {
      changes.removals.push_back(*prepared.key);
    } else {
      changes.upserts.push_back({.key = *prepared.key,
                                 .record = std::make_shared<const Record>(*prepared.record),
                                 .record_hash = prepared.record_hash,
                                 .body_hash = prepared.body_hash,
                                 .changed_in = planned.info.revision});
    }
  }
  return changes;
}

// What the audit log says of a commit.
AuditEvent EventOf(const CommitRequest& request, const Committed& committed, absl::Time now) {
  const ChangeSet& changes = *request.changes;
  AuditEvent event = {.time = now,
                      .principal = changes.author.empty() ? "anonymous" : changes.author,
                      .action = std::string(RevisionKindName(changes.kind)),
                      .revision = committed.revision,
                      .request_id = changes.request_id,
                      .detail = absl::StrCat(committed.created, " created, ", committed.updated,
                                             " updated, ", committed.removed, " removed"),
                      .source = changes.source};
  if (request.prepared.size() == 1) event.resource = request.prepared.front().key->ToString();
  return event;
}

}  // namespace

CommitRequest PrepareCommit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                            const Preconditions& preconditions, const RecordHasher& hasher) {
  CommitRequest request = {.changes = &changes,
                           .judged_on = judged_on,
                           .judge = &judge,
                           .preconditions = &preconditions};
  request.prepared.reserve(changes.upserts.size() + changes.removals.size());
  for (const Upsert& upsert : changes.upserts) {
    request.prepared.push_back(PreparedUpsert(upsert, hasher));
    request.bytes += upsert.record.body.size();
  }
  for (const ResourceKey& key : changes.removals) request.prepared.push_back({.key = &key});
  std::sort(request.prepared.begin(), request.prepared.end(),
            [](const PreparedChange& a, const PreparedChange& b) { return *a.key < *b.key; });
  if (request.has_id()) request.request_hash = hasher.RequestHash(changes.RequestHash());
  return request;
}

void ForEachKey(const CommitRequest& request, absl::FunctionRef<void(const ResourceKey&)> visit) {
  for (const PreparedChange& change : request.prepared) visit(*change.key);
  for (const auto& [key, revision] : request.preconditions->expected_changes) visit(key);
}

CommitPlanner::CommitPlanner(CommitFacts facts, RecentRevisions* recent, ReadSince read_since)
    : facts_(std::move(facts)), recent_(recent), read_since_(std::move(read_since)) {
  plan_.head = facts_.head.head;
  SB_CHECK(recent->head().revision == plan_.head.revision);
}

const StoredResource& CommitPlanner::Stored(const ResourceKey& key) const {
  static const StoredResource kNone;
  const auto found = facts_.resources.find(key);
  return found == facts_.resources.end() ? kNone : found->second;
}

absl::Status CommitPlanner::CheckPreconditions(const CommitRequest& request) const {
  const Preconditions& preconditions = *request.preconditions;
  if (preconditions.epoch.has_value() && *preconditions.epoch != plan_.head.epoch)
    return errors::AnotherEpoch();
  if (preconditions.expected_revision.has_value() &&
      *preconditions.expected_revision != plan_.head.revision) {
    return errors::RevisionConflict(*preconditions.expected_revision, plan_.head.revision);
  }
  for (const auto& [key, revision] : preconditions.expected_changes) {
    const StoredResource& stored = Stored(key);
    if ((stored.exists ? stored.changed_in : Revision{0}) != revision)
      return errors::EtagConflict(key);
  }
  return absl::OkStatus();
}

absl::Status CommitPlanner::Judge(const CommitRequest& request) {
  const Revision judged_on = request.judged_on;
  if (!facts_.head.Reaches(judged_on)) {
    return errors::JudgedOnNotKept(judged_on, facts_.head.head.revision);
  }
  if (judged_on == plan_.head.revision) return absl::OkStatus();
  std::optional<absl::Span<const RevisionChanges>> since = recent_->Since(judged_on);
  std::vector<RevisionChanges> read;
  if (!since.has_value()) {
    SB_ASSIGN_OR_RETURN(read, read_since_(judged_on));
    for (const CommitPlan::PlannedRevision& planned : plan_.revisions) {
      read.push_back(AsChanges(planned));
    }
    since = absl::MakeConstSpan(read);
  }
  return request.judge->Check(judged_on, *since, *request.changes);
}

absl::StatusOr<Committed> CommitPlanner::Add(const CommitRequest& request) {
  const RequestName name = {request.changes->author, request.changes->request_id};
  if (request.has_id()) {
    if (const auto made = facts_.requests.find(name); made != facts_.requests.end()) {
      if (made->second.hash != request.request_hash) return errors::RequestIdReused(name.second);
      return Committed{.revision = made->second.revision, .outcome = Committed::Outcome::kRepeated};
    }
  }
  SB_RETURN_IF_ERROR(CheckPreconditions(request));
  Committed committed = {.revision = plan_.head.revision,
                         .outcome = Committed::Outcome::kUnchanged};
  for (const PreparedChange& change : request.prepared) {
    const StoredResource& stored = Stored(*change.key);
    if (change.record == nullptr) {
      if (!stored.exists) return errors::NoSuchResource(*change.key);
      ++committed.removed;
    } else if (!stored.exists) {
      ++committed.created;
    } else if (stored.record_hash != change.record_hash) {
      ++committed.updated;
    } else {
      ++committed.unchanged;
    }
  }
  if (committed.created + committed.updated + committed.removed > 0) {
    SB_RETURN_IF_ERROR(Judge(request));
    Append(request);
    committed.revision = plan_.head.revision;
    committed.outcome = Committed::Outcome::kNewRevision;
    plan_.outbox.push_back(
        {.epoch = plan_.head.epoch,
         .seq = facts_.head.outbox_seq + static_cast<int64_t>(plan_.outbox.size()) + 1,
         .event = EventOf(request, committed, facts_.now)});
  }
  if (request.has_id()) {
    const StoredRequest stored = {.hash = request.request_hash, .revision = committed.revision};
    facts_.requests.emplace(name, stored);
    plan_.requests.push_back({name, stored});
  }
  return committed;
}

void CommitPlanner::Append(const CommitRequest& request) {
  const ChangeSet& changes = *request.changes;
  CommitPlan::PlannedRevision planned = {.info = {.revision = Next(plan_.head.revision),
                                                  .epoch = plan_.head.epoch,
                                                  .time = facts_.now,
                                                  .author = changes.author,
                                                  .message = changes.message,
                                                  .request_id = changes.request_id,
                                                  .kind = changes.kind,
                                                  .previous_digest = plan_.head.digest}};
  for (const PreparedChange& change : request.prepared) {
    StoredResource& stored = facts_.resources[*change.key];
    if (change.record != nullptr && stored.exists && stored.record_hash == change.record_hash)
      continue;
    planned.changes.push_back(
        {.change = &change, .existed = stored.exists, .key_id = stored.key_id});
    stored.exists = change.record != nullptr;
    stored.record_hash = change.record_hash;
    stored.changed_in = planned.info.revision;
  }
  RevisionChanges as_changes = AsChanges(planned);
  planned.info.digest = ChainDigest(planned.info.previous_digest, planned.info, as_changes.upserts,
                                    as_changes.removals);
  as_changes.info.digest = planned.info.digest;
  plan_.head.revision = planned.info.revision;
  plan_.head.digest = planned.info.digest;
  recent_->Append(std::move(as_changes));
  plan_.revisions.push_back(std::move(planned));
}

}  // namespace signalbox
