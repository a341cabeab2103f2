#include "storage/postgres/postgres_resource_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_audit_event.h"
#include "storage/check_change_set.h"
#include "storage/check_quarantine.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/postgres/limits.h"
#include "storage/postgres/outbox_rows.h"
#include "storage/postgres/postgres_change_feed.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_migrations.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/postgres/quarantine_rows.h"
#include "storage/postgres/resource_commit.h"
#include "storage/postgres/resource_lists.h"
#include "storage/postgres/resource_rows.h"
#include "storage/postgres/sealing_rows.h"

namespace signalbox {
namespace {

// A wait looks at the clock again after this at the latest, should nobody wake it.
constexpr absl::Duration kLongestWait = absl::Minutes(10);

// Not of bodies, which are found by their ids alone.
constexpr Sql kAnalyze = {"analyze",
                          "ANALYZE config.resource_key, config.resource, config.record, "
                          "config.resource_history"};
constexpr Sql kHasRevisions = {"has_revisions", "SELECT 1 FROM config.revision LIMIT 1"};
// What proves that a write works: the same row again.
constexpr Sql kProveWrite = {"prove_write", "UPDATE config.head SET control_seq = control_seq"};
constexpr Sql kSelectSize = {"select_size", "SELECT pg_database_size(current_database())"};

absl::Status HeadMissing() { return errors::StoreDamaged("the head is missing"); }

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Calls `work` with a connection of the pool's; once more where that was open already and turned
// out lost. `work` must be fit to be done twice.
template <typename Work>
auto With(PostgresPool* pool, absl::StatusOr<PostgresPool::Lease> (PostgresPool::*take)(),
          const Work& work) -> decltype(work(std::declval<PostgresConnection*>())) {
  bool reused = false;
  {
    SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, (pool->*take)());
    auto result = work(lease.get());
    reused = lease.reused() && lease->broken() && absl::IsUnavailable(StatusOf(result));
    if (!reused) return result;
  }
  SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, (pool->*take)());
  return work(lease.get());
}

// Begins a transaction that writes and holds the head.
absl::StatusOr<HeadRow> BeginWriting(PostgresConnection* connection) {
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add(kLockHead);
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> begun, connection->RunBatch(begin));
  const std::optional<HeadRow> head = HeadRowIn(begun.back());
  if (!head.has_value()) return HeadMissing();
  return *head;
}

// Whether `head` may follow `shown` in the same history.
bool Follows(const Head& head, const Head& shown) {
  return head.store_id == shown.store_id && head.revision >= shown.revision &&
         head.control_seq >= shown.control_seq;
}

}  // namespace

template <typename Read>
auto PostgresResourceStore::ReadOnce(PostgresConnection* connection, const Head* at_least,
                                     const Read& read)
    -> std::optional<decltype(read(connection, std::declval<const HeadRow&>(),
                                   std::declval<const Sealer*>()))> {
  PostgresTransaction transaction(connection);
  PostgresBatch begin;
  PostgresTransaction::BeginRead(&begin);
  begin.Add(kSelectHead);
  const absl::StatusOr<std::vector<PostgresResult>> begun = connection->RunBatch(begin);
  if (!begun.ok()) return begun.status();
  const std::optional<HeadRow> head = HeadRowIn(begun->back());
  if (!head.has_value()) return HeadMissing();
  if (at_least != nullptr &&
      (head->head.epoch != at_least->epoch || !Follows(head->head, *at_least))) {
    return std::nullopt;
  }
  // A replica that has the head which this instance knows of is of the same store.
  if (at_least == nullptr) {
    if (const absl::Status changed = ChangeKeys(connection, head->head).status(); !changed.ok())
      return changed;
  }
  return read(connection, *head, sealer().get());
}

template <typename Read>
auto PostgresResourceStore::Reading(const Read& read) {
  const auto read_once = [&](PostgresConnection* connection) {
    return *ReadOnce(connection, nullptr, read);
  };
  auto result = With(pool_.get(), &PostgresPool::Reader, read_once);
  if (!absl::IsFailedPrecondition(result.status()) || !keys()->Reload().ok()) return result;
  return With(pool_.get(), &PostgresPool::Reader, read_once);
}

template <typename Read>
auto PostgresResourceStore::ReadingAside(const Read& read) {
  if (replica_ == nullptr) return Reading(read);
  Head known;
  {
    MutexLock lock(&mu_);
    known = head_;
  }
  const SystemClock clock;
  const absl::Time deadline = clock.Monotonic() + limits::kPostgresReplicaWait;
  do {
    const absl::StatusOr<PostgresPool::Lease> lease = replica_->Reader();
    if (!lease.ok()) break;
    auto result = ReadOnce(lease->get(), &known, read);
    if (result.has_value() && result->ok()) return *std::move(result);
    // What is wrong there may be right at the server that writes.
    if (result.has_value()) break;
    absl::SleepFor(limits::kPostgresReplicaLook);
  } while (clock.Monotonic() < deadline);
  return Reading(read);
}

absl::StatusOr<std::unique_ptr<PostgresResourceStore>> PostgresResourceStore::Create(
    std::shared_ptr<PostgresSchemas> schemas, const Options& options) {
  SB_CHECK(!options.key_file.empty());
  std::unique_ptr<PostgresResourceStore> store(
      new PostgresResourceStore(std::move(schemas), options));
  SB_RETURN_IF_ERROR(store->Start());
  return store;
}

PostgresResourceStore::PostgresResourceStore(std::shared_ptr<PostgresSchemas> schemas,
                                             const Options& options)
    : schemas_(std::move(schemas)),
      options_(options),
      info_({.driver = "postgres",
             .library_version = schemas_->server_version(),
             .location = schemas_->location(),
             .schema_version = schemas_->schema_version(PostgresArea::kConfig)}),
      read_only_(schemas_->read_only(PostgresArea::kConfig)),
      pool_(schemas_->pool()),
      replica_(options.replica_conninfo.empty()
                   ? nullptr
                   : std::make_unique<PostgresPool>(PostgresPool::Options{
                         .connection = {.conninfo = options.replica_conninfo,
                                        .application_name = "signalbox replica",
                                        .server = PostgresConnection::Server::kAny,
                                        .observer = schemas_->options().observer},
                         .readers = schemas_->options().readers,
                         .random = schemas_->options().random})),
      clock_(schemas_->options().clock),
      random_(schemas_->options().random),
      queue_([this](absl::Span<const CommitRequest* const> batch) { return WriteBatch(batch); }) {}

PostgresResourceStore::~PostgresResourceStore() { Close(); }

absl::Status PostgresResourceStore::Start() {
  {
    SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Writer());
    PostgresConnection* const connection = lease.get();
    SB_RETURN_IF_ERROR(Prepare(connection));
    PostgresTransaction transaction(connection);
    PostgresBatch begin;
    PostgresTransaction::BeginRead(&begin);
    begin.Add(kSelectHead);
    SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> begun, connection->RunBatch(begin));
    const std::optional<HeadRow> now = HeadRowIn(begun.back());
    if (!now.has_value()) return HeadMissing();
    {
      MutexLock lock(&mu_);
      keys_of_ = now->head.store_id;
    }
    SB_RETURN_IF_ERROR(CheckChain(connection, *now, limits::kPostgresChainRowsAtStart));
    ShowCommitted(now->head);
  }
  feed_ = std::make_unique<PostgresChangeFeed>(PostgresChangeFeed::Options{
      .listener = {.conninfo = options_.listen_conninfo.empty() ? schemas_->options().conninfo
                                                                : options_.listen_conninfo,
                   .application_name = "signalbox listener"},
      .poll = options_.poll,
      .random = random_,
      .look = [this] { Look(); }});
  return absl::OkStatus();
}

absl::Status PostgresResourceStore::Prepare(PostgresConnection* connection) {
  if (!read_only_.ok()) {
    SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped, ReadHashKey(connection));
    if (!wrapped.has_value()) return errors::StoreDamaged("the hash key of its secrets is missing");
    SB_ASSIGN_OR_RETURN(std::shared_ptr<StoreSealer> keys,
                        StoreSealer::Open(options_.key_file, *wrapped));
    MutexLock lock(&mu_);
    keys_ = std::move(keys);
    return absl::OkStatus();
  }
  PostgresTransaction transaction(connection);
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add(kHasRevisions).Add(kSelectHead);
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> begun, connection->RunBatch(begin));
  PostgresBatch write;
  if (begun.back().rows() == 0) {
    if (begun[begun.size() - 2].rows() > 0) return HeadMissing();
    const uint64_t high = random_->Next();
    const uint64_t low = random_->Next();
    // Another instance may be first; then its head stays.
    AddFirstHead({.store_id = absl::StrFormat("%016x%016x", high, low), .epoch = random_->Next()},
                 &write);
  }
  // Holds the head from here on.
  write.Add(kProveWrite);
  SB_RETURN_IF_ERROR(connection->RunBatch(write).status());
  SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped, ReadHashKey(connection));
  SB_ASSIGN_OR_RETURN(std::shared_ptr<StoreSealer> keys,
                      StoreSealer::Open(options_.key_file, wrapped));
  {
    MutexLock lock(&mu_);
    keys_ = std::move(keys);
  }
  PostgresBatch end;
  if (!wrapped.has_value()) AddHashKey(sealer()->WrapHashKey(), &end);
  return connection->Commit(end);
}

std::shared_ptr<StoreSealer> PostgresResourceStore::keys() const {
  MutexLock lock(&mu_);
  return keys_;
}

absl::StatusOr<bool> PostgresResourceStore::ChangeKeys(PostgresConnection* connection,
                                                       const Head& head) {
  {
    MutexLock lock(&mu_);
    if (keys_of_ == head.store_id) return false;
  }
  SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped, ReadHashKey(connection));
  if (!wrapped.has_value()) return errors::StoreDamaged("the hash key of its secrets is missing");
  SB_ASSIGN_OR_RETURN(std::shared_ptr<StoreSealer> keys,
                      StoreSealer::Open(options_.key_file, *wrapped));
  MutexLock lock(&mu_);
  keys_ = std::move(keys);
  keys_of_ = head.store_id;
  return true;
}

absl::StatusOr<Committed> PostgresResourceStore::Commit(const ChangeSet& changes,
                                                        Revision judged_on, const Judge& judge,
                                                        const Preconditions& preconditions) {
  SB_RETURN_IF_ERROR(CheckChangeSet(changes, preconditions));
  SB_RETURN_IF_ERROR(read_only_);
  return queue_.Submit(PrepareCommit(changes, judged_on, judge, preconditions, *sealer()));
}

absl::StatusOr<CommitFacts> PostgresResourceStore::LockAndRead(
    PostgresConnection* connection, absl::Span<const CommitRequest* const> batch) {
  const absl::Time now = Now();
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  AddFactQueries(batch, now, &begin);
  SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> results, connection->RunBatch(begin));
  return FactsIn(results, now);
}

PostgresResourceStore::BatchResult PostgresResourceStore::WriteBatch(
    absl::Span<const CommitRequest* const> batch) {
  CommitPlan unsure;  // whose COMMIT did not say whether it was written
  std::vector<absl::StatusOr<Committed>> results;
  size_t changes = 0;
  // Everything up to the COMMIT may be done twice: nothing of it is written then.
  const absl::Status written =
      With(pool_.get(), &PostgresPool::Writer, [&](PostgresConnection* connection) -> absl::Status {
        results.clear();
        PostgresTransaction transaction(connection);
        SB_ASSIGN_OR_RETURN(CommitFacts facts, LockAndRead(connection, batch));
        const HeadRow head = facts.head;
        const absl::Time now = facts.now;
        SB_ASSIGN_OR_RETURN(const bool another, ChangeKeys(connection, head.head));
        // The requests were hashed and judged for the store that was here before.
        if (another) return errors::AnotherEpoch();
        if (!SameHistory(recent_.head(), head.head)) recent_.Reset(head.head);
        const auto read_since =
            [&](Revision after) -> absl::StatusOr<std::vector<RevisionChanges>> {
          SB_ASSIGN_OR_RETURN(std::vector<RevisionChanges> since,
                              ReadChanges(connection, sealer().get(), head, after));
          if (since.empty() || since.back().info.revision != head.head.revision)
            return errors::JudgedOnNotKept(after, head.head.revision);
          return since;
        };
        CommitPlanner planner(std::move(facts), &recent_, read_since);
        bool promised = false;  // whether anything is acknowledged
        for (const CommitRequest* const request : batch) {
          results.push_back(planner.Add(*request));
          promised |= results.back().ok();
        }
        ShowCommitted(head.head);
        if (!promised) return absl::OkStatus();
        // Even with nothing to write: what was found is acknowledged, so it must be durable.
        PostgresBatch write;
        AddPlan(planner.plan(), *sealer(), now, &write);
        absl::Status committed = connection->Commit(write);
        if (committed.ok()) {
          ShowCommitted(planner.plan().head);
          for (const auto& revision : planner.plan().revisions) changes += revision.changes.size();
        } else if (absl::IsUnavailable(committed)) {
          unsure = planner.plan();
          // Not again by itself: With must not take this for a lost read.
          committed = absl::UnknownError("");
        }
        return committed;
      });
  if (written.ok()) {
    recent_.Trim();
    if (changes >= limits::kPostgresBulkChanges) Analyze();
    return results;
  }
  if (!absl::IsUnknown(written)) {
    recent_.Reset({});
    return written;
  }
  recent_.Reset({});
  if (unsure.empty()) {
    return errors::StoreUnavailable("commit: what was found may not be durable yet");
  }
  SB_ASSIGN_OR_RETURN(const bool found, LookUp(unsure));
  if (!found) return errors::StoreBusy("commit: the connection was lost before it");
  ShowCommitted(unsure.head);
  return results;
}

void PostgresResourceStore::Analyze() {
  // Without it the store is only slower.
  With(pool_.get(), &PostgresPool::Writer, [](PostgresConnection* connection) -> absl::Status {
    PostgresTransaction transaction(connection);
    PostgresBatch analyze;
    PostgresTransaction::BeginWrite(&analyze);
    return connection->Commit(analyze.Add(kAnalyze));
  }).IgnoreError();
}

absl::StatusOr<bool> PostgresResourceStore::LookUp(const CommitPlan& plan) {
  const SystemClock clock;
  const absl::Time deadline = clock.Monotonic() + limits::kPostgresLookUp;
  absl::StatusOr<bool> found = errors::StoreUnavailable("the outcome of the commit is unknown");
  do {
    const absl::StatusOr<PostgresPool::Lease> lease = pool_->Writer();
    if (!lease.ok()) {
      // Unknown it is, also where the store is being closed.
      if (absl::IsCancelled(lease.status())) break;
      absl::SleepFor(limits::kPostgresFirstPause);
      continue;
    }
    PostgresTransaction transaction(lease->get());
    PostgresBatch begin;
    PostgresTransaction::BeginWrite(&begin);
    // Waits for the lost transaction's end, where it is still under way.
    begin.Add(kLockHead);
    AddWrittenQuery(plan, &begin);
    const auto asked = (*lease)->RunBatch(begin);
    if (!asked.ok()) continue;
    // A row is locked, so that this COMMIT waits for a synchronous standby as the lost one did:
    // what is found is durable.
    if (!(*lease)->Commit({}).ok()) continue;
    const std::optional<HeadRow> head = HeadRowIn((*asked)[asked->size() - 2]);
    // Another database says nothing of what became of it.
    if (!head.has_value() || head->head.store_id != plan.head.store_id) continue;
    found = WasWritten(plan, asked->back());
  } while (!found.ok() && clock.Monotonic() < deadline);
  return found;
}

absl::StatusOr<Head> PostgresResourceStore::ReadHead() {
  return With(pool_.get(), &PostgresPool::Reader,
              [](PostgresConnection* connection) -> absl::StatusOr<Head> {
                SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectHead));
                const std::optional<HeadRow> head = HeadRowIn(result);
                if (!head.has_value()) return HeadMissing();
                return head->head;
              });
}

absl::StatusOr<HeadState> PostgresResourceStore::LoadHead() {
  return Reading([](PostgresConnection* connection, const HeadRow& head,
                    const Sealer* with) -> absl::StatusOr<HeadState> {
    HeadState state = {.head = head.head};
    SB_ASSIGN_OR_RETURN(state.resources, ReadResources(connection, with));
    return state;
  });
}

absl::StatusOr<std::vector<RevisionChanges>> PostgresResourceStore::ChangesSince(Revision after) {
  return Reading([&](PostgresConnection* connection, const HeadRow& head,
                     const Sealer* with) -> absl::StatusOr<std::vector<RevisionChanges>> {
    if (!head.Reaches(after)) return errors::RevisionNotKept(after);
    return ReadChanges(connection, with, head, after);
  });
}

absl::StatusOr<Head> PostgresResourceStore::WaitForChange(const Head& after, absl::Time deadline) {
  MutexLock lock(&mu_);
  while (!closed_ && head_ == after) {
    const absl::Duration left = deadline - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(std::min(left, kLongestWait)));
  }
  if (closed_) return errors::StoreClosing();
  if (head_ == after && !look_.ok()) return look_;
  return head_;
}

absl::StatusOr<Resource> PostgresResourceStore::Get(const ResourceKey& key) {
  SB_RETURN_IF_ERROR(CheckKey(key));
  const auto read = [&](PostgresConnection* connection) -> absl::StatusOr<Resource> {
    SB_ASSIGN_OR_RETURN(std::optional<Resource> resource,
                        ReadResource(connection, sealer().get(), key));
    if (!resource.has_value()) return errors::NoSuchResource(key);
    return *std::move(resource);
  };
  absl::StatusOr<Resource> result = With(pool_.get(), &PostgresPool::Reader, read);
  if (!absl::IsFailedPrecondition(result.status()) || !keys()->Reload().ok()) return result;
  return With(pool_.get(), &PostgresPool::Reader, read);
}

absl::StatusOr<ResourcePage> PostgresResourceStore::List(const ResourceFilter& filter,
                                                         const std::optional<ResourceKey>& after,
                                                         int page_size) {
  SB_RETURN_IF_ERROR(CheckFilter(filter));
  if (after.has_value()) SB_RETURN_IF_ERROR(CheckKey(*after));
  const int count = std::clamp(page_size, 1, limits::kMaxResourcesPerPage);
  return ReadingAside([&](PostgresConnection* connection, const HeadRow& head, const Sealer* with) {
    return ListResources(connection, with, head, filter, after, count);
  });
}

absl::StatusOr<ResourceHistoryPage> PostgresResourceStore::History(const ResourceKey& key,
                                                                   std::optional<Revision> below,
                                                                   int page_size) {
  SB_RETURN_IF_ERROR(CheckKey(key));
  const int count = std::clamp(page_size, 1, limits::kMaxResourcesPerPage);
  return ReadingAside([&](PostgresConnection* connection, const HeadRow& head, const Sealer* with) {
    return ReadHistory(connection, with, head, key, below.value_or(Next(head.head.revision)),
                       count);
  });
}

absl::StatusOr<HeadState> PostgresResourceStore::LoadAt(Revision revision) {
  return Reading([&](PostgresConnection* connection, const HeadRow& head,
                     const Sealer* with) -> absl::StatusOr<HeadState> {
    if (!head.Reaches(revision)) return errors::RevisionNotKept(revision);
    HeadState state = {.head = head.head};
    SB_ASSIGN_OR_RETURN(state.head.digest, ReadDigestAt(connection, head, revision));
    state.head.revision = revision;
    SB_ASSIGN_OR_RETURN(state.resources, ReadResourcesAt(connection, with, revision));
    return state;
  });
}

absl::StatusOr<RevisionInfo> PostgresResourceStore::GetRevision(Revision revision) {
  return Reading([&](PostgresConnection* connection, const HeadRow& head,
                     const Sealer* with) -> absl::StatusOr<RevisionInfo> {
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

absl::StatusOr<RevisionPage> PostgresResourceStore::ListRevisions(std::optional<Revision> below,
                                                                  int page_size) {
  const int count = std::clamp(page_size, 1, limits::kMaxRevisionsPerRead);
  return ReadingAside([&](PostgresConnection* connection, const HeadRow& head,
                          const Sealer* with) -> absl::StatusOr<RevisionPage> {
    RevisionPage page;
    SB_ASSIGN_OR_RETURN(
        page.revisions,
        ReadRevisions(connection, head.oldest, below.value_or(Next(head.head.revision)), count));
    if (!page.revisions.empty() && page.revisions.back().revision > head.oldest) {
      page.next_below = page.revisions.back().revision;
    }
    return page;
  });
}

absl::StatusOr<std::optional<Revision>> PostgresResourceStore::FindRequest(
    absl::string_view author, absl::string_view request_id) {
  SB_RETURN_IF_ERROR(CheckText("the author", author, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(CheckText("the request id", request_id, limits::kMaxRequestIdBytes));
  using Found = absl::StatusOr<std::optional<Revision>>;
  return With(pool_.get(), &PostgresPool::Writer, [&](PostgresConnection* connection) -> Found {
    PostgresTransaction transaction(connection);
    PostgresBatch begin;
    PostgresTransaction::BeginWrite(&begin);
    // As in LookUp: after commits under way, and durable.
    begin.Add(kLockHead);
    AddRequestQuery(author, request_id, Now(), &begin);
    SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> asked, connection->RunBatch(begin));
    SB_RETURN_IF_ERROR(connection->Commit({}));
    return RequestIn(asked.back());
  });
}

absl::StatusOr<Head> PostgresResourceStore::AppendControl(const ControlEntry& entry,
                                                          const AuditEvent& event) {
  return WriteControl(entry, event, NewEpoch::kNo);
}

absl::StatusOr<Head> PostgresResourceStore::StartEpoch(const AuditEvent& event) {
  return WriteControl(EpochEnded(0), event, NewEpoch::kYes);
}

absl::StatusOr<Head> PostgresResourceStore::WriteControl(const ControlEntry& entry,
                                                         const AuditEvent& event,
                                                         NewEpoch new_epoch) {
  SB_RETURN_IF_ERROR(CheckControlEntry(entry));
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  SB_RETURN_IF_ERROR(read_only_);
  SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Writer());
  PostgresTransaction transaction(lease.get());
  SB_ASSIGN_OR_RETURN(const HeadRow head, BeginWriting(lease.get()));
  const uint64_t epoch = new_epoch == NewEpoch::kYes ? random_->Next() : head.head.epoch;
  PostgresBatch write;
  const Head next = AddControlEntry(
      head, epoch, new_epoch == NewEpoch::kYes ? EpochEnded(head.head.epoch) : entry, event, Now(),
      &write);
  AddNotify(&write);
  SB_RETURN_IF_ERROR(lease->Commit(write));
  ShowCommitted(next);
  return next;
}

absl::StatusOr<KeyRotation> PostgresResourceStore::RotateKey(NewKey new_key,
                                                             const AuditEvent& event) {
  SB_RETURN_IF_ERROR(CheckAuditEvent(event));
  SB_RETURN_IF_ERROR(read_only_);
  MutexLock lock(&rotating_);
  SB_ASSIGN_OR_RETURN(const std::shared_ptr<const Sealer> sealer,
                      new_key == NewKey::kYes ? keys()->Rotate() : keys()->Reload());
  KeyRotation rotation = {.key_id = sealer->ring().active().id.Hex()};
  // Each turn lets waiting commits go first; those seal with the new key.
  for (int resealed = -1; resealed != 0; rotation.resealed += resealed) {
    SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Writer());
    PostgresTransaction transaction(lease.get());
    SB_ASSIGN_OR_RETURN(const HeadRow head, BeginWriting(lease.get()));
    SB_ASSIGN_OR_RETURN(const bool another, ChangeKeys(lease.get(), head.head));
    if (another) return errors::AnotherEpoch();
    PostgresBatch write;
    if (resealed < 0) AddHashKey(sealer->WrapHashKey(), &write);
    SB_ASSIGN_OR_RETURN(resealed, ResealSome(lease.get(), *sealer, &write));
    SB_RETURN_IF_ERROR(lease->Commit(write));
  }
  SB_RETURN_IF_ERROR(
      WriteControl({.kind = "keys", .subject = rotation.key_id}, event, NewEpoch::kNo).status());
  return rotation;
}

absl::StatusOr<std::vector<ControlEntry>> PostgresResourceStore::ControlSince(int64_t after) {
  return With(pool_.get(), &PostgresPool::Reader, [&](PostgresConnection* connection) {
    return ReadControlEntries(connection, after, limits::kMaxRevisionsPerRead);
  });
}

absl::StatusOr<Head> PostgresResourceStore::WriteQuarantines(
    absl::Span<const NodeQuarantines> nodes) {
  SB_RETURN_IF_ERROR(CheckQuarantines(nodes));
  if (nodes.empty()) return ReadHead();
  SB_RETURN_IF_ERROR(read_only_);
  SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool_->Writer());
  PostgresTransaction transaction(lease.get());
  SB_ASSIGN_OR_RETURN(const HeadRow head, BeginWriting(lease.get()));
  PostgresBatch write;
  AddQuarantineRows(nodes, head.head.control_seq + 1, Now(), &write);
  const Head next = ReplaceControlEntry(head, static_cast<int64_t>(nodes.size()),
                                        {.kind = "quarantines"}, Now(), &write);
  AddNotify(&write);
  SB_RETURN_IF_ERROR(lease->Commit(write));
  ShowCommitted(next);
  return next;
}

absl::StatusOr<QuarantinePage> PostgresResourceStore::QuarantinesSince(int64_t after) {
  return Reading([&](PostgresConnection* connection, const HeadRow&, const Sealer* with) {
    return ReadQuarantineRows(connection, with, after);
  });
}

absl::StatusOr<std::vector<OutboxRow>> PostgresResourceStore::ReadOutbox(const AuditCursor& cursor,
                                                                         int count) {
  const int rows = std::clamp(count, 1, limits::kMaxRevisionsPerRead);
  return Reading([&](PostgresConnection* connection, const HeadRow& head, const Sealer* with) {
    return ReadOutboxRows(connection, head, cursor, rows);
  });
}

absl::StatusOr<int> PostgresResourceStore::TrimOutbox(const AuditCursor& cursor,
                                                      absl::Time before) {
  SB_RETURN_IF_ERROR(read_only_);
  return With(pool_.get(), &PostgresPool::Writer,
              [&](PostgresConnection* connection) -> absl::StatusOr<int> {
                PostgresBatch trim;
                DeleteOutboxRows(cursor, before, limits::kMaxRevisionsPerRead, &trim);
                SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> trimmed,
                                    connection->RunBatch(trim));
                return static_cast<int>(trimmed.back().changed_rows());
              });
}

absl::StatusOr<int64_t> PostgresResourceStore::SizeBytes() {
  return With(pool_.get(), &PostgresPool::Reader,
              [](PostgresConnection* connection) -> absl::StatusOr<int64_t> {
                SB_ASSIGN_OR_RETURN(const PostgresResult size, connection->Run(kSelectSize));
                return size[0].Int(0);
              });
}

absl::Time PostgresResourceStore::Now() const {
  return absl::FromUnixMillis(absl::ToUnixMillis(clock_->Now()));
}

void PostgresResourceStore::Look() {
  int64_t shown_before = 0;
  {
    MutexLock lock(&mu_);
    shown_before = shown_;
  }
  const absl::StatusOr<Head> head = ReadHead();
  if (head.ok()) {
    pool_->KeepReaders();
    ReloadKeys(*head);
  }
  MutexLock lock(&mu_);
  look_ = head.status();
  if (!head.ok() || *head == head_) return;
  // What was shown meanwhile may be newer than what was read; a database that was set back is not
  // hidden for longer than to the next look.
  if (shown_ != shown_before && !Follows(*head, head_)) return;
  head_ = *head;
  ++shown_;
  changed_.SignalAll();
}

void PostgresResourceStore::ReloadKeys(const Head& head) {
  {
    MutexLock lock(&mu_);
    if (head.control_seq == head_.control_seq) return;
  }
  // What is committed from here on is sealed with the new key. A file that cannot be read is named
  // by whatever needs its keys.
  keys()->Reload().status().IgnoreError();
}

void PostgresResourceStore::ShowCommitted(const Head& head) {
  MutexLock lock(&mu_);
  if (head == head_ || (head.store_id == head_.store_id && !Follows(head, head_))) return;
  head_ = head;
  ++shown_;
  changed_.SignalAll();
}

void PostgresResourceStore::Close() {
  {
    MutexLock lock(&mu_);
    closed_ = true;
    changed_.SignalAll();
  }
  pool_->Close();
  if (replica_ != nullptr) replica_->Close();
  feed_ = nullptr;
}

}  // namespace signalbox
