#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "storage/commit_plan.h"
#include "storage/resource_store.h"

namespace signalbox {

// Group commit: requests that wait while one transaction runs become the next one together, at
// most limits::kMaxBatchRequests of them and limits::kMaxBatchBytes of bodies. There is no thread
// of its own: one of the callers writes for all. Safe from any thread.
class CommitQueue {
 public:
  // Writes a batch as one transaction and returns what each request came to, in order. An error
  // means that the transaction as a whole failed: kUnavailable that whether it was written is
  // unknown, any other that nothing was. Called by one thread at a time.
  using WriteBatch = std::function<absl::StatusOr<std::vector<absl::StatusOr<Committed>>>(
      absl::Span<const CommitRequest* const>)>;

  explicit CommitQueue(WriteBatch write);

  // Has `request` written with whatever waits beside it; returns what it came to. Where a batch of
  // several fails without being written, each of it is tried once more alone, so that one that
  // cannot be written fails alone.
  absl::StatusOr<Committed> Submit(const CommitRequest& request) SB_EXCLUDES(mu_);

  // How many requests wait for the next batch.
  size_t waiting() SB_EXCLUDES(mu_);

 private:
  // A caller that waits. Each has a lock of its own, so that those that a batch answers do not meet
  // at the queue's.
  struct Waiting {
    enum class Turn { kWaits, kWrites, kDone };

    explicit Waiting(const CommitRequest& its)
        : request(&its), result(absl::UnknownError("not written yet")) {}

    // Waits for another turn than kWaits.
    Turn Wait() SB_EXCLUDES(mu);
    // Gives it that turn. After kDone it may be gone.
    void Give(Turn its) SB_EXCLUDES(mu);

    const CommitRequest* const request;
    absl::StatusOr<Committed> result;  // before kDone whoever writes may set it

    Mutex mu;
    CondVar changed;
    Turn turn SB_GUARDED_BY(mu) = Turn::kWaits;
  };

  // The next batch: the first of the queue and what fits beside it.
  std::vector<Waiting*> NextBatchLocked() SB_REQUIRES(mu_);
  void Write(absl::Span<Waiting* const> batch);

  const WriteBatch write_;

  Mutex mu_;
  std::deque<Waiting*> queue_ SB_GUARDED_BY(mu_);
  bool writing_ SB_GUARDED_BY(mu_) = false;  // or it is somebody's turn to
};

}  // namespace signalbox
