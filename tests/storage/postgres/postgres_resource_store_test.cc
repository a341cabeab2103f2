// What only PostgreSQL brings: other instances, servers that go away, standbys that are waited for.
#include "storage/postgres/postgres_resource_store.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_schemas.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

// Of both the database and the store.
struct Options : PostgresSchemas::Options, PostgresResourceStore::Options {};
using Outcome = Committed::Outcome;

absl::StatusOr<std::unique_ptr<PostgresResourceStore>> Create(const Options& options) {
  SB_ASSIGN_OR_RETURN(std::shared_ptr<PostgresSchemas> schemas, PostgresSchemas::Open(options));
  return PostgresResourceStore::Create(std::move(schemas), options);
}

// Instances that share a database.
struct Instances {
  explicit Instances(PostgresCluster* cluster = &PostgresCluster::Shared()) : database(cluster) {}

  Options OptionsFor() {
    Options options;
    options.conninfo = database.Url();
    options.applied_by = "test";
    options.migrate = MigrationPolicy::kAuto;
    options.fsync = Options::Fsync::kMayBeOff;
    options.clock = &clock;
    options.random = &random;
    options.key_file = directory.Join("secrets.key");
    return options;
  }
  std::unique_ptr<PostgresResourceStore> Open(const Options& options) {
    auto store = Create(options);
    if (!store.ok()) std::cerr << store.status() << "\n";
    SB_CHECK(store.ok());
    return *std::move(store);
  }
  std::unique_ptr<PostgresResourceStore> Open() { return Open(OptionsFor()); }

  PostgresDatabase database;
  TempDir directory;
  FakeClock clock;
  SystemRandom random;
};

// Asks again and again until the answer is "t".
void WaitUntil(const PostgresCluster& cluster, const std::string& condition) {
  while (cluster.Execute("postgres", "SELECT " + condition) != "t") {
  }
}

TEST_CASE("a change through one instance wakes the other by NOTIFY") {
  Instances instances;
  Options never_polls = instances.OptionsFor();
  never_polls.poll = absl::Hours(1);
  const auto first = instances.Open(never_polls);
  const auto second = instances.Open(never_polls);
  // Until both listen: a store listens after Create has returned.
  WaitUntil(instances.database.cluster(),
            absl::StrCat("count(*) = 2 FROM pg_stat_activity WHERE state = 'idle' AND "
                         "query LIKE 'LISTEN%' AND datname = '",
                         instances.database.name(), "'"));
  Head head = *second->ReadHead();
  for (int i = 1; i <= 5; ++i) {
    MustCommit(*first, Changes({Cluster("a", std::to_string(i))}));
    while (head.revision < Revision{i}) {
      head = *second->WaitForChange(head, absl::InfiniteFuture());
    }
  }
  CHECK(second->Get(ClusterKey("a"))->record->body == "5");
  const ControlEntry entry = {.kind = "token", .subject = "t1"};
  REQUIRE(first->AppendControl(entry, {.principal = "alice", .action = "revoke"}).ok());
  while (head.control_seq == 0) head = *second->WaitForChange(head, absl::InfiniteFuture());
  CHECK(second->ControlSince(0)->front().subject == "t1");
}

TEST_CASE("where nothing can be listened to the poll finds changes") {
  Instances instances;
  Options deaf = instances.OptionsFor();
  deaf.listen_conninfo = "postgres:///none?host=" + instances.directory.path();
  deaf.poll = absl::Milliseconds(20);
  const auto first = instances.Open();
  const auto second = instances.Open(deaf);
  Head head = *second->ReadHead();
  MustCommit(*first, Changes({Cluster("a")}));
  while (head.revision < Revision{1}) head = *second->WaitForChange(head, absl::InfiniteFuture());
  CHECK(head.digest == first->ReadHead()->digest);
}

TEST_CASE("a cut listener is replaced") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.poll = absl::Hours(1);
  const auto first = instances.Open();
  const auto second = instances.Open(options);
  const std::string listeners =
      absl::StrCat(" FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = '",
                   instances.database.name(), "'");
  WaitUntil(instances.database.cluster(), "count(*) = 2" + listeners);
  instances.database.Execute("SELECT pg_terminate_backend(pid, 5000)" + listeners);
  WaitUntil(instances.database.cluster(), "count(*) = 2" + listeners);
  Head head = *second->ReadHead();
  MustCommit(*first, Changes({Cluster("a")}));
  while (head.revision < Revision{1}) head = *second->WaitForChange(head, absl::InfiniteFuture());
}

// Copies the database as a replica has it that follows no more.
struct FrozenReplica {
  explicit FrozenReplica(const PostgresDatabase& database)
      : cluster(database.cluster()), name(database.name() + "_replica") {
    // Nobody may be at work on what is copied.
    WaitUntil(cluster, absl::StrCat("count(*) = 0 FROM pg_stat_activity WHERE datname = '",
                                    database.name(), "'"));
    cluster.Execute("postgres",
                    absl::StrCat("CREATE DATABASE ", name, " TEMPLATE ", database.name()));
  }
  ~FrozenReplica() { cluster.Execute("postgres", "DROP DATABASE " + name + " WITH (FORCE)"); }

  PostgresCluster& cluster;
  const std::string name;
};

TEST_CASE("lists are read at the replica as long as it has what this instance knows of") {
  Instances instances;
  MustCommit(*instances.Open(), Changes({Cluster("a"), Cluster("b")}));
  const FrozenReplica replica(instances.database);
  // What only the replica's copy says.
  replica.cluster.Execute(replica.name,
                          "UPDATE config.revision SET message = 'seen at the replica'");
  Options options = instances.OptionsFor();
  options.replica_conninfo = replica.cluster.Url(replica.name);
  const auto store = instances.Open(options);
  CHECK(store->ListRevisions(std::nullopt, 10)->revisions[0].message == "seen at the replica");
  CHECK(store->List({}, std::nullopt, 10)->resources.size() == 2);
  CHECK(store->History(ClusterKey("a"), std::nullopt, 10)->changes[0].info.message ==
        "seen at the replica");
  // What decides about a change is read where changes are written.
  CHECK(store->GetRevision(Revision{1})->message == "a change");

  // It does not follow: after the wait its own changes are read.
  MustCommit(*store, Changes({Cluster("c")}));
  CHECK(store->List({}, std::nullopt, 10)->resources.size() == 3);
  CHECK(store->ListRevisions(std::nullopt, 10)->revisions[0].revision == Revision{2});
}

TEST_CASE("without its replica a store lists all the same") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.replica_conninfo = "postgres:///none?host=" + instances.directory.path();
  const auto store = instances.Open(options);
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(store->List({}, std::nullopt, 10)->resources.size() == 1);
}

TEST_CASE("two instances that write at once make contiguous revisions, judged on each other") {
  Instances instances;
  constexpr int kEach = 40;
  std::atomic<int> asked = 0;
  class CountingJudge : public Judge {
   public:
    explicit CountingJudge(std::atomic<int>* count) : count_(count) {}
    absl::Status Check(Revision judged_on, absl::Span<const RevisionChanges> since,
                       const ChangeSet&) const override {
      ++*count_;
      Revision expected = judged_on;
      for (const RevisionChanges& changes : since) {
        expected = Next(expected);
        if (changes.info.revision != expected) return absl::InternalError("a gap");
      }
      return absl::OkStatus();
    }

   private:
    std::atomic<int>* const count_;
  };
  const CountingJudge judge(&asked);
  std::vector<std::unique_ptr<PostgresResourceStore>> stores;
  for (int i = 0; i < 2; ++i) stores.push_back(instances.Open());
  std::vector<absl::Status> failures(stores.size());
  std::vector<std::vector<int64_t>> made(stores.size());
  std::vector<std::thread> threads;
  for (size_t s = 0; s < stores.size(); ++s) {
    threads.emplace_back([&, s] {
      for (int i = 0; i < kEach; ++i) {
        const auto committed = stores[s]->Commit(
            Changes({Cluster(absl::StrCat(s), std::to_string(i))}), Revision{0}, judge, {});
        if (!committed.ok()) {
          failures[s] = committed.status();
          return;
        }
        made[s].push_back(committed->revision.number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& failure : failures) CHECK(failure == absl::OkStatus());
  std::vector<int64_t> all = made[0];
  all.insert(all.end(), made[1].begin(), made[1].end());
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == 2 * kEach);
  for (int64_t i = 0; i < 2 * kEach; ++i) CHECK(all[static_cast<size_t>(i)] == i + 1);
  CHECK(asked == 2 * kEach - 1);
  CHECK(stores[0]->ChangesSince(Revision{0})->size() == 2 * kEach);
}

TEST_CASE("a commit is two round trips whose statements do not grow with it") {
  Instances instances;
  std::vector<std::string> names;
  Mutex mu;
  Options options = instances.OptionsFor();
  options.poll = absl::Hours(1);
  options.observer = [&](absl::string_view name, absl::Duration) {
    MutexLock lock(&mu);
    names.emplace_back(name);
  };
  const auto store = instances.Open(options);
  const auto statements_of = [&](const ChangeSet& changes) {
    {
      MutexLock lock(&mu);
      names.clear();
    }
    SB_CHECK(store->Commit(changes, Revision{0}, AcceptAll(), {}).ok());
    MutexLock lock(&mu);
    // A notification may be looked after meanwhile.
    names.erase(std::remove(names.begin(), names.end(), "select_head"), names.end());
    return names;
  };
  std::vector<Upsert> many;
  for (int i = 0; i < 500; ++i) many.push_back(Cluster(std::to_string(i), std::to_string(i)));
  const auto one = statements_of(Changes({Cluster("one")}));
  CHECK(one == statements_of(Changes(many)));
  CHECK(one.front() == "begin_write");
  CHECK(one.back() == "commit");
}

TEST_CASE("a server without fsync is refused unless told otherwise") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.fsync = Options::Fsync::kRequired;
  const auto refused = Create(options).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.message(), "fsync=on"));
}

TEST_CASE("where migrations are required a start names the command and changes nothing") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.migrate = MigrationPolicy::kRequire;
  options.migrate_command = "signalbox db migrate --flag";
  const auto refused = Create(options).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(refused.message(), "signalbox db migrate --flag"));
  CHECK(instances.database.Execute("SELECT to_regnamespace('config') IS NULL") == "t");
  instances.Open();
  CHECK(Create(options).ok());
}

TEST_CASE("status learns the driver, the place without its password, and the versions") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.conninfo += "&password=geheim";
  const StoreInfo info = instances.Open(options)->Info();
  CHECK(info.driver == "postgres");
  CHECK(info.location ==
        instances.database.cluster().socket_directory() + "/" + instances.database.name());
  CHECK(absl::StartsWith(info.library_version, "15."));
  CHECK(info.schema_version > 0);
}

TEST_CASE("eight instances that start at once make one store") {
  Instances instances;
  std::vector<absl::StatusOr<Head>> heads(8);
  std::vector<std::thread> threads;
  for (auto& head : heads) {
    threads.emplace_back([&] {
      const auto store = Create(instances.OptionsFor());
      head = store.ok() ? (*store)->ReadHead() : absl::StatusOr<Head>(store.status());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& head : heads) {
    CHECK(head.status() == absl::OkStatus());
    if (head.ok() && heads[0].ok()) CHECK(*head == *heads[0]);
  }
}

TEST_CASE("a store that lost its head, a revision or a record says that it is damaged") {
  Instances instances;
  MustCommit(*instances.Open(), Changes({Cluster("a", "1")}));
  MustCommit(*instances.Open(), Changes({Cluster("a", "2")}));
  constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
  const auto open = [&] { return Create(instances.OptionsFor()).status().code(); };
  SECTION("head") {
    instances.database.Execute("DELETE FROM config.head");
    CHECK(open() == kDataLoss);
  }
  SECTION("revision") {
    instances.database.Execute("DELETE FROM config.resource_history WHERE revision = 1");
    CHECK(open() == kDataLoss);
  }
  SECTION("changed record") {
    const auto store = instances.Open();
    instances.database.Execute("UPDATE config.record SET owner = 'mallory'");
    CHECK(store->LoadHead().status().code() == kDataLoss);
    CHECK(store->Get(ClusterKey("a")).status().code() == kDataLoss);
    CHECK(store->ChangesSince(Revision{0}).status().code() == kDataLoss);
  }
  SECTION("changed body") {
    const auto store = instances.Open();
    instances.database.Execute("UPDATE config.body SET bytes = 'x'");
    CHECK(store->LoadHead().status().code() == kDataLoss);
  }
  SECTION("table") {
    const auto store = instances.Open();
    instances.database.Execute("DROP TABLE config.resource");
    CHECK(store->LoadHead().status().code() == kDataLoss);
  }
}

TEST_CASE("a store outlives its server") {
  PostgresCluster cluster({.fsync = true});
  Instances instances(&cluster);
  Options options = instances.OptionsFor();
  options.fsync = Options::Fsync::kRequired;
  const auto store = instances.Open(options);
  MustCommit(*store, Changes({Cluster("a", "1")}));
  cluster.Kill();
  CHECK(store->ReadHead().status().code() == absl::StatusCode::kUnavailable);
  CHECK(store->Commit(Changes({Cluster("a", "2")}), Revision{1}, AcceptAll(), {}).status().code() ==
        absl::StatusCode::kUnavailable);
  CHECK(store->WaitForChange({}, absl::InfinitePast())->revision == Revision{1});
  cluster.Start();
  CHECK(MustCommit(*store, Changes({Cluster("a", "2")})) == Revision{2});
  CHECK(store->ChangesSince(Revision{0})->size() == 2);
}

// Ends the sessions of `database` and gives it another name.
void Rename(const PostgresCluster& cluster, const std::string& database, const std::string& to) {
  cluster.Execute("postgres",
                  absl::StrCat("ALTER DATABASE ", database, " ALLOW_CONNECTIONS false"));
  cluster.Execute("postgres",
                  absl::StrCat("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                               "WHERE datname = '",
                               database, "'"));
  cluster.Execute("postgres", absl::StrCat("ALTER DATABASE ", database, " RENAME TO ", to));
  cluster.Execute("postgres", absl::StrCat("ALTER DATABASE ", to, " ALLOW_CONNECTIONS true"));
}

TEST_CASE("a database that is another store by now is read and written with its own keys") {
  Instances instances;
  Instances others;
  const Upsert secret = {{"default", "secret", "s"}, {.body = "hidden"}};
  Options with_the_same_keys = others.OptionsFor();
  with_the_same_keys.key_file = instances.OptionsFor().key_file;
  const auto store = instances.Open();
  MustCommit(*store, Changes({secret}));
  Head other;
  {
    const auto made = others.Open(with_the_same_keys);
    MustCommit(*made, Changes({secret}));
    other = *made->ReadHead();
  }
  const Head before = *store->ReadHead();
  const PostgresCluster& cluster = instances.database.cluster();
  Rename(cluster, instances.database.name(), "set_aside");
  Rename(cluster, others.database.name(), instances.database.name());
  const auto judged_on = before.revision;
  const auto refused = store->Commit(Changes({Cluster("a")}), judged_on, AcceptAll(), {});
  CHECK(refused.status().code() == absl::StatusCode::kAborted);
  const auto state = store->LoadHead();
  REQUIRE(state.ok());
  CHECK(SameHistory(state->head, other));
  CHECK(state->resources.front().record->body == "hidden");
  // What is written from now on belongs to it: another instance reads it.
  MustCommit(*store, Changes({{{"default", "secret", "t"}, {.body = "new"}}}));
  {
    const auto another = instances.Open();
    CHECK(another->LoadHead()->resources.size() == 2);
    CHECK(another->Get({"default", "secret", "t"})->record->body == "new");
  }
  Rename(cluster, instances.database.name(), others.database.name());
  Rename(cluster, "set_aside", instances.database.name());
  CHECK(SameHistory(store->LoadHead()->head, before));
}

TEST_CASE("who waits for a change hears of a database that is away, empty or back") {
  Instances instances;
  Options options = instances.OptionsFor();
  options.poll = absl::Milliseconds(20);
  const auto store = instances.Open(options);
  MustCommit(*store, Changes({Cluster("a")}));
  const Head head = *store->ReadHead();
  const PostgresCluster& cluster = instances.database.cluster();
  // Waits until WaitForChange says that.
  const auto wait_for = [&](absl::StatusCode code) {
    absl::Status status;
    do {
      status = store->WaitForChange(head, absl::InfinitePast()).status();
    } while (status.code() != code);
    return status;
  };
  Rename(cluster, instances.database.name(), "set_aside");
  CHECK(!wait_for(absl::StatusCode::kUnavailable).ok());
  cluster.Execute("postgres", "CREATE DATABASE " + instances.database.name());
  CHECK(absl::StrContains(wait_for(absl::StatusCode::kDataLoss).message(),
                          "the database is empty, another one"));
  Rename(cluster, instances.database.name(), "was_empty");
  Rename(cluster, "set_aside", instances.database.name());
  CHECK(wait_for(absl::StatusCode::kOk).ok());
  cluster.Execute("postgres", "DROP DATABASE was_empty");
}

TEST_CASE("sessions that the server ended between two requests are not noticed") {
  Instances instances;
  const auto store = instances.Open();
  MustCommit(*store, Changes({Cluster("a", "1")}));
  const auto end_all = [&] {
    instances.database.Execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'signalbox' AND datname = current_database()");
  };
  end_all();
  CHECK(store->LoadHead().ok());
  end_all();
  CHECK(store->Commit(Changes({Cluster("a", "2")}), Revision{1}, AcceptAll(), {}).ok());
  end_all();
  CHECK(store->FindRequest("alice", "r").ok());
}

TEST_CASE("a session that ended in its COMMIT before anything was written is found out") {
  Instances instances;
  const auto store = instances.Open();
  MustCommit(*store, Changes({Cluster("a", "1")}));
  instances.database.Execute(
      "CREATE SEQUENCE config.once;"
      "CREATE FUNCTION config.end_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
      "  IF nextval('config.once') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
      "  RETURN NULL; END$$;"
      "CREATE CONSTRAINT TRIGGER end_once AFTER INSERT ON config.revision "
      "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION config.end_once()");
  const ChangeSet changes = Changes({Cluster("a", "2")});
  CHECK(store->Commit(changes, Revision{1}, AcceptAll(), {}).status().code() ==
        absl::StatusCode::kAborted);
  CHECK(MustReadHead(*store) == Revision{1});
  CHECK(MustCommit(*store, changes) == Revision{2});
}

// A server that waits for a standby which never comes.
struct Waiting {
  Waiting() {
    MustCommit(*store, Changes({Cluster("a", "1")}));
    cluster.Set("synchronous_standby_names", "nobody");
    WaitUntil(cluster, "current_setting('synchronous_standby_names') = 'nobody'");
  }

  // Until somebody's commit waits for the standby; does `what` to who does, until the next one
  // waits.
  void WithWaiter(const std::string& what) {
    const std::string waiters = " FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    WaitUntil(cluster, "count(*) > 0" + waiters);
    const std::string began = cluster.Execute("postgres", "SELECT xact_start" + waiters);
    cluster.Execute("postgres", "SELECT " + what + "(pid)" + waiters);
    WaitUntil(cluster, "count(*) > 0" + waiters + " AND xact_start > '" + began + "'");
  }

  PostgresCluster cluster{{.fsync = true}};
  Instances instances{&cluster};
  std::unique_ptr<PostgresResourceStore> store = instances.Open();
};

TEST_CASE("a cancelled wait for a standby is looked up, and that waits for the standby too") {
  const std::string what = GENERATE("pg_cancel_backend", "pg_terminate_backend");
  Waiting waiting;
  std::optional<absl::StatusOr<Committed>> committed;
  std::thread writer([&] {
    committed = waiting.store->Commit(Changes({Cluster("a", "2")}), Revision{1}, AcceptAll(), {});
  });
  waiting.WithWaiter(what);
  // What the first wait has left to be seen is not acknowledged before a standby has it.
  waiting.cluster.Set("synchronous_standby_names", "");
  writer.join();
  REQUIRE(committed->ok());
  CHECK((*committed)->revision == Revision{2});
  CHECK((*committed)->outcome == Outcome::kNewRevision);
  CHECK(MustReadHead(*waiting.store) == Revision{2});
  CHECK(MustCommit(*waiting.store, Changes({Cluster("a", "3")})) == Revision{3});
}

TEST_CASE("the outcome of a commit whose standby does not come is unknown, and known later") {
  Waiting waiting;
  ChangeSet changes = Changes({Cluster("a", "2")});
  changes.request_id = "r1";
  const auto unknown = waiting.store->Commit(changes, Revision{1}, AcceptAll(), {});
  CHECK(unknown.status().code() == absl::StatusCode::kUnavailable);
  waiting.cluster.Set("synchronous_standby_names", "");
  const auto found = waiting.store->FindRequest("alice", "r1");
  REQUIRE(found.ok());
  CHECK(*found == Revision{2});
  CHECK(waiting.store->Commit(changes, Revision{1}, AcceptAll(), {})->outcome ==
        Outcome::kRepeated);
}

}  // namespace
}  // namespace signalbox::testing
