#include "storage/postgres/postgres_job_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_job.h"
#include "storage/check_lease.h"
#include "storage/errors.h"
#include "storage/job_steps.h"
#include "storage/postgres/postgres_access.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_result.h"
#include "storage/retention.h"

namespace signalbox {
namespace {

// No row: another transaction has added a job with the key meanwhile.
constexpr Sql kInsertJob = {
    "insert_job",
    "INSERT INTO queue.job (kind, payload, priority, run_at, max_attempts, unique_key, state, due, "
    "attempts, fence, worker, created, changed, error) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
    "ON CONFLICT (unique_key) WHERE unique_key <> '' AND due IS NOT NULL DO NOTHING RETURNING id"};
// What may change of a job.
constexpr Sql kUpdateJob = {
    "update_job",
    "UPDATE queue.job SET run_at = $2, state = $3, due = $4::timestamptz, attempts = $5, fence = "
    "$6, worker = $7, changed = $8, error = $9 WHERE id = $1"};
constexpr Sql kSelectJob = {
    "select_job",
    "SELECT id, kind, payload, priority, run_at, max_attempts, unique_key, state, due, attempts, "
    "fence, worker, created, changed, error FROM queue.job WHERE id = $1"};
constexpr Sql kLockJob = {
    "lock_job",
    "SELECT id, kind, payload, priority, run_at, max_attempts, unique_key, state, due, attempts, "
    "fence, worker, created, changed, error FROM queue.job WHERE id = $1 FOR UPDATE"};
constexpr Sql kSelectJobByKey = {
    "select_job_by_key",
    "SELECT id, kind, payload, priority, run_at, max_attempts, unique_key, state, due, attempts, "
    "fence, worker, created, changed, error FROM queue.job "
    "WHERE unique_key = $1 AND unique_key <> '' AND due IS NOT NULL"};
// Parameters: now, the kinds or NULL.
constexpr Sql kTakeDueJob = {
    "take_due_job",
    "SELECT id, kind, payload, priority, run_at, max_attempts, unique_key, state, due, attempts, "
    "fence, worker, created, changed, error FROM queue.job "
    "WHERE due IS NOT NULL AND due <= $1 "
    "AND ($2::text[] IS NULL OR kind = ANY ($2::text[])) "
    "ORDER BY priority DESC, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"};
constexpr Sql kSelectNextDue = {"select_next_due",
                                "SELECT min(due) FROM queue.job WHERE due IS NOT NULL"};
constexpr Sql kCountWaiting = {"count_waiting_jobs",
                               "SELECT count(*) FROM queue.job WHERE due IS NOT NULL"};
constexpr Sql kCountJobs = {"count_jobs", "SELECT state, count(*) FROM queue.job GROUP BY state"};
// Parameters: below, limit, state, kind.
constexpr Sql kListJobs = {
    "list_jobs",
    "SELECT id, kind, payload, priority, run_at, max_attempts, unique_key, state, due, attempts, "
    "fence, worker, created, changed, error FROM queue.job "
    "WHERE id < $1 AND ($3::bigint IS NULL OR state = $3::bigint) "
    "AND ($4::text IS NULL OR kind = $4::text) ORDER BY id DESC LIMIT $2"};
// Parameters: state, kept since, how many are kept, limit.
constexpr Sql kPruneJobs = {
    "prune_jobs",
    "DELETE FROM queue.job WHERE id IN (SELECT id FROM queue.job WHERE state = $1 AND (changed < "
    "$2 "
    "OR id <= coalesce((SELECT id FROM queue.job WHERE state = $1 ORDER BY id DESC LIMIT 1 OFFSET "
    "$3), 0)) ORDER BY id LIMIT $4)"};
constexpr Sql kSelectSize = {
    "select_queue_size",
    "SELECT pg_total_relation_size('queue.job') + pg_total_relation_size('queue.lease')"};

// Jobs without an attempt left that one Claim buries at most; the next one goes on.
constexpr int kMaxBuried = 100;
// How often a job's key may be taken and given back under an Enqueue. Then: kAborted.
constexpr int kMaxKeyRaces = 5;

PostgresParams& AddDue(const Job& job, PostgresParams* params) {
  const absl::Time due = DueOf(job);
  return due == absl::InfiniteFuture() ? params->Null() : params->Time(due);
}

Job JobIn(const PostgresRow& row) {
  Job job = {
      .id = row.Int(0),
      .spec = {.kind = std::string(row.Text(1)),
               .payload = std::string(row.Bytes(2)),
               .priority = static_cast<int>(row.Int(3)),
               .run_at = row.Time(4),
               .max_attempts = static_cast<int>(row.Int(5)),
               .unique_key = std::string(row.Text(6))},
      .state = static_cast<JobState>(row.Int(7)),
      .attempts = static_cast<int>(row.Int(9)),
      .fence = row.Int(10),
      .worker = std::string(row.Text(11)),
      .created = row.Time(12),
      .changed = row.Time(13),
      .error = std::string(row.Text(14)),
  };
  if (job.state == JobState::kRunning) job.lease_until = row.Time(8);
  return job;
}

std::optional<Job> OneJob(const PostgresResult& result) {
  return result.rows() == 0 ? std::optional<Job>() : JobIn(result[0]);
}

PostgresParams InsertParams(const Job& job) {
  PostgresParams params;
  params.Text(job.spec.kind)
      .Bytes(job.spec.payload)
      .Int(job.spec.priority)
      .Time(job.spec.run_at)
      .Int(job.spec.max_attempts)
      .Text(job.spec.unique_key)
      .Int(static_cast<int64_t>(job.state));
  AddDue(job, &params)
      .Int(job.attempts)
      .Int(job.fence)
      .Text(job.worker)
      .Time(job.created)
      .Time(job.changed)
      .Text(job.error);
  return params;
}

void AddUpdate(const Job& job, PostgresBatch* batch) {
  PostgresParams params;
  params.Int(job.id).Time(job.spec.run_at).Int(static_cast<int64_t>(job.state));
  AddDue(job, &params)
      .Int(job.attempts)
      .Int(job.fence)
      .Text(job.worker)
      .Time(job.changed)
      .Text(job.error);
  batch->Add(kUpdateJob, std::move(params));
}

PostgresBatch OnlyNow() {
  PostgresBatch locks;
  locks.Add(kSelectNow);
  return locks;
}

}  // namespace

PostgresJobQueue::PostgresJobQueue(std::shared_ptr<PostgresPool> pool, const Clock* clock,
                                   int64_t max_waiting)
    : pool_(std::move(pool)), clock_(clock), max_waiting_(max_waiting) {
  SB_CHECK(pool_ != nullptr);
}

absl::StatusOr<Enqueued> PostgresJobQueue::Enqueue(const JobSpec& spec) {
  SB_RETURN_IF_ERROR(CheckJobSpec(spec));
  PostgresBatch locks;
  locks.Add(kSelectNow)
      .Add(kCountWaiting)
      .Add(kSelectJobByKey, PostgresParams().Text(spec.unique_key));
  return WriteTo(
      pool_.get(), locks,
      [&](PostgresConnection* connection, const std::vector<PostgresResult>& found,
          PostgresBatch*) -> absl::StatusOr<Enqueued> {
        if (std::optional<Job> there = OneJob(found[2]); there.has_value())
          return Enqueued{.job = *std::move(there), .outcome = Enqueued::Outcome::kAlreadyThere};
        if (found[1][0].Int(0) >= max_waiting_) return errors::QueueFull(max_waiting_);
        Enqueued enqueued = {.job = NewJob(spec, NowIn(found[0], clock_)),
                             .outcome = Enqueued::Outcome::kNew};
        for (int i = 0; i < kMaxKeyRaces; ++i) {
          SB_ASSIGN_OR_RETURN(const PostgresResult inserted,
                              connection->Run(kInsertJob, InsertParams(enqueued.job)));
          if (inserted.rows() > 0) {
            enqueued.job.id = inserted[0].Int(0);
            return enqueued;
          }
          SB_ASSIGN_OR_RETURN(
              const PostgresResult other,
              connection->Run(kSelectJobByKey, PostgresParams().Text(spec.unique_key)));
          if (std::optional<Job> there = OneJob(other); there.has_value())
            return Enqueued{.job = *std::move(there), .outcome = Enqueued::Outcome::kAlreadyThere};
        }
        return errors::StoreBusy("jobs with the same key come and go");
      });
}

absl::StatusOr<std::optional<Job>> PostgresJobQueue::Claim(absl::string_view worker,
                                                           absl::Duration lease,
                                                           const std::vector<std::string>& kinds) {
  SB_RETURN_IF_ERROR(CheckJobClaim(worker, lease, kinds));
  return WriteTo(pool_.get(), OnlyNow(),
                 [&](PostgresConnection* connection, const std::vector<PostgresResult>& answers,
                     PostgresBatch* last) -> absl::StatusOr<std::optional<Job>> {
                   const absl::Time now = NowIn(answers[0], clock_);
                   PostgresParams params;
                   params.Time(now);
                   if (kinds.empty()) {
                     params.Null();
                   } else {
                     params.Texts(std::vector<absl::string_view>(kinds.begin(), kinds.end()));
                   }
                   for (int buried = 0; buried < kMaxBuried; ++buried) {
                     PostgresBatch take = std::exchange(*last, PostgresBatch());
                     take.Add(kTakeDueJob, params);
                     SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> taken,
                                         connection->RunBatch(take));
                     std::optional<Job> job = OneJob(taken.back());
                     if (!job.has_value()) break;
                     const bool given = GiveTo(worker, lease, now, &*job);
                     AddUpdate(*job, last);
                     if (given) return job;
                   }
                   return std::optional<Job>();
                 });
}

absl::StatusOr<absl::Time> PostgresJobQueue::NextDue() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<absl::Time> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectNextDue));
    return result[0].IsNull(0) ? absl::InfiniteFuture() : result[0].Time(0);
  });
}

absl::StatusOr<Job> PostgresJobQueue::Change(int64_t id, const Step& step) {
  PostgresBatch locks;
  locks.Add(kLockJob, PostgresParams().Int(id)).Add(kSelectNow);
  return WriteTo(pool_.get(), locks,
                 [&](PostgresConnection* connection, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::StatusOr<Job> {
                   std::optional<Job> job = OneJob(locked[0]);
                   if (!job.has_value()) return errors::NoSuchJob(id);
                   SB_RETURN_IF_ERROR(step(connection, NowIn(locked[1], clock_), &*job));
                   AddUpdate(*job, last);
                   return *std::move(job);
                 });
}

absl::StatusOr<absl::Time> PostgresJobQueue::Extend(const JobClaim& claim, absl::Duration lease) {
  SB_RETURN_IF_ERROR(CheckLeaseDuration(lease));
  SB_ASSIGN_OR_RETURN(
      const Job job,
      Change(claim.id, [&](PostgresConnection*, absl::Time now, Job* changed) -> absl::Status {
        SB_RETURN_IF_ERROR(CheckClaim(*changed, claim));
        ExtendLease(lease, now, changed);
        return absl::OkStatus();
      }));
  return job.lease_until;
}

absl::Status PostgresJobQueue::Complete(const JobClaim& claim) {
  return Change(claim.id,
                [&](PostgresConnection*, absl::Time now, Job* job) -> absl::Status {
                  SB_RETURN_IF_ERROR(CheckClaim(*job, claim));
                  Finish(now, job);
                  return absl::OkStatus();
                })
      .status();
}

absl::StatusOr<Job> PostgresJobQueue::Fail(const JobClaim& claim, absl::string_view error,
                                           TryAgain again) {
  return Change(claim.id, [&](PostgresConnection*, absl::Time now, Job* job) -> absl::Status {
    SB_RETURN_IF_ERROR(CheckClaim(*job, claim));
    FailAttempt(error, again, now, job);
    return absl::OkStatus();
  });
}

absl::StatusOr<Job> PostgresJobQueue::Get(int64_t id) {
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<Job> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result,
                        connection->Run(kSelectJob, PostgresParams().Int(id)));
    std::optional<Job> job = OneJob(result);
    if (!job.has_value()) return errors::NoSuchJob(id);
    return *std::move(job);
  });
}

absl::StatusOr<JobPage> PostgresJobQueue::List(const JobFilter& filter,
                                               std::optional<int64_t> below, int page_size) {
  SB_RETURN_IF_ERROR(CheckJobFilter(filter));
  const size_t count = static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
  PostgresParams params;
  params.Int(below.value_or(INT64_MAX)).Int(static_cast<int64_t>(count) + 1);
  if (filter.state.has_value()) {
    params.Int(static_cast<int64_t>(*filter.state));
  } else {
    params.Null();
  }
  if (filter.kind.has_value()) {
    params.Text(*filter.kind);
  } else {
    params.Null();
  }
  return ReadFrom(pool_.get(), [&](PostgresConnection* connection) -> absl::StatusOr<JobPage> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kListJobs, params));
    JobPage page;
    for (int i = 0; i < result.rows(); ++i) page.jobs.push_back(JobIn(result[i]));
    if (page.jobs.size() > count) {
      page.jobs.resize(count);
      page.next_below = page.jobs.back().id;
    }
    return page;
  });
}

absl::StatusOr<Job> PostgresJobQueue::Retry(int64_t id) {
  return Change(id, [&](PostgresConnection* connection, absl::Time now, Job* job) -> absl::Status {
    SB_RETURN_IF_ERROR(MakePending(now, job));
    SB_ASSIGN_OR_RETURN(
        const PostgresResult result,
        connection->Run(kSelectJobByKey, PostgresParams().Text(job->spec.unique_key)));
    const std::optional<Job> other = OneJob(result);
    if (other.has_value()) return errors::JobKeyTaken(job->spec.unique_key, other->id);
    return absl::OkStatus();
  });
}

absl::StatusOr<Job> PostgresJobQueue::Cancel(int64_t id, absl::string_view reason) {
  return Change(id, [&](PostgresConnection*, absl::Time now, Job* job) {
    return MakeDead(reason, now, job);
  });
}

absl::StatusOr<JobCounts> PostgresJobQueue::Count() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<JobCounts> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kCountJobs));
    JobCounts counts;
    for (int i = 0; i < result.rows(); ++i)
      CountOf(static_cast<JobState>(result[i].Int(0)), &counts) = result[i].Int(1);
    return counts;
  });
}

absl::StatusOr<int> PostgresJobQueue::Prune(const JobRetention& retention) {
  return WriteTo(
      pool_.get(), OnlyNow(),
      [&](PostgresConnection* connection, const std::vector<PostgresResult>& answers,
          PostgresBatch*) -> absl::StatusOr<int> {
        const absl::Time now = NowIn(answers[0], clock_);
        int64_t left = limits::kMaxPrunedRows;
        const auto prune = [&](JobState state, absl::Duration age, int64_t kept) -> absl::Status {
          SB_ASSIGN_OR_RETURN(
              const PostgresResult result,
              connection->Run(kPruneJobs, PostgresParams()
                                              .Int(static_cast<int64_t>(state))
                                              .Time(absl::FromUnixMillis(KeptSinceMillis(now, age)))
                                              .Int(kept)
                                              .Int(left)));
          left -= result.changed_rows();
          return absl::OkStatus();
        };
        SB_RETURN_IF_ERROR(prune(JobState::kDone, retention.done_age, retention.done_count));
        SB_RETURN_IF_ERROR(prune(JobState::kDead, retention.dead_age, retention.dead_count));
        return static_cast<int>(limits::kMaxPrunedRows - left);
      });
}

absl::StatusOr<int64_t> PostgresJobQueue::SizeBytes() {
  return ReadFrom(pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<int64_t> {
    SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectSize));
    return result[0].Int(0);
  });
}

}  // namespace signalbox
