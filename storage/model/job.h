#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// Where a job is. The numbers are stored: append only.
enum class JobState {
  kPending = 1,  // waits for its time and a worker
  kRunning = 2,  // a worker has it, until its lease ends
  kDone = 3,
  kDead = 4,  // failed too often, for good, or was cancelled; kept as a dead letter
};

// "pending", "running", "done" or "dead": the name in the API and logs.
absl::string_view JobStateName(JobState state);

// Work to be done once, possibly tried several times: what a job does must be idempotent.
struct JobSpec {
  std::string kind;                          // which worker's code runs it: "backup"
  std::string payload;                       // bytes, for that code
  int priority = 0;                          // higher ones first
  absl::Time run_at = absl::InfinitePast();  // not before; InfinitePast: at once
  int max_attempts = 5;                      // then it is dead
  // At most one job with this key is pending or running; "" for none.
  std::string unique_key;
};

// A job as the queue holds it.
struct Job {
  int64_t id = 0;  // grows; never used again
  JobSpec spec;    // run_at moves when it is tried again
  JobState state = JobState::kPending;
  int attempts = 0;  // how often it was claimed since it was enqueued or retried
  // Grows with every claim, retry and cancel: who claimed it under another number has lost it.
  int64_t fence = 0;
  std::string worker;                             // who claimed it last; "" for nobody
  absl::Time lease_until = absl::InfinitePast();  // while running
  absl::Time created;
  absl::Time changed;  // when its state last changed
  std::string error;   // of the last failure; why it is dead
};

// What a worker holds while it runs a job.
struct JobClaim {
  int64_t id = 0;
  int64_t fence = 0;
};

inline JobClaim ClaimOf(const Job& job) { return {.id = job.id, .fence = job.fence}; }

// How long a job waits after its `attempts`th failure: 1 s, 2 s, 4 s, ... up to an hour.
absl::Duration JobBackoff(int attempts);

}  // namespace signalbox
