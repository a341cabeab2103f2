// What JobQueue promises, of every backend.
#include "storage/job_queue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "tests/storage/conformance/area_fixtures.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;
using Outcome = Enqueued::Outcome;
using TryAgain = JobQueue::TryAgain;

constexpr absl::Duration kLease = absl::Seconds(30);

int64_t MustEnqueue(JobQueue& queue, const JobSpec& spec) {
  const auto enqueued = queue.Enqueue(spec);
  REQUIRE(enqueued.ok());
  CHECK(enqueued->outcome == Outcome::kNew);
  return enqueued->job.id;
}

Job MustClaim(JobQueue& queue, absl::string_view worker = "w") {
  const auto job = queue.Claim(worker, kLease, {});
  REQUIRE(job.ok());
  REQUIRE(job->has_value());
  return **job;
}

bool NothingToClaim(JobQueue& queue) {
  const auto job = queue.Claim("w", kLease, {});
  return job.ok() && !job->has_value();
}

// The ids in the order in which they are claimed.
std::vector<int64_t> ClaimAll(JobQueue& queue) {
  std::vector<int64_t> ids;
  while (true) {
    const auto job = queue.Claim("w", kLease, {});
    if (!job.ok() || !job->has_value()) return ids;
    ids.push_back((*job)->id);
  }
}

TEMPLATE_LIST_TEST_CASE("a job is read back as it was enqueued", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const JobSpec spec = {.kind = "backup",
                        .payload = std::string("\0\xff\x01 x", 5),
                        .priority = -3,
                        .run_at = fixture.clock.Now() + absl::Microseconds(1500),
                        .max_attempts = 7,
                        .unique_key = "Grüße \"x\""};
  const auto enqueued = queue->Enqueue(spec);
  REQUIRE(enqueued.ok());
  CHECK(enqueued->outcome == Outcome::kNew);
  const auto job = queue->Get(enqueued->job.id);
  REQUIRE(job.ok());
  CHECK(job->spec.kind == spec.kind);
  CHECK(job->spec.payload == spec.payload);
  CHECK(job->spec.priority == -3);
  CHECK(job->spec.run_at == fixture.clock.Now() + absl::Milliseconds(1));
  CHECK(job->spec.max_attempts == 7);
  CHECK(job->spec.unique_key == spec.unique_key);
  CHECK(job->state == JobState::kPending);
  CHECK(job->attempts == 0);
  CHECK(job->worker.empty());
  CHECK(job->created == fixture.clock.Now());
  CHECK(queue->Get(job->id + 1).status().code() == StatusCode::kNotFound);
  CHECK(*queue->SizeBytes() > 0);
}

TEMPLATE_LIST_TEST_CASE("what makes no job is refused and not written", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  std::vector<JobSpec> bad(8, JobSpec{.kind = "k"});
  bad[0].kind = "";
  bad[1].kind = std::string("a\0b", 3);
  bad[2].unique_key = "\xc3";
  bad[3].payload = std::string(limits::kMaxPayloadBytes + 1, 'x');
  bad[4].max_attempts = 0;
  bad[5].max_attempts = limits::kMaxAttempts + 1;
  bad[6].run_at = absl::InfiniteFuture();
  bad[7].run_at = absl::FromUnixSeconds(-1);
  for (const JobSpec& spec : bad) {
    CHECK(queue->Enqueue(spec).status().code() == StatusCode::kInvalidArgument);
  }
  CHECK(queue->Claim("", kLease, {}).status().code() == StatusCode::kInvalidArgument);
  CHECK(queue->Claim("w", absl::ZeroDuration(), {}).status().code() ==
        StatusCode::kInvalidArgument);
  CHECK(queue->Claim("w", kLease, {"\xff"}).status().code() == StatusCode::kInvalidArgument);
  CHECK(queue->List({.kind = "\xff"}, std::nullopt, 1).status().code() ==
        StatusCode::kInvalidArgument);
  CHECK(queue->Count()->pending == 0);
}

TEMPLATE_LIST_TEST_CASE("a queue that is full takes no more until something is done", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue(2);
  MustEnqueue(*queue, {.kind = "k"});
  MustEnqueue(*queue, {.kind = "k"});
  const Job running = MustClaim(*queue);
  CHECK(queue->Enqueue({.kind = "k"}).status().code() == StatusCode::kResourceExhausted);
  REQUIRE(queue->Complete(ClaimOf(running)).ok());
  CHECK(queue->Enqueue({.kind = "k"}).ok());
}

TEMPLATE_LIST_TEST_CASE("a unique key is one job while that is pending or running", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t first = MustEnqueue(*queue, {.kind = "k", .unique_key = "daily"});
  const auto again = queue->Enqueue({.kind = "k", .payload = "other", .unique_key = "daily"});
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kAlreadyThere);
  CHECK(again->job.id == first);
  CHECK(again->job.spec.payload.empty());
  const Job running = MustClaim(*queue);
  CHECK(queue->Enqueue({.kind = "k", .unique_key = "daily"})->outcome == Outcome::kAlreadyThere);
  MustEnqueue(*queue, {.kind = "k", .unique_key = "Daily"});
  MustEnqueue(*queue, {.kind = "k"});
  MustEnqueue(*queue, {.kind = "k"});
  REQUIRE(queue->Complete(ClaimOf(running)).ok());
  CHECK(MustEnqueue(*queue, {.kind = "k", .unique_key = "daily"}) > first);
}

TEMPLATE_LIST_TEST_CASE("of many that enqueue one key at once one makes the job", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  constexpr int kThreads = 6;
  std::vector<absl::StatusOr<Enqueued>> results(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      results[static_cast<size_t>(t)] = queue->Enqueue({.kind = "k", .unique_key = "daily"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  int made = 0;
  for (const auto& result : results) {
    REQUIRE(result.ok());
    CHECK(result->job.id == results[0]->job.id);
    if (result->outcome == Outcome::kNew) ++made;
  }
  CHECK(made == 1);
}

TEMPLATE_LIST_TEST_CASE("jobs are claimed by priority, then time, then id", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const absl::Time now = fixture.clock.Now();
  const int64_t low = MustEnqueue(*queue, {.kind = "k", .priority = -1});
  const int64_t second = MustEnqueue(*queue, {.kind = "k"});
  const int64_t third = MustEnqueue(*queue, {.kind = "k"});
  const int64_t early = MustEnqueue(*queue, {.kind = "k", .run_at = now - absl::Seconds(1)});
  const int64_t high = MustEnqueue(*queue, {.kind = "k", .priority = 5});
  MustEnqueue(*queue, {.kind = "k", .priority = 9, .run_at = now + absl::Seconds(1)});
  CHECK(ClaimAll(*queue) == std::vector<int64_t>{high, early, second, third, low});
}

TEMPLATE_LIST_TEST_CASE("a job waits for its time", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  CHECK(*queue->NextDue() == absl::InfiniteFuture());
  const absl::Time later = fixture.clock.Now() + absl::Minutes(1);
  MustEnqueue(*queue, {.kind = "k", .run_at = later});
  CHECK(*queue->NextDue() == later);
  CHECK(NothingToClaim(*queue));
  fixture.clock.Advance(absl::Minutes(1) - absl::Milliseconds(1));
  CHECK(NothingToClaim(*queue));
  fixture.clock.Advance(absl::Milliseconds(1));
  const Job job = MustClaim(*queue);
  CHECK(*queue->NextDue() == job.lease_until);
  REQUIRE(queue->Complete(ClaimOf(job)).ok());
  CHECK(*queue->NextDue() == absl::InfiniteFuture());
}

TEMPLATE_LIST_TEST_CASE("a worker is given only the kinds that it can do", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "ba\"ckup", .priority = 1});
  const int64_t prune = MustEnqueue(*queue, {.kind = "prune"});
  auto job = queue->Claim("w", kLease, {"prune", "x"});
  REQUIRE(job.ok());
  REQUIRE(job->has_value());
  CHECK((*job)->id == prune);
  CHECK(!queue->Claim("w", kLease, {"prune", "x"})->has_value());
  CHECK(queue->Claim("w", kLease, {"ba\"ckup"})->has_value());
}

TEMPLATE_LIST_TEST_CASE("a claimed job is its worker's alone until the lease ends", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(*queue, {.kind = "k"});
  const Job job = MustClaim(*queue, "one");
  CHECK(job.id == id);
  CHECK(job.state == JobState::kRunning);
  CHECK(job.worker == "one");
  CHECK(job.attempts == 1);
  CHECK(job.lease_until == fixture.clock.Now() + kLease);
  CHECK(NothingToClaim(*queue));
  fixture.clock.Advance(kLease - absl::Milliseconds(1));
  CHECK(NothingToClaim(*queue));
  const auto stored = queue->Get(id);
  CHECK(stored->lease_until == job.lease_until);
  CHECK(stored->fence == job.fence);
}

TEMPLATE_LIST_TEST_CASE("a job whose lease ended goes to another worker, and the first has lost it",
                        "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  const Job stale = MustClaim(*queue, "one");
  fixture.clock.Advance(kLease);
  const Job taken = MustClaim(*queue, "two");
  CHECK(taken.id == stale.id);
  CHECK(taken.attempts == 2);
  CHECK(taken.fence > stale.fence);
  CHECK(queue->Complete(ClaimOf(stale)).code() == StatusCode::kFailedPrecondition);
  CHECK(queue->Extend(ClaimOf(stale), kLease).status().code() == StatusCode::kFailedPrecondition);
  CHECK(queue->Fail(ClaimOf(stale), "x", TryAgain::kYes).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(queue->Get(taken.id)->state == JobState::kRunning);
  CHECK(queue->Complete(ClaimOf(taken)).ok());
  CHECK(queue->Get(taken.id)->state == JobState::kDone);
}

TEMPLATE_LIST_TEST_CASE("a late worker may finish what nobody took", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  const Job job = MustClaim(*queue);
  fixture.clock.Advance(kLease * 2);
  CHECK(queue->Complete(ClaimOf(job)).ok());
  CHECK(NothingToClaim(*queue));
  CHECK(queue->Complete(ClaimOf(job)).code() == StatusCode::kFailedPrecondition);
}

TEMPLATE_LIST_TEST_CASE("an extended lease lasts longer", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  const Job job = MustClaim(*queue);
  fixture.clock.Advance(kLease / 2);
  const auto until = queue->Extend(ClaimOf(job), kLease);
  REQUIRE(until.ok());
  CHECK(*until == fixture.clock.Now() + kLease);
  fixture.clock.Advance(kLease / 2);
  CHECK(NothingToClaim(*queue));
  CHECK(queue->Extend({.id = 999, .fence = 1}, kLease).status().code() == StatusCode::kNotFound);
  CHECK(queue->Extend(ClaimOf(job), absl::InfiniteDuration()).status().code() ==
        StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("a job that fails is tried again, later each time, and dies in the end",
                        "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(*queue, {.kind = "k", .max_attempts = 3});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    const Job job = MustClaim(*queue);
    CHECK(job.attempts == attempt);
    const auto failed = queue->Fail(ClaimOf(job), absl::StrCat("no ", attempt), TryAgain::kYes);
    REQUIRE(failed.ok());
    CHECK(failed->state == JobState::kPending);
    CHECK(failed->error == absl::StrCat("no ", attempt));
    CHECK(failed->spec.run_at == fixture.clock.Now() + JobBackoff(attempt));
    CHECK(NothingToClaim(*queue));
    fixture.clock.Advance(JobBackoff(attempt));
  }
  const auto dead = queue->Fail(ClaimOf(MustClaim(*queue)), "no 3", TryAgain::kYes);
  REQUIRE(dead.ok());
  CHECK(dead->state == JobState::kDead);
  fixture.clock.Advance(absl::Hours(24));
  CHECK(NothingToClaim(*queue));
  CHECK(queue->Get(id)->error == "no 3");
  CHECK(queue->Get(id)->attempts == 3);
}

TEMPLATE_LIST_TEST_CASE("a job that failed for good is dead at once", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  const auto dead = queue->Fail(ClaimOf(MustClaim(*queue)), "bad payload", TryAgain::kNo);
  REQUIRE(dead.ok());
  CHECK(dead->state == JobState::kDead);
  CHECK(queue->Count()->dead == 1);
}

TEMPLATE_LIST_TEST_CASE("whatever a failure says, it is kept as text", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  auto failed = queue->Fail(ClaimOf(MustClaim(*queue)),
                            "good\xff"
                            "bad",
                            TryAgain::kYes);
  REQUIRE(failed.ok());
  CHECK(failed->error == "good");
  fixture.clock.Advance(absl::Hours(1));
  failed = queue->Fail(ClaimOf(MustClaim(*queue)), std::string(limits::kMaxMessageBytes + 9, 'x'),
                       TryAgain::kYes);
  REQUIRE(failed.ok());
  CHECK(failed->error.size() == limits::kMaxMessageBytes);
}

TEMPLATE_LIST_TEST_CASE("a job whose workers never come back dies after its last attempt", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(*queue, {.kind = "k", .max_attempts = 2});
  const int64_t other = MustEnqueue(*queue, {.kind = "k", .priority = -1});
  MustClaim(*queue, "one");
  fixture.clock.Advance(kLease);
  const Job last = MustClaim(*queue, "two");
  CHECK(last.id == id);
  fixture.clock.Advance(kLease);
  CHECK(MustClaim(*queue, "three").id == other);
  const auto dead = queue->Get(id);
  CHECK(dead->state == JobState::kDead);
  CHECK(dead->error.find("two") != std::string::npos);
  CHECK(queue->Complete(ClaimOf(last)).code() == StatusCode::kFailedPrecondition);
}

TEMPLATE_LIST_TEST_CASE("a dead job that is retried has all its attempts again", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(*queue, {.kind = "k", .max_attempts = 1, .unique_key = "x"});
  const Job job = MustClaim(*queue);
  CHECK(queue->Retry(id).status().code() == StatusCode::kFailedPrecondition);
  REQUIRE(queue->Fail(ClaimOf(job), "no", TryAgain::kYes).ok());
  const auto retried = queue->Retry(id);
  REQUIRE(retried.ok());
  CHECK(retried->state == JobState::kPending);
  CHECK(retried->attempts == 0);
  CHECK(MustClaim(*queue).id == id);
  CHECK(queue->Complete(ClaimOf(job)).code() == StatusCode::kFailedPrecondition);
  CHECK(queue->Retry(999).status().code() == StatusCode::kNotFound);
}

TEMPLATE_LIST_TEST_CASE("a dead job is not retried beside another one with its key", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(*queue, {.kind = "k", .unique_key = "x"});
  REQUIRE(queue->Cancel(id, "no").ok());
  MustEnqueue(*queue, {.kind = "k", .unique_key = "x"});
  CHECK(queue->Retry(id).status().code() == StatusCode::kAlreadyExists);
  CHECK(queue->Get(id)->state == JobState::kDead);
}

TEMPLATE_LIST_TEST_CASE("a cancelled job is dead, and a worker that has it loses it", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  MustEnqueue(*queue, {.kind = "k"});
  const int64_t pending = MustEnqueue(*queue, {.kind = "k", .priority = -1});
  const Job running = MustClaim(*queue);
  const auto cancelled = queue->Cancel(running.id, "by alice");
  REQUIRE(cancelled.ok());
  CHECK(cancelled->state == JobState::kDead);
  CHECK(cancelled->error == "by alice");
  CHECK(queue->Complete(ClaimOf(running)).code() == StatusCode::kFailedPrecondition);
  REQUIRE(queue->Cancel(pending, "by alice").ok());
  CHECK(NothingToClaim(*queue));
  CHECK(queue->Cancel(pending, "again").status().code() == StatusCode::kFailedPrecondition);
  CHECK(queue->Cancel(999, "x").status().code() == StatusCode::kNotFound);
}

TEMPLATE_LIST_TEST_CASE("many workers at once are given each job once", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  auto other = fixture.OpenJobQueue();
  constexpr int kJobs = 40;
  for (int i = 0; i < kJobs; ++i) MustEnqueue(*queue, {.kind = "k"});
  std::vector<std::vector<int64_t>> claimed(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < claimed.size(); ++t) {
    threads.emplace_back([&, t] { claimed[t] = ClaimAll(t % 2 == 0 ? *queue : *other); });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int64_t> all;
  for (const auto& ids : claimed) all.insert(all.end(), ids.begin(), ids.end());
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());
  CHECK(all.size() == kJobs);
  CHECK(queue->Count()->running == kJobs);
}

TEMPLATE_LIST_TEST_CASE("jobs are listed newest first, by state and kind, page by page", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  std::vector<int64_t> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(MustEnqueue(*queue, {.kind = i % 2 == 0 ? "even" : "odd"}));
  }
  REQUIRE(queue->Complete(ClaimOf(MustClaim(*queue))).ok());
  const auto list = [&](const JobFilter& filter) {
    std::vector<int64_t> found;
    std::optional<int64_t> below;
    do {
      const auto page = queue->List(filter, below, 2);
      REQUIRE(page.ok());
      for (const Job& job : page->jobs) found.push_back(job.id);
      below = page->next_below;
    } while (below.has_value());
    return found;
  };
  using Ids = std::vector<int64_t>;
  CHECK(list({}) == Ids{ids[4], ids[3], ids[2], ids[1], ids[0]});
  CHECK(list({.state = JobState::kDone}) == Ids{ids[0]});
  CHECK(list({.state = JobState::kPending}) == Ids{ids[4], ids[3], ids[2], ids[1]});
  CHECK(list({.kind = "odd"}) == Ids{ids[3], ids[1]});
  CHECK(list({.state = JobState::kPending, .kind = "even"}) == Ids{ids[4], ids[2]});
  CHECK(list({.state = JobState::kDead}).empty());
  const auto counts = queue->Count();
  CHECK(counts->pending == 4);
  CHECK(counts->running == 0);
  CHECK(counts->done == 1);
  CHECK(counts->dead == 0);
}

TEMPLATE_LIST_TEST_CASE("pruning takes only what is done or dead, by age and count", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const auto finish = [&](int count) {
    for (int i = 0; i < count; ++i) {
      MustEnqueue(*queue, {.kind = "k", .priority = 1});
      REQUIRE(queue->Complete(ClaimOf(MustClaim(*queue))).ok());
    }
  };
  MustEnqueue(*queue, {.kind = "k"});
  finish(3);
  const int64_t dead = MustEnqueue(*queue, {.kind = "k", .priority = 2});
  REQUIRE(queue->Cancel(dead, "x").ok());
  fixture.clock.Advance(absl::Hours(2));
  finish(2);
  CHECK(*queue->Prune({}) == 0);
  CHECK(*queue->Prune({.done_age = absl::Hours(3), .done_count = 5, .dead_count = 1}) == 0);
  CHECK(*queue->Prune({.done_age = absl::Hours(1)}) == 3);
  CHECK(*queue->Prune({.done_count = 1}) == 1);
  CHECK(*queue->Prune({.dead_age = absl::Hours(1)}) == 1);
  const auto counts = queue->Count();
  CHECK(counts->pending == 1);
  CHECK(counts->done == 1);
  CHECK(counts->dead == 0);
  // An id is never used again, even where its job is gone.
  const int64_t last = queue->List({}, std::nullopt, 1)->jobs.front().id;
  CHECK(*queue->Prune({.done_count = 0}) == 1);
  CHECK(MustEnqueue(*queue, {.kind = "k"}) > last);
}

TEMPLATE_LIST_TEST_CASE("jobs outlive their database's closing, claims included", "[jobs]",
                        AreaFixtures) {
  if (!TestType::kReopens) {
    WARN("n/a: nothing survives in memory");
    return;
  }
  TestType fixture;
  Job running;
  {
    auto queue = fixture.OpenJobQueue();
    MustEnqueue(*queue, {.kind = "k", .payload = "p"});
    MustEnqueue(*queue, {.kind = "k"});
    running = MustClaim(*queue);
  }
  fixture.Close();
  auto queue = fixture.OpenJobQueue();
  CHECK(queue->Count()->pending == 1);
  CHECK(queue->Count()->running == 1);
  CHECK(queue->Get(running.id)->spec.payload == "p");
  CHECK(queue->Complete(ClaimOf(running)).ok());
}

TEMPLATE_LIST_TEST_CASE("a full queue still knows the job of a unique key", "[jobs]",
                        AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue(1);
  const int64_t id = MustEnqueue(*queue, {.kind = "k", .unique_key = "x"});
  const auto again = queue->Enqueue({.kind = "k", .unique_key = "x"});
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kAlreadyThere);
  CHECK(again->job.id == id);
  CHECK(queue->Enqueue({.kind = "k", .unique_key = "y"}).status().code() ==
        StatusCode::kResourceExhausted);
}

TEMPLATE_LIST_TEST_CASE("a job that waits for its next try keeps its key, priority and payload",
                        "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  const int64_t id = MustEnqueue(
      *queue, {.kind = "k", .payload = "p", .priority = 7, .max_attempts = 9, .unique_key = "x"});
  REQUIRE(queue->Fail(ClaimOf(MustClaim(*queue)), "no", TryAgain::kYes).ok());
  CHECK(queue->Enqueue({.kind = "k", .unique_key = "x"})->outcome == Outcome::kAlreadyThere);
  const auto job = queue->Get(id);
  CHECK(job->spec.priority == 7);
  CHECK(job->spec.payload == "p");
  CHECK(job->spec.max_attempts == 9);
  CHECK(job->attempts == 1);
  CHECK(*queue->NextDue() == job->spec.run_at);
}

TEMPLATE_LIST_TEST_CASE("a payload at its limit comes back whole", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  std::string payload(limits::kMaxPayloadBytes, '\0');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i % 251);
  MustEnqueue(*queue, {.kind = "k", .payload = payload, .max_attempts = limits::kMaxAttempts});
  const Job job = MustClaim(*queue);
  CHECK((job.spec.payload == payload));
  CHECK(job.spec.max_attempts == limits::kMaxAttempts);
}

TEMPLATE_LIST_TEST_CASE("of finishing, failing and cancelling one job at once, one is done",
                        "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  auto other = fixture.OpenJobQueue();
  for (int round = 0; round < 8; ++round) {
    MustEnqueue(*queue, {.kind = "k"});
    const Job job = MustClaim(*queue);
    absl::Status completed, failed, cancelled;
    std::thread first([&] { completed = other->Complete(ClaimOf(job)); });
    std::thread second([&] { failed = queue->Fail(ClaimOf(job), "no", TryAgain::kNo).status(); });
    cancelled = other->Cancel(job.id, "stop").status();
    first.join();
    second.join();
    CHECK((completed.ok() ? 1 : 0) + (failed.ok() ? 1 : 0) + (cancelled.ok() ? 1 : 0) == 1);
    CHECK(queue->Get(job.id)->state == (completed.ok() ? JobState::kDone : JobState::kDead));
  }
}

TEMPLATE_LIST_TEST_CASE("jobs that come between two pages are on neither", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  std::vector<int64_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(MustEnqueue(*queue, {.kind = "k"}));
  const auto first = queue->List({}, std::nullopt, 2);
  REQUIRE(first->next_below.has_value());
  MustEnqueue(*queue, {.kind = "k"});
  const auto second = queue->List({}, first->next_below, 10);
  REQUIRE(second->jobs.size() == 2);
  CHECK(second->jobs[0].id == ids[1]);
  CHECK(second->jobs[1].id == ids[0]);
}

TEMPLATE_LIST_TEST_CASE("kinds and keys are told apart by their bytes", "[jobs]", AreaFixtures) {
  TestType fixture;
  auto queue = fixture.OpenJobQueue();
  for (const char* text : {"k", "K", "k ", "\u00e9", "e\u0301"}) {
    MustEnqueue(*queue, {.kind = text, .unique_key = text});
  }
  for (const char* text : {"k", "K", "k ", "\u00e9", "e\u0301"}) {
    CHECK(queue->List({.kind = text}, std::nullopt, 10)->jobs.size() == 1);
    const auto job = queue->Claim("w", kLease, {text});
    REQUIRE(job.ok());
    REQUIRE(job->has_value());
    CHECK((*job)->spec.kind == text);
  }
}

}  // namespace
}  // namespace signalbox::testing
