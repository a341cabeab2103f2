#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "storage/commit_plan.h"
#include "storage/commit_queue.h"
#include "storage/recent_revisions.h"
#include "storage/resource_store.h"
#include "storage/seal/store_sealer.h"
#include "storage/sqlite/sqlite_directory.h"

namespace signalbox {

class SqliteConnection;

// Resources in `config.db` of a directory that this process alone owns, or in memory (STORAGE
// section 5). A change that Commit acknowledged survives the process and the power. In memory
// nothing survives; one connection does everything, so reads wait for writes.
class SqliteResourceStore : public ResourceStore {
 public:
  struct Options {
    std::string directory;         // made when missing, with mode 0700; "" in memory
    int readers = 2;               // connections that read beside the one that writes
    std::string applied_by;        // what schema_versions names: "signalbox 0.1.0"
    std::string key_file;          // of its secrets; "": secrets.key in the directory
    const Clock* clock = nullptr;  // must outlive the store
    Random* random = nullptr;      // must outlive the store
  };

  // Makes the store's id and epoch at the first start, proves that a write works and checks the
  // newest part of the chain. `clock` and `random` must outlive the store. A directory whose
  // `config` may only be read gives a store that refuses every change. `key_file` holds the keys of
  // its secrets ("": secrets.key in the directory; in memory there is none) and is made with a new
  // store.
  //   kFailedPrecondition  the key file is missing, open to others or lacks the store's key
  //   kDataLoss            the file or the key file is damaged
  //   kResourceExhausted   the disk is full
  //   kUnavailable         reading or writing failed
  static absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Create(
      std::shared_ptr<SqliteDirectory> directory, const Clock* clock, Random* random,
      std::string key_file = "");
  // The same on a directory of the store's own, opened first; its errors are
  // SqliteDirectory::Open's too.
  static absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Create(const Options& options);
  // Closes.
  ~SqliteResourceStore() override;

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
  SqliteResourceStore(std::shared_ptr<SqliteDirectory> directory, const Clock* clock,
                      Random* random);

  // What Create does after that.
  absl::Status Start(std::string key_file);
  // The sealer of what a transaction reads or writes, to be asked for inside it.
  std::shared_ptr<const Sealer> sealer() const { return sealer_->Current(); }
  // A batch of CommitQueue's.
  using BatchResult = absl::StatusOr<std::vector<absl::StatusOr<Committed>>>;
  BatchResult WriteBatch(absl::Span<const CommitRequest* const> batch) SB_EXCLUDES(mu_);
  // The same on the connection that writes; ends with a commit, or a rollback and an error.
  BatchResult WriteBatchOn(SqliteConnection* connection,
                           absl::Span<const CommitRequest* const> batch);
  // Adds an entry and an event in a transaction; `new_epoch` says whether an epoch starts with it.
  enum class NewEpoch { kNo, kYes };
  absl::StatusOr<Head> WriteControl(const ControlEntry& entry, const AuditEvent& event,
                                    NewEpoch new_epoch) SB_EXCLUDES(mu_);
  // The store's time, whole milliseconds.
  absl::Time Now() const;
  // Lets waiters see `head` unless they have seen a later one.
  void Show(const Head& head) SB_EXCLUDES(mu_);

  const std::shared_ptr<SqliteDirectory> directory_;
  const Clock* const clock_;
  Random* const random_;
  const std::shared_ptr<SqliteDatabase> database_;
  const StoreInfo info_;
  std::unique_ptr<StoreSealer> sealer_;  // made by Start
  Mutex rotating_;                       // held by the one rotation at a time, before all else

  CommitQueue queue_;
  RecentRevisions recent_;  // used by whoever writes for the queue

  Mutex mu_;
  CondVar changed_;
  Head head_ SB_GUARDED_BY(mu_);  // the last that is known to be durable
  bool closed_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
