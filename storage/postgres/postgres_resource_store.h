#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "storage/commit_plan.h"
#include "storage/commit_queue.h"
#include "storage/head_row.h"
#include "storage/recent_revisions.h"
#include "storage/resource_store.h"
#include "storage/seal/sealer.h"
#include "storage/seal/store_sealer.h"

namespace signalbox {

class PostgresChangeFeed;
class PostgresConnection;
class PostgresPool;
class PostgresSchemas;

// Resources in the schema `config` of a PostgreSQL database, which other instances may use at the
// same time (STORAGE section 6). A change that Commit acknowledged survives the server and, where
// one is configured, the loss of a server that has a synchronous standby. Changes of other
// instances are heard of through NOTIFY and a poll. While the database is away every method but
// Info gives kUnavailable after a while, and it is connected to again. What it is connected to then
// may be another store, or none: whoever follows the head must look which.
class PostgresResourceStore : public ResourceStore {
 public:
  struct Options {
    std::string listen_conninfo;  // the direct connection, where the other is a pooler's; "": none
    std::string key_file;  // of its secrets; the same on every instance; made with a new store
    absl::Duration poll = absl::Seconds(1);  // how often the head is read where nothing is heard
    // A read replica for lists, of resources and of revisions. One that has not what this instance
    // knows of within limits::kPostgresReplicaWait, or that is away, is done without. "": none.
    std::string replica_conninfo;
  };

  // On the schema `config` of `schemas`, whose connections it closes with itself: makes the store's
  // id and epoch at the first start, proves that a write works and checks the newest part of the
  // chain.
  //   kFailedPrecondition  the key file is missing, open to others or lacks the store's key;
  //                        missing rights
  //   kDataLoss            what is stored or the key file is damaged
  //   kUnavailable         the database cannot be reached
  static absl::StatusOr<std::unique_ptr<PostgresResourceStore>> Create(
      std::shared_ptr<PostgresSchemas> schemas, const Options& options);
  // Closes.
  ~PostgresResourceStore() override;

  absl::StatusOr<Committed> Commit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                                   const Preconditions& preconditions) override SB_EXCLUDES(mu_);
  absl::StatusOr<Head> ReadHead() override;
  absl::StatusOr<HeadState> LoadHead() override;
  absl::StatusOr<std::vector<RevisionChanges>> ChangesSince(Revision after) override;
  absl::StatusOr<Head> WaitForChange(const Head& after, absl::Time deadline) override
      SB_EXCLUDES(mu_);
  absl::StatusOr<Resource> Get(const ResourceKey& key) override;
  absl::StatusOr<ResourcePage> List(const ResourceFilter& filter,
                                    const std::optional<ResourceKey>& after,
                                    int page_size) override;
  absl::StatusOr<ResourceHistoryPage> History(const ResourceKey& key, std::optional<Revision> below,
                                              int page_size) override;
  absl::StatusOr<HeadState> LoadAt(Revision revision) override;
  absl::StatusOr<RevisionInfo> GetRevision(Revision revision) override;
  absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below, int page_size) override;
  absl::StatusOr<std::optional<Revision>> FindRequest(absl::string_view author,
                                                      absl::string_view request_id) override;
  absl::StatusOr<Head> AppendControl(const ControlEntry& entry, const AuditEvent& event) override;
  absl::StatusOr<std::vector<ControlEntry>> ControlSince(int64_t after) override;
  absl::StatusOr<Head> WriteQuarantines(absl::Span<const NodeQuarantines> nodes) override;
  absl::StatusOr<QuarantinePage> QuarantinesSince(int64_t after) override;
  absl::StatusOr<std::vector<OutboxRow>> ReadOutbox(const AuditCursor& cursor, int count) override;
  absl::StatusOr<int> TrimOutbox(const AuditCursor& cursor, absl::Time before) override;
  absl::StatusOr<Head> StartEpoch(const AuditEvent& event) override;
  absl::StatusOr<KeyRotation> RotateKey(NewKey new_key, const AuditEvent& event) override
      SB_EXCLUDES(rotating_, mu_);
  StoreInfo Info() const override { return info_; }
  absl::StatusOr<int64_t> SizeBytes() override;
  void Close() override SB_EXCLUDES(mu_);

 private:
  PostgresResourceStore(std::shared_ptr<PostgresSchemas> schemas, const Options& options);

  // What Create does.
  absl::Status Start();
  // Makes the head and the hash key of a new store, and opens the sealer.
  absl::Status Prepare(PostgresConnection* connection);

  // A batch of CommitQueue's.
  using BatchResult = absl::StatusOr<std::vector<absl::StatusOr<Committed>>>;
  BatchResult WriteBatch(absl::Span<const CommitRequest* const> batch) SB_EXCLUDES(mu_);
  // The first of the two round trips: what the batch touches, under the head's lock. A connection
  // that turns out lost is replaced once.
  absl::StatusOr<CommitFacts> LockAndRead(PostgresConnection* connection,
                                          absl::Span<const CommitRequest* const> batch);
  // Has the server count its tables anew.
  void Analyze();
  // Whether `plan` was written, where its COMMIT does not say: asked until it is certain or
  // limits::kPostgresLookUp has passed.
  //   kUnavailable  it is not known
  absl::StatusOr<bool> LookUp(const CommitPlan& plan);

  // Adds an entry and an event in a transaction; `new_epoch` says whether an epoch starts with it.
  enum class NewEpoch { kNo, kYes };
  absl::StatusOr<Head> WriteControl(const ControlEntry& entry, const AuditEvent& event,
                                    NewEpoch new_epoch) SB_EXCLUDES(mu_);
  // The store's time, whole milliseconds.
  absl::Time Now() const;
  // The keys of the store that was there last, and their sealer: to be asked for inside the
  // transaction that reads or writes with it.
  std::shared_ptr<StoreSealer> keys() const SB_EXCLUDES(mu_);
  std::shared_ptr<const Sealer> sealer() const { return keys()->Current(); }
  // Makes them those of the store at `head`, should it be another one than it was: then what was
  // sealed or hashed before does not belong into it. Whether it was another.
  //   kFailedPrecondition  the key file lacks its key
  //   kDataLoss            its hash key is missing or damaged
  absl::StatusOr<bool> ChangeKeys(PostgresConnection* connection, const Head& head)
      SB_EXCLUDES(mu_);
  // Calls `read(connection, head, sealer)` inside one read transaction. Where a secret is sealed
  // with a key that is not known, the key file is read again and `read` called once more.
  template <typename Read>
  auto Reading(const Read& read);
  // The same, where there is a replica in a transaction there whose head is not behind this
  // instance's.
  template <typename Read>
  auto ReadingAside(const Read& read);
  // Both of them once: none where the head is behind `at_least` (may be null).
  template <typename Read>
  auto ReadOnce(PostgresConnection* connection, const Head* at_least, const Read& read)
      -> std::optional<decltype(read(connection, std::declval<const HeadRow&>(),
                                     std::declval<const Sealer*>()))>;

  // Reads the head for the change feed.
  void Look() SB_EXCLUDES(mu_);
  // Takes over the key file where `head` may tell of a rotation.
  void ReloadKeys(const Head& head) SB_EXCLUDES(mu_);
  // Lets waiters see a head that this instance has committed, or has seen under the head's lock.
  void ShowCommitted(const Head& head) SB_EXCLUDES(mu_);

  const std::shared_ptr<PostgresSchemas> schemas_;
  const Options options_;
  const StoreInfo info_;
  const absl::Status read_only_;  // why nothing may be written here; OK when it may
  const std::shared_ptr<PostgresPool> pool_;
  const std::unique_ptr<PostgresPool> replica_;  // null where there is none
  const Clock* const clock_;
  Random* const random_;
  Mutex rotating_;  // held by the one rotation at a time, before all else
  CommitQueue queue_;
  RecentRevisions recent_;  // used by whoever writes for the queue

  mutable Mutex mu_;
  CondVar changed_;
  std::shared_ptr<StoreSealer> keys_ SB_GUARDED_BY(mu_);  // of the store `keys_of_`
  std::string keys_of_ SB_GUARDED_BY(mu_);                // "" before Start is done
  Head head_ SB_GUARDED_BY(mu_);                          // the last that was seen in the database
  int64_t shown_ SB_GUARDED_BY(mu_) = 0;                  // grows whenever head_ is set
  absl::Status look_ SB_GUARDED_BY(mu_);                  // how the feed's last look ended
  bool closed_ SB_GUARDED_BY(mu_) = false;

  std::unique_ptr<PostgresChangeFeed> feed_;  // null before Start and after Close
};

}  // namespace signalbox
