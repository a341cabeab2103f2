#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/jobs/limits.h"
#include "storage/audit_log.h"
#include "storage/model/audit_event.h"
#include "storage/resource_store.h"

namespace signalbox {

// Moves what changes left in the outbox to the audit log, in order and exactly once, on a thread of
// its own: the log's cursor moves in the transaction that adds the events, so that several
// followers, retries and crashes do no harm. While the log cannot be written changes go on, up to
// what the bounds say.
class AuditFollower {
 public:
  // Is told on the follower's thread when moving begins to fail, fails otherwise, and works again
  // (an OK status).
  using Report = std::function<void(const absl::Status&)>;

  // How far behind the log may be before changes are refused.
  struct Bounds {
    int64_t events = limits::kMaxAuditBacklog;
    absl::Duration delay = limits::kMaxAuditDelay;
  };

  // The pointers must outlive this object.
  AuditFollower(ResourceStore* store, AuditLog* audit, const Clock* clock, Report report,
                const Bounds& bounds);
  // Ends the thread: at once when the store is closed, else within a second.
  ~AuditFollower();

  // Begins. Once.
  void Start();

  // Whether changes may go on. Costs nothing; safe from any thread.
  //   kResourceExhausted  the log is too far behind; the text says why it cannot be written
  absl::Status Admit() const SB_EXCLUDES(mu_);

  // Moves what is there; for who cannot wait for the thread.
  //   any  the store's or the log's
  absl::Status MoveAll() SB_EXCLUDES(moving_);

 private:
  void Run();
  // The cursor is read anew: it may be another store that is followed.
  void ForgetCursor() SB_EXCLUDES(moving_);
  // Moves up to one read of rows; returns whether there may be more.
  absl::StatusOr<bool> MoveSome() SB_REQUIRES(moving_);
  // Deletes from the outbox what was moved long ago.
  absl::Status Trim() SB_REQUIRES(moving_);
  // Takes note of how moving ended, and looks how far behind the log is.
  void Note(const absl::Status& status) SB_EXCLUDES(mu_, moving_);
  absl::Status TooFarBehind(const absl::Status& cause) SB_EXCLUDES(moving_);

  ResourceStore* const store_;
  AuditLog* const audit_;
  const Clock* const clock_;
  const Report report_;
  const Bounds bounds_;

  Mutex moving_;  // held while rows are moved
  bool cursor_known_ SB_GUARDED_BY(moving_) = false;
  AuditCursor cursor_ SB_GUARDED_BY(moving_);
  absl::Time next_trim_ SB_GUARDED_BY(moving_) = absl::InfinitePast();

  mutable Mutex mu_;
  CondVar stop_;
  bool stopping_ SB_GUARDED_BY(mu_) = false;
  absl::Status last_ SB_GUARDED_BY(mu_);     // how moving ended last
  absl::Status refusal_ SB_GUARDED_BY(mu_);  // what Admit says

  std::thread thread_;
};

}  // namespace signalbox
