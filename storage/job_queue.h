#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/model/job.h"

namespace signalbox {

// What Enqueue came to.
struct Enqueued {
  enum class Outcome {
    kNew,           // `job` is new
    kAlreadyThere,  // `job` has the same unique key and is pending or running; nothing was written
  };
  Job job;
  Outcome outcome = Outcome::kNew;
};

// Which jobs a list shows; what is not set shows all.
struct JobFilter {
  std::optional<JobState> state;
  std::optional<std::string> kind;
};

// A page of a list, newest first.
struct JobPage {
  std::vector<Job> jobs;
  std::optional<int64_t> next_below;  // ask with this for the next page; none at the end
};

struct JobCounts {
  int64_t pending = 0;
  int64_t running = 0;
  int64_t done = 0;
  int64_t dead = 0;
};

// What is kept of the jobs that are done or dead: one goes when it is beyond the age or the count
// (of those in its state).
struct JobRetention {
  absl::Duration done_age = absl::InfiniteDuration();
  int64_t done_count = INT64_MAX;
  absl::Duration dead_age = absl::InfiniteDuration();
  int64_t dead_count = INT64_MAX;
};

// Work for later, done by whoever claims it. A job is tried until it is done or dead, and may be
// done twice: after a lease ended or an unknown outcome another worker does it again. What was
// acknowledged survives the process and the power. Every method blocks and is safe from any thread.
// In all of them:
//   kUnavailable        the database cannot be reached or failed; of what writes: whether it was
//                       written is unknown
//   kResourceExhausted  the disk is full; nothing was written
//   kDataLoss           what is stored is damaged
//   kCancelled          the store is closing
class JobQueue {
 public:
  virtual ~JobQueue() = default;

  // Adds a job. After an unknown outcome a unique key makes it safe to try again.
  //   kInvalidArgument    no kind, text that is none, a limit of storage/limits.h
  //   kResourceExhausted  limits::kMaxWaitingJobs are pending or running
  virtual absl::StatusOr<Enqueued> Enqueue(const JobSpec& spec) = 0;

  // Gives `worker` the next job whose time has come, for `lease`: the highest priority first, then
  // the earliest run_at, then the lowest id. A running job whose lease has ended is given away
  // again, or dies when it has no attempt left. None when there is no such job.
  // `kinds` are those that the worker can do; empty: all.
  //   kInvalidArgument  text that is none; a lease that is not between 0 and limits::kMaxLease
  virtual absl::StatusOr<std::optional<Job>> Claim(absl::string_view worker, absl::Duration lease,
                                                   const std::vector<std::string>& kinds) = 0;

  // When Claim might have something to give: the earliest run_at or end of a lease.
  // InfiniteFuture: nothing waits.
  virtual absl::StatusOr<absl::Time> NextDue() = 0;

  // The three below are for the worker that has the claim; a lease that has ended is still the
  // worker's until somebody takes the job.
  //   kNotFound            there is no such job
  //   kFailedPrecondition  the claim is lost: somebody else has the job, or it was cancelled. Stop.

  // Makes the lease end `lease` from now; returns when that is.
  virtual absl::StatusOr<absl::Time> Extend(const JobClaim& claim, absl::Duration lease) = 0;
  // The job is done.
  virtual absl::Status Complete(const JobClaim& claim) = 0;
  // The attempt failed. It is tried again after JobBackoff, unless `again` is kNo or no attempt is
  // left: then it is dead. Returns the job as it is now. `error` is cut at
  // limits::kMaxMessageBytes.
  enum class TryAgain { kNo, kYes };
  virtual absl::StatusOr<Job> Fail(const JobClaim& claim, absl::string_view error,
                                   TryAgain again) = 0;

  //   kNotFound  there is no such job
  virtual absl::StatusOr<Job> Get(int64_t id) = 0;

  // Jobs by id, newest first, those below `below` (none: from the newest), at most `page_size` (1
  // to limits::kMaxPageSize).
  virtual absl::StatusOr<JobPage> List(const JobFilter& filter, std::optional<int64_t> below,
                                       int page_size) = 0;

  // Makes a dead job pending, to run at once, with all its attempts. Returns it.
  //   kNotFound            there is no such job
  //   kFailedPrecondition  it is not dead
  //   kAlreadyExists       another job with its unique key is pending or running
  virtual absl::StatusOr<Job> Retry(int64_t id) = 0;

  // Makes a pending or running job dead, `reason` being its error; a worker that has it loses it.
  // Returns it.
  //   kNotFound            there is no such job
  //   kFailedPrecondition  it is done or dead
  virtual absl::StatusOr<Job> Cancel(int64_t id, absl::string_view reason) = 0;

  virtual absl::StatusOr<JobCounts> Count() = 0;

  // Removes jobs that are done or dead and that `retention` does not keep, the oldest first, at
  // most limits::kMaxPrunedRows; how many. 0: there is nothing left to do.
  virtual absl::StatusOr<int> Prune(const JobRetention& retention) = 0;

  // Bytes that it occupies.
  virtual absl::StatusOr<int64_t> SizeBytes() = 0;
};

}  // namespace signalbox
