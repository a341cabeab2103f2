#include "storage/job_steps.h"

#include "absl/strings/str_cat.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

absl::Time Millis(absl::Time time) { return absl::FromUnixMillis(absl::ToUnixMillis(time)); }

void Enter(JobState state, absl::Time now, Job* job) {
  job->state = state;
  job->changed = now;
  job->lease_until = absl::InfinitePast();
}

}  // namespace

Job NewJob(const JobSpec& spec, absl::Time now) {
  Job job = {.spec = spec, .created = now, .changed = now};
  job.spec.run_at = spec.run_at == absl::InfinitePast() ? now : Millis(spec.run_at);
  return job;
}

absl::Time DueOf(const Job& job) {
  switch (job.state) {
    case JobState::kPending:
      return job.spec.run_at;
    case JobState::kRunning:
      return job.lease_until;
    case JobState::kDone:
    case JobState::kDead:
      break;
  }
  return absl::InfiniteFuture();
}

bool GiveTo(absl::string_view worker, absl::Duration lease, absl::Time now, Job* job) {
  ++job->fence;
  if (job->attempts >= job->spec.max_attempts) {
    Enter(JobState::kDead, now, job);
    job->error = absl::StrCat("its last worker, ", job->worker,
                              ", did not come back before its lease ended");
    return false;
  }
  Enter(JobState::kRunning, now, job);
  ++job->attempts;
  job->worker = std::string(worker);
  job->lease_until = Millis(now + lease);
  return true;
}

absl::Status CheckClaim(const Job& job, const JobClaim& claim) {
  if (job.state == JobState::kRunning && job.fence == claim.fence) return absl::OkStatus();
  return errors::JobClaimLost(claim);
}

void ExtendLease(absl::Duration lease, absl::Time now, Job* job) {
  job->lease_until = Millis(now + lease);
}

void Finish(absl::Time now, Job* job) {
  Enter(JobState::kDone, now, job);
  job->error.clear();
}

void FailAttempt(absl::string_view error, JobQueue::TryAgain again, absl::Time now, Job* job) {
  job->error = CutText(error, limits::kMaxMessageBytes);
  if (again == JobQueue::TryAgain::kNo || job->attempts >= job->spec.max_attempts) {
    Enter(JobState::kDead, now, job);
    return;
  }
  Enter(JobState::kPending, now, job);
  job->spec.run_at = now + JobBackoff(job->attempts);
}

absl::Status MakePending(absl::Time now, Job* job) {
  if (job->state != JobState::kDead) return errors::JobNotInState("retried", *job);
  Enter(JobState::kPending, now, job);
  ++job->fence;
  job->attempts = 0;
  job->spec.run_at = now;
  return absl::OkStatus();
}

absl::Status MakeDead(absl::string_view reason, absl::Time now, Job* job) {
  if (job->state != JobState::kPending && job->state != JobState::kRunning) {
    return errors::JobNotInState("cancelled", *job);
  }
  Enter(JobState::kDead, now, job);
  ++job->fence;
  job->error = CutText(reason, limits::kMaxMessageBytes);
  return absl::OkStatus();
}

int64_t& CountOf(JobState state, JobCounts* counts) {
  switch (state) {
    case JobState::kPending:
      return counts->pending;
    case JobState::kRunning:
      return counts->running;
    case JobState::kDone:
      return counts->done;
    case JobState::kDead:
      break;
  }
  return counts->dead;
}

}  // namespace signalbox
