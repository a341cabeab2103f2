#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/random.h"
#include "storage/postgres/postgres_connection.h"

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// The connections of one process to one database: one that writes, a few that read. They are opened
// when they are first wanted and stay; one that broke is opened anew, after a pause that grows
// while the server is gone. Once a server of a timeline was seen, one of the same cluster on an
// older timeline is refused: it was left behind by a failover. Safe from any thread.
class PostgresPool {
 public:
  struct Options {
    PostgresConnection::Options connection;
    int readers = 4;           // 1 to limits::kMaxPostgresReaders
    int kept_readers = 0;      // of them KeepReaders opens, up to `readers`
    Random* random = nullptr;  // for the pauses; must outlive the pool
  };

  explicit PostgresPool(const Options& options);
  // Closes.
  ~PostgresPool();
  PostgresPool(const PostgresPool&) = delete;
  PostgresPool& operator=(const PostgresPool&) = delete;

  // A connection for one user; it goes back at the end of the scope, where what it left open is
  // rolled back. Must not outlive the pool.
  class Lease {
   public:
    Lease(Lease&& other) noexcept : pool_(other.pool_), slot_(other.slot_), reused_(other.reused_) {
      other.pool_ = nullptr;
    }
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->Return(slot_);
    }
    PostgresConnection* get() const { return pool_->slots_[slot_].connection.get(); }
    PostgresConnection* operator->() const { return get(); }
    // Whether it was open already: if it turns out broken, another try is worth it.
    bool reused() const { return reused_; }

   private:
    friend class PostgresPool;
    Lease(PostgresPool* pool, size_t slot, bool reused)
        : pool_(pool), slot_(slot), reused_(reused) {}

    PostgresPool* pool_;
    size_t slot_;
    bool reused_;
  };

  // The connection that writes, or one that reads; waits for its turn, and for the pause when the
  // server is gone and the pause is short.
  //   kUnavailable         the server cannot be reached
  //   kFailedPrecondition  it is of no use (DialPostgres), and none was so far
  //   kCancelled           Close was called
  absl::StatusOr<Lease> Writer() SB_EXCLUDES(mu_) { return Take(0, 1); }
  absl::StatusOr<Lease> Reader() SB_EXCLUDES(mu_) { return Take(1, slots_.size()); }

  // Opens those of the kept readers that are not open, so that nobody waits for a dial: called
  // again and again. Gives up at the first that cannot be opened.
  void KeepReaders() SB_EXCLUDES(mu_);

  // Refuses what comes after with kCancelled and waits for the connections that are in use.
  void Close() SB_EXCLUDES(mu_);

 private:
  // `connection` belongs to whoever has set `taken`.
  struct Slot {
    std::unique_ptr<PostgresConnection> connection;
    bool taken = false;
  };

  // Takes one of the slots from `first` up to but without `end`.
  absl::StatusOr<Lease> Take(size_t first, size_t end) SB_EXCLUDES(mu_);
  // Opens the connection of a slot that the caller has taken and gives it back where that fails.
  absl::Status OpenTaken(size_t slot) SB_EXCLUDES(mu_);
  // Opens a connection, or says why not.
  absl::StatusOr<std::unique_ptr<PostgresConnection>> Dial() SB_EXCLUDES(mu_);
  // Waits out the pause.
  absl::Status WaitForPauseLocked() SB_REQUIRES(mu_);
  void LengthenPauseLocked(const absl::Status& failure) SB_REQUIRES(mu_);
  void Return(size_t slot) SB_EXCLUDES(mu_);

  const Options options_;

  std::vector<Slot> slots_;  // the first writes; `taken` is guarded by mu_

  Mutex mu_;
  CondVar changed_;  // something was given back, or it is closed
  bool closed_ SB_GUARDED_BY(mu_) = false;
  bool ever_connected_ SB_GUARDED_BY(mu_) = false;
  std::string system_id_ SB_GUARDED_BY(mu_);  // of the cluster that was seen last, ...
  int timeline_ SB_GUARDED_BY(mu_) = 0;       // ... and the highest timeline seen of it
  absl::Status failure_ SB_GUARDED_BY(mu_);   // of the last dial; OK when it went well
  absl::Time failing_since_ SB_GUARDED_BY(mu_);
  absl::Time next_dial_ SB_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Duration pause_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
