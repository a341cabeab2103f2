// What only PostgreSQL has in the areas queue and audit: the database's clock, and fences.
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "storage/migrator/migrator.h"
#include "storage/postgres/postgres_audit_log.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_job_queue.h"
#include "storage/postgres/postgres_leases.h"
#include "storage/postgres/postgres_migrations.h"
#include "storage/postgres/postgres_pool.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;

// A database with the areas audit and queue, used by as many instances as there are pools.
class Areas {
 public:
  Areas() {
    const auto pool = NewPool();
    auto writer = pool->Writer();
    SB_CHECK(writer.ok());
    for (const PostgresArea area : {PostgresArea::kAudit, PostgresArea::kQueue}) {
      PostgresMigrationTarget target("test", area, writer->get());
      SB_CHECK(Migrator(PostgresMigrations(area), "test", &target, &clock_).Up().ok());
    }
  }

  std::shared_ptr<PostgresPool> NewPool() {
    return std::make_shared<PostgresPool>(
        PostgresPool::Options{.connection = {.conninfo = database.Url(), .observer = nullptr},
                              .readers = 1,
                              .random = &random_});
  }

  PostgresDatabase database;

 private:
  SystemClock clock_;
  SystemRandom random_;
};

bool IsNow(absl::Time time) {
  const absl::Duration off = absl::AbsDuration(SystemClock().Now() - time);
  return off < absl::Minutes(1) && time == absl::FromUnixMillis(absl::ToUnixMillis(time));
}

TEST_CASE("without a clock of a test's, time is the database's, in milliseconds") {
  Areas areas;
  PostgresAuditLog log(areas.NewPool(), nullptr);
  REQUIRE(log.Append({.principal = "a", .action = "login"}).ok());
  CHECK(IsNow(log.ListAfter(0, 1)->front().event.time));
  CHECK(log.VerifyChain().ok());

  PostgresJobQueue queue(areas.NewPool(), nullptr);
  const auto enqueued = queue.Enqueue({.kind = "k"});
  REQUIRE(enqueued.ok());
  CHECK(IsNow(enqueued->job.created));
  const auto claimed = queue.Claim("w", absl::Minutes(5), {});
  REQUIRE(claimed.ok());
  REQUIRE(claimed->has_value());
  CHECK(IsNow((*claimed)->lease_until - absl::Minutes(5)));
  CHECK(!queue.Claim("w", absl::Minutes(5), {})->has_value());

  PostgresLeases leases(areas.NewPool(), nullptr);
  const auto lease = leases.Acquire("follower", "one", absl::Minutes(5));
  REQUIRE(lease.ok());
  CHECK(IsNow(lease->until - absl::Minutes(5)));
  CHECK(leases.Acquire("follower", "two", absl::Minutes(5)).status().code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("a takeover waits for the transaction of the holder, and none gets past it after that") {
  Areas areas;
  FakeClock clock;
  PostgresLeases one(areas.NewPool(), &clock);
  PostgresLeases two(areas.NewPool(), &clock);
  const auto lease = one.Acquire("follower", "one", absl::Seconds(10));
  REQUIRE(lease.ok());
  clock.Advance(absl::Seconds(11));

  const auto pool = areas.NewPool();
  const auto begin_fenced = [&](PostgresConnection* connection) {
    PostgresBatch begin;
    PostgresTransaction::BeginWrite(&begin);
    AddFence(*lease, &begin);
    auto answers = connection->RunBatch(begin);
    SB_CHECK(answers.ok());
    return FenceHolds(answers->back());
  };
  auto holder = pool->Writer();
  REQUIRE(holder.ok());
  {
    PostgresTransaction transaction(holder->get());
    REQUIRE(begin_fenced(holder->get()));
    absl::StatusOr<Lease> taken;
    std::thread taker([&] { taken = two.Acquire("follower", "two", absl::Seconds(10)); });
    while (areas.database.Execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
                                  "'Lock' AND query LIKE '%queue.lease%'") == "0") {
    }
    const absl::Status committed = (*holder)->Commit({});
    taker.join();
    CHECK(committed.ok());
    REQUIRE(taken.ok());
    CHECK(taken->number == lease->number + 1);
  }
  PostgresTransaction transaction(holder->get());
  CHECK(!begin_fenced(holder->get()));
}

TEST_CASE("a holder whose lease is taken while it waits for the fence does not get past it") {
  Areas areas;
  FakeClock clock;
  PostgresLeases leases(areas.NewPool(), &clock);
  const auto lease = leases.Acquire("follower", "one", absl::Seconds(10));
  REQUIRE(lease.ok());
  const auto pool = areas.NewPool();
  auto taker = pool->Writer();
  REQUIRE(taker.ok());
  PostgresTransaction transaction(taker->get());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add({"take", "UPDATE queue.lease SET number = number + 1, holder = 'two'"});
  REQUIRE((*taker)->RunBatch(begin).ok());
  absl::Status confirmed;
  std::thread holder([&] { confirmed = leases.Confirm(*lease); });
  while (areas.database.Execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
                                "'Lock' AND query LIKE '%queue.lease%'") == "0") {
  }
  const absl::Status committed = (*taker)->Commit({});
  holder.join();
  CHECK(committed.ok());
  CHECK(confirmed.code() == StatusCode::kFailedPrecondition);
}

TEST_CASE("a worker that claims does not wait for one that is about to") {
  Areas areas;
  PostgresJobQueue queue(areas.NewPool(), nullptr);
  const auto first = queue.Enqueue({.kind = "k"});
  const auto second = queue.Enqueue({.kind = "k"});
  REQUIRE(second.ok());
  const auto pool = areas.NewPool();
  auto other = pool->Writer();
  REQUIRE(other.ok());
  PostgresTransaction transaction(other->get());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add({"lock", "SELECT id FROM queue.job ORDER BY id LIMIT 1 FOR UPDATE"});
  REQUIRE((*other)->RunBatch(begin).ok());
  const auto claimed = queue.Claim("w", absl::Minutes(1), {});
  REQUIRE(claimed.ok());
  REQUIRE(claimed->has_value());
  CHECK((*claimed)->id == second->job.id);
}

}  // namespace
}  // namespace signalbox::testing
