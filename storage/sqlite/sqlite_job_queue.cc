#include "storage/sqlite/sqlite_job_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "storage/check_job.h"
#include "storage/check_lease.h"
#include "storage/errors.h"
#include "storage/job_steps.h"
#include "storage/retention.h"
#include "storage/sqlite/sqlite_access.h"
#include "storage/sqlite/sqlite_connection.h"

namespace signalbox {
namespace {

constexpr Sql kInsertJob = {
    "insert_job",
    "INSERT INTO job (kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"};
// What may change of a job.
constexpr Sql kUpdateJob = {
    "update_job",
    "UPDATE job SET run_at_ms = ?2, state = ?3, due_ms = ?4, attempts = ?5, fence = ?6, worker = "
    "?7, changed_ms = ?8, error = ?9 WHERE id = ?1"};
constexpr Sql kSelectJob = {
    "select_job",
    "SELECT id, kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error FROM job WHERE id = ?1"};
constexpr Sql kSelectJobByKey = {
    "select_job_by_key",
    "SELECT id, kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error FROM job "
    "WHERE unique_key = ?1 AND unique_key <> '' AND due_ms IS NOT NULL"};
// Parameters: now, a JSON array of kinds or NULL.
constexpr Sql kSelectDueJob = {
    "select_due_job",
    "SELECT id, kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error FROM job "
    "WHERE due_ms IS NOT NULL AND due_ms <= ?1 "
    "AND (?2 IS NULL OR kind IN (SELECT value FROM json_each(?2))) "
    "ORDER BY priority DESC, run_at_ms, id LIMIT 1"};
constexpr Sql kSelectNextDue = {"select_next_due",
                                "SELECT min(due_ms) FROM job WHERE due_ms IS NOT NULL"};
constexpr Sql kCountWaiting = {"count_waiting_jobs",
                               "SELECT count(*) FROM job WHERE due_ms IS NOT NULL"};
constexpr Sql kCountJobs = {"count_jobs", "SELECT state, count(*) FROM job GROUP BY state"};
// Parameters: below, limit, state, kind.
constexpr Sql kListJobs = {
    "list_jobs",
    "SELECT id, kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error FROM job "
    "WHERE id < ?1 AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR kind = ?4) "
    "ORDER BY id DESC LIMIT ?2"};
constexpr Sql kListJobsByState = {
    "list_jobs_by_state",
    "SELECT id, kind, payload, priority, run_at_ms, max_attempts, unique_key, state, due_ms, "
    "attempts, fence, worker, created_ms, changed_ms, error FROM job "
    "WHERE state = ?3 AND id < ?1 AND (?4 IS NULL OR kind = ?4) ORDER BY id DESC LIMIT ?2"};
// Parameters: state, kept since, how many are kept, limit.
constexpr Sql kPruneJobs = {
    "prune_jobs",
    "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state = ?1 AND (changed_ms < ?2 OR id "
    "<= "
    "coalesce((SELECT id FROM job WHERE state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3), 0)) "
    "ORDER BY id LIMIT ?4)"};

// Jobs without an attempt left that one Claim buries at most; the next one goes on.
constexpr int kMaxBuried = 100;

int64_t Millis(absl::Time time) { return absl::ToUnixMillis(time); }

SqliteQuery& BindDue(SqliteQuery& query, int index, const Job& job) {
  const absl::Time due = DueOf(job);
  return due == absl::InfiniteFuture() ? query.BindNull(index) : query.Bind(index, Millis(due));
}

Job JobIn(const SqliteQuery& query) {
  Job job = {
      .id = query.Int(0),
      .spec = {.kind = std::string(query.Text(1)),
               .payload = std::string(query.Blob(2)),
               .priority = static_cast<int>(query.Int(3)),
               .run_at = absl::FromUnixMillis(query.Int(4)),
               .max_attempts = static_cast<int>(query.Int(5)),
               .unique_key = std::string(query.Text(6))},
      .state = static_cast<JobState>(query.Int(7)),
      .attempts = static_cast<int>(query.Int(9)),
      .fence = query.Int(10),
      .worker = std::string(query.Text(11)),
      .created = absl::FromUnixMillis(query.Int(12)),
      .changed = absl::FromUnixMillis(query.Int(13)),
      .error = std::string(query.Text(14)),
  };
  if (job.state == JobState::kRunning) job.lease_until = absl::FromUnixMillis(query.Int(8));
  return job;
}

// The one job that `query` gives, or none.
absl::StatusOr<std::optional<Job>> OneJob(SqliteQuery& query) {
  std::optional<Job> job;
  if (query.Step()) job = JobIn(query);
  SB_RETURN_IF_ERROR(query.status());
  return job;
}

absl::StatusOr<Job> ReadJob(SqliteConnection* connection, int64_t id) {
  SqliteQuery query(connection, kSelectJob);
  query.Bind(1, id);
  SB_ASSIGN_OR_RETURN(std::optional<Job> job, OneJob(query));
  if (!job.has_value()) return errors::NoSuchJob(id);
  return *std::move(job);
}

absl::StatusOr<std::optional<Job>> ReadByKey(SqliteConnection* connection,
                                             const std::string& unique_key) {
  if (unique_key.empty()) return std::optional<Job>();
  SqliteQuery query(connection, kSelectJobByKey);
  query.BindText(1, unique_key);
  return OneJob(query);
}

absl::Status InsertJob(SqliteConnection* connection, Job* job) {
  SqliteQuery query(connection, kInsertJob);
  query.BindText(1, job->spec.kind)
      .BindBlob(2, job->spec.payload)
      .Bind(3, job->spec.priority)
      .Bind(4, Millis(job->spec.run_at))
      .Bind(5, job->spec.max_attempts)
      .BindText(6, job->spec.unique_key)
      .Bind(7, static_cast<int64_t>(job->state));
  BindDue(query, 8, *job)
      .Bind(9, job->attempts)
      .Bind(10, job->fence)
      .BindText(11, job->worker)
      .Bind(12, Millis(job->created))
      .Bind(13, Millis(job->changed))
      .BindText(14, job->error);
  SB_RETURN_IF_ERROR(query.Run());
  job->id = connection->LastInsertId();
  return absl::OkStatus();
}

absl::Status UpdateJob(SqliteConnection* connection, const Job& job) {
  SqliteQuery query(connection, kUpdateJob);
  query.Bind(1, job.id).Bind(2, Millis(job.spec.run_at)).Bind(3, static_cast<int64_t>(job.state));
  BindDue(query, 4, job)
      .Bind(5, job.attempts)
      .Bind(6, job.fence)
      .BindText(7, job.worker)
      .Bind(8, Millis(job.changed))
      .BindText(9, job.error);
  return query.Run();
}

absl::StatusOr<int64_t> ReadNumber(SqliteConnection* connection, const Sql& sql) {
  SqliteQuery query(connection, sql);
  const int64_t number = query.Step() ? query.Int(0) : 0;
  SB_RETURN_IF_ERROR(query.status());
  return number;
}

}  // namespace

SqliteJobQueue::SqliteJobQueue(std::shared_ptr<SqliteDatabase> database, const Clock* clock,
                               int64_t max_waiting)
    : database_(std::move(database)), clock_(clock), max_waiting_(max_waiting) {
  SB_CHECK(database_ != nullptr && clock_ != nullptr);
}

absl::Time SqliteJobQueue::Now() const { return absl::FromUnixMillis(Millis(clock_->Now())); }

absl::StatusOr<Enqueued> SqliteJobQueue::Enqueue(const JobSpec& spec) {
  SB_RETURN_IF_ERROR(CheckJobSpec(spec));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<Enqueued> {
    SB_ASSIGN_OR_RETURN(std::optional<Job> there, ReadByKey(connection, spec.unique_key));
    if (there.has_value())
      return Enqueued{.job = *std::move(there), .outcome = Enqueued::Outcome::kAlreadyThere};
    SB_ASSIGN_OR_RETURN(const int64_t waiting, ReadNumber(connection, kCountWaiting));
    if (waiting >= max_waiting_) return errors::QueueFull(max_waiting_);
    Enqueued enqueued = {.job = NewJob(spec, Now()), .outcome = Enqueued::Outcome::kNew};
    SB_RETURN_IF_ERROR(InsertJob(connection, &enqueued.job));
    return enqueued;
  });
}

absl::StatusOr<std::optional<Job>> SqliteJobQueue::Claim(absl::string_view worker,
                                                         absl::Duration lease,
                                                         const std::vector<std::string>& kinds) {
  SB_RETURN_IF_ERROR(CheckJobClaim(worker, lease, kinds));
  Json names = Json::Array();
  for (const std::string& kind : kinds) names.Append(kind);
  return WriteTo(database_.get(),
                 [&](SqliteConnection* connection) -> absl::StatusOr<std::optional<Job>> {
                   const absl::Time now = Now();
                   for (int buried = 0; buried < kMaxBuried; ++buried) {
                     SqliteQuery query(connection, kSelectDueJob);
                     query.Bind(1, Millis(now));
                     if (kinds.empty()) {
                       query.BindNull(2);
                     } else {
                       query.BindText(2, names.Dump());
                     }
                     SB_ASSIGN_OR_RETURN(std::optional<Job> job, OneJob(query));
                     if (!job.has_value()) break;
                     const bool given = GiveTo(worker, lease, now, &*job);
                     SB_RETURN_IF_ERROR(UpdateJob(connection, *job));
                     if (given) return job;
                   }
                   return std::optional<Job>();
                 });
}

absl::StatusOr<absl::Time> SqliteJobQueue::NextDue() {
  return ReadFrom(database_.get(), [](SqliteConnection* connection) -> absl::StatusOr<absl::Time> {
    SqliteQuery query(connection, kSelectNextDue);
    const bool any = query.Step() && !query.IsNull(0);
    SB_RETURN_IF_ERROR(query.status());
    return any ? absl::FromUnixMillis(query.Int(0)) : absl::InfiniteFuture();
  });
}

absl::StatusOr<Job> SqliteJobQueue::Change(int64_t id, const Step& step) {
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<Job> {
    SB_ASSIGN_OR_RETURN(Job job, ReadJob(connection, id));
    SB_RETURN_IF_ERROR(step(connection, &job));
    SB_RETURN_IF_ERROR(UpdateJob(connection, job));
    return job;
  });
}

absl::StatusOr<absl::Time> SqliteJobQueue::Extend(const JobClaim& claim, absl::Duration lease) {
  SB_RETURN_IF_ERROR(CheckLeaseDuration(lease));
  SB_ASSIGN_OR_RETURN(const Job job,
                      Change(claim.id, [&](SqliteConnection*, Job* changed) -> absl::Status {
                        SB_RETURN_IF_ERROR(CheckClaim(*changed, claim));
                        ExtendLease(lease, Now(), changed);
                        return absl::OkStatus();
                      }));
  return job.lease_until;
}

absl::Status SqliteJobQueue::Complete(const JobClaim& claim) {
  return Change(claim.id,
                [&](SqliteConnection*, Job* job) -> absl::Status {
                  SB_RETURN_IF_ERROR(CheckClaim(*job, claim));
                  Finish(Now(), job);
                  return absl::OkStatus();
                })
      .status();
}

absl::StatusOr<Job> SqliteJobQueue::Fail(const JobClaim& claim, absl::string_view error,
                                         TryAgain again) {
  return Change(claim.id, [&](SqliteConnection*, Job* job) -> absl::Status {
    SB_RETURN_IF_ERROR(CheckClaim(*job, claim));
    FailAttempt(error, again, Now(), job);
    return absl::OkStatus();
  });
}

absl::StatusOr<Job> SqliteJobQueue::Get(int64_t id) {
  return ReadFrom(database_.get(),
                  [&](SqliteConnection* connection) { return ReadJob(connection, id); });
}

absl::StatusOr<JobPage> SqliteJobQueue::List(const JobFilter& filter, std::optional<int64_t> below,
                                             int page_size) {
  SB_RETURN_IF_ERROR(CheckJobFilter(filter));
  const size_t count = static_cast<size_t>(std::clamp(page_size, 1, limits::kMaxPageSize));
  return ReadFrom(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<JobPage> {
    SqliteQuery query(connection, filter.state.has_value() ? kListJobsByState : kListJobs);
    query.Bind(1, below.value_or(INT64_MAX)).Bind(2, static_cast<int64_t>(count) + 1);
    if (filter.state.has_value()) {
      query.Bind(3, static_cast<int64_t>(*filter.state));
    } else {
      query.BindNull(3);
    }
    if (filter.kind.has_value()) {
      query.BindText(4, *filter.kind);
    } else {
      query.BindNull(4);
    }
    JobPage page;
    while (query.Step()) page.jobs.push_back(JobIn(query));
    SB_RETURN_IF_ERROR(query.status());
    if (page.jobs.size() > count) {
      page.jobs.resize(count);
      page.next_below = page.jobs.back().id;
    }
    return page;
  });
}

absl::StatusOr<Job> SqliteJobQueue::Retry(int64_t id) {
  return Change(id, [&](SqliteConnection* connection, Job* job) -> absl::Status {
    SB_RETURN_IF_ERROR(MakePending(Now(), job));
    SB_ASSIGN_OR_RETURN(const std::optional<Job> other,
                        ReadByKey(connection, job->spec.unique_key));
    if (other.has_value()) return errors::JobKeyTaken(job->spec.unique_key, other->id);
    return absl::OkStatus();
  });
}

absl::StatusOr<Job> SqliteJobQueue::Cancel(int64_t id, absl::string_view reason) {
  return Change(id, [&](SqliteConnection*, Job* job) { return MakeDead(reason, Now(), job); });
}

absl::StatusOr<JobCounts> SqliteJobQueue::Count() {
  return ReadFrom(database_.get(), [](SqliteConnection* connection) -> absl::StatusOr<JobCounts> {
    JobCounts counts;
    SqliteQuery query(connection, kCountJobs);
    while (query.Step()) CountOf(static_cast<JobState>(query.Int(0)), &counts) = query.Int(1);
    SB_RETURN_IF_ERROR(query.status());
    return counts;
  });
}

absl::StatusOr<int> SqliteJobQueue::Prune(const JobRetention& retention) {
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<int> {
    int64_t left = limits::kMaxPrunedRows;
    const auto prune = [&](JobState state, absl::Duration age, int64_t kept) -> absl::Status {
      SB_RETURN_IF_ERROR(SqliteQuery(connection, kPruneJobs)
                             .Bind(1, static_cast<int64_t>(state))
                             .Bind(2, KeptSinceMillis(Now(), age))
                             .Bind(3, kept)
                             .Bind(4, left)
                             .Run());
      left -= connection->ChangedRows();
      return absl::OkStatus();
    };
    SB_RETURN_IF_ERROR(prune(JobState::kDone, retention.done_age, retention.done_count));
    SB_RETURN_IF_ERROR(prune(JobState::kDead, retention.dead_age, retention.dead_count));
    return static_cast<int>(limits::kMaxPrunedRows - left);
  });
}

}  // namespace signalbox
