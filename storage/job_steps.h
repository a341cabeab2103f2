#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/job_queue.h"
#include "storage/model/job.h"

namespace signalbox {

// What becomes of a job, as every queue decides it, apart from its database. `now` is the store's
// clock, in milliseconds. Pure.

// The job that `spec` becomes; its id is the database's.
Job NewJob(const JobSpec& spec, absl::Time now);

// When somebody may claim it: its run_at, or the end of its lease; InfiniteFuture when it is done
// or dead.
absl::Time DueOf(const Job& job);

// A due job is given to `worker`; false when it has no attempt left and is dead now.
bool GiveTo(absl::string_view worker, absl::Duration lease, absl::Time now, Job* job);

//   kFailedPrecondition  the claim is lost
absl::Status CheckClaim(const Job& job, const JobClaim& claim);

// What a claimed job becomes.
void ExtendLease(absl::Duration lease, absl::Time now, Job* job);
void Finish(absl::Time now, Job* job);
void FailAttempt(absl::string_view error, JobQueue::TryAgain again, absl::Time now, Job* job);

// What an operator makes of it.
//   kFailedPrecondition  its state does not allow that
absl::Status MakePending(absl::Time now, Job* job);
absl::Status MakeDead(absl::string_view reason, absl::Time now, Job* job);

// The field of `counts` that counts jobs in `state`.
int64_t& CountOf(JobState state, JobCounts* counts);

}  // namespace signalbox
