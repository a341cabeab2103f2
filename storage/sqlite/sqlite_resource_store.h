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

namespace signalbox {

class DirectoryLock;
class SqliteConnection;
class SqliteDatabase;

// Resources in `config.db` of a directory that this process alone owns, or in memory (STORAGE
// section 5). A change that Commit acknowledged survives the process and the power. In memory
// nothing survives; one connection does everything, so reads wait for writes.
class SqliteResourceStore : public ResourceStore {
 public:
  struct Options {
    std::string directory;         // made when missing, with mode 0700; "" in memory
    int readers = 2;               // connections that read beside the one that writes
    std::string applied_by;        // what schema_versions names: "signalbox 0.1.0"
    const Clock* clock = nullptr;  // must outlive the store
    Random* random = nullptr;      // must outlive the store
  };

  // Takes the directory's lock, opens and checks the file, brings its schema up to date, makes the
  // store's id and epoch at the first start, proves that a write works and checks the newest part
  // of the chain.
  //   kFailedPrecondition  another process has the directory (with its pid), a newer or another
  //                        schema, a network file system, no permission, a config.db that is
  //                        missing beside files that belong to it
  //   kDataLoss            the file is damaged
  //   kResourceExhausted   the disk is full
  //   kUnavailable         reading or writing failed
  static absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Create(const Options& options);
  // Closes.
  ~SqliteResourceStore() override;

  absl::StatusOr<Committed> Commit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                                   const Preconditions& preconditions) override SB_EXCLUDES(mu_);
  absl::StatusOr<Head> ReadHead() override;
  absl::StatusOr<HeadState> LoadHead() override;
  absl::StatusOr<std::vector<RevisionChanges>> ChangesSince(Revision after) override;
  absl::StatusOr<Head> WaitForChange(Revision after, absl::Time deadline) override SB_EXCLUDES(mu_);
  absl::StatusOr<Resource> Get(const ResourceKey& key) override;
  absl::StatusOr<RevisionInfo> GetRevision(Revision revision) override;
  absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below, int page_size) override;
  StoreInfo Info() const override { return info_; }
  absl::StatusOr<int64_t> SizeBytes() override;
  void Close() override SB_EXCLUDES(mu_);

 private:
  explicit SqliteResourceStore(const Options& options);

  // What Create does after the file is open.
  absl::Status Start();
  // A batch of CommitQueue's.
  using BatchResult = absl::StatusOr<std::vector<absl::StatusOr<Committed>>>;
  BatchResult WriteBatch(absl::Span<const CommitRequest* const> batch) SB_EXCLUDES(mu_);
  // The same on the connection that writes; ends with a commit, or a rollback and an error.
  BatchResult WriteBatchOn(SqliteConnection* connection,
                           absl::Span<const CommitRequest* const> batch);
  // Lets waiters see `head` unless they have seen a later one.
  void Show(const Head& head) SB_EXCLUDES(mu_);

  const Options options_;
  StoreInfo info_;
  std::unique_ptr<DirectoryLock> lock_;  // null in memory
  std::unique_ptr<SqliteDatabase> database_;
  CommitQueue queue_;
  RecentRevisions recent_;  // used by whoever writes for the queue

  Mutex mu_;
  CondVar changed_;
  Head head_ SB_GUARDED_BY(mu_);  // the last that is known to be durable
  bool closed_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
