// A real synchronous standby (STORAGE section 4): what becomes of a commit whose wait for it does
// not end well. What is acknowledged is on the standby; what is said not to be written is not; and
// what is unknown is found out by its request id.
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Outcome = Committed::Outcome;

// Asks again and again; aborts where the answer does not come.
void Until(absl::FunctionRef<bool()> condition) {
  const SystemClock clock;
  const absl::Time deadline = clock.Monotonic() + absl::Minutes(1);
  while (!condition()) SB_CHECK(clock.Monotonic() < deadline);
}

void WaitUntil(const PostgresCluster& cluster, const std::string& condition) {
  Until([&] { return cluster.Execute("fleet", "SELECT " + condition) == "t"; });
}

// A primary, the standby "s1" that its commits wait for, and a store that knows both.
struct Pair {
  Pair() {
    primary.Execute("postgres", "CREATE DATABASE fleet");
    standby.emplace(primary, "s1");
    store = Open();
    WaitFor("ANY 1 (s1)");
    WaitUntil(primary,
              "count(*) = 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')");
    MustCommit(*store, Changes({Cluster("a", "1")}));
  }

  std::unique_ptr<PostgresResourceStore> Open() {
    PostgresSchemas::Options options;
    options.conninfo =
        absl::StrCat("postgresql://signalbox@/fleet?host=", primary.socket_directory(), ",",
                     standby->socket_directory());
    options.applied_by = "test";
    options.migrate = MigrationPolicy::kAuto;
    options.clock = &clock;
    options.random = &random;
    auto schemas = PostgresSchemas::Open(options);
    if (!schemas.ok()) std::cerr << schemas.status() << "\n";
    SB_CHECK(schemas.ok());
    PostgresResourceStore::Options store_options;
    store_options.key_file = directory.Join("secrets.key");
    auto opened = PostgresResourceStore::Create(*std::move(schemas), store_options);
    SB_CHECK(opened.ok());
    return *std::move(opened);
  }

  // What the primary's commits wait for from now on.
  void WaitFor(const std::string& standbys) {
    primary.Set("synchronous_standby_names", standbys);
    WaitUntil(primary,
              absl::StrCat("current_setting('synchronous_standby_names') = '", standbys, "'"));
  }

  // Begins to commit the change to "2", on a thread.
  void BeginCommit() {
    writer = std::thread([this] {
      committed = store->Commit(change, Revision{1}, AcceptAll(), {});
      done = true;
    });
  }
  absl::StatusOr<Committed> EndCommit() {
    writer.join();
    return *committed;
  }

  // Until a commit waits for the standby; the backend's process.
  std::string Waiter() {
    const std::string waiter =
        "(SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1)";
    WaitUntil(primary, waiter + " IS NOT NULL");
    return primary.Execute("fleet",
                           "SELECT pid::text || ' ' || xact_start::text "
                           "FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  }

  // Cancels the wait that is under way, and waits for the next one: the look-up's.
  void CancelWait() {
    const std::string waiter = Waiter();
    primary.Execute("fleet", absl::StrCat("SELECT pg_cancel_backend(",
                                          waiter.substr(0, waiter.find(' ')), ")"));
    Until([&] { return Waiter() != waiter; });
  }

  // What any reader of a server sees.
  static std::string VisibleAt(const PostgresCluster& server) {
    return server.Execute("fleet", "SELECT revision FROM config.head");
  }

  // The primary goes and the standby takes its place.
  void FailOver() {
    if (primary.pid() != 0) primary.Kill();
    if (standby->pid() == 0) standby->Start();
    standby->Promote();
  }

  // Asks what became of the change until there is an answer.
  std::optional<Revision> Find() {
    absl::StatusOr<std::optional<Revision>> found;
    Until([&] {
      found = store->FindRequest("alice", "r1");
      SB_CHECK(found.ok() || absl::IsUnavailable(found.status()) ||
               absl::IsAborted(found.status()));
      return found.ok();
    });
    return *found;
  }

  PostgresCluster primary{{.fsync = true}};
  std::optional<PostgresCluster> standby;
  TempDir directory;
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<PostgresResourceStore> store;
  ChangeSet change = [] {
    ChangeSet changes = Changes({Cluster("a", "2")});
    changes.request_id = "r1";
    return changes;
  }();
  std::optional<absl::StatusOr<Committed>> committed;
  std::atomic<bool> done = false;
  std::thread writer;
};

// A failover found the change lost, and said so: whoever sends it again makes it, once.
void CheckNotWritten(Pair& pair) {
  CHECK(pair.Find() == std::nullopt);
  CHECK(Pair::VisibleAt(*pair.standby) == "1");
  const Committed again = *pair.store->Commit(pair.change, Revision{1}, AcceptAll(), {});
  CHECK(again.outcome == Outcome::kNewRevision);
  CHECK(again.revision == Revision{2});
  CHECK(pair.store->Commit(pair.change, Revision{1}, AcceptAll(), {})->outcome ==
        Outcome::kRepeated);
  CHECK(pair.store->ChangesSince(Revision{0})->size() == 2);
}

// It is there, on the server that is left, once.
void CheckWritten(Pair& pair) {
  CHECK(pair.Find() == Revision{2});
  CHECK(Pair::VisibleAt(*pair.standby) == "2");
  CHECK(pair.store->Commit(pair.change, Revision{1}, AcceptAll(), {})->outcome ==
        Outcome::kRepeated);
  CHECK(pair.store->ChangesSince(Revision{0})->size() == 2);
}

TEST_CASE("a commit that waits for its standby is unknown after a while, and shown to nobody") {
  Pair pair;
  pair.standby->Stop();
  const auto committed = pair.store->Commit(pair.change, Revision{1}, AcceptAll(), {});
  CHECK(absl::IsUnavailable(committed.status()));
  CHECK(Pair::VisibleAt(pair.primary) == "1");
  pair.standby->Start();
  CHECK(pair.Find() == Revision{2});
  pair.FailOver();
  CheckWritten(pair);
}

TEST_CASE("what is unknown when the store is closed is not said not to be written") {
  Pair pair;
  pair.standby->Stop();
  pair.BeginCommit();
  pair.CancelWait();
  std::thread closing([&] { pair.store->Close(); });
  Until([&] { return absl::IsCancelled(pair.store->ReadHead().status()); });
  const std::string waiter = pair.Waiter();
  pair.primary.Execute(
      "fleet", absl::StrCat("SELECT pg_cancel_backend(", waiter.substr(0, waiter.find(' ')), ")"));
  const auto committed = pair.EndCommit();
  closing.join();
  CHECK(absl::IsUnavailable(committed.status()));
}

TEST_CASE(
    "a commit whose wait for the standby is cancelled is acknowledged once the standby has it") {
  Pair pair;
  pair.standby->Stop();
  pair.BeginCommit();
  pair.CancelWait();
  // Everybody can read it by now; a plain read would have taken it for durable.
  CHECK(Pair::VisibleAt(pair.primary) == "2");
  CHECK_FALSE(pair.done);
  pair.standby->Start();
  const auto committed = pair.EndCommit();
  REQUIRE(committed.status() == absl::OkStatus());
  CHECK(committed->revision == Revision{2});
  CHECK(committed->outcome == Outcome::kNewRevision);
  pair.FailOver();
  CheckWritten(pair);
}

TEST_CASE("a commit whose wait is cancelled and whose primary is lost is not said to be written") {
  Pair pair;
  pair.standby->Stop();
  pair.BeginCommit();
  pair.CancelWait();
  CHECK(Pair::VisibleAt(pair.primary) == "2");
  pair.FailOver();
  const auto committed = pair.EndCommit();
  CAPTURE(committed.status().ToString());
  CHECK((absl::IsAborted(committed.status()) || absl::IsUnavailable(committed.status())));
  CheckNotWritten(pair);
}

TEST_CASE("a commit whose primary restarts in the wait is acknowledged once the standby has it") {
  Pair pair;
  pair.standby->Stop();
  pair.BeginCommit();
  pair.Waiter();
  pair.primary.Kill();
  pair.primary.Start();
  // The look-up finds what the crash has made visible, and waits for the standby with it.
  pair.Waiter();
  CHECK(Pair::VisibleAt(pair.primary) == "2");
  CHECK_FALSE(pair.done);
  pair.standby->Start();
  const auto committed = pair.EndCommit();
  CAPTURE(committed.status().ToString());
  // Unknown, where the standby took longer than a look-up.
  CHECK((committed.ok() || absl::IsUnavailable(committed.status())));
  if (committed.ok()) CHECK(committed->revision == Revision{2});
  CHECK(pair.Find() == Revision{2});
  pair.FailOver();
  CheckWritten(pair);
}

TEST_CASE(
    "a commit whose primary is lost in the wait, with the standby behind, is not said to be "
    "written") {
  Pair pair;
  pair.standby->Stop();
  pair.BeginCommit();
  pair.Waiter();
  pair.FailOver();
  const auto committed = pair.EndCommit();
  CAPTURE(committed.status().ToString());
  CHECK((absl::IsAborted(committed.status()) || absl::IsUnavailable(committed.status())));
  CheckNotWritten(pair);
}

TEST_CASE(
    "a commit whose primary is lost in the wait, with the standby up to date, is never said not to "
    "be written") {
  Pair pair;
  // The second one never comes, so that the commit waits although "s1" has it.
  pair.WaitFor("2 (s1, nobody)");
  pair.BeginCommit();
  pair.Waiter();
  WaitUntil(pair.primary,
            "bool_and(flush_lsn >= pg_current_wal_insert_lsn()) FROM pg_stat_replication");
  CHECK(Pair::VisibleAt(pair.primary) == "1");
  pair.FailOver();
  const auto committed = pair.EndCommit();
  CAPTURE(committed.status().ToString());
  CHECK((committed.ok() || absl::IsUnavailable(committed.status())));
  if (committed.ok()) CHECK(committed->revision == Revision{2});
  CheckWritten(pair);
}

TEST_CASE("a primary that a failover has left behind is not written to any more") {
  Pair pair;
  pair.FailOver();
  Until([&] { return pair.store->ReadHead().ok(); });
  pair.primary.Start();
  pair.standby->Stop();
  const auto refused = pair.store->Commit(pair.change, Revision{1}, AcceptAll(), {});
  CHECK(absl::IsUnavailable(refused.status()));
  CHECK(Pair::VisibleAt(pair.primary) == "1");
}

}  // namespace
}  // namespace signalbox::testing
