#include "storage/sqlite/sqlite_resource_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/check_audit_event.h"
#include "storage/check_change_set.h"
#include "storage/check_quarantine.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/sqlite/outbox_rows.h"
#include "storage/sqlite/quarantine_rows.h"
#include "storage/sqlite/resource_commit.h"
#include "storage/sqlite/resource_lists.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sealing_rows.h"
#include "storage/sqlite/sqlite_access.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {
namespace {

using Kind = SqliteTransaction::Kind;

// Changes whose chain is computed again at every start: some 50 ms.
constexpr int64_t kChainRowsAtStart = 20000;
// A wait looks at the clock again after this at the latest, should nobody wake it.
constexpr absl::Duration kLongestWait = absl::Minutes(10);

// What proves that a write works: the same row again.
constexpr Sql kProveWrite = {"prove_write", "UPDATE head SET control_seq = control_seq"};
constexpr Sql kHasRevisions = {"has_revisions", "SELECT 1 FROM revision LIMIT 1"};

absl::Status HeadMissing() { return errors::StoreDamaged("the head is missing"); }

// Calls `read` with a connection and the head inside one read transaction.
template <typename Read>
auto Reading(SqliteDatabase* database, const Read& read)
    -> decltype(read(std::declval<SqliteConnection*>(), std::declval<const HeadRow&>())) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database->Reader());
  SB_ASSIGN_OR_RETURN(const SqliteTransaction transaction,
                      SqliteTransaction::Begin(lease.get(), Kind::kRead));
  SB_ASSIGN_OR_RETURN(const std::optional<HeadRow> head, ReadHeadRow(lease.get()));
  if (!head.has_value()) return HeadMissing();
  auto result = read(lease.get(), *head);
  if (absl::IsDataLoss(result.status())) database->MarkDamaged();
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteResourceStore>> SqliteResourceStore::Create(
    const Options& options) {
  SB_ASSIGN_OR_RETURN(std::shared_ptr<SqliteDirectory> directory,
                      SqliteDirectory::Open({.directory = options.directory,
                                             .readers = options.readers,
                                             .applied_by = options.applied_by,
                                             .clock = options.clock}));
  return Create(std::move(directory), options.clock, options.random, options.key_file);
}

absl::StatusOr<std::unique_ptr<SqliteResourceStore>> SqliteResourceStore::Create(
    std::shared_ptr<SqliteDirectory> directory, const Clock* clock, Random* random,
    std::string key_file) {
  SB_CHECK(clock != nullptr && random != nullptr);
  std::unique_ptr<SqliteResourceStore> store(
      new SqliteResourceStore(std::move(directory), clock, random));
  SB_RETURN_IF_ERROR(store->Start(std::move(key_file)));
  return store;
}

SqliteResourceStore::SqliteResourceStore(std::shared_ptr<SqliteDirectory> directory,
                                         const Clock* clock, Random* random)
    : directory_(std::move(directory)),
      clock_(clock),
      random_(random),
      database_(directory_->database(StoreArea::kConfig)),
      info_({.driver = directory_->in_memory() ? "sqlite (memory)" : "sqlite",
             .library_version = SqliteConnection::LibraryVersion(),
             .location = directory_->path(),
             .schema_version = directory_->schema_version(StoreArea::kConfig)}),
      queue_([this](absl::Span<const CommitRequest* const> batch) { return WriteBatch(batch); }) {}

SqliteResourceStore::~SqliteResourceStore() { Close(); }

absl::Status SqliteResourceStore::Start(std::string key_file) {
  if (directory_->in_memory()) {
    key_file.clear();
  } else if (key_file.empty()) {
    key_file = absl::StrCat(directory_->path(), "/secrets.key");
  }
  if (!directory_->read_only(StoreArea::kConfig).ok()) {
    SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped,
                        ReadFrom(database_.get(), ReadHashKey));
    if (!wrapped.has_value()) return errors::StoreDamaged("the hash key of its secrets is missing");
    SB_ASSIGN_OR_RETURN(sealer_, StoreSealer::Open(std::move(key_file), *wrapped));
    SB_ASSIGN_OR_RETURN(const Head head, ReadHead());
    Show(head);
    return absl::OkStatus();
  }
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  SqliteConnection* const connection = lease.get();
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection, Kind::kWrite));
  SB_ASSIGN_OR_RETURN(std::optional<HeadRow> head, ReadHeadRow(connection));
  if (head.has_value()) {
    SB_RETURN_IF_ERROR(connection->Execute(kProveWrite));
  } else {
    SqliteQuery revisions(connection, kHasRevisions);
    if (revisions.Step()) return HeadMissing();
    SB_RETURN_IF_ERROR(revisions.status());
    const uint64_t high = random_->Next();
    const uint64_t low = random_->Next();
    SB_RETURN_IF_ERROR(WriteFirstHead(
        connection,
        {.store_id = absl::StrFormat("%016x%016x", high, low), .epoch = random_->Next()}));
    SB_ASSIGN_OR_RETURN(head, ReadHeadRow(connection));
    if (!head.has_value()) return HeadMissing();
  }
  SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped, ReadHashKey(connection));
  SB_ASSIGN_OR_RETURN(sealer_, StoreSealer::Open(std::move(key_file), wrapped));
  if (!wrapped.has_value()) SB_RETURN_IF_ERROR(WriteHashKey(connection, sealer()->WrapHashKey()));
  SB_RETURN_IF_ERROR(transaction.Commit());
  SB_RETURN_IF_ERROR(CheckChain(connection, *head, kChainRowsAtStart));
  Show(head->head);
  return absl::OkStatus();
}

absl::StatusOr<Committed> SqliteResourceStore::Commit(const ChangeSet& changes, Revision judged_on,
                                                      const Judge& judge,
                                                      const Preconditions& preconditions) {
  SB_RETURN_IF_ERROR(CheckChangeSet(changes, preconditions));
  return queue_.Submit(PrepareCommit(changes, judged_on, judge, preconditions, *sealer()));
}

SqliteResourceStore::BatchResult SqliteResourceStore::WriteBatch(
    absl::Span<const CommitRequest* const> batch) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  BatchResult results = WriteBatchOn(lease.get(), batch);
  if (results.ok()) {
    recent_.Trim();
    return results;
  }
  // What it appended to recent_ is not known to be written.
  recent_.Reset({});
  if (absl::IsDataLoss(results.status())) database_->MarkDamaged();
  if (absl::IsUnavailable(results.status()) && !directory_->in_memory()) {
    // It may have been written all the same; then the waiters should hear of it.
    if (const absl::StatusOr<Head> head = ReadHead(); head.ok()) Show(*head);
  }
  return results;
}

SqliteResourceStore::BatchResult SqliteResourceStore::WriteBatchOn(
    SqliteConnection* connection, absl::Span<const CommitRequest* const> batch) {
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection, Kind::kWrite));
  SB_ASSIGN_OR_RETURN(const std::optional<HeadRow> head, ReadHeadRow(connection));
  if (!head.has_value()) return HeadMissing();
  if (!SameHistory(recent_.head(), head->head)) recent_.Reset(head->head);
  const absl::Time now = Now();
  SB_ASSIGN_OR_RETURN(CommitFacts facts, ReadFacts(connection, *head, batch, now));
  const auto read_since = [&](Revision after) -> absl::StatusOr<std::vector<RevisionChanges>> {
    SB_ASSIGN_OR_RETURN(std::vector<RevisionChanges> since,
                        ReadChanges(connection, sealer().get(), *head, after));
    if (since.back().info.revision != head->head.revision)
      return errors::JudgedOnNotKept(after, head->head.revision);
    return since;
  };
  CommitPlanner planner(std::move(facts), &recent_, read_since);
  std::vector<absl::StatusOr<Committed>> results;
  results.reserve(batch.size());
  for (const CommitRequest* const request : batch) results.push_back(planner.Add(*request));
  Show(head->head);  // after a commit whose outcome was unknown it may be news
  if (planner.plan().empty()) return results;
  SB_RETURN_IF_ERROR(WritePlan(connection, *sealer(), *head, planner.plan(), now));
  SB_RETURN_IF_ERROR(transaction.Commit());
  Show(planner.plan().head);
  return results;
}

absl::StatusOr<Head> SqliteResourceStore::ReadHead() {
  return Reading(
      database_.get(),
      [](SqliteConnection*, const HeadRow& head) -> absl::StatusOr<Head> { return head.head; });
}

absl::StatusOr<HeadState> SqliteResourceStore::LoadHead() {
  return Reading(
      database_.get(),
      [this](SqliteConnection* connection, const HeadRow& head) -> absl::StatusOr<HeadState> {
        HeadState state = {.head = head.head};
        SB_ASSIGN_OR_RETURN(state.resources, ReadResources(connection, sealer().get()));
        return state;
      });
}

absl::StatusOr<std::vector<RevisionChanges>> SqliteResourceStore::ChangesSince(Revision after) {
  return Reading(database_.get(),
                 [&](SqliteConnection* connection,
                     const HeadRow& head) -> absl::StatusOr<std::vector<RevisionChanges>> {
                   if (!head.Reaches(after)) return errors::RevisionNotKept(after);
                   return ReadChanges(connection, sealer().get(), head, after);
                 });
}

absl::StatusOr<Head> SqliteResourceStore::WaitForChange(const Head& after, absl::Time deadline) {
  {
    MutexLock lock(&mu_);
    while (!closed_ && head_ == after) {
      const absl::Duration left = deadline - clock_->Monotonic();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(std::min(left, kLongestWait)));
    }
    if (closed_) return errors::StoreClosing();
    if (head_ != after) return head_;
  }
  SB_RETURN_IF_ERROR(database_->Damage());
  return after;
}

absl::StatusOr<Resource> SqliteResourceStore::Get(const ResourceKey& key) {
  SB_RETURN_IF_ERROR(CheckKey(key));
  return Reading(database_.get(),
                 [&](SqliteConnection* connection, const HeadRow&) -> absl::StatusOr<Resource> {
                   SB_ASSIGN_OR_RETURN(std::optional<Resource> resource,
                                       ReadResource(connection, sealer().get(), key));
                   if (!resource.has_value()) return errors::NoSuchResource(key);
                   return *std::move(resource);
                 });
}

absl::StatusOr<ResourcePage> SqliteResourceStore::List(const ResourceFilter& filter,
                                                       const std::optional<ResourceKey>& after,
                                                       int page_size) {
  SB_RETURN_IF_ERROR(CheckFilter(filter));
  if (after.has_value()) SB_RETURN_IF_ERROR(CheckKey(*after));
  const int count = std::clamp(page_size, 1, limits::kMaxResourcesPerPage);
  return Reading(database_.get(), [&](SqliteConnection* connection, const HeadRow& head) {
    return ListResources(connection, sealer().get(), head, filter, after, count);
  });
}

absl::StatusOr<ResourceHistoryPage> SqliteResourceStore::History(const ResourceKey& key,
                                                                 std::optional<Revision> below,
                                                                 int page_size) {
  SB_RETURN_IF_ERROR(CheckKey(key));
  const int count = std::clamp(page_size, 1, limits::kMaxResourcesPerPage);
  return Reading(database_.get(), [&](SqliteConnection* connection, const HeadRow& head) {
    return ReadHistory(connection, sealer().get(), head, key,
                       below.value_or(Next(head.head.revision)), count);
  });
}

absl::StatusOr<HeadState> SqliteResourceStore::LoadAt(Revision revision) {
  return Reading(
      database_.get(),
      [&](SqliteConnection* connection, const HeadRow& head) -> absl::StatusOr<HeadState> {
        if (!head.Reaches(revision)) return errors::RevisionNotKept(revision);
        HeadState state = {.head = head.head};
        SB_ASSIGN_OR_RETURN(state.head.digest, ReadDigestAt(connection, head, revision));
        state.head.revision = revision;
        SB_ASSIGN_OR_RETURN(state.resources, ReadResourcesAt(connection, sealer().get(), revision));
        return state;
      });
}

absl::StatusOr<RevisionInfo> SqliteResourceStore::GetRevision(Revision revision) {
  return Reading(
      database_.get(),
      [&](SqliteConnection* connection, const HeadRow& head) -> absl::StatusOr<RevisionInfo> {
        if (revision < head.oldest || revision > head.head.revision) {
          return errors::RevisionNotKept(revision);
        }
        SB_ASSIGN_OR_RETURN(std::vector<RevisionInfo> found,
                            ReadRevisions(connection, revision, Next(revision), 1));
        if (found.empty()) {
          return errors::StoreDamaged(absl::StrCat("revision ", revision.number, " is missing"));
        }
        return std::move(found.front());
      });
}

absl::StatusOr<RevisionPage> SqliteResourceStore::ListRevisions(std::optional<Revision> below,
                                                                int page_size) {
  const int count = std::clamp(page_size, 1, limits::kMaxRevisionsPerRead);
  return Reading(
      database_.get(),
      [&](SqliteConnection* connection, const HeadRow& head) -> absl::StatusOr<RevisionPage> {
        RevisionPage page;
        SB_ASSIGN_OR_RETURN(page.revisions,
                            ReadRevisions(connection, head.oldest,
                                          below.value_or(Next(head.head.revision)), count));
        if (!page.revisions.empty() && page.revisions.back().revision > head.oldest) {
          page.next_below = page.revisions.back().revision;
        }
        return page;
      });
}

absl::StatusOr<std::optional<Revision>> SqliteResourceStore::FindRequest(
    absl::string_view author, absl::string_view request_id) {
  SB_RETURN_IF_ERROR(CheckText("the author", author, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(CheckText("the request id", request_id, limits::kMaxRequestIdBytes));
  // The writer's turn comes after the commit that is under way.
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  CommitFacts facts = {.now = Now()};
  const RequestName name(author, request_id);
  SB_RETURN_IF_ERROR(ReadRequest(lease.get(), name, &facts));
  const auto found = facts.requests.find(name);
  return found == facts.requests.end() ? std::optional<Revision>()
                                       : std::optional<Revision>(found->second.revision);
}

absl::StatusOr<Head> SqliteResourceStore::AppendControl(const ControlEntry& entry,
                                                        const AuditEvent& event) {
  return WriteControl(entry, event, NewEpoch::kNo);
}

absl::StatusOr<Head> SqliteResourceStore::StartEpoch(const AuditEvent& event) {
  return WriteControl(EpochEnded(0), event, NewEpoch::kYes);
}

absl::StatusOr<KeyRotation> SqliteResourceStore::RotateKey(NewKey new_key,
                                                           const AuditEvent& event) {
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  MutexLock lock(&rotating_);
  SB_ASSIGN_OR_RETURN(const std::shared_ptr<const Sealer> sealer,
                      new_key == NewKey::kYes ? sealer_->Rotate() : sealer_->Reload());
  SB_RETURN_IF_ERROR(WriteTo(database_.get(), [&](SqliteConnection* connection) {
    return WriteHashKey(connection, sealer->WrapHashKey());
  }));
  KeyRotation rotation = {.key_id = sealer->ring().active().id.Hex()};
  // Each turn lets waiting commits go first; those seal with the new key.
  while (true) {
    SB_ASSIGN_OR_RETURN(const int resealed,
                        WriteTo(database_.get(), [&](SqliteConnection* connection) {
                          return ResealSome(connection, *sealer);
                        }));
    if (resealed == 0) break;
    rotation.resealed += resealed;
  }
  SB_RETURN_IF_ERROR(
      WriteControl({.kind = "keys", .subject = rotation.key_id}, event, NewEpoch::kNo).status());
  return rotation;
}

absl::StatusOr<Head> SqliteResourceStore::WriteControl(const ControlEntry& entry,
                                                       const AuditEvent& event,
                                                       NewEpoch new_epoch) {
  SB_RETURN_IF_ERROR(CheckControlEntry(entry));
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(lease.get(), Kind::kWrite));
  SB_ASSIGN_OR_RETURN(const std::optional<HeadRow> head, ReadHeadRow(lease.get()));
  if (!head.has_value()) return HeadMissing();
  const uint64_t epoch = new_epoch == NewEpoch::kYes ? random_->Next() : head->head.epoch;
  SB_ASSIGN_OR_RETURN(
      const Head next,
      AddControlEntry(lease.get(), *head, epoch,
                      new_epoch == NewEpoch::kYes ? EpochEnded(head->head.epoch) : entry, event,
                      Now()));
  SB_RETURN_IF_ERROR(transaction.Commit());
  Show(next);
  return next;
}

absl::StatusOr<std::vector<ControlEntry>> SqliteResourceStore::ControlSince(int64_t after) {
  return Reading(database_.get(), [&](SqliteConnection* connection, const HeadRow&) {
    return ReadControlEntries(connection, after, limits::kMaxRevisionsPerRead);
  });
}

absl::StatusOr<Head> SqliteResourceStore::WriteQuarantines(
    absl::Span<const NodeQuarantines> nodes) {
  SB_RETURN_IF_ERROR(CheckQuarantines(nodes));
  if (nodes.empty()) return ReadHead();
  SB_ASSIGN_OR_RETURN(
      const Head next,
      WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<Head> {
        SB_ASSIGN_OR_RETURN(const std::optional<HeadRow> head, ReadHeadRow(connection));
        if (!head.has_value()) return HeadMissing();
        SB_RETURN_IF_ERROR(
            WriteQuarantineRows(connection, nodes, head->head.control_seq + 1, Now()));
        return ReplaceControlEntry(connection, *head, static_cast<int64_t>(nodes.size()),
                                   {.kind = "quarantines"}, Now());
      }));
  Show(next);
  return next;
}

absl::StatusOr<QuarantinePage> SqliteResourceStore::QuarantinesSince(int64_t after) {
  return Reading(database_.get(), [&](SqliteConnection* connection, const HeadRow&) {
    return ReadQuarantineRows(connection, sealer().get(), after);
  });
}

absl::StatusOr<std::vector<OutboxRow>> SqliteResourceStore::ReadOutbox(const AuditCursor& cursor,
                                                                       int count) {
  const int rows = std::clamp(count, 1, limits::kMaxRevisionsPerRead);
  return Reading(database_.get(), [&](SqliteConnection* connection, const HeadRow& head) {
    return ReadOutboxRows(connection, head, cursor, rows);
  });
}

absl::StatusOr<int> SqliteResourceStore::TrimOutbox(const AuditCursor& cursor, absl::Time before) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  return DeleteOutboxRows(lease.get(), cursor, before, limits::kMaxRevisionsPerRead);
}

absl::StatusOr<int64_t> SqliteResourceStore::SizeBytes() { return database_->SizeBytes(); }

absl::Time SqliteResourceStore::Now() const {
  return absl::FromUnixMillis(absl::ToUnixMillis(clock_->Now()));
}

void SqliteResourceStore::Show(const Head& head) {
  MutexLock lock(&mu_);
  if (head.revision < head_.revision || head.control_seq < head_.control_seq) return;
  head_ = head;
  changed_.SignalAll();
}

void SqliteResourceStore::Close() {
  {
    MutexLock lock(&mu_);
    closed_ = true;
    changed_.SignalAll();
  }
  if (database_ != nullptr) database_->Close();
}

}  // namespace signalbox
