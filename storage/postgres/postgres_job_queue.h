#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "storage/job_queue.h"
#include "storage/limits.h"

namespace signalbox {

class PostgresConnection;
class PostgresPool;

// The job queue in the schema `queue` of a database that other instances may use at the same time:
// workers that claim at once do not wait for each other (SKIP LOCKED). Two that enqueue at once may
// exceed `max_waiting` by what they add.
//   kAborted  of Retry and Cancel, and of what a worker does: another transaction was in the way;
//             nothing was written. Retry.
class PostgresJobQueue : public JobQueue {
 public:
  // The database of `pool` has the newest schema of the area; others may use the pool too. `clock`
  // is null for the database's own, which instances share; tests set one that must outlive the
  // queue. `max_waiting`: see limits::kMaxWaitingJobs.
  PostgresJobQueue(std::shared_ptr<PostgresPool> pool, const Clock* clock,
                   int64_t max_waiting = limits::kMaxWaitingJobs);

  absl::StatusOr<Enqueued> Enqueue(const JobSpec& spec) override;
  absl::StatusOr<std::optional<Job>> Claim(absl::string_view worker, absl::Duration lease,
                                           const std::vector<std::string>& kinds) override;
  absl::StatusOr<absl::Time> NextDue() override;
  absl::StatusOr<absl::Time> Extend(const JobClaim& claim, absl::Duration lease) override;
  absl::Status Complete(const JobClaim& claim) override;
  absl::StatusOr<Job> Fail(const JobClaim& claim, absl::string_view error, TryAgain again) override;
  absl::StatusOr<Job> Get(int64_t id) override;
  absl::StatusOr<JobPage> List(const JobFilter& filter, std::optional<int64_t> below,
                               int page_size) override;
  absl::StatusOr<Job> Retry(int64_t id) override;
  absl::StatusOr<Job> Cancel(int64_t id, absl::string_view reason) override;
  absl::StatusOr<JobCounts> Count() override;
  absl::StatusOr<int> Prune(const JobRetention& retention) override;
  absl::StatusOr<int64_t> SizeBytes() override;

 private:
  using Step = std::function<absl::Status(PostgresConnection*, absl::Time now, Job*)>;

  // Has `step` change the job inside one transaction and writes what it became.
  absl::StatusOr<Job> Change(int64_t id, const Step& step);

  const std::shared_ptr<PostgresPool> pool_;
  const Clock* const clock_;
  const int64_t max_waiting_;
};

}  // namespace signalbox
