#include "storage/sqlite/sqlite_resource_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/check_change_set.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/migrator/migrator.h"
#include "storage/sqlite/directory_lock.h"
#include "storage/sqlite/resource_commit.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_database.h"
#include "storage/sqlite/sqlite_migrations.h"

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

// Refuses a directory that has lost its config.db: an empty one in its place would look like a
// store without resources.
absl::Status CheckNothingLost(const std::string& directory) {
  struct stat info;
  if (::stat(absl::StrCat(directory, "/config.db").c_str(), &info) == 0) return absl::OkStatus();
  for (const char* name : {"config.db-wal", "audit.db", "queue.db", "telemetry.db"}) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (::stat(path.c_str(), &info) != 0 || info.st_size == 0) continue;
    return errors::StoreUnfit(
        absl::StrCat(directory, "/config.db is missing, but ", path,
                     " is there: bring config.db back, or move all files of the directory away"));
  }
  return absl::OkStatus();
}

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
  SB_CHECK(options.clock != nullptr && options.random != nullptr);
  std::unique_ptr<SqliteResourceStore> store(new SqliteResourceStore(options));
  SqliteDatabase::Options file = {.application_id = kConfigApplicationId,
                                  .readers = options.readers};
  if (!options.directory.empty()) {
    SB_RETURN_IF_ERROR(MakeDirectories(options.directory, 0700));
    SB_ASSIGN_OR_RETURN(store->lock_, DirectoryLock::Take(options.directory));
    SB_RETURN_IF_ERROR(CheckNothingLost(options.directory));
    file.path = absl::StrCat(options.directory, "/config.db");
  }
  SB_ASSIGN_OR_RETURN(store->database_, SqliteDatabase::Open(file));
  SB_RETURN_IF_ERROR(store->Start());
  return store;
}

SqliteResourceStore::SqliteResourceStore(const Options& options)
    : options_(options),
      info_({.driver = options.directory.empty() ? "sqlite (memory)" : "sqlite",
             .library_version = SqliteConnection::LibraryVersion(),
             .location = options.directory}),
      queue_([this](absl::Span<const CommitRequest* const> batch) { return WriteBatch(batch); }) {}

SqliteResourceStore::~SqliteResourceStore() { Close(); }

absl::Status SqliteResourceStore::Start() {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  SqliteConnection* const connection = lease.get();
  SqliteMigrationTarget target(
      options_.directory.empty() ? "memory" : options_.directory + "/config.db", connection);
  SB_ASSIGN_OR_RETURN(
      const MigrationStatus schema,
      Migrator(ConfigMigrations(), options_.applied_by, &target, options_.clock).Up());
  info_.schema_version = schema.version();

  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(connection, Kind::kWrite));
  SB_ASSIGN_OR_RETURN(std::optional<HeadRow> head, ReadHeadRow(connection));
  if (head.has_value()) {
    SB_RETURN_IF_ERROR(connection->Execute(kProveWrite));
  } else {
    SqliteQuery revisions(connection, kHasRevisions);
    if (revisions.Step()) return HeadMissing();
    SB_RETURN_IF_ERROR(revisions.status());
    Random* const random = options_.random;
    const uint64_t high = random->Next();
    const uint64_t low = random->Next();
    SB_RETURN_IF_ERROR(WriteFirstHead(
        connection,
        {.store_id = absl::StrFormat("%016x%016x", high, low), .epoch = random->Next()}));
    SB_ASSIGN_OR_RETURN(head, ReadHeadRow(connection));
    if (!head.has_value()) return HeadMissing();
  }
  SB_RETURN_IF_ERROR(transaction.Commit());
  SB_RETURN_IF_ERROR(CheckChain(connection, *head, kChainRowsAtStart));
  Show(head->head);
  return absl::OkStatus();
}

absl::StatusOr<Committed> SqliteResourceStore::Commit(const ChangeSet& changes, Revision judged_on,
                                                      const Judge& judge,
                                                      const Preconditions& preconditions) {
  SB_RETURN_IF_ERROR(CheckChangeSet(changes, preconditions));
  return queue_.Submit(PrepareCommit(changes, judged_on, judge, preconditions));
}

SqliteResourceStore::BatchResult SqliteResourceStore::WriteBatch(
    absl::Span<const CommitRequest* const> batch) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database_->Writer());
  BatchResult results = WriteBatchOn(lease.get(), batch);
  if (results.ok()) {
    recent_.Trim();
    Show(recent_.head());
    return results;
  }
  // What it appended to recent_ is not known to be written.
  recent_.Reset({});
  if (absl::IsDataLoss(results.status())) database_->MarkDamaged();
  if (absl::IsUnavailable(results.status()) && !options_.directory.empty()) {
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
  if (recent_.head() != head->head) recent_.Reset(head->head);
  const absl::Time now = absl::FromUnixMillis(absl::ToUnixMillis(options_.clock->Now()));
  SB_ASSIGN_OR_RETURN(CommitFacts facts, ReadFacts(connection, *head, batch, now));
  const auto read_since = [&](Revision after) -> absl::StatusOr<std::vector<RevisionChanges>> {
    SB_ASSIGN_OR_RETURN(std::vector<RevisionChanges> since, ReadChanges(connection, *head, after));
    if (since.back().info.revision != head->head.revision)
      return errors::JudgedOnNotKept(after, head->head.revision);
    return since;
  };
  CommitPlanner planner(std::move(facts), &recent_, read_since);
  std::vector<absl::StatusOr<Committed>> results;
  results.reserve(batch.size());
  for (const CommitRequest* const request : batch) results.push_back(planner.Add(*request));
  if (planner.plan().empty()) return results;
  SB_RETURN_IF_ERROR(WritePlan(connection, *head, planner.plan(), now));
  SB_RETURN_IF_ERROR(transaction.Commit());
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
      [](SqliteConnection* connection, const HeadRow& head) -> absl::StatusOr<HeadState> {
        HeadState state = {.head = head.head};
        SB_ASSIGN_OR_RETURN(state.resources, ReadResources(connection));
        return state;
      });
}

absl::StatusOr<std::vector<RevisionChanges>> SqliteResourceStore::ChangesSince(Revision after) {
  return Reading(database_.get(),
                 [&](SqliteConnection* connection,
                     const HeadRow& head) -> absl::StatusOr<std::vector<RevisionChanges>> {
                   if (!head.Reaches(after)) return errors::RevisionNotKept(after);
                   return ReadChanges(connection, head, after);
                 });
}

absl::StatusOr<Head> SqliteResourceStore::WaitForChange(Revision after, absl::Time deadline) {
  MutexLock lock(&mu_);
  while (!closed_ && head_.revision == after) {
    const absl::Duration left = deadline - options_.clock->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(std::min(left, kLongestWait)));
  }
  if (closed_) return errors::StoreClosing();
  return head_;
}

absl::StatusOr<Resource> SqliteResourceStore::Get(const ResourceKey& key) {
  return Reading(database_.get(),
                 [&](SqliteConnection* connection, const HeadRow&) -> absl::StatusOr<Resource> {
                   SB_ASSIGN_OR_RETURN(std::optional<Resource> resource,
                                       ReadResource(connection, key));
                   if (!resource.has_value()) return errors::NoSuchResource(key);
                   return *std::move(resource);
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

absl::StatusOr<int64_t> SqliteResourceStore::SizeBytes() { return database_->SizeBytes(); }

void SqliteResourceStore::Show(const Head& head) {
  MutexLock lock(&mu_);
  if (head.revision < head_.revision) return;
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
